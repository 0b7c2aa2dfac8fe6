"""Quantized ONNX with weights of other widths and in blocks, and with operators that give integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tinyglow
from tinyglow.errors import ModelError
from tinyglow.targets.boards import HOST

_ROWS, _DEPTH, _UNITS = 4, 32, 6
_X, _Y = (np.float32(0.05), np.int8(3)), (np.float32(0.2), np.int8(-4))


def _saved(folder: Path, nodes: list[Any], ends: list[Any], constants: list[Any], opset: int = 21) -> Path:
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    path = folder / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10), path)
    return path


def _product(folder: Path, weights: Any, scales: np.ndarray, **attributes: int) -> Path:
    """x times dequantized weights, between conversions to int8."""
    numbers = {"xs": _X[0], "xz": _X[1], "ys": _Y[0], "yz": _Y[1], "ws": scales}
    constants = [weights, *(numpy_helper.from_array(np.asarray(data), name) for name, data in numbers.items())]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "ws"], ["wf"], **attributes),
        helper.make_node("MatMul", ["xf", "wf"], ["p"]),
        helper.make_node("QuantizeLinear", ["p", "ys", "yz"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "ys", "yz"], ["y"]),
    ]
    shapes = {"x": (_ROWS, _DEPTH), "y": (_ROWS, _UNITS)}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    return _saved(folder, nodes, ends, constants)


def _weights(kind: str) -> tuple[Any, np.ndarray, np.ndarray, dict[str, int]]:
    """The tensor, its scales, the reals that it stands for, and DequantizeLinear's attributes."""
    random, shape = np.random.default_rng(15), (_DEPTH, _UNITS)
    steps = random.integers(-3000, 3000, shape) if kind == "int16" else random.integers(-8, 8, shape)
    dtype = {"int16": TensorProto.INT16, "block of int8": TensorProto.INT8}.get(kind, TensorProto.INT4)
    tensor = helper.make_tensor("w", dtype, shape, steps.ravel().tolist())
    if kind == "int16":
        scale = np.float32(1e-4)
        return tensor, np.asarray(scale), steps.astype(np.float32) * scale, {}
    if kind == "int4":
        scales = random.uniform(0.01, 0.05, _UNITS).astype(np.float32)
        return tensor, scales, steps.astype(np.float32) * scales, {"axis": 1}
    blocks = random.uniform(0.01, 0.05, (_DEPTH // 16, _UNITS)).astype(np.float32)
    return tensor, blocks, steps.astype(np.float32) * blocks.repeat(16, axis=0), {"axis": 0, "block_size": 16}


@pytest.mark.parametrize("kind", ["int4", "int16", "block of int8", "block of int4"])
def test_weights_of_other_widths_and_in_blocks(kind: str, tmp_path: Path) -> None:
    """The product is that of the reals between conversions: equal, but for what lies half way between two steps."""
    tensor, scales, real, attributes = _weights(kind)
    graph = tinyglow.quantize(tinyglow.load(_product(tmp_path, tensor, scales, **attributes), "net"))
    assert graph.numerics == "onnx"
    program = tinyglow.lower(graph)
    x = np.random.default_rng(16).normal(0, 2, (3, _ROWS, _DEPTH)).astype(np.float32)
    (ours,) = tinyglow.interpret(program, {program.inputs[0]: x}).values()
    steps = np.clip(np.rint(x / _X[0]) + _X[1], -128, 127) - _X[1]
    exact = (steps * np.float64(_X[0])) @ real.astype(np.float64)
    due = np.clip(np.rint(exact / _Y[0]) + _Y[1], -128, 127) - _Y[1]
    off = np.abs(ours / _Y[0] - due)
    assert off.max() < 1.01 and (off < 0.01).mean() > 0.99


def test_products_of_integers(tmp_path: Path) -> None:
    """MatMulInteger and ConvInteger are exact, in C too."""
    random = np.random.default_rng(17)
    weights = random.integers(-128, 128, (8, 5)).astype(np.int8)
    constants = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.int8(3), "z")]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.INT8, (4, 8)),
        helper.make_tensor_value_info("y", TensorProto.INT32, (4, 5)),
    ]
    path = _saved(tmp_path, [helper.make_node("MatMulInteger", ["x", "w", "z"], ["y"])], ends, constants, 13)
    program = tinyglow.lower(tinyglow.load(path, "net"))
    x = random.integers(-128, 128, (3, 4, 8)).astype(np.int8)
    (ours,) = tinyglow.interpret(program, {program.inputs[0]: x}).values()
    assert np.array_equal(ours.reshape(3, 4, 5), (x.astype(np.int64) - 3) @ weights)
    assert all(result.equal for result in tinyglow.verify(program, HOST, {program.inputs[0]: x}))
    filters = random.integers(-128, 128, (3, 2, 1, 1)).astype(np.int8)
    constants = [numpy_helper.from_array(filters, "w"), numpy_helper.from_array(np.uint8(7), "z")]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.UINT8, (1, 2, 3, 3)),
        helper.make_tensor_value_info("y", TensorProto.INT32, (1, 3, 3, 3)),
    ]
    path = _saved(tmp_path, [helper.make_node("ConvInteger", ["x", "w", "z"], ["y"])], ends, constants, 13)
    program = tinyglow.lower(tinyglow.load(path, "net"))
    image = random.integers(0, 256, (2, 1, 2, 3, 3)).astype(np.uint8)
    (ours,) = tinyglow.interpret(program, {program.inputs[0]: image}).values()
    due = np.einsum("oi,snihw->snohw", filters[:, :, 0, 0].astype(np.int64), image.astype(np.int64) - 7)
    assert np.array_equal(ours.reshape(due.shape), due)


def test_dynamic_quantization_is_refused_in_one_line(tmp_path: Path) -> None:
    """With what to do."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["a", "s", "z"]),
        helper.make_node("MatMulInteger", ["a", "w", "z"], ["y"]),
    ]
    constants = [numpy_helper.from_array(np.ones((8, 5), np.int8), "w")]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, (4, 8)),
        helper.make_tensor_value_info("y", TensorProto.INT32, (4, 5)),
    ]
    with pytest.raises(ModelError, match=r"quantized dynamically.*give the float model") as caught:
        tinyglow.load(_saved(tmp_path, nodes, ends, constants, 13))
    assert len(caught.value.problems) == 1
