"""Reading quantized ONNX models: conversions (QDQ) and operators on quantized tensors, beside onnx's own reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import tinyglow
from tests.helpers import run_cli
from tinyglow.errors import ModelError
from tinyglow.ir.graph import Array
from tinyglow.quant.declared import float_nodes

OPSET = 19
LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


class Builder:
    """Makes a quantized model node by node; every activation has a scale of its own."""

    def __init__(self, dtype: str, channels: bool, seed: int = 0) -> None:
        self.dtype, self.channels = dtype, channels
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.params: dict[str, tuple[str, str, float]] = {}

    def constant(self, name: str, data: Any) -> str:
        """A constant, under a name of its own."""
        name = f"{name}_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(data), name))
        return name

    def activation(self, name: str, scale: float, share: float = 0.4) -> tuple[str, str, float]:
        """Scale and zero point for a value; share: where in the type's range 0 lies."""
        low, high = LIMITS[self.dtype]
        zero = np.array(round(low + share * (high - low)), self.dtype)
        scale = float(np.float32(scale))
        made = self.constant(f"{name}_scale", np.float32(scale)), self.constant(f"{name}_zero", zero)
        self.params[name] = (*made, scale)
        return self.params[name]

    def add(self, op_type: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node with one result."""
        domain = "com.microsoft" if op_type.startswith(("QLinear", "QGemm")) and op_type not in _ONNX_OWN else ""
        self.nodes.append(helper.make_node(op_type, inputs, [output], output, domain=domain, **attributes))
        return output

    def convert(self, x: str, scale: float, share: float = 0.4) -> str:
        """QuantizeLinear and DequantizeLinear behind ``x``."""
        own = self.activation(x, scale, share)[:2]
        self.add("QuantizeLinear", [x, *own], f"{x}_q")
        self.params[f"{x}_dq"] = self.params[x]
        return self.add("DequantizeLinear", [f"{x}_q", *own], f"{x}_dq")

    def weights(self, name: str, shape: tuple[int, ...], axis: int, in_scale: float) -> tuple[list[str], list[str]]:
        """(weights, scale, zero point) and (bias, scale) with a scale for each unit or one for all."""
        units = shape[axis]
        scales = np.float32(0.01) * (1 + self.rng.random(units if self.channels else 1)).astype(np.float32)
        shaped = scales if self.channels else scales[0]
        zeros = np.zeros(scales.shape, np.int8) if self.channels else np.int8(0)
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-3000, 3000, units).astype(np.int32)
        of_weights = [self.constant(name, data), self.constant(f"{name}_s", shaped), self.constant(f"{name}_z", zeros)]
        product = (np.float32(in_scale) * scales).astype(np.float32)
        steps = self.constant(f"{name}_bs", product if self.channels else product[0])
        return of_weights, [self.constant(f"{name}_b", bias), steps]

    def dequantized(self, inputs: list[str], axis: int) -> str:
        """DequantizeLinear of a constant."""
        along = {"axis": axis} if self.channels else {}
        return self.add("DequantizeLinear", inputs, f"{inputs[0]}_dq", **along)

    def model(self, inputs: dict[str, tuple[int, list[int]]], outputs: dict[str, int]) -> onnx.ModelProto:
        """The model. inputs: element type and shape; outputs: element type."""
        graph = helper.make_graph(
            self.nodes,
            "quantized",
            [helper.make_tensor_value_info(name, *given) for name, given in inputs.items()],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
            self.constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


_ONNX_OWN = ("QLinearConv", "QLinearMatMul")


def qdq_network(dtype: str, channels: bool) -> onnx.ModelProto:
    """Convolution with ReLU, depthwise, residual addition, pools, concatenation, a fully connected layer."""
    b = Builder(dtype, channels)
    x = b.convert("x", 0.02)
    w, bias = b.weights("w0", (6, 3, 3, 3), 0, 0.02)
    y = b.add("Conv", [x, b.dequantized(w, 0), b.dequantized(bias, 0)], "c0", pads=[1, 1, 1, 1])
    y = b.convert(b.add("Relu", [y], "r0"), 0.04, 0.0)
    w, bias = b.weights("w1", (6, 1, 3, 3), 0, 0.04)
    z = b.add("Conv", [y, b.dequantized(w, 0), b.dequantized(bias, 0)], "c1", pads=[1, 1, 1, 1], group=6)
    z = b.convert(z, 0.05, 0.5)
    y = b.convert(b.add("Add", [y, z], "sum"), 0.06, 0.5)
    y = b.convert(b.add("MaxPool", [y], "max", kernel_shape=[2, 2], strides=[2, 2]), 0.06, 0.5)
    z = b.convert(b.add("AveragePool", [y], "mean", kernel_shape=[2, 2], strides=[2, 2]), 0.05, 0.5)
    y = b.convert(b.add("MaxPool", [y], "again", kernel_shape=[2, 2], strides=[2, 2]), 0.06, 0.5)
    y = b.convert(b.add("Concat", [y, z], "cat", axis=1), 0.055, 0.5)
    y = b.add("Flatten", [y], "flat")
    w, bias = b.weights("w2", (5, 48), 0, 0.055)
    y = b.add("Gemm", [y, b.dequantized(w, 0), b.dequantized(bias, 0)], "fc", transB=1)
    y = b.convert(y, 0.3, 0.5)
    return b.model({"x": (TensorProto.FLOAT, [1, 3, 8, 8])}, {y: TensorProto.FLOAT})


def qoperator_network(dtype: str, channels: bool) -> onnx.ModelProto:
    """The like with operators on quantized tensors; input and output are integers."""
    b = Builder(dtype, channels)
    p = {
        name: list(b.activation(name, scale)[:2])
        for name, scale in (("x", 0.02), ("c", 0.05), ("m", 0.4), ("s", 0.08), ("y", 0.06), ("p", 0.05), ("l", 0.07))
    }
    w, bias = b.weights("w0", (4, 3, 3, 3), 0, 0.02)
    b.add("QLinearConv", ["x", *p["x"], *w, *p["c"], bias[0]], "c", pads=[1, 1, 1, 1])
    b.add("QLinearMul", ["c", *p["c"], "c", *p["c"]] + p["m"], "m")
    b.add("QLinearAdd", ["c", *p["c"], "m", *p["m"]] + p["s"], "s")
    b.add("QLinearLeakyRelu", ["s", *p["s"], *p["l"]], "l", alpha=0.1)
    b.add("QLinearConcat", [*p["y"], "s", *p["s"], "l", *p["l"]], "y", axis=1)
    b.add("QLinearAveragePool", ["y", *p["y"], *p["p"]], "p", kernel_shape=[2, 2], strides=[2, 2])
    b.add("Flatten", ["p"], "flat")
    kind = TensorProto.INT8 if dtype == "int8" else TensorProto.UINT8
    return b.model({"x": (kind, [1, 3, 4, 4])}, {"flat": kind})


def answer(model: onnx.ModelProto, folder: Path, inputs: Array) -> tuple[tinyglow.Program, Array]:
    """The compiled program, and what it gives for inputs [samples, ...]."""
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net")))
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
    assert np.abs(ours.reshape(theirs.shape) - theirs).mean() < 0.3 and np.ptp(theirs) > 50


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
        ("input", "is an input of type INT8 that nothing dequantizes"),
        ("int16", "--precision int16"),
        ("bias scale", "the product of the input's and the weights'"),
        ("scale at run time", "a scale that is computed at run time"),
    ],
)
def test_forms_that_are_refused(what: str, because: str, tmp_path: Path) -> None:
    """Each in words that say what to do."""
    b = Builder("int8", False)
    kind, outputs = TensorProto.FLOAT, ["y"]
    if what == "dynamic":
        b.nodes.append(helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], "d"))
        b.add("DequantizeLinear", ["q", "s", "z"], "y")
    elif what == "int16":
        zero = b.constant("z", np.int16(0))
        b.add("QuantizeLinear", ["x", b.constant("s", np.float32(0.1)), zero], "y")
    elif what == "scale at run time":
        b.add("QuantizeLinear", ["x", b.add("ReduceMax", ["x"], "s", keepdims=0), b.constant("z", np.int8(0))], "y")
    elif what == "input":
        kind = TensorProto.INT8
        b.add("Identity", ["x"], "y")
    else:
        x = b.convert("x", 0.02)
        if what == "other parameters":
            b.add("DequantizeLinear", ["x_q", *b.activation("o", 0.03)[:2]], "y")
        elif what == "arithmetic":
            b.add("Neg", ["x_q"], "y")
        else:
            w, bias = b.weights("w", (4, 4), 0, 0.03)
            b.convert(b.add("Gemm", [x, b.dequantized(w, 0), b.dequantized(bias, 0)], "fc", transB=1), 0.1)
            outputs = ["fc_dq"]
    path = tmp_path / "net.onnx"
    model = b.model({"x": (kind, [2, 4])}, dict.fromkeys(outputs, TensorProto.FLOAT))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="cannot be imported") as caught:
        tinyglow.load(path)
    assert because in str(caught.value)
