"""Quantization-aware training of AN13438's network: training computes with what the integers will stand for.

Weights, biases and activations are rounded in the forward pass as QuantizeLinear and DequantizeLinear round them;
gradients pass the rounding as if it were not there, and stop where a value was clipped (Jacob et al., 2018).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "digits"))

import numpy as np
import numpy.typing as npt
import onnx
from network import CONVOLUTIONS, SHAPES, Array, Labels, Network, patches, pool
from onnx import TensorProto, helper, numpy_helper

_LAST = len(SHAPES) - 1
_IMAGE_SCALE, _IMAGE_ZERO = np.float32(1 / 255), -128
_ZERO = np.float32(0)
_MEMORY = np.float32(0.99)


@dataclass
class AwareNetwork(Network):
    """A network whose training knows of int8.

    Attributes:
        bits: Of weights, 2 to 8; activations have 8.
        ends: The largest activation of each layer, a running mean of the batches' maxima.
        low: The smallest score, likewise; the other layers' smallest is 0.
        observing: Whether a forward pass moves ``ends`` and ``low``.
    """

    bits: int = 8
    ends: list[np.float32] = field(default_factory=list)
    low: np.float32 = _ZERO
    observing: bool = False

    @classmethod
    def of(cls, network: Network, images: Array, bits: int = 8) -> AwareNetwork:
        """A copy of a float network, with the ranges that it has on some images: its plain quantization."""
        copies = [a.copy() for a in network.weights], [a.copy() for a in network.biases]
        made = cls(*copies, bits=bits)
        scores, kept = network._forward(images)
        made.ends = [np.float32(max(float(sums.max()), 1e-3)) for _, _, sums in kept]
        made.low = np.float32(min(float(scores.min()), 0.0))
        return made

    def constants(self, layer: int) -> tuple[npt.NDArray[np.int8], np.float32]:
        """Integers of a layer's weights and their scale."""
        largest = 2 ** (self.bits - 1) - 1
        scale = np.float32(max(float(np.abs(self.weights[layer]).max()), 1e-6) / largest)
        return np.clip(np.rint(self.weights[layer] / scale), -largest, largest).astype(np.int8), scale

    def activation(self, layer: int) -> tuple[np.float32, int]:
        """Scale and zero point of what a layer makes; of the image, for layer -1."""
        if layer < 0:
            return _IMAGE_SCALE, _IMAGE_ZERO
        low = self.low if layer == _LAST else np.float32(0)
        scale = np.float32((self.ends[layer] - low) / 255)
        return scale, int(np.rint(-128 - low / scale))

    def bias(self, layer: int) -> tuple[npt.NDArray[np.int32], np.float32]:
        """Integers of a layer's biases and their scale, that of its sums."""
        scale = np.float32(self.activation(layer - 1)[0] * self.constants(layer)[1])
        return np.rint(self.biases[layer] / scale).astype(np.int32), scale

    def _rounded(self, layer: int, x: Array) -> Array:
        scale, zero = self.activation(layer)
        result: Array = (np.clip(np.rint(x / scale) + zero, -128, 127) - zero).astype(np.float32) * scale
        return result

    def _forward(self, images: Array) -> tuple[Array, list[tuple[Array, Array, Array]]]:
        """As the float network; every value that is passed on is one that int8 has."""
        x, kept = self._rounded(-1, images), []
        for layer in range(len(SHAPES)):
            conv = layer < CONVOLUTIONS
            pooled = pool(x) if conv else x.reshape(len(x), -1)
            rows = patches(pooled) if conv else pooled
            integers, scale = self.constants(layer)
            biases, step = self.bias(layer)
            sums = rows @ (integers * scale) + biases * step
            active = np.maximum(sums, 0) if layer < _LAST else sums
            if self.observing:
                self.ends[layer] = _MEMORY * self.ends[layer] + (1 - _MEMORY) * max(active.max(), np.float32(1e-3))
                self.low = _MEMORY * self.low + (1 - _MEMORY) * min(active.min(), np.float32(0))
            # Where the gradient stops, at 0 and where the value is clipped, the sum is given as 0.
            kept.append((x, rows, sums if layer == _LAST else np.where(sums > self.ends[layer], 0, sums)))
            active = self._rounded(layer, active)
            x = active.reshape(*pooled.shape[:3], -1) if conv else active
        return x, kept

    def gradients(self, images: Array, labels: Labels) -> tuple[float, list[tuple[Array, Array]]]:
        """Of the loss of the rounded network; rounding counts as no change."""
        self.observing = True
        found = super().gradients(images, labels)
        self.observing = False
        return found

    def save_qdq(self, path: str | Path) -> None:
        """Write ONNX with QuantizeLinear and DequantizeLinear: ``image`` float32 [1, 28, 28, 1] to ``scores``."""
        writer = _QdqWriter()
        x = writer.pair("image", *self.activation(-1))
        x = writer.pair(writer.node("Transpose", x, perm=[0, 3, 1, 2]), *self.activation(-1))
        for layer in range(len(SHAPES)):
            conv, kind = layer < CONVOLUTIONS, self.activation(layer - 1)
            integers, scale = self.constants(layer)
            if conv:
                x = writer.pair(writer.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), *kind)
                integers = integers.reshape(3, 3, -1, integers.shape[1]).transpose(3, 2, 0, 1)
            elif layer == CONVOLUTIONS:
                x = writer.pair(writer.node("Transpose", x, perm=[0, 2, 3, 1]), *kind)
                x = writer.pair(writer.node("Flatten", x), *kind)
            weight, bias = writer.constant(integers, scale), writer.constant(*self.bias(layer))
            attributes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]} if conv else {}
            x = writer.node("Conv" if conv else "Gemm", x, weight, bias, **attributes)
            x = writer.pair(x if layer == _LAST else writer.node("Relu", x), *self.activation(layer))
        writer.save(path)


class _QdqWriter:
    """Nodes and constants of a file as they come."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def _keep(self, array: np.ndarray) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """A node; the name of its result."""
        name = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def constant(self, integers: np.ndarray, scale: np.float32) -> str:
        """Integers as the real numbers that they stand for; their zero point is 0."""
        zero = self._keep(np.zeros((), integers.dtype))
        return self.node("DequantizeLinear", self._keep(integers), self._keep(np.float32(scale)), zero)

    def pair(self, x: str, scale: np.float32, zero: int) -> str:
        """Rounded to int8, and back."""
        constants = self._keep(np.float32(scale)), self._keep(np.int8(zero))
        return self.node("DequantizeLinear", self.node("QuantizeLinear", x, *constants), *constants)

    def save(self, path: str | Path) -> None:
        """Write the file; the last node makes its output."""
        self._nodes[-1].output[0] = "scores"
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 28, 28, 1])
        scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])
        graph = helper.make_graph(self._nodes, "digits", [image], [scores], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
        onnx.checker.check_model(model)
        onnx.save(model, path)
