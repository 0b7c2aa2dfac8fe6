"""Decision trees of ``ai.onnx.ml``: all nodes as tables, through which each sample goes down step by step.

The rules are those of ONNX's documentation (docs/Operators-ml.md of onnx); where it is silent on classifiers of two
classes, those of onnxruntime.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.generic.indexing import taken
from tinyglow.operators.generic.ml import (
    DOMAIN,
    best_label,
    class_labels,
    feature_rows,
    label_of,
    listed,
    transformed,
)
from tinyglow.operators.generic.tree_tables import LEAF, Trees, listed_trees, packed_trees, weight_table
from tinyglow.operators.neg import Neg
from tinyglow.operators.sigmoid import Sigmoid

_COMPARISONS: dict[str, Callable[[Build, Value, Value], Value]] = {
    "BRANCH_LEQ": lambda build, x, limit: build.each("less_equal", x, limit),
    "BRANCH_LT": lambda build, x, limit: build.each("less", x, limit),
    "BRANCH_GTE": lambda build, x, limit: build.each("less_equal", limit, x),
    "BRANCH_GT": lambda build, x, limit: build.each("less", limit, x),
    "BRANCH_EQ": lambda build, x, limit: build.each("equal", x, limit),
    "BRANCH_NEQ": lambda build, x, limit: build.each("not", build.each("equal", x, limit)),
}
_NODES = (
    *(f"nodes_{name}" for name in ("falsenodeids", "featureids", "modes", "nodeids", "treeids", "truenodeids")),
    *("nodes_values", "nodes_values_as_tensor", "nodes_missing_value_tracks_true", "post_transform"),
    *("base_values", "base_values_as_tensor"),
)
_UNUSED = {"nodes_hitrates": "of training", "nodes_hitrates_as_tensor": "of training"}


def _hit(build: Build, trees: Trees, at: Value, value: Value, limit: Value) -> Value:
    """Whether each sample's feature leads to the true branch of the node it is at."""
    kinds = sorted(set(trees.modes) - {LEAF})
    hit = _COMPARISONS[kinds[0]](build, value, limit)
    if len(kinds) > 1:
        number = build.constant(np.array([kinds.index(mode) if mode in kinds else 0 for mode in trees.modes], np.int32))
        kind = taken(build, number, at)
        for index, name in enumerate(kinds[1:], 1):
            is_kind = build.each("equal", kind, build.like(index, kind))
            hit = build.each("where", is_kind, _COMPARISONS[name](build, value, limit), hit)
    if trees.missing.any():
        tracks = taken(build, build.constant(trees.missing.astype(np.int32)), at)
        is_missing = build.each("and", build.each("is_nan", value), build.cast(tracks, "bool"))
        hit = build.each("or", hit, is_missing)
    return hit


def _descend(build: Build, trees: Trees, x: Value) -> Value:
    """The leaf of each sample in each tree, int32 [samples, trees, 1]."""
    samples, features = x.type.shape
    if trees.features.min() < 0 or trees.features.max() >= features:
        raise UnsupportedError(f"features up to {trees.features.max()}", f"0 to {features - 1}")
    tables = [build.constant(table) for table in (trees.features, trees.limits, trees.if_true, trees.if_false)]
    begin = build.constant((np.arange(samples, dtype=np.int32) * features).reshape(-1, 1))
    at = build.constant(np.tile(trees.roots, (samples, 1)))
    for _ in range(trees.depth()):
        feature, limit, if_true, if_false = (taken(build, table, at) for table in tables)
        value = taken(build, x, build.each("add", begin, feature))
        at = build.each("where", _hit(build, trees, at, value, limit), if_true, if_false)
    return build.reshape(at, (samples, trees.roots.size, 1))


def _weights_of_leaves(build: Build, trees: Trees, x: Value, table: Array) -> Value:
    """The weights of each sample's leaf in each tree, float32 [samples, trees, targets]; table: [nodes, targets]."""
    targets = table.shape[1]
    build.require(table.shape)
    leaves = _descend(build, trees, x)
    rows = build.each("mul", leaves, build.like(targets, leaves))
    places = build.each("add", rows, build.constant(np.arange(targets, dtype=np.int32).reshape(1, 1, -1)))
    return taken(build, build.constant(table), places)


# How what trees say becomes one number, and what a tree says that has no weight for a target.
_LARGEST = float(np.finfo(np.float32).max)
_TOTALS = {"SUM": ("sum", 0.0), "AVERAGE": ("sum", 0.0), "MIN": ("min", _LARGEST), "MAX": ("max", -_LARGEST)}


def _total(how: str) -> tuple[str, float]:
    if how not in _TOTALS:
        raise UnsupportedError(f"aggregate_function {how!r}", ", ".join(_TOTALS))
    return _TOTALS[how]


def _aggregated(build: Build, how: str, weights: Value) -> Value:
    """[samples, targets] of what all trees say; 0 where none says anything."""
    kind, none = _total(how)
    total = build.fold(kind, weights, [1], keepdims=False)
    if how == "AVERAGE":
        return build.each("div", total, build.like(weights.type.shape[1], total))
    if none:
        is_none = build.each("equal", total, build.like(none, total))
        return build.each("where", is_none, build.like(0, total), total)
    return total


def _based(build: Build, total: Value, counts: tuple[int, ...]) -> Value:
    """Scores with the model's base values added, of which there are as many as one of ``counts``."""
    base = listed(build, "base_values")
    base = (base if base.size else listed(build, "base_values_as_tensor")).astype(np.float32)
    if base.size not in (0, *counts):
        raise UnsupportedError(f"{base.size} base values", " or ".join(map(str, counts)))
    return build.each("add", total, build.constant(base)) if base.size else total


def _targets(build: Build) -> int:
    targets = build.node.integer("n_targets", 1)
    if targets < 1:
        raise UnsupportedError(f"{targets} targets", "at least one")
    return targets


@makes(
    "TreeEnsembleRegressor",
    attributes=(
        *_NODES,
        *("target_ids", "target_nodeids", "target_treeids", "target_weights", "target_weights_as_tensor"),
        *("aggregate_function", "n_targets"),
    ),
    ignored=_UNUSED,
    domain=DOMAIN,
)
def tree_regressor(build: Build) -> Value:
    """The sums over all trees of the weights of the leaves that a sample comes to, or another total of them."""
    targets, trees, how = _targets(build), listed_trees(build), build.node.text("aggregate_function", "SUM")
    table = weight_table(build, trees, "target", targets, _total(how)[1])
    total = _aggregated(build, how, _weights_of_leaves(build, trees, feature_rows(build), table))
    return transformed(build, _based(build, total, (targets,)))


@makes(
    "TreeEnsembleClassifier",
    attributes=(
        *_NODES,
        *("class_ids", "class_nodeids", "class_treeids", "class_weights", "class_weights_as_tensor"),
        *("classlabels_int64s", "classlabels_strings"),
    ),
    ignored=_UNUSED,
    domain=DOMAIN,
)
def tree_classifier(build: Build) -> list[Value]:
    """The class with the largest sum over all trees, and the sums of all classes."""
    labels, trees = class_labels(build, "classlabels_int64s"), listed_trees(build)
    if labels.size < 2:
        raise UnsupportedError(f"{labels.size} classes", "two or more")
    x, ids = feature_rows(build), set(listed(build, "class_ids").tolist())
    is_binary = labels.size == 2 and len(ids) == 1
    table = weight_table(build, trees, "class", labels.size)
    if is_binary:
        return _two_classes(build, trees, x, table[:, [int(next(iter(ids)))]], labels)
    total = build.fold("sum", _weights_of_leaves(build, trees, x, table), [1], keepdims=False)
    scores = _based(build, total, (labels.size,))
    return [best_label(build, scores, labels), transformed(build, scores)]


def _two_classes(build: Build, trees: Trees, x: Value, table: Array, labels: Array) -> list[Value]:
    """Two classes by the weight of the second alone, as onnxruntime has it.

    Weights that are all positive are shares: the second class is that above a half, the first has the rest of 1.
    Others are above 0 for the second class, and the first has the same with the other sign.
    """
    second = build.fold("sum", _weights_of_leaves(build, trees, x, table), [1], keepdims=False)
    second = _based(build, second, (1,))
    are_shares, post = bool((table >= 0).all()), build.node.text("post_transform", "NONE")
    above = build.each("less", build.like(0.5 if are_shares else 0.0, second), second)
    label = label_of(build, above, labels)
    if post == "LOGISTIC":
        return [label, build.add(Sigmoid(), build.concat([build.add(Neg(), second), second], 1))]
    if post not in ("NONE", "SOFTMAX", "SOFTMAX_ZERO"):  # the latter two do nothing here in onnxruntime
        raise UnsupportedError(f"post_transform {post!r} of two classes", "NONE or LOGISTIC")
    first = build.each("sub", build.like(1.0, second), second) if are_shares else build.add(Neg(), second)
    return [label, build.concat([first, second], 1)]


@makes(
    "TreeEnsemble",
    attributes=(
        *(f"nodes_{name}" for name in ("falseleafs", "falsenodeids", "featureids", "modes", "splits", "trueleafs")),
        *("nodes_truenodeids", "nodes_missing_value_tracks_true", "tree_roots", "membership_values"),
        *("leaf_targetids", "leaf_weights", "aggregate_function", "n_targets", "post_transform"),
    ),
    ignored={"nodes_hitrates": "of training"},
    domain=DOMAIN,
)
def tree_ensemble(build: Build) -> Value:
    """Trees of the newer form, whose leaves have one target each."""
    targets, node = _targets(build), build.node
    how = node.integer("aggregate_function", 1)
    names = ("AVERAGE", "SUM", "MIN", "MAX")
    post = node.integer("post_transform", 0)
    if not 0 <= how < len(names) or post:
        found = f"aggregate_function {how} and post_transform {post}"
        raise UnsupportedError(found, "0 to 3, and no post_transform")
    trees, table = packed_trees(build, targets, _total(names[how])[1])
    x = feature_rows(build)
    total = _aggregated(build, names[how], _weights_of_leaves(build, trees, x, table))
    return build.cast(total, build.result_dtype(0))
