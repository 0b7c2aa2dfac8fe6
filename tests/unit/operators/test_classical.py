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
_LINE: dict[str, Any] = {"coefficients": [0.5, -1.0, 2.0, 1.0, 0.0, -0.5], "intercepts": [0.25, -0.75]}
_FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "scaler": ("Scaler", {"offset": [0.5, -1.0, 0.0], "scale": [2.0, 0.1, -1.0]}),
    "scaler of one number": ("Scaler", {"offset": [0.5], "scale": [2.0]}),
    "normalizer L1": ("Normalizer", {"norm": "L1"}),
    "normalizer L2": ("Normalizer", {"norm": "L2"}),
    "binarizer": ("Binarizer", {"threshold": 0.25}),
    "linear": ("LinearRegressor", {**_LINE, "targets": 2}),
    "trees": ("TreeEnsembleRegressor", _TREES),
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
    (expected,) = ReferenceEvaluator(proto).run(None, {"x": _X})
    graph = loaded(proto, tmp_path)
    (result,) = run_graph(graph, {"x": _X[None]}).values()
    np.testing.assert_allclose(result[0], expected, rtol=1e-5, atol=1e-6)
    (result,) = run_program(lower(graph), {"x": _X[None]}).values()
    np.testing.assert_allclose(result[0], expected, rtol=1e-5, atol=1e-6)


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
        ("LinearClassifier", {**_LINE, "classlabels_strings": ["a", "b"]}, "classlabels_strings"),
        ("TreeEnsembleRegressor", {**_TREES, "nodes_truenodeids": [0] * 8}, "a node that leads to 0"),
        ("TreeEnsembleRegressor", {**_TREES, "nodes_featureids": [9] * 8}, "features up to 9"),
        ("TreeEnsembleRegressor", {**_TREES, "aggregate_function": "MIN"}, "aggregate_function 'MIN'"),
        ("SVMRegressor", {}, "unsupported operator SVMRegressor of domain 'ai.onnx.ml'"),
    ],
)
def test_what_is_not_read_is_refused_by_name(
    op_type: str, attributes: dict[str, Any], found: str, tmp_path: Path
) -> None:
    """With what there is."""
    outputs = 2 if op_type == "LinearClassifier" else 1
    assert found in refusal(_proto(op_type, attributes, outputs), tmp_path)
