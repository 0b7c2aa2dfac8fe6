"""Models of one or a few nodes for the tests of operators: what onnx computes, and what tinyglow makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import tinyglow
from tinyglow.errors import ModelError
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import Program
from tinyglow.testing.oracle.reference import repaired_operators

Array = npt.NDArray[Any]


def constant(data: npt.ArrayLike) -> Array:
    """Floats as float32, integers as int64."""
    array = np.asarray(data)
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
    constants: Mapping[str, npt.ArrayLike] | None = None,
    opset: int = 13,
    integers: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model with float inputs of the given shapes; ``integers`` are the outputs of type int64."""
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(dims)) for name, dims in inputs.items()]
    types = {name: TensorProto.INT64 if name in integers else TensorProto.FLOAT for name in outputs}
    ends = [helper.make_tensor_value_info(name, type_, None) for name, type_ in types.items()]
    tensors = [numpy_helper.from_array(constant(data), name) for name, data in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "net", infos, ends, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def one_node(
    op_type: str,
    shape: Sequence[int],
    constants: Sequence[npt.ArrayLike | None] = (),
    opset: int = 13,
    integers: Sequence[str] = (),
    **attributes: object,
) -> onnx.ModelProto:
    """``op_type`` of input ``x``, whose further inputs are constants (None: left out); output ``y``."""
    names = [f"c{i}" if data is not None else "" for i, data in enumerate(constants)]
    node = helper.make_node(op_type, ["x", *names], ["y"], name="node", **attributes)
    given = {name: data for name, data in zip(names, constants, strict=True) if data is not None}
    return model([node], {"x": shape}, ["y"], given, opset, integers)


def samples(proto: onnx.ModelProto, count: int = 3, seed: int = 0) -> dict[str, Array]:
    """Normally distributed inputs [count, *shape] by name."""
    rng = np.random.default_rng(seed)
    shapes = {info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim] for info in proto.graph.input}
    return {name: rng.standard_normal((count, *shape)).astype(np.float32) for name, shape in shapes.items()}


def reference(proto: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    """The outputs [samples, *shape] as onnx itself computes them."""
    evaluator = ReferenceEvaluator(proto, new_ops=repaired_operators())
    count = len(next(iter(inputs.values())))
    rows = [evaluator.run(None, {name: array[i] for name, array in inputs.items()}) for i in range(count)]
    return [np.stack([np.asarray(row[k]) for row in rows]) for k in range(len(proto.graph.output))]


def loaded(proto: onnx.ModelProto, folder: Path) -> Graph:
    """The float graph."""
    path = folder / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return tinyglow.load(path)


def refusal(proto: onnx.ModelProto, folder: Path) -> str:
    """The message with which a model is refused."""
    with pytest.raises(ModelError) as caught:
        loaded(proto, folder)
    return str(caught.value)


def check_float(proto: onnx.ModelProto, folder: Path, inputs: Mapping[str, Array] | None = None) -> Graph:
    """The float graph, whose outputs are onnx's."""
    inputs = inputs or samples(proto)
    graph = loaded(proto, folder)
    results = run_graph(graph, inputs)
    for output, expected in zip(graph.outputs, reference(proto, inputs), strict=True):
        got = results[output.name]
        assert got.shape == expected.shape
        largest = float(np.abs(expected).max(initial=0))
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-6 * max(1.0, largest))
    return graph


def compiled(graph: Graph, inputs: Mapping[str, Array]) -> Program:
    """The int8 program, calibrated on ``inputs``."""
    return tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, inputs, margin=False)))


def real(program: Program, name: str, data: Array) -> Array:
    """An output of a program as real numbers."""
    quant = program.buffers[name].type.quant
    return data if quant is None else ((data.astype(np.float64) - quant.offset) * quant.scale).astype(np.float32)


def check_moves(proto: onnx.ModelProto, folder: Path, extra_steps: float = 0.0) -> Program:
    """The program of operators that only move elements: float is onnx's, int8 within a step of it.

    extra_steps: how many steps of the output an operator's own arithmetic may add.
    """
    inputs = samples(proto)
    graph = check_float(proto, folder, inputs)
    program = compiled(graph, inputs)
    results, expected = tinyglow.interpret(program, inputs), run_graph(graph, inputs)
    for name in program.outputs:
        quant = program.buffers[name].type.quant
        scale = quant.scale if quant is not None else 1e-6  # of a network that does nothing
        steps = np.abs(real(program, name, results[name]).ravel() - expected[name].ravel()) / scale
        # Half a step of the input's quantization, and as much of a rescale's.
        assert steps.max() <= 1.01 + extra_steps
    return program
