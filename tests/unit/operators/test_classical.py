"""Operators of ai.onnx.ml, against onnx's reference evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.unit.operators.single import loaded, refusal
from tinyglow.frontend.summary import summarize
from tinyglow.interp import run_graph, run_program
from tinyglow.pipeline.stations import lower

_X = np.random.default_rng(5).standard_normal((6, 3)).astype(np.float32)
_TREES: dict[str, Any] = {
    "nodes_treeids": [0, 0, 0, 0, 0, 1, 1, 1],
    "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
    "nodes_featureids": [0, 2, 0, 0, 0, 1, 0, 0],
    "nodes_values": [0.1, -0.2, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0],
    "nodes_modes": [*["BRANCH_LEQ"] * 2, *["LEAF"] * 3, "BRANCH_LEQ", *["LEAF"] * 2],
    "nodes_truenodeids": [1, 2, 0, 0, 0, 1, 0, 0],
    "nodes_falsenodeids": [4, 3, 0, 0, 0, 2, 0, 0],
    "target_treeids": [0, 0, 0, 1, 1],
    "target_nodeids": [2, 3, 4, 1, 2],
    "target_ids": [0, 1, 0, 1, 0],
    "target_weights": [1.5, -2.0, 0.25, 3.0, -1.0],
    "n_targets": 2,
}
_CLASSES: dict[str, Any] = {
    **{name: value for name, value in _TREES.items() if name.startswith("nodes_")},
    **{f"class_{name[7:]}": value for name, value in _TREES.items() if name.startswith("target_")},
    "class_ids": [0, 1, 2, 1, 0],
    "classlabels_int64s": [7, 3, 9],
}
_VECTORS: dict[str, Any] = {
    "support_vectors": np.random.default_rng(2).standard_normal(12).astype(np.float32).tolist(),
    "coefficients": [0.5, -1.0, 0.25, 2.0],
    "n_supports": 4,
    "rho": [0.125],
    "kernel_params": [0.3, 0.5, 3.0],
}
_PAIRS: dict[str, Any] = {
    **{name: value for name, value in _VECTORS.items() if name != "n_supports"},
    "coefficients": [0.5, -1.0, 0.25, 2.0, -0.75, 1.5, 0.125, -0.5],
    "vectors_per_class": [1, 2, 1],
    "rho": [0.125, -0.25, 0.5],
    "classlabels_ints": [7, 3, 9],
    "kernel_type": "RBF",
}
_LINE: dict[str, Any] = {"coefficients": [0.5, -1.0, 2.0, 1.0, 0.0, -0.5], "intercepts": [0.25, -0.75]}
_ONE_TARGET: dict[str, Any] = {"target_ids": [0] * 5, "n_targets": 1}
_MANY_MODES = ["BRANCH_GT", "BRANCH_GTE", *["LEAF"] * 3, "BRANCH_NEQ", *["LEAF"] * 2]
_FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "scaler": ("Scaler", {"offset": [0.5, -1.0, 0.0], "scale": [2.0, 0.1, -1.0]}),
    "scaler of one number": ("Scaler", {"offset": [0.5], "scale": [2.0]}),
    "normalizer L1": ("Normalizer", {"norm": "L1"}),
    "normalizer L2": ("Normalizer", {"norm": "L2"}),
    "binarizer": ("Binarizer", {"threshold": 0.25}),
    "linear": ("LinearRegressor", {**_LINE, "targets": 2}),
    "trees": ("TreeEnsembleRegressor", _TREES),
    "smallest of trees": ("TreeEnsembleRegressor", {**_TREES, **_ONE_TARGET, "aggregate_function": "MIN"}),
    "largest of trees": ("TreeEnsembleRegressor", {**_TREES, **_ONE_TARGET, "aggregate_function": "MAX"}),
    "trees of many modes": ("TreeEnsembleRegressor", {**_TREES, "nodes_modes": _MANY_MODES}),
    "trees and missing features": (
        "TreeEnsembleRegressor",
        {**_TREES, "nodes_missing_value_tracks_true": [1, 0, 0, 0, 0, 1, 0, 0]},
    ),
    **{
        f"support vectors {kind}": ("SVMRegressor", {**_VECTORS, "kernel_type": kind})
        for kind in ("LINEAR", "POLY", "RBF", "SIGMOID")
    },
    "one class": ("SVMRegressor", {**_VECTORS, "kernel_type": "RBF", "one_class": 1}),
    "imputer": ("Imputer", {"imputed_value_floats": [1.0, 2.0, 3.0], "replaced_value_float": float("nan")}),
    "vectorizer": ("FeatureVectorizer", {"inputdimensions": [3]}),
    "mean of trees": ("TreeEnsembleRegressor", {**_TREES, "aggregate_function": "AVERAGE", "base_values": [0.5, 1.0]}),
}


def _proto(op_type: str, attributes: dict[str, Any], outputs: int = 1) -> onnx.ModelProto:
    names = ["label", "y"][-outputs:]
    node = helper.make_node(op_type, ["x"], names, name="node", domain="ai.onnx.ml", **attributes)
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(_X.shape))]
    types = [TensorProto.INT64, TensorProto.FLOAT][-outputs:]
    ends = [helper.make_tensor_value_info(name, type_, None) for name, type_ in zip(names, types, strict=True)]
    graph = helper.make_graph([node], "net", infos, ends)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx.ml", 3)], ir_version=8)


@pytest.mark.parametrize("form", _FORMS)
def test_an_operator_computes_what_onnx_does(form: str, tmp_path: Path) -> None:
    """In the graph and in the program."""
    op_type, attributes = _FORMS[form]
    proto = _proto(op_type, attributes)
    x = np.where(_X > 1, np.float32("nan"), _X) if "missing" in form or form == "imputer" else _X
    (expected,) = ReferenceEvaluator(proto).run(None, {"x": x})
    (result,) = _results(proto, x, tmp_path)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def _results(proto: onnx.ModelProto, x: np.ndarray[Any, Any], folder: Path) -> list[np.ndarray[Any, Any]]:
    """Of the program, which the graph must agree with."""
    graph = loaded(proto, folder)
    found = [value[0] for value in run_program(lower(graph), {"x": x[None]}).values()]
    for value, other in zip(found, run_graph(graph, {"x": x[None]}).values(), strict=True):
        np.testing.assert_allclose(value, other[0], rtol=1e-5, atol=1e-6)
    return found


@pytest.mark.parametrize("post", ["NONE", "SOFTMAX", "LOGISTIC"])
def test_trees_choose_among_three_classes(post: str, tmp_path: Path) -> None:
    """As onnx's evaluator does; it takes labels of transformed scores, which have the same order."""
    proto = _proto("TreeEnsembleClassifier", {**_CLASSES, "post_transform": post}, 2)
    wanted = ReferenceEvaluator(proto).run(None, {"x": _X})
    label, scores = _results(proto, _X, tmp_path)
    np.testing.assert_array_equal(label, wanted[0])
    np.testing.assert_allclose(scores, wanted[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "post", "scores"),
    [
        ([0.2, 0.4, 0.1, 0.5, 0.3], "NONE", lambda s: (1 - s, s)),
        ([0.2, 0.4, 0.1, 0.5, 0.3], "LOGISTIC", lambda s: (1 / (1 + np.exp(s)), 1 / (1 + np.exp(-s)))),
        ([1.5, -2.0, 0.25, 3.0, -1.0], "NONE", lambda s: (-s, s)),
        ([1.5, -2.0, 0.25, 3.0, -1.0], "LOGISTIC", lambda s: (1 / (1 + np.exp(s)), 1 / (1 + np.exp(-s)))),
    ],
)
def test_trees_choose_between_two_classes(weights: list[float], post: str, scores: Any, tmp_path: Path) -> None:
    """As onnxruntime 1.32 does, which was asked: shares are above a half for the second class, other sums above 0."""
    own = {"class_weights": weights, "class_ids": [0] * 5, "classlabels_int64s": [5, 8], "post_transform": post}
    label, found = _results(_proto("TreeEnsembleClassifier", {**_CLASSES, **own}, 2), _X, tmp_path)
    plain = _proto(
        "TreeEnsembleRegressor", {**_TREES, "target_weights": weights, "target_ids": [0] * 5, "n_targets": 1}
    )
    (total,) = ReferenceEvaluator(plain).run(None, {"x": _X})
    second = total[:, 0]
    assert label.tolist() == [8 if s > (0.5 if min(weights) >= 0 else 0) else 5 for s in second]
    np.testing.assert_allclose(found, np.stack(scores(second), 1), rtol=1e-5, atol=1e-6)


def test_labels_of_text_are_numbers_of_classes(tmp_path: Path) -> None:
    """Their places in the model's list."""
    texts = {name: value for name, value in _CLASSES.items() if name != "classlabels_int64s"}
    proto = _proto("TreeEnsembleClassifier", {**texts, "classlabels_strings": ["a", "b", "c"]}, 2)
    label, _ = _results(proto, _X, tmp_path)
    numbers, _ = _results(_proto("TreeEnsembleClassifier", _CLASSES, 2), _X, tmp_path)
    assert [[7, 3, 9][place] for place in label] == numbers.tolist()


@pytest.mark.parametrize("kind", ["LINEAR", "POLY", "RBF", "SIGMOID"])
def test_pairs_of_classes_vote(kind: str, tmp_path: Path) -> None:
    """Three classes by support vectors."""
    proto = _proto("SVMClassifier", {**_PAIRS, "kernel_type": kind}, 2)
    wanted = ReferenceEvaluator(proto).run(None, {"x": _X})
    label, scores = _results(proto, _X, tmp_path)
    np.testing.assert_array_equal(label, wanted[0])
    np.testing.assert_allclose(scores, wanted[1], rtol=1e-4, atol=1e-5)


def test_two_classes_have_probabilities(tmp_path: Path) -> None:
    """Platt's sigmoid of the sum; onnxruntime and libsvm stop an iteration towards it at 0.0025."""
    two = {"vectors_per_class": [2, 2], "rho": [0.125], "classlabels_ints": [7, 3], "prob_a": [-1.5], "prob_b": [0.1]}
    proto = _proto("SVMClassifier", {**_PAIRS, **two, "coefficients": _VECTORS["coefficients"]}, 2)
    wanted = ReferenceEvaluator(proto).run(None, {"x": _X})
    label, scores = _results(proto, _X, tmp_path)
    np.testing.assert_array_equal(label, wanted[0])
    np.testing.assert_allclose(scores, wanted[1], atol=0.003)


def test_categories_become_ones(tmp_path: Path) -> None:
    """What is in no category is all zeros."""
    x = np.array([[1, 2, 9], [7, 1, 2]], np.float32)
    proto = _proto("OneHotEncoder", {"cats_int64s": [2, 1, 7]})
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3]))
    (result,) = _results(proto, x, tmp_path)
    np.testing.assert_array_equal(result, x[..., None] == [2, 1, 7])


def test_a_summary_knows_them(tmp_path: Path) -> None:
    """They are supported, although they are of another domain."""
    onnx.save(_proto("Scaler", {"scale": [2.0]}), tmp_path / "net.onnx")
    assert not summarize(tmp_path / "net.onnx").unsupported


@pytest.mark.parametrize("post", ["NONE", "SOFTMAX", "LOGISTIC"])
def test_a_linear_classifier_gives_label_and_scores(post: str, tmp_path: Path) -> None:
    """Three classes, by numbers."""
    line = {"coefficients": [*_LINE["coefficients"], 0.5, 0.5, 0.5], "intercepts": [0.25, -0.75, 0.0]}
    proto = _proto("LinearClassifier", {**line, "classlabels_ints": [7, 3, 9], "post_transform": post}, 2)
    scores = _X @ np.reshape(np.float32(line["coefficients"]), (3, 3)).T + np.float32(line["intercepts"])
    powers = np.exp(scores)
    wanted = {"NONE": scores, "SOFTMAX": powers / powers.sum(1, keepdims=True), "LOGISTIC": powers / (1 + powers)}[post]
    label, result = run_graph(loaded(proto, tmp_path), {"x": _X[None]}).values()
    np.testing.assert_allclose(result[0], wanted, rtol=1e-5, atol=1e-6)
    assert label[0].tolist() == [[7, 3, 9][best] for best in scores.argmax(1)]


def test_labels_that_are_numbers_are_encoded(tmp_path: Path) -> None:
    """Behind a rounding; what is not in the table becomes the default."""
    proto = _proto("LabelEncoder", {"keys_floats": [1.0, 0.0], "values_floats": [5.0, -2.0], "default_float": 9.0})
    x = np.round(_X)
    (result,) = run_graph(loaded(proto, tmp_path), {"x": x[None]}).values()
    np.testing.assert_array_equal(result[0], np.select([x == 1, x == 0], [5.0, -2.0], 9.0))


@pytest.mark.parametrize(
    ("op_type", "attributes", "found"),
    [
        ("Scaler", {"scale": [1.0, 2.0]}, "2 numbers of scale"),
        ("Normalizer", {"norm": "L3"}, "norm 'L3'"),
        ("LinearRegressor", {"coefficients": [1.0]}, "1 coefficients and 0 intercepts for 3 features"),
        ("LinearClassifier", {**_LINE, "classlabels_ints": [1]}, "1 classes"),
        ("TreeEnsembleRegressor", {**_TREES, "nodes_truenodeids": [9] * 8}, "a node that leads to 9"),
        ("TreeEnsembleRegressor", {**_TREES, "nodes_truenodeids": [0] * 8}, "or with a circle"),
        ("TreeEnsembleClassifier", {**_CLASSES, "classlabels_int64s": [1]}, "1 classes"),
        ("TreeEnsembleClassifier", {**_CLASSES, "class_ids": [7] * 5}, "a weight of node 2 for class 7"),
        ("TreeEnsembleClassifier", {**_CLASSES, "post_transform": "PROBIT"}, "post_transform 'PROBIT'"),
        ("SVMClassifier", {**_PAIRS, "prob_a": [1.0] * 3, "prob_b": [0.0] * 3}, "probabilities of 3 classes"),
        ("SVMClassifier", {**_PAIRS, "rho": [0.0]}, "3 classes, 3 counts of vectors and 1 rho"),
        ("SVMRegressor", {**_VECTORS, "kernel_type": "POLY", "kernel_params": [1.0, 0.0, 2.5]}, "of degree 2.5"),
        ("SVMRegressor", {**_VECTORS, "n_supports": 3}, "12 numbers of 3 support vectors"),
        ("OneHotEncoder", {"cats_strings": ["a"]}, "cats_strings"),
        ("Imputer", {"imputed_value_floats": [1.0, 2.0]}, "2 imputed values"),
        ("FeatureVectorizer", {"inputdimensions": [4]}, "inputs of [3] features"),
        ("TreeEnsembleRegressor", {**_TREES, "nodes_featureids": [9] * 8}, "features up to 9"),
        ("TreeEnsembleRegressor", {**_TREES, "aggregate_function": "MODE"}, "aggregate_function 'MODE'"),
        ("CategoryMapper", {}, "unsupported operator CategoryMapper of domain 'ai.onnx.ml'"),
    ],
)
def test_what_is_not_read_is_refused_by_name(
    op_type: str, attributes: dict[str, Any], found: str, tmp_path: Path
) -> None:
    """With what there is."""
    outputs = 2 if op_type.endswith("Classifier") else 1
    assert found in refusal(_proto(op_type, attributes, outputs), tmp_path)
