"""Reading quantized ONNX models: conversions (QDQ) and operators on quantized tensors, beside onnx's own reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import tinyglow
from tests.benchmarks.mlperf_tiny import CORES
from tests.helpers import run_cli
from tests.onnx_quantized import networks
from tests.onnx_quantized.networks import (
    CASES,
    LIMITS,
    NETWORKS,
    Builder,
    inputs_of,
    name_of,
    qdq_network,
    qoperator_network,
)
from tinyglow.errors import ModelError
from tinyglow.ir.graph import Array
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.declared import float_nodes
from tinyglow.targets.boards import HOST, load_board

RECORDED = np.load(Path(networks.__file__).with_name("onnxruntime.npz"))


def answer(
    model: onnx.ModelProto, folder: Path, inputs: Array, numerics: str = "glow"
) -> tuple[tinyglow.Program, Array]:
    """The compiled program, and what it gives for inputs [samples, ...]."""
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics=numerics))
    (name,), (result,) = program.inputs, tinyglow.interpret(program, dict.fromkeys(program.inputs, inputs)).values()
    assert name == "x"
    return program, result


@pytest.mark.parametrize("channels", [False, True], ids=["one_scale", "by_channel"])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_qdq_is_within_a_step_of_the_reference(dtype: str, channels: bool, tmp_path: Path) -> None:
    """All nodes become int8, and the float results are within one step of onnx's reference."""
    model = qdq_network(dtype, channels)
    x = np.random.default_rng(1).normal(0, 1.2, (6, 1, 3, 8, 8)).astype(np.float32)
    program, ours = answer(model, tmp_path, x)
    assert not float_nodes(tinyglow.load(tmp_path / "net.onnx"))
    assert program.buffers["x"].type.dtype == "float32"  # as in the file
    float_kernels = [call.kernel.symbol for call in program.calls if call.kernel.symbol.endswith("_f32")]
    assert float_kernels == ["tg_dequantize_s8_f32"]
    reference = ReferenceEvaluator(model)
    theirs = np.stack([reference.run(None, {"x": sample})[0] for sample in x])
    assert np.abs(ours.reshape(theirs.shape) - theirs).max() <= 0.3 * 1.001
    assert np.abs(ours.reshape(theirs.shape) - theirs).mean() < 0.1 and np.ptp(theirs) > 10


def _as_real(model: onnx.ModelProto, dtype: str, x: Array) -> Array:
    """What ``qoperator_network`` means, computed in float from the constants of the file; rounded at every value."""
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}

    def real(q: Array, scale: str, zero: str) -> Array:
        return (q.astype(np.float64) - known[zero]) * known[scale]

    def steps(value: Array, scale: str, zero: str) -> Array:
        return np.clip(np.rint(value / known[scale]) + known[zero], *LIMITS[dtype])

    values = {"x": x.astype(np.float64)}
    for node in model.graph.node:
        given = list(node.input)
        if node.op_type == "QLinearConv":
            weights = known[given[3]].astype(np.float64) * np.reshape(known[given[4]], (-1, 1, 1, 1))
            image = np.pad(real(values[given[0]], *given[1:3]), ((0, 0), (0, 0), (1, 1), (1, 1)))
            patches = np.lib.stride_tricks.sliding_window_view(image, (3, 3), (2, 3))
            bias = known[given[8]] * known[given[1]] * np.reshape(known[given[4]], -1)
            out = np.einsum("nchwij,ocij->nohw", patches, weights) + np.reshape(bias, (1, -1, 1, 1))
            values[node.output[0]] = steps(out, *given[6:8])
        elif node.op_type in ("QLinearAdd", "QLinearMul"):
            first, second = real(values[given[0]], *given[1:3]), real(values[given[3]], *given[4:6])
            out = first + second if node.op_type == "QLinearAdd" else first * second
            values[node.output[0]] = steps(out, *given[6:8])
        elif node.op_type == "QLinearLeakyRelu":
            first = real(values[given[0]], *given[1:3])
            values[node.output[0]] = steps(np.where(first >= 0, first, 0.1 * first), *given[3:5])
        elif node.op_type == "QLinearConcat":
            parts = [real(values[given[i]], *given[i + 1 : i + 3]) for i in (2, 5)]
            values[node.output[0]] = steps(np.concatenate(parts, axis=1), *given[:2])
        elif node.op_type == "QLinearAveragePool":
            first = real(values[given[0]], *given[1:3])
            n, c, h, w = first.shape
            mean = first.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5))
            values[node.output[0]] = steps(mean, *given[3:5])
        else:
            values[node.output[0]] = values[given[0]].reshape(len(x), -1)
    return values["flat"]


@pytest.mark.parametrize("channels", [False, True], ids=["one_scale", "by_channel"])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_operators_on_quantized_tensors(dtype: str, channels: bool, tmp_path: Path) -> None:
    """Integers go in and come out: uint8 as int8 less 128; every value is rounded once."""
    model = qoperator_network(dtype, channels)
    low, high = LIMITS[dtype]
    x = np.random.default_rng(2).integers(low, high + 1, (8, 3, 4, 4)).astype(dtype)
    less = 128 if dtype == "uint8" else 0
    program, ours = answer(model, tmp_path, (x.astype(np.int16) - less).astype(np.int8)[:, np.newaxis])
    assert program.buffers["x"].type.dtype == ours.dtype == "int8"
    assert program.buffers["x"].type.quant.offset == round(low + 0.4 * (high - low)) - less
    assert not float_nodes(tinyglow.load(tmp_path / "net.onnx"))
    theirs = _as_real(model, dtype, x) - less
    assert np.abs(ours.reshape(theirs.shape) - theirs).max() <= 3  # six roundings in a row
    assert np.abs(ours.reshape(theirs.shape) - theirs).mean() < 0.6 and np.ptp(theirs) > 50


@pytest.mark.parametrize(("kind", "dtype", "channels"), CASES, ids=[name_of(*case) for case in CASES])
@pytest.mark.slow  # compiles C
def test_the_onnx_numerics_is_onnxruntimes(kind: str, dtype: str, channels: bool, tmp_path: Path) -> None:
    """Recorded answers of onnxruntime, to the bit; C on this machine is numpy's."""
    x = inputs_of(kind, dtype)
    is_float = x.dtype == np.float32
    less = 128 if x.dtype == np.uint8 else 0
    given = x if is_float else (x.astype(np.int16) - less).astype(np.int8)
    program, ours = answer(NETWORKS[kind](dtype, channels), tmp_path, given, "onnx")
    theirs = RECORDED[name_of(kind, dtype, channels)]
    ours = ours.reshape(theirs.shape) if is_float else ours.reshape(theirs.shape).astype(np.int16) + less
    assert np.array_equal(ours, theirs)
    assert len(np.unique(theirs)) > 20
    assert all(result.equal for result in tinyglow.verify(program, HOST, {"x": given[:2]}))


def test_what_static_quantization_writes_is_onnxruntimes() -> None:
    """What ``tests.onnx_quantized.compare`` has recorded of seven networks: all outputs equal, and C is numpy."""
    found = json.loads(Path(networks.__file__).with_name("compared.json").read_text(encoding="utf-8"))
    assert len(found) == 7 * 2 * 2 * 2  # networks, forms, scales, types
    for key, row in found.items():
        assert (row["numerics"], row["equal"], row["classes"]) == ("onnx", 1.0, 1.0), key
    cores = [row["cores"] for row in found.values() if "cores" in row]
    assert len(cores) == 28 and all(set(runs) == {"host", *CORES} for runs in cores)
    assert all(same == count > 0 for runs in cores for same, count in runs.values())


@pytest.mark.parametrize("board", ["cortex-m0plus", "cortex-m4", "cortex-m7"])
@pytest.mark.slow  # compiles C
def test_cores_give_the_onnx_numerics(board: str, tmp_path: Path) -> None:
    """All values of a network with layers, a sum, pools and a concatenation are numpy's on each kind of core."""
    path = tmp_path / "net.onnx"
    path.write_bytes(qdq_network("uint8", True).SerializeToString())
    target = load_board(board)
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net")), target=target_of(target))
    symbols = {call.kernel.symbol for call in program.calls}
    assert any("_onnxi" in symbol for symbol in symbols) and "tg_add_linear_s8" in symbols
    assert all(result.equal for result in tinyglow.verify(program, target, {"x": inputs_of("qdq", "uint8")[:2]}))


def test_what_stays_float_is_said(tmp_path: Path) -> None:
    """A node whose result the model does not quantize is float, and the command says which and why."""
    b = Builder("int8", False)
    x = b.convert("x", 0.02)
    y = b.add("Exp", [x], "power")
    b.add("Add", [y, x], "y")
    path = tmp_path / "net.onnx"
    path.write_bytes(b.model({"x": (TensorProto.FLOAT, [1, 4])}, {"y": TensorProto.FLOAT}).SerializeToString())
    result = run_cli("compile", path, "--board", "host", "-o", tmp_path / "bundle")
    assert result.status == 0, result
    assert "note: power: stays float: " in result.err and "note: y: stays float: " in result.err


@pytest.mark.parametrize(
    ("what", "because"),
    [
        ("dynamic", "the model is quantized dynamically"),
        ("other parameters", "with other parameters than it was quantized with"),
        ("arithmetic", "computes on the INT8 value"),
        ("int16", "--precision int16"),
        ("scale at run time", "a scale that is computed at run time"),
    ],
)
def test_forms_that_are_refused(what: str, because: str, tmp_path: Path) -> None:
    """Each in words that say what to do."""
    b = Builder("int8", False)
    if what == "dynamic":
        b.nodes.append(helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], "d"))
        b.add("DequantizeLinear", ["q", "s", "z"], "y")
    elif what == "int16":
        zero = b.constant("z", np.int16(0))
        b.add("QuantizeLinear", ["x", b.constant("s", np.float32(0.1)), zero], "y")
    elif what == "scale at run time":
        b.add("QuantizeLinear", ["x", b.add("ReduceMax", ["x"], "s", keepdims=0), b.constant("z", np.int8(0))], "y")
    else:
        b.convert("x", 0.02)
        if what == "other parameters":
            b.add("DequantizeLinear", ["x_q", *b.activation("o", 0.03)[:2]], "y")
        else:
            b.add("Neg", ["x_q"], "y")
    path = tmp_path / "net.onnx"
    model = b.model({"x": (TensorProto.FLOAT, [2, 4])}, {"y": TensorProto.FLOAT})
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="cannot be imported") as caught:
        tinyglow.load(path)
    assert because in str(caught.value)


def test_integers_that_nothing_dequantizes_are_plain_ones(tmp_path: Path) -> None:
    """An input of type INT8 without a scale goes through a network as the integers that it holds."""
    infos = [helper.make_tensor_value_info(name, TensorProto.INT8, [1, 4]) for name in ("x", "y")]
    network = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "net", infos[:1], infos[1:])
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(network, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    graph, x = tinyglow.load(path), np.array([[[-128, -3, 0, 127]]], np.int8)
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, {"x": x})))
    (found,) = tinyglow.interpret(program, {"x": x}).values()
    assert found.dtype == np.int8 and found.tolist() == x[0].tolist()
