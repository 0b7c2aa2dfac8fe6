"""Operators of ``ai.onnx.ml``, which scikit-learn's models become: of features [samples, count], in float.

The rules are those of ONNX's documentation (docs/Operators-ml.md of onnx).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.generic.activations import shares
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.generic.indexing import taken
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.sqrt import Sqrt

DOMAIN = "ai.onnx.ml"
_MOST_NODES = 2**18  # of all trees
_DEEPEST = 64
_MOST_KEYS = 1024  # of a LabelEncoder, each of which is compared


def _numbers(build: Build, name: str) -> Array:
    """An attribute that is a list of numbers; empty if it is not given."""
    given = build.node.attributes.get(name)
    if given is None:
        return np.zeros(0, np.float32)
    if not isinstance(given, list) or not all(isinstance(item, int | float) for item in given):
        raise UnsupportedError(f"attribute {name} is no list of numbers", "numbers")
    integral = all(isinstance(item, int) for item in given)
    return np.array(given, np.int64 if integral else np.float32)


def _features(build: Build) -> Value:
    """The input as float32 [samples, features]."""
    x = build.cast(build.input(0), "float32")
    if len(x.type.shape) == 1:
        return build.reshape(x, (1, *x.type.shape))
    if len(x.type.shape) != 2:
        raise UnsupportedError(f"features of shape {list(x.type.shape)}", "[samples, features]")
    return x


@makes("Scaler", attributes=("offset", "scale"), domain=DOMAIN)
def scaler(build: Build) -> Value:
    """(x - offset) * scale, of one number or one for each feature."""
    x = build.cast(build.input(0), "float32")
    for name, function, neutral in (("offset", "sub", 0.0), ("scale", "mul", 1.0)):
        numbers = _numbers(build, name).astype(np.float32)
        if numbers.size not in (0, 1, *x.type.shape[-1:]):
            raise UnsupportedError(f"{numbers.size} numbers of {name}", f"one, or {x.type.shape[-1]}")
        x = build.each(function, x, build.constant(numbers if numbers.size else np.array([neutral], np.float32)))
    return x


@makes("Normalizer", attributes=("norm",), domain=DOMAIN)
def normalizer(build: Build) -> Value:
    """Each sample over its largest size, the sum of sizes, or its length."""
    x, norm = _features(build), build.node.text("norm", "MAX")
    size = build.absolute(x)
    if norm == "MAX":
        total = build.fold("max", size, [1])
    elif norm == "L1":
        total = build.fold("sum", size, [1])
    elif norm == "L2":
        total = build.add(Sqrt(), build.fold("sum", build.each("mul", x, x), [1]))
    else:
        raise UnsupportedError(f"norm {norm!r}", "MAX, L1 or L2")
    is_zero = build.each("equal", total, build.like(0, total))
    return build.each("div", x, build.each("where", is_zero, build.like(1, total), total))


@makes("Binarizer", attributes=("threshold",), domain=DOMAIN)
def binarizer(build: Build) -> Value:
    """1 above a threshold, else 0."""
    x = build.input(0)
    above = build.each("less", build.like(build.node.real("threshold", 0.0), x), x)
    return build.cast(above, x.type.dtype)


@makes("ArrayFeatureExtractor", domain=DOMAIN)
def array_feature_extractor(build: Build) -> Value:
    """Elements at constant indices of the last dimension."""
    if build.has(1) and build.input(1).data is None:  # the label of the best class
        found = "unsupported operator ArrayFeatureExtractor with computed indices"
        raise UnsupportedError(found, "", "leave that to the application: --output-name ends the network before it")
    x, indices = build.input(0), build.integers(1, "indices")
    size = x.type.shape[-1] if x.type.shape else 0
    if not indices or not all(0 <= index < size for index in indices):
        raise UnsupportedError(f"indices {indices} of {size} elements", f"0 to {size - 1}")
    x = x if len(x.type.shape) > 1 else build.reshape(x, (1, size))
    return build.moved(x, lambda places: places[..., indices])


_KEYS = ("keys_floats", "keys_int64s")
_VALUES = ("values_floats", "values_int64s")


@makes(
    "LabelEncoder",
    attributes=(*_KEYS, *_VALUES, "default_float", "default_int64", "keys_tensor", "values_tensor", "default_tensor"),
    domain=DOMAIN,
)
def label_encoder(build: Build) -> Value:
    """Numbers for numbers, and a default for those that are not in the table."""
    x = build.input(0)
    keys, values = _table(build, "keys", _KEYS), _table(build, "values", _VALUES)
    if keys.size != values.size or not 0 < keys.size <= _MOST_KEYS:
        found = f"{keys.size} keys and {values.size} values"
        raise UnsupportedError(found, f"as many numbers of both, at most {_MOST_KEYS}")
    default = build.node.attributes.get("default_tensor")
    if isinstance(default, np.ndarray) and default.size == 1:
        other = default.ravel()[0]
    elif values.dtype.kind == "f":
        other = build.node.real("default_float", -0.0)
    else:
        other = build.node.integer("default_int64", -1)
    result = build.expand(build.constant(np.array(other).astype(values.dtype)), x.type.shape)
    for key, value in zip(keys[::-1], values[::-1], strict=True):  # the first of equal keys counts
        unknown = np.isnan(key) if keys.dtype.kind == "f" else False
        hit = build.each("is_nan", x) if unknown else build.each("equal", x, build.like(key, x))
        result = build.each("where", hit, build.like(value, result), result)
    return result


def _table(build: Build, name: str, lists: Sequence[str]) -> Array:
    tensor = build.node.attributes.get(f"{name}_tensor")
    if isinstance(tensor, np.ndarray):
        return tensor.ravel()
    for attribute in lists:
        numbers = _numbers(build, attribute)
        if numbers.size:
            return numbers.astype(np.float32 if attribute.endswith("floats") else np.int64)
    return np.zeros(0, np.float32)


@makes(
    "ZipMap",
    ignored={"classlabels_int64s": "names of the scores", "classlabels_strings": "names of the scores"},
    domain=DOMAIN,
)
def zip_map(build: Build) -> Value:
    """The scores without their names, in the order of the classes."""
    return build.input(0)


def _transformed(build: Build, scores: Value) -> Value:
    """Scores by the attribute post_transform."""
    name = build.node.text("post_transform", "NONE")
    if name == "NONE":
        return scores
    if name == "LOGISTIC":
        return build.add(Sigmoid(), scores)
    if name != "SOFTMAX":
        raise UnsupportedError(f"post_transform {name!r}", "NONE, LOGISTIC or SOFTMAX")
    return shares(build, scores, [1])


def _linear(build: Build, x: Value, rows: int) -> Value:
    """Products with coefficients [rows, features], plus intercepts."""
    weights, intercepts = _numbers(build, "coefficients"), _numbers(build, "intercepts")
    features = x.type.shape[1]
    if weights.size != rows * features or intercepts.size not in (0, rows):
        found = f"{weights.size} coefficients and {intercepts.size} intercepts for {features} features"
        raise UnsupportedError(found, f"{rows * features} and {rows}")
    matrix = build.constant(weights.astype(np.float32).reshape(rows, features).T)
    result = build.matmul(x, matrix)
    return build.each("add", result, build.constant(intercepts.astype(np.float32))) if intercepts.size else result


@makes("LinearRegressor", attributes=("coefficients", "intercepts", "post_transform", "targets"), domain=DOMAIN)
def linear_regressor(build: Build) -> Value:
    """A linear model of one or more targets."""
    return _transformed(build, _linear(build, _features(build), max(1, build.node.integer("targets", 1))))


@makes(
    "LinearClassifier",
    attributes=("classlabels_ints", "coefficients", "intercepts", "multi_class", "post_transform"),
    domain=DOMAIN,
)
def linear_classifier(build: Build) -> list[Value]:
    """The class of the largest score, and the scores of all."""
    labels = _numbers(build, "classlabels_ints")
    rows = labels.size
    if rows < 2 or _numbers(build, "coefficients").size != rows * _features(build).type.shape[1]:
        raise UnsupportedError(f"{rows} classes by numbers", "two or more, and coefficients for each")
    scores = _linear(build, _features(build), rows)
    return [_best(build, scores, labels), _transformed(build, scores)]


def _best(build: Build, scores: Value, labels: Array) -> Value:
    """The label of each sample's largest score."""
    best = build.cast(build.order(scores, 1, 1, smallest=False), "int32")
    samples = scores.type.shape[0]
    return build.reshape(taken(build, build.constant(labels.astype(np.int64)), best), (samples,))


_COMPARISONS: dict[str, Callable[[Build, Value, Value], Value]] = {
    "BRANCH_LEQ": lambda build, x, limit: build.each("less_equal", x, limit),
    "BRANCH_LT": lambda build, x, limit: build.each("less", x, limit),
    "BRANCH_GTE": lambda build, x, limit: build.each("less_equal", limit, x),
    "BRANCH_GT": lambda build, x, limit: build.each("less", limit, x),
    "BRANCH_EQ": lambda build, x, limit: build.each("equal", x, limit),
}
_NODES = (
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
    "nodes_missing_value_tracks_true",
)
_TARGETS = ("target_ids", "target_nodeids", "target_treeids", "target_weights")


@makes(
    "TreeEnsembleRegressor",
    attributes=(*_NODES, *_TARGETS, "aggregate_function", "base_values", "n_targets", "post_transform"),
    ignored={"nodes_hitrates": "of training"},
    domain=DOMAIN,
)
def tree_regressor(build: Build) -> Value:
    """The sums over all trees of the weights of the leaves that a sample comes to."""
    node, x = build.node, _features(build)
    targets, how = node.integer("n_targets", 1), node.text("aggregate_function", "SUM")
    if how not in ("SUM", "AVERAGE") or targets < 1:
        raise UnsupportedError(f"aggregate_function {how!r} of {targets} targets", "SUM or AVERAGE, at least one")
    trees = _Trees(build)
    leaves = trees.descend(x)
    weights = trees.weights(targets)
    rows = build.each("mul", build.cast(leaves, "int32"), build.constant(np.array([[[targets]]], np.int32)))
    places = build.each("add", rows, build.constant(np.arange(targets, dtype=np.int32).reshape(1, 1, -1)))
    total = build.fold("sum", taken(build, build.constant(weights), places), [1], keepdims=False)
    if how == "AVERAGE":
        total = build.each("div", total, build.like(len(trees.roots), total))
    base = _numbers(build, "base_values").astype(np.float32)
    if base.size not in (0, targets):
        raise UnsupportedError(f"{base.size} base values", f"{targets}")
    total = build.each("add", total, build.constant(base)) if base.size else total
    return _transformed(build, total)


class _Trees:
    """The nodes of all trees as tables; a leaf leads to itself."""

    def __init__(self, build: Build) -> None:
        self.build = build
        trees, numbers = _numbers(build, "nodes_treeids"), _numbers(build, "nodes_nodeids")
        modes = build.node.attributes.get("nodes_modes")
        self.modes = [str(mode) for mode in modes] if isinstance(modes, list) else []
        count = len(self.modes)
        tables = [_numbers(build, f"nodes_{name}") for name in ("featureids", "values", "truenodeids", "falsenodeids")]
        if not 0 < count <= _MOST_NODES or {table.size for table in (trees, numbers, *tables)} != {count}:
            raise UnsupportedError(f"{count} nodes with tables of other lengths", "tables of one length")
        if _numbers(build, "nodes_missing_value_tracks_true").any():
            raise UnsupportedError("missing values that lead to the true branch", "to the false one")
        self.index = {
            (int(tree), int(number)): place for place, (tree, number) in enumerate(zip(trees, numbers, strict=True))
        }
        self.features, self.limits = tables[0].astype(np.int64), tables[1].astype(np.float32)
        self.kinds = sorted({mode for mode in self.modes if mode != "LEAF"})
        if len(self.kinds) > 1 or not set(self.kinds) <= _COMPARISONS.keys():
            raise UnsupportedError(f"nodes of modes {self.kinds}", f"one of {', '.join(_COMPARISONS)}")
        self.next = [self._targets(trees, table) for table in (tables[2], tables[3])]
        self.roots = sorted(np.unique(trees, return_index=True)[1].tolist())

    def _targets(self, trees: Array, ids: Array) -> Array:
        targets = []
        for place, (tree, number, mode) in enumerate(zip(trees, ids, self.modes, strict=True)):
            target = place if mode == "LEAF" else self.index.get((int(tree), int(number)), -1)
            if target < 0 or (mode != "LEAF" and target <= place):
                raise UnsupportedError(f"a node that leads to {int(number)}", "a later node of the same tree")
            targets.append(target)
        return np.array(targets, np.int32)

    def depth(self) -> int:
        """Steps from a root to the farthest leaf."""
        depths = np.zeros(len(self.modes), np.int64)
        for place in range(len(self.modes) - 1, -1, -1):
            if self.modes[place] != "LEAF":
                depths[place] = 1 + max(depths[table[place]] for table in self.next)
        deepest = int(max(depths[self.roots]))
        if deepest > _DEEPEST:
            raise UnsupportedError(f"a tree of depth {deepest}", f"at most {_DEEPEST}")
        return deepest

    def descend(self, x: Value) -> Value:
        """The leaf of each sample in each tree, int32 [samples, trees, 1]."""
        build, (samples, features) = self.build, x.type.shape
        if self.features.min() < 0 or self.features.max() >= features:
            raise UnsupportedError(f"features up to {self.features.max()}", f"0 to {features - 1}")
        tables = [build.constant(table) for table in (self.features.astype(np.int32), self.limits, *self.next)]
        begin = build.constant((np.arange(samples, dtype=np.int32) * features).reshape(-1, 1))
        at = build.constant(np.tile(np.array([self.roots], np.int32), (samples, 1)))
        for _ in range(self.depth()):
            feature, limit, if_true, if_false = (taken(build, table, at) for table in tables)
            value = taken(build, x, build.each("add", begin, feature))
            at = build.each("where", _COMPARISONS[self.kinds[0]](build, value, limit), if_true, if_false)
        return build.reshape(at, (samples, len(self.roots), 1))

    def weights(self, targets: int) -> Array:
        """The weights of all leaves, float32 [nodes, targets]."""
        build = self.build
        build.require((len(self.modes), targets))
        table = np.zeros((len(self.modes), targets), np.float32)
        ids, trees, nodes, weights = (
            _numbers(build, name) for name in ("target_ids", "target_treeids", "target_nodeids", "target_weights")
        )
        if not ids.size == trees.size == nodes.size == weights.size:
            raise UnsupportedError("tables of targets of different lengths", "one length")
        for target, tree, node, weight in zip(ids, trees, nodes, weights, strict=True):
            place = self.index.get((int(tree), int(node)), -1)
            if place < 0 or not 0 <= target < targets:
                raise UnsupportedError(f"a weight of node {int(node)} for target {int(target)}", "nodes and targets")
            table[place, int(target)] += weight
        return table
