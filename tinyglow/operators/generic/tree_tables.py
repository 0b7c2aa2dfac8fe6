"""The nodes of decision trees as tables, read from both forms that ``ai.onnx.ml`` has."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.ml import listed

LEAF = "LEAF"
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
_MEMBER = "BRANCH_MEMBER"
_MOST_NODES = 2**18  # of all trees
_DEEPEST = 64


class Trees(Record):
    """The nodes of all trees; a leaf leads to itself.

    Attributes:
        modes: How each node compares, LEAF for leaves.
        features: Which feature each node looks at, int32.
        limits: What it compares with, float32.
        if_true: The node that follows if the comparison holds, int32.
        if_false: The node that follows if not, int32.
        missing: Whether a feature that is not a number holds, bool.
        roots: The first node of each tree, int32.
        places: The place of each node by the numbers of its tree and of itself.
    """

    modes: list[str]
    features: Array
    limits: Array
    if_true: Array
    if_false: Array
    missing: Array
    roots: Array
    places: dict[tuple[int, int], int]

    def depth(self) -> int:
        """Steps from a root to the farthest leaf. Raises UnsupportedError for too many, or for a circle."""
        inner = np.array([mode != LEAF for mode in self.modes])
        reached, steps = np.unique(self.roots), 0
        while (reached := reached[inner[reached]]).size:
            steps += 1
            if steps > _DEEPEST:
                raise UnsupportedError(f"a tree of depth {steps} or with a circle", f"depths up to {_DEEPEST}")
            reached = np.unique(np.concatenate([self.if_true[reached], self.if_false[reached]]))
        return steps


def _checked(modes: list[str], tables: list[Array]) -> None:
    count = len(modes)
    if not 0 < count <= _MOST_NODES or {table.size for table in tables} - {count}:
        raise UnsupportedError(f"{count} nodes with tables of other lengths", "tables of one length")
    if unknown := sorted(set(modes) - {LEAF, *MODES}):
        raise UnsupportedError(f"nodes of modes {unknown}", f"{', '.join(MODES)}")


def _features(given: Array) -> Array:
    """Numbers of features as int32. Raises UnsupportedError for those that no tensor has."""
    if given.size and not 0 <= given.min() <= given.max() < 2**31:
        raise UnsupportedError(f"features from {given.min()} to {given.max()}", "features that the input has")
    return given.astype(np.int32)


def _missing(build: Build, count: int) -> Array:
    """Whether each node takes what is not a number for true."""
    given = listed(build, "nodes_missing_value_tracks_true").astype(bool)
    if given.size not in (0, count):
        raise UnsupportedError(f"{given.size} numbers of nodes_missing_value_tracks_true", f"{count}")
    return given if given.size else np.zeros(count, bool)


def listed_trees(build: Build) -> Trees:
    """The trees of a TreeEnsembleRegressor or TreeEnsembleClassifier."""
    trees, numbers = listed(build, "nodes_treeids"), listed(build, "nodes_nodeids")
    given = build.node.attributes.get("nodes_modes")
    modes = [str(mode) for mode in given] if isinstance(given, list) else []
    limits = listed(build, "nodes_values")
    limits = limits if limits.size else listed(build, "nodes_values_as_tensor")
    features, true, false = (listed(build, f"nodes_{name}") for name in ("featureids", "truenodeids", "falsenodeids"))
    _checked(modes, [trees, numbers, features, limits, true, false])
    keys = list(zip(trees.tolist(), numbers.tolist(), strict=True))
    places = {key: place for place, key in enumerate(keys)}

    def following(ids: Array) -> Array:
        found = []
        for place, ((tree, _), number, mode) in enumerate(zip(keys, ids.tolist(), modes, strict=True)):
            target = place if mode == LEAF else places.get((tree, number), -1)
            if target < 0:
                raise UnsupportedError(f"a node that leads to {number}", "a node of the same tree")
            found.append(target)
        return np.array(found, np.int32)

    roots = np.sort(np.unique(trees, return_index=True)[1]).astype(np.int32)
    floats, integers = limits.astype(np.float32), _features(features)
    return Trees(modes, integers, floats, following(true), following(false), _missing(build, len(modes)), roots, places)


def weight_table(build: Build, trees: Trees, prefix: str, targets: int, none: float = 0.0) -> Array:
    """The weights of all leaves, float32 [nodes, targets], from the attributes that begin with ``prefix``.

    none: what stands where a leaf has no weight for a target.
    """
    build.require((len(trees.modes), targets))
    table = np.zeros((len(trees.modes), targets), np.float32)
    ids, of_tree, nodes, weights = (
        listed(build, f"{prefix}_{name}") for name in ("ids", "treeids", "nodeids", "weights")
    )
    weights = weights if weights.size else listed(build, f"{prefix}_weights_as_tensor")
    if not ids.size == of_tree.size == nodes.size == weights.size:
        raise UnsupportedError(f"tables of {prefix} weights of different lengths", "one length")
    written = np.zeros(table.shape, bool)
    for target, tree, node, weight in zip(ids, of_tree, nodes, weights, strict=True):
        place = trees.places.get((int(tree), int(node)), -1)
        if place < 0 or not 0 <= target < targets:
            raise UnsupportedError(f"a weight of node {int(node)} for {prefix} {int(target)}", "those that there are")
        table[place, int(target)] += weight
        written[place, int(target)] = True
    table[~written] = none
    return table


def packed_trees(build: Build, targets: int, none: float) -> tuple[Trees, Array]:
    """The trees of a TreeEnsemble, and the weights of their leaves, float32 [nodes, targets].

    none: what stands where a leaf has no weight for a target.
    """
    leaf_targets, leaf_weights = _packed_leaves(build, targets)
    leaves = leaf_targets.size
    rows = _packed_nodes(build, leaves)
    count = len(rows)
    roots = listed(build, "tree_roots")
    if not roots.size or not 0 <= roots.min() <= roots.max() < max(count, 1):
        raise UnsupportedError(f"{roots.size} roots", "one for each tree, among the nodes")
    rows += [[LEAF, 0, np.float32(0), count + i, count + i, False] for i in range(leaves)]
    _without_members(rows, listed(build, "membership_values").astype(np.float32))
    build.require((len(rows), targets))
    table = np.full((len(rows), targets), none, np.float32)
    table[count + np.arange(leaves), leaf_targets] = leaf_weights
    modes, *columns = zip(*rows, strict=True)
    features, limits, if_true, if_false, missing = (
        np.array(column, dtype) for column, dtype in zip(columns, ("i4", "f4", "i4", "i4", "?"), strict=True)
    )
    names = [str(mode) for mode in modes]
    return Trees(names, features, limits, if_true, if_false, missing, roots.astype(np.int32), {}), table


def _packed_leaves(build: Build, targets: int) -> tuple[Array, Array]:
    """The target and the weight of each leaf."""
    leaf_targets, leaf_weights = listed(build, "leaf_targetids"), listed(build, "leaf_weights").astype(np.float32)
    leaves = leaf_targets.size
    if leaf_weights.size != leaves or (leaves and not 0 <= leaf_targets.min() <= leaf_targets.max() < targets):
        raise UnsupportedError(
            f"{leaves} leaves for targets that there are not", f"weights and targets below {targets}"
        )
    return leaf_targets, leaf_weights


def _packed_nodes(build: Build, leaves: int) -> list[list[object]]:
    """A row for each inner node: mode, feature, limit, who follows if it holds and if not, what is no number."""
    modes = _packed_modes(build)
    count = len(modes)
    features, limits = _features(listed(build, "nodes_featureids")), listed(build, "nodes_splits").astype(np.float32)
    if not features.size == limits.size == count:
        raise UnsupportedError(f"{count} nodes with tables of other lengths", "tables of one length")
    branches = [_packed_branches(build, name, count, leaves) for name in ("true", "false")]
    missing = _missing(build, count)
    return [
        [modes[i], int(features[i]), limits[i], int(branches[0][i]), int(branches[1][i]), bool(missing[i])]
        for i in range(count)
    ]


def _packed_modes(build: Build) -> list[str]:
    given = listed(build, "nodes_modes")
    names = (*MODES, _MEMBER)
    if given.size and not 0 <= given.min() <= given.max() < len(names):
        raise UnsupportedError(f"modes from {given.min()} to {given.max()}", f"0 to {len(names) - 1}")
    if not 0 < given.size <= _MOST_NODES:
        raise UnsupportedError(f"{given.size} nodes", f"1 to {_MOST_NODES}")
    return [names[int(mode)] for mode in given]


def _packed_branches(build: Build, name: str, count: int, leaves: int) -> Array:
    """The row that follows each node, int64 [count]; leaves stand after the nodes."""
    number, is_leaf = listed(build, f"nodes_{name}nodeids"), listed(build, f"nodes_{name}leafs")
    if not number.size == is_leaf.size == count:
        raise UnsupportedError(f"{count} nodes with tables of other lengths", "tables of one length")
    most = np.where(is_leaf != 0, leaves, count)
    if ((number < 0) | (number >= most)).any():
        raise UnsupportedError("a node that leads to none", "nodes and leaves that there are")
    return np.where(is_leaf != 0, count + number, number).astype(np.int64)


def _without_members(rows: list[list[object]], members: Array) -> None:
    """Nodes that ask for membership in a set become a row of nodes that each compare with one member."""
    sets: list[list[np.float32]] = [[]]
    for value in members:
        if np.isnan(value):
            sets.append([])
        else:
            sets[-1].append(value)
    asking = [place for place, row in enumerate(rows) if row[0] == _MEMBER]
    if len(sets) < len(asking) or len(members) + len(rows) > _MOST_NODES:
        raise UnsupportedError(f"{len(sets)} sets for {len(asking)} nodes", "a set for each")
    for place, own in zip(asking, sets, strict=False):
        if not own:
            raise UnsupportedError("an empty set of members", "at least one")
        _, feature, _, if_true, if_false, missing = rows[place]
        chain = [place, *range(len(rows), len(rows) + len(own) - 1)]
        rows += [[] for _ in own[1:]]
        for index, value in enumerate(own):
            after = chain[index + 1] if index + 1 < len(own) else if_false
            rows[chain[index]] = ["BRANCH_EQ", feature, value, if_true, after, missing]
