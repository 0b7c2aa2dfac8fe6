"""Nodes of operator sets 1 to 6: each form that later sets write otherwise, against what ONNX says of it, in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from tests.unit.operators.single import loaded, one_node, refusal
from tinyglow.interp import run_graph

_RNG = np.random.default_rng(6)
_X = _RNG.uniform(0.5, 2, (2, 3, 4, 5)).astype(np.float32)
_CHANNELS = _RNG.uniform(0.5, 2, 3).astype(np.float32)
_ROWS = _RNG.uniform(0.5, 2, (3, 4)).astype(np.float32)
_BY_CHANNEL = _CHANNELS[:, None, None]
_STATISTICS = [_CHANNELS, _CHANNELS, _CHANNELS, _CHANNELS]


def _normalized() -> npt.NDArray[Any]:
    return (_X - _BY_CHANNEL) / np.sqrt(_BY_CHANNEL + 1e-5) * _BY_CHANNEL + _BY_CHANNEL


_Form = tuple[int, str, list[Any], dict[str, Any]]
_FORMS: list[tuple[int, str, list[Any], dict[str, Any], npt.NDArray[Any]]] = [
    (1, "Relu", [], {"consumed_inputs": [0]}, np.maximum(_X, 0)),
    (6, "Add", [_CHANNELS], {"broadcast": 1, "axis": 1}, _X + _BY_CHANNEL),
    (6, "Sub", [_CHANNELS], {"broadcast": 1, "axis": -3}, _X - _BY_CHANNEL),
    (1, "Mul", [_ROWS], {"broadcast": 1, "axis": 1, "consumed_inputs": [0, 0]}, _X * _ROWS[:, :, None]),
    (3, "Div", [_X[0, 0, 0]], {"broadcast": 1}, _X / _X[0, 0, 0]),
    (6, "Pow", [np.float32(2)], {"broadcast": 1, "axis": 0}, _X**2),
    (6, "Add", [_X], {}, 2 * _X),
    (6, "PRelu", [_CHANNELS], {}, np.where(_X < 0, _X * _BY_CHANNEL, _X)),
    (6, "PRelu", [np.float32([0.25])], {}, np.where(_X < 0, _X * 0.25, _X)),
    (1, "BatchNormalization", _STATISTICS, {"is_test": 1, "consumed_inputs": [0, 0, 0, 1, 1]}, _normalized()),
    (6, "BatchNormalization", _STATISTICS, {"is_test": 1}, _normalized()),
    (6, "Dropout", [], {"is_test": 1}, _X),
    (1, "Cast", [], {"to": "FLOAT"}, _X),
    (1, "Concat", [_X], {}, np.concatenate([_X, _X], 1)),
    (1, "Split", [[3]], {"axis": 1}, _X),
    (1, "Tile", [[2], [1]], {}, np.tile(_X, (1, 2, 1, 1))),
    (1, "Reshape", [], {"shape": [0, 60]}, _X.reshape(2, 60)),
    (1, "Upsample", [], {"height_scale": 2.0, "width_scale": 3.0}, _X.repeat(2, 2).repeat(3, 3)),
    (1, "Pad", [], {"paddings": [0, 0, 1, 0, 0, 0, 0, 2]}, np.pad(_X, ((0, 0), (0, 0), (1, 0), (0, 2)))),
    (1, "Selu", [], {}, np.where(_X > 0, 1.0507 * _X, 1.0507 * 1.6732 * (np.exp(_X) - 1))),
    (1, "GlobalLpPool", [], {"p": 2.0}, np.sqrt((_X**2).sum((2, 3), keepdims=True))),
]


def _proto(opset: int, op_type: str, constants: list[Any], attributes: dict[str, Any]) -> onnx.ModelProto:
    proto = one_node(op_type, _X.shape, constants, opset)
    proto.graph.node[0].attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
    return proto


@pytest.mark.parametrize(("form", "expected"), [(form[:4], form[4]) for form in _FORMS])
def test_an_old_form_computes_what_onnx_says(form: _Form, expected: npt.NDArray[Any], tmp_path: Path) -> None:
    """The result, with negative numbers where the sign matters."""
    _, op_type, constants, _ = form
    sign = -1 if op_type in ("PRelu", "Relu", "Selu") else 1
    if sign < 0:
        expected = {
            "PRelu": lambda: -_X * (_BY_CHANNEL if np.size(constants[0]) > 1 else np.float32(0.25)),
            "Relu": lambda: np.zeros_like(_X),
            "Selu": lambda: 1.0507 * 1.6732 * (np.exp(-_X) - 1),
        }[op_type]()
    graph = loaded(_proto(*form), tmp_path)
    (result,) = run_graph(graph, {"x": sign * _X[None]}).values()
    np.testing.assert_allclose(result[0], expected, rtol=1e-5, atol=1e-6)


def test_products_with_a_row_added_are_read(tmp_path: Path) -> None:
    """Gemm says so by an attribute, which is gone."""
    matrix, row = _RNG.standard_normal((5, 4)).astype(np.float32), _RNG.standard_normal(4).astype(np.float32)
    graph = loaded(one_node("Gemm", (2, 5), [matrix, row], 6, broadcast=1), tmp_path)
    (result,) = run_graph(graph, {"x": _X[:1, 0, :2]}).values()
    np.testing.assert_allclose(result[0], _X[0, 0, :2] @ matrix + row, rtol=1e-5)


@pytest.mark.parametrize(
    ("opset", "op_type", "constants", "attributes", "found"),
    [
        (6, "Add", [_X[0, 0, 0]], {}, "without attribute broadcast"),
        (6, "Add", [_ROWS], {"broadcast": 1, "axis": 3}, "axis 3 for operands of shapes"),
        (6, "BatchNormalization", _STATISTICS, {}, "a BatchNormalization for training (is_test=0)"),
        (6, "Dropout", [], {"is_test": 0}, "a Dropout for training (is_test=0)"),
        (1, "Cast", [], {"to": "NUMBER"}, "a Cast to 'NUMBER'"),
        (1, "Reshape", [], {}, "attribute shape is missing"),
        (1, "Pad", [], {}, "attribute paddings is missing"),
        (1, "Upsample", [], {"height_scale": 2.0}, "height_scale and width_scale are missing"),
        (1, "GlobalLpPool", [], {"p": 2.5}, "p = 2.5"),
        (1, "Tile", [[2], [4]], {}, "tiles along axis"),
        (6, "Relu", [], {"consumed_inputs": [0]}, "attribute consumed_inputs is not one"),
    ],
)
def test_what_is_no_old_form_is_refused(
    opset: int, op_type: str, constants: list[Any], attributes: dict[str, Any], found: str, tmp_path: Path
) -> None:
    """By the node, with what was found."""
    assert found in refusal(_proto(opset, op_type, constants, attributes), tmp_path)


def test_sizes_that_are_computed_are_refused(tmp_path: Path) -> None:
    """The parts of a Split and the tiles of a Tile must be known."""
    for op_type, inputs in (("Split", ["x", "n"]), ("Tile", ["x", "n", "n"])):
        node = helper.make_node(op_type, inputs, ["y"], name="node")
        proto = one_node("Relu", (3, 4), opset=1)
        proto.graph.node[0].CopyFrom(node)
        proto.graph.input.append(helper.make_tensor_value_info("n", TensorProto.FLOAT, [1]))
        assert "computed at run time" in refusal(proto, tmp_path)
