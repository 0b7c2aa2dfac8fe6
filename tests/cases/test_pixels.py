"""Inputs that are uint8 in the model take uint8 arrays, and their bytes go in as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

import tinyglow
from tests.cases.cases import case, int8_snr, snr
from tests.unit.operators.single import reference
from tinyglow.bundle.header import bundle_info, parse_header
from tinyglow.interp import run_graph
from tinyglow.ir.program import Program
from tinyglow.ir.types import QuantParams
from tinyglow.pipeline.stations import emit
from tinyglow.pipeline.vectors import input_vectors
from tinyglow.quant.scheme import Scheme

Pixels = npt.NDArray[np.uint8]


def header_bytes(program: Program, folder: Path, name: str, pixels: Pixels) -> npt.NDArray[np.int8]:
    """What lies in the placeholder of a bundle that was read back, for each sample."""
    emit(program, folder)
    info = parse_header((folder / f"{program.name}.h").read_text(encoding="utf-8"), "net.h")
    assert info == bundle_info(program)
    (rows,) = input_vectors(info, {name: pixels}).values()
    return np.frombuffer(b"".join(rows), np.int8).reshape(len(pixels), -1)


def test_an_onnx_model_of_uint8(tmp_path: Path) -> None:
    """Camera frames go into a model with a UINT8 input, a Cast and a division as they are: each byte less 128."""
    given = case("uint8_onnx_input")
    assert given.inputs.dtype == np.uint8
    graph = tinyglow.load(given.path)
    np.testing.assert_allclose(run_graph(graph, {"x": given.inputs})["y__4"], given.expected[0], rtol=1e-3, atol=1e-4)
    profile = tinyglow.profile(graph, {"x": given.inputs})
    program = tinyglow.lower(tinyglow.quantize(graph, profile))
    assert program.buffers["x"].type.quant == QuantParams(1.0, -128)
    q = header_bytes(program, tmp_path, "x", given.inputs)
    assert (q == (given.inputs.reshape(len(q), -1).astype(int) - 128)).all()
    assert "q = uint8 - 128" in (tmp_path / f"{program.name}.h").read_text(encoding="utf-8")
    same = tinyglow.interpret(program, {"x": given.inputs})
    other = tinyglow.interpret(program, {"x": given.inputs.astype(np.float32)})
    assert all((same[name] == other[name]).all() for name in same)
    assert int8_snr(graph, given.inputs, given.expected[0]) > 30


@pytest.mark.parametrize("scheme", [Scheme(precision="int16"), Scheme(channelwise=True)])
def test_other_schemes(scheme: Scheme) -> None:
    """Pixels keep their meaning whatever the rest is quantized to."""
    given = case("uint8_onnx_input")
    graph = tinyglow.load(given.path)
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, {"x": given.inputs}), scheme))
    (name,) = program.outputs
    answer, quant = tinyglow.interpret(program, {"x": given.inputs})[name], program.buffers[name].type.quant
    assert quant is not None
    assert snr((answer.astype(np.float64) - quant.offset) * quant.scale, given.expected[0]) > 30


def test_a_tflite_model_of_uint8(tmp_path: Path) -> None:
    """A quantized TFLite model takes the pixels that it declares; floats are what these stand for."""
    given = case("uint8_tflite_pixels")
    assert given.inputs.dtype == np.uint8
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(given.path)))
    (name,) = program.inputs
    (output,) = program.outputs
    quant = program.buffers[output].type.quant
    assert quant is not None
    answer = tinyglow.interpret(program, {name: given.inputs})[output]
    real = (answer.astype(np.float64) - quant.offset) * quant.scale
    assert np.abs(real.reshape(given.expected[0].shape) - given.expected[0]).max() <= quant.scale
    q = header_bytes(program, tmp_path, name, given.inputs)
    assert (q == (given.inputs.reshape(len(q), -1).astype(int) - 128)).all()
    pixels = program.pixels[name]
    real_inputs = (given.inputs.astype(np.float32) - pixels.offset) * np.float32(pixels.scale)
    assert (tinyglow.interpret(program, {name: real_inputs})[output] == answer).all()


def _net(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 2, 3])
    last = nodes[-1].output[0]
    y = helper.make_tensor_value_info(last, TensorProto.FLOAT, None)
    ones = onnx.numpy_helper.from_array(np.array([200], np.float32), "c")
    graph = helper.make_graph(list(nodes), "net", [x], [y], [ones])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_pixels_may_be_moved_before_the_cast(tmp_path: Path) -> None:
    """A transpose or slice of bytes is that of the numbers."""
    nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1])]
    nodes += [helper.make_node("Cast", ["t"], ["f"], to=TensorProto.FLOAT), helper.make_node("Add", ["f", "c"], ["y"])]
    proto = _net(*nodes)
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 1, 2, 3) * 23
    (result,) = run_graph(tinyglow.load(path), {"x": pixels}).values()
    np.testing.assert_allclose(result, reference(proto, {"x": pixels})[0])


@pytest.mark.parametrize(
    "node",
    [helper.make_node("Add", ["x", "x"], ["y"]), helper.make_node("Transpose", ["x"], ["y"], perm=[0, 2, 1])],
    ids=["wraps", "moves"],
)
def test_bytes_stay_bytes(node: onnx.NodeProto, tmp_path: Path) -> None:
    """Without a Cast they are integers of 8 bits, which wrap around at 256: in the graph, and in the program."""
    path = tmp_path / "net.onnx"
    proto = _net(node)
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    path.write_bytes(proto.SerializeToString())
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 1, 2, 3) * 23
    graph = tinyglow.load(path)
    expected = reference(proto, {"x": pixels})[0]
    for answers in (run_graph(graph, {"x": pixels}), tinyglow.interpret(tinyglow.lower(graph), {"x": pixels})):
        (answer,) = answers.values()
        assert answer.dtype == np.uint8
        np.testing.assert_array_equal(answer.reshape(expected.shape), expected)
