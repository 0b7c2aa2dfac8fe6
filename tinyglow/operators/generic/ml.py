"""What operators of ``ai.onnx.ml`` have in common: lists of numbers, rows of features, scores and labels."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.generic.activations import shares
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.indexing import taken
from tinyglow.operators.sigmoid import Sigmoid

DOMAIN = "ai.onnx.ml"


def listed(build: Build, name: str) -> Array:
    """An attribute that is a list or a tensor of numbers, float32 or int64; empty if it is not given."""
    given = build.node.attributes.get(name)
    if given is None:
        return np.zeros(0, np.float32)
    if isinstance(given, np.ndarray) and given.dtype.kind in "fiub":
        return given.ravel().astype(np.float32 if given.dtype.kind == "f" else np.int64)
    if not isinstance(given, list) or not all(isinstance(item, int | float) for item in given):
        raise UnsupportedError(f"attribute {name} is no list of numbers", "numbers")
    integral = all(isinstance(item, int) for item in given)
    return np.array(given, np.int64 if integral else np.float32)


def feature_rows(build: Build) -> Value:
    """The input as float32 [samples, features]."""
    x = build.cast(build.input(0), "float32")
    if len(x.type.shape) == 1:
        return build.reshape(x, (1, *x.type.shape))
    if len(x.type.shape) != 2:
        raise UnsupportedError(f"features of shape {list(x.type.shape)}", "[samples, features]")
    return x


def class_labels(build: Build, integers: str) -> Array:
    """The labels of a classifier, int64 [classes]: numbers; for labels of text their place in the model's list.

    integers: the attribute that has labels that are numbers.
    """
    labels, texts = listed(build, integers), build.node.attributes.get("classlabels_strings")
    if not labels.size and isinstance(texts, list):
        return np.arange(len(texts), dtype=np.int64)
    return labels.astype(np.int64)


def label_of(build: Build, classes: Value, labels: Array) -> Value:
    """The label, int64 [samples], of each sample's class, which is given by its place."""
    places = build.cast(build.flat(classes), "int32")
    return taken(build, build.constant(labels), places)


def best_label(build: Build, scores: Value, labels: Array) -> Value:
    """The label of each sample's largest score, the first of equals; scores: [samples, classes]."""
    return label_of(build, build.order(scores, 1, 1, smallest=False), labels)


def transformed(build: Build, scores: Value) -> Value:
    """Scores by the attribute post_transform."""
    name = build.node.text("post_transform", "NONE")
    if name == "NONE":
        return scores
    if name == "LOGISTIC":
        return build.add(Sigmoid(), scores)
    if name != "SOFTMAX":
        raise UnsupportedError(f"post_transform {name!r}", "NONE, LOGISTIC or SOFTMAX")
    return shares(build, scores, [1])
