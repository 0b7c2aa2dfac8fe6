"""Operators of ``ai.onnx.ml``, which scikit-learn's models become: of features [samples, count], in float.

The rules are those of ONNX's documentation (docs/Operators-ml.md of onnx).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.generic.indexing import taken
from tinyglow.operators.generic.ml import DOMAIN, best_label, class_labels, feature_rows, listed, transformed
from tinyglow.operators.sqrt import Sqrt

_MOST_KEYS = 1024  # of a LabelEncoder, each of which is compared


@makes("Scaler", attributes=("offset", "scale"), domain=DOMAIN)
def scaler(build: Build) -> Value:
    """(x - offset) * scale, of one number or one for each feature."""
    x = build.cast(build.input(0), "float32")
    for name, function, neutral in (("offset", "sub", 0.0), ("scale", "mul", 1.0)):
        operand = listed(build, name).astype(np.float32)
        if operand.size not in (0, 1, *x.type.shape[-1:]):
            raise UnsupportedError(f"{operand.size} numbers of {name}", f"one, or {x.type.shape[-1]}")
        x = build.each(function, x, build.constant(operand if operand.size else np.array([neutral], np.float32)))
    return x


@makes("Normalizer", attributes=("norm",), domain=DOMAIN)
def normalizer(build: Build) -> Value:
    """Each sample over its largest size, the sum of sizes, or its length."""
    x, norm = feature_rows(build), build.node.text("norm", "MAX")
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
    """Elements at indices of the last dimension: constant ones, or the place of the best class."""
    x = build.input(0)
    x = x if len(x.type.shape) > 1 else build.reshape(x, (1, x.type.elements))
    *outer, size = x.type.shape
    if build.has(1) and build.input(1).data is None:
        along = build.cast(build.flat(build.input(1)), "int32")
        along = build.reshape(along, (*(1,) * len(outer), along.type.elements))
        rows = build.constant(build.places(x)[..., :1].astype(np.int32))
        return taken(build, x, build.each("add", rows, along))
    indices = build.integers(1, "indices")
    if not indices or not all(0 <= index < size for index in indices):
        raise UnsupportedError(f"indices {indices} of {size} elements", f"0 to {size - 1}")
    return build.moved(x, lambda places: places[..., indices])


@makes("FeatureVectorizer", attributes=("inputdimensions",), domain=DOMAIN)
def feature_vectorizer(build: Build) -> Value:
    """Features of several inputs one after the other, in float."""
    parts = [build.cast(build.input(index), "float32") for index in range(len(build.node.inputs))]
    parts = [part if len(part.type.shape) == 2 else build.reshape(part, (1, part.type.elements)) for part in parts]
    widths = [part.type.shape[1] for part in parts]
    wanted = listed(build, "inputdimensions").tolist() or widths
    if wanted != widths:
        raise UnsupportedError(f"inputs of {widths} features", f"{wanted}, as inputdimensions says")
    return build.concat(parts, 1)


@makes(
    "Imputer",
    attributes=("imputed_value_floats", "imputed_value_int64s", "replaced_value_float", "replaced_value_int64"),
    domain=DOMAIN,
)
def imputer(build: Build) -> Value:
    """A number of its own in each feature for those that stand for missing ones."""
    x = build.input(0)
    is_float = x.type.dtype == "float32"
    values = listed(build, "imputed_value_floats" if is_float else "imputed_value_int64s")
    if values.size not in (1, *x.type.shape[-1:]):
        raise UnsupportedError(f"{values.size} imputed values", f"one, or {x.type.shape[-1]}")
    node = build.node
    missing = node.real("replaced_value_float", 0.0) if is_float else node.integer("replaced_value_int64", 0)
    hit = build.each("is_nan", x) if np.isnan(missing) else build.each("equal", x, build.like(missing, x))
    imputed = build.expand(build.constant(values.astype(x.type.dtype)), x.type.shape)
    return build.each("where", hit, imputed, x)


@makes("OneHotEncoder", attributes=("cats_int64s", "zeros"), domain=DOMAIN)
def one_hot_encoder(build: Build) -> Value:
    """1 at the place of each number in a list of categories, 0 elsewhere; a new last dimension.

    An element of no category is all zeros, also where the attribute zeros asks for an error.
    """
    x, categories = build.input(0), listed(build, "cats_int64s")
    if not 0 < categories.size <= _MOST_KEYS:
        raise UnsupportedError(f"{categories.size} categories that are numbers", f"1 to {_MOST_KEYS}")
    column = build.cast(build.reshape(x, (*x.type.shape, 1)), "int64")
    full = (*x.type.shape, categories.size)
    hit = build.each("equal", build.expand(column, full), build.expand(build.constant(categories), full))
    return build.cast(hit, "float32")


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
        table = listed(build, attribute)
        if table.size:
            return table.astype(np.float32 if attribute.endswith("floats") else np.int64)
    return np.zeros(0, np.float32)


@makes(
    "ZipMap",
    ignored={"classlabels_int64s": "names of the scores", "classlabels_strings": "names of the scores"},
    domain=DOMAIN,
)
def zip_map(build: Build) -> Value:
    """The scores without their names, in the order of the classes."""
    return build.input(0)


def _linear(build: Build, x: Value, rows: int) -> Value:
    """Products with coefficients [rows, features], plus intercepts."""
    weights, intercepts = listed(build, "coefficients"), listed(build, "intercepts")
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
    return transformed(build, _linear(build, feature_rows(build), max(1, build.node.integer("targets", 1))))


@makes(
    "LinearClassifier",
    attributes=(
        "classlabels_ints",
        "classlabels_strings",
        "coefficients",
        "intercepts",
        "multi_class",
        "post_transform",
    ),
    domain=DOMAIN,
)
def linear_classifier(build: Build) -> list[Value]:
    """The class of the largest score, and the scores of all."""
    labels, x = class_labels(build, "classlabels_ints"), feature_rows(build)
    rows = labels.size
    if rows < 2 or listed(build, "coefficients").size != rows * x.type.shape[1]:
        raise UnsupportedError(f"{rows} classes", "two or more, and coefficients for each")
    scores = _linear(build, x, rows)
    return [best_label(build, scores, labels), transformed(build, scores)]
