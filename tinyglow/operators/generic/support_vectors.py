"""Support vector machines of ``ai.onnx.ml``.

The rules are those of ONNX's documentation (docs/Operators-ml.md of onnx) and of its reference evaluator; onnxruntime
has the same.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.exp import Exp
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.generic.ml import DOMAIN, best_label, class_labels, feature_rows, label_of, listed, transformed
from tinyglow.operators.neg import Neg
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.tanh import Tanh

_NEAR_0 = 1e-7  # bound of a pair's probability, in libsvm and in onnxruntime


def _kernel(build: Build, x: Value, vectors: Array) -> Value:
    """The kernel function of each sample and support vector, [samples, vectors]; vectors: [vectors, features]."""
    name, params = build.node.text("kernel_type", "LINEAR"), listed(build, "kernel_params").astype(np.float32)
    gamma, coef0, degree = params if params.size == 3 else (0.0, 0.0, 3.0)
    if name == "RBF":
        wide = build.reshape(x, (x.type.shape[0], 1, x.type.shape[1]))
        difference = build.each("sub", wide, build.constant(vectors[np.newaxis]))
        distance = build.fold("sum", build.each("mul", difference, difference), [2], keepdims=False)
        return build.add(Exp(), build.each("mul", distance, build.like(-gamma, distance)))
    product = build.matmul(x, build.constant(vectors.T))
    if name == "LINEAR":
        return product
    scaled = build.each("add", build.each("mul", product, build.like(gamma, product)), build.like(coef0, product))
    if name == "SIGMOID":
        return build.add(Tanh(), scaled)
    if name != "POLY" or degree != int(degree) or not 1 <= degree <= 16:
        raise UnsupportedError(f"kernel_type {name!r} of degree {degree}", "LINEAR, RBF, SIGMOID, or POLY up to 16")
    power = scaled
    for _ in range(int(degree) - 1):
        power = build.each("mul", power, scaled)
    return power


def _vectors(build: Build, count: int, features: int) -> Array:
    """The support vectors, float32 [count, features]."""
    vectors = listed(build, "support_vectors").astype(np.float32)
    if count < 1 or vectors.size != count * features:
        raise UnsupportedError(f"{vectors.size} numbers of {count} support vectors", f"{features} for each")
    return vectors.reshape(count, features)


@makes(
    "SVMRegressor",
    attributes=(
        *("coefficients", "kernel_params", "kernel_type", "n_supports", "one_class", "post_transform", "rho"),
        "support_vectors",
    ),
    domain=DOMAIN,
)
def svm_regressor(build: Build) -> Value:
    """The weighted sum of a sample's kernel functions; of one class: 1 where it is above 0, else -1."""
    node, x = build.node, feature_rows(build)
    features, count = x.type.shape[1], node.integer("n_supports", 0)
    weights, rho = listed(build, "coefficients").astype(np.float32), listed(build, "rho").astype(np.float32)
    kernel = _kernel(build, x, _vectors(build, count, features)) if count else x
    if weights.size != (count or features) or rho.size != 1:
        raise UnsupportedError(f"{weights.size} coefficients and {rho.size} rho", f"{count or features} and 1")
    total = build.matmul(kernel, build.constant(weights.reshape(-1, 1)))
    total = build.each("add", total, build.constant(rho))
    if node.integer("one_class", 0):
        above = build.each("less", build.like(0, total), total)
        return build.each("where", above, build.like(1, total), build.like(-1, total))
    return transformed(build, total)


@makes(
    "SVMClassifier",
    attributes=(
        *("classlabels_ints", "classlabels_strings", "coefficients", "kernel_params", "kernel_type", "post_transform"),
        *("prob_a", "prob_b", "rho", "support_vectors", "vectors_per_class"),
    ),
    domain=DOMAIN,
)
def svm_classifier(build: Build) -> list[Value]:
    """The class with the most votes of all pairs of classes, and the pairs' sums, or the probabilities of two."""
    labels, x = class_labels(build, "classlabels_ints"), feature_rows(build)
    counts = [int(count) for count in listed(build, "vectors_per_class")]
    rho = listed(build, "rho").astype(np.float32)
    pairs = list(combinations(range(labels.size), 2))
    if labels.size < 2 or len(counts) != labels.size or min(counts, default=-1) < 0 or rho.size != len(pairs):
        found = f"{labels.size} classes, {len(counts)} counts of vectors and {rho.size} rho"
        raise UnsupportedError(found, "two classes or more, with support vectors, and rho for each pair")
    sums = _pairs(build, x, counts, pairs, rho)
    first = build.each("less", build.like(0, sums), sums)
    if labels.size == 2:
        label = label_of(build, build.each("not", first), labels)
    else:
        votes = np.zeros((2, len(pairs), labels.size), np.float32)
        for number, (i, j) in enumerate(pairs):
            votes[0, number, i] = votes[1, number, j] = 1
        wins = build.cast(first, "float32")
        lost = build.each("sub", build.like(1, wins), wins)
        total = build.each(
            "add", *(build.matmul(part, build.constant(table)) for part, table in zip((wins, lost), votes, strict=True))
        )
        label = best_label(build, total, labels)
    return [label, _scores(build, sums, labels.size)]


def _pairs(build: Build, x: Value, counts: list[int], pairs: list[tuple[int, int]], rho: Array) -> Value:
    """The sum of each pair of classes, [samples, pairs]: above 0 for the first one."""
    total = sum(counts)
    vectors, weights = _vectors(build, total, x.type.shape[1]), listed(build, "coefficients").astype(np.float32)
    if weights.size != total * (len(counts) - 1):
        raise UnsupportedError(f"{weights.size} coefficients", f"{total * (len(counts) - 1)}")
    rows = weights.reshape(len(counts) - 1, total)
    begins = np.concatenate([[0], np.cumsum(counts)])
    table = np.zeros((total, len(pairs)), np.float32)
    for number, (i, j) in enumerate(pairs):
        of_i, of_j = (slice(begins[k], begins[k + 1]) for k in (i, j))
        table[of_i, number], table[of_j, number] = rows[j - 1, of_i], rows[i, of_j]
    sums = build.matmul(_kernel(build, x, vectors), build.constant(table))
    return build.each("add", sums, build.constant(rho))


def _scores(build: Build, sums: Value, classes: int) -> Value:
    """What the second output has: the pairs' sums, or probabilities by Platt's sigmoid."""
    a, b = (listed(build, name).astype(np.float32) for name in ("prob_a", "prob_b"))
    if not a.size:
        return transformed(build, build.concat([build.add(Neg(), sums), sums], 1) if classes == 2 else sums)
    if classes != 2 or a.size != 1 or b.size != 1:
        found = f"probabilities of {classes} classes, which are found by iteration"
        raise UnsupportedError(found, "two", "export the classifier with probability=False")
    value = build.each("add", build.each("mul", sums, build.constant(a)), build.constant(b))
    first = build.add(Sigmoid(), build.add(Neg(), value))
    bounds = [build.like(bound, first) for bound in (_NEAR_0, 1 - _NEAR_0)]
    first = build.each("where", build.each("less", first, bounds[0]), bounds[0], first)
    first = build.each("where", build.each("less", bounds[1], first), bounds[1], first)
    return build.concat([first, build.each("sub", build.like(1, first), first)], 1)
