"""Small quantized ONNX models: with conversions (QDQ), and of operators on quantized tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

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
    """Convolution with ReLU, depthwise, residual addition, pools, concatenation, a fully connected layer.

    No ratio of scales is simple: ties would be rounded by chance.
    """
    b = Builder(dtype, channels)
    x = b.convert("x", 0.02)
    w, bias = b.weights("w0", (6, 3, 3, 3), 0, 0.02)
    y = b.add("Conv", [x, b.dequantized(w, 0), b.dequantized(bias, 0)], "c0", pads=[1, 1, 1, 1])
    y = b.convert(b.add("Relu", [y], "r0"), 0.0413, 0.0)
    w, bias = b.weights("w1", (6, 1, 3, 3), 0, 0.0413)
    z = b.add("Conv", [y, b.dequantized(w, 0), b.dequantized(bias, 0)], "c1", pads=[1, 1, 1, 1], group=6)
    z = b.convert(z, 0.0517, 0.5)
    y = b.convert(b.add("Add", [y, z], "sum"), 0.0619, 0.5)
    y = b.convert(b.add("MaxPool", [y], "max", kernel_shape=[2, 2], strides=[2, 2]), 0.0619, 0.5)
    z = b.convert(b.add("AveragePool", [y], "mean", kernel_shape=[2, 2], strides=[2, 2]), 0.0523, 0.5)
    y = b.convert(b.add("MaxPool", [y], "again", kernel_shape=[2, 2], strides=[2, 2]), 0.0619, 0.5)
    y = b.convert(b.add("Concat", [y, z], "cat", axis=1), 0.0557, 0.5)
    y = b.add("Flatten", [y], "flat")
    w, bias = b.weights("w2", (5, 48), 0, 0.0557)
    y = b.add("Gemm", [y, b.dequantized(w, 0), b.dequantized(bias, 0)], "fc", transB=1)
    y = b.convert(y, 0.3, 0.5)
    return b.model({"x": (TensorProto.FLOAT, [1, 3, 8, 8])}, {y: TensorProto.FLOAT})


def qoperator_network(dtype: str, channels: bool) -> onnx.ModelProto:
    """The like with operators on quantized tensors; input and output are integers."""
    b = Builder(dtype, channels)
    p = {
        name: list(b.activation(name, scale)[:2])
        for name, scale in (
            ("x", 0.02),
            ("c", 0.0517),
            ("m", 0.413),
            ("s", 0.0829),
            ("y", 0.0613),
            ("p", 0.0531),
            ("l", 0.0719),
        )
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


def layers_network(dtype: str, channels: bool) -> onnx.ModelProto:
    """What onnxruntime computes with integers: convolutions, a bound, a maximum, a fully connected layer."""
    b = Builder(dtype, channels)
    x = b.convert("x", 0.02)
    w, bias = b.weights("w0", (6, 3, 3, 3), 0, 0.02)
    y = b.add("Conv", [x, b.dequantized(w, 0), b.dequantized(bias, 0)], "c0", pads=[1, 1, 1, 1])
    y = b.convert(b.add("Relu", [y], "r0"), 0.04, 0.0)
    w, bias = b.weights("w1", (6, 1, 3, 3), 0, 0.04)
    y = b.add("Conv", [y, b.dequantized(w, 0), b.dequantized(bias, 0)], "c1", pads=[1, 1, 1, 1], group=6)
    y = b.convert(y, 0.07, 0.5)
    y = b.convert(b.add("MaxPool", [y], "max", kernel_shape=[2, 2], strides=[2, 2]), 0.07, 0.5)
    y = b.add("Flatten", [y], "flat")
    w, bias = b.weights("w2", (5, 96), 0, 0.07)
    y = b.add("Gemm", [y, b.dequantized(w, 0), b.dequantized(bias, 0)], "fc", transB=1)
    y = b.convert(y, 0.5, 0.5)
    return b.model({"x": (TensorProto.FLOAT, [1, 3, 8, 8])}, {y: TensorProto.FLOAT})


def joined_network(dtype: str, channels: bool) -> onnx.ModelProto:
    """What onnxruntime joins with its conversions and then rounds otherwise: pools with many ties, and a softmax.

    The scales of a pool's ends are the same, or one is twice the other; zero points are odd and even.
    """
    b = Builder(dtype, channels)
    x = b.convert("x", 0.05, 0.41)
    y = b.convert(b.add("AveragePool", [x], "a", kernel_shape=[2, 2], strides=[2, 2]), 0.05, 0.36)
    y = b.convert(b.add("AveragePool", [y], "b", kernel_shape=[2, 2], pads=[1, 1, 1, 1]), 0.1, 0.41)
    padded = {"kernel_shape": [4, 4], "pads": [1, 1, 1, 1], "count_include_pad": 1}
    y = b.convert(b.add("AveragePool", [y], "c", **padded), 0.05, 0.36)
    y = b.convert(b.add("AveragePool", [y], "d", kernel_shape=[4, 4]), 0.025, 0.41)
    y = b.convert(b.add("Flatten", [y], "flat"), 0.025, 0.41)
    y = b.convert(b.add("Softmax", [y], "p"), 1 / 255, 0.0)
    return b.model({"x": (TensorProto.FLOAT, [1, 3, 8, 8])}, {y: TensorProto.FLOAT})


def twice_network(dtype: str, channels: bool) -> onnx.ModelProto:
    """Values that are quantized twice or three times in a row, and weights that are moved before they are real."""
    b = Builder(dtype, channels)
    x = b.convert(b.convert("x", 0.0213, 0.4), 0.0171, 0.51)
    w, bias = b.weights("w0", (6, 3, 3, 3), 0, 0.0171)
    y = b.add("Conv", [x, b.dequantized(w, 0), b.dequantized(bias, 0)], "c0")
    y = b.convert(b.add("Identity", [b.convert(y, 0.0713, 0.5)], "same"), 0.0931, 0.45)
    y = b.add("Flatten", [b.convert(y, 0.0931, 0.45)], "flat")
    w, bias = b.weights("w1", (5, 216), 0, 0.0931)
    w[0] = b.add("Transpose", w[:1], "turned", perm=[1, 0])
    y = b.add("Gemm", [y, b.dequantized(w, 1), b.dequantized(bias, 0)], "fc")
    return b.model({"x": (TensorProto.FLOAT, [1, 3, 8, 8])}, {b.convert(y, 0.9, 0.5): TensorProto.FLOAT})


NETWORKS = {"joined": joined_network, "layers": layers_network, "qdq": qdq_network, "qoperator": qoperator_network}
NETWORKS["twice"] = twice_network
CASES = [(kind, dtype, channels) for kind in NETWORKS for dtype in LIMITS for channels in (False, True)]


def name_of(kind: str, dtype: str, channels: bool) -> str:
    """The name of a case."""
    return f"{kind}_{dtype}_{'by_channel' if channels else 'one_scale'}"


def inputs_of(kind: str, dtype: str) -> Any:
    """Samples [n, *shape] for a network, as its input takes them."""
    rng = np.random.default_rng(3)
    if kind != "qoperator":
        return rng.normal(0, 1.2, (24, 1, 3, 8, 8)).astype(np.float32)
    low, high = LIMITS[dtype]
    return rng.integers(low, high + 1, (24, 1, 3, 4, 4)).astype(dtype)
