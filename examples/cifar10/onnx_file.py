"""A Keras model that is a plain sequence of layers, as an ONNX file.

Keras' own export to ONNX needs TensorFlow beside another backend. The layers of networks for microcontrollers are few,
so they are written here, one ONNX node for each, with the images' channels first as Glow's tools take them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class _Writer:
    """Collects nodes and constants; ``x`` is the value that the last node made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.x = "input"
        self.is_map = True  # whether x is [1, channels, height, width]
        self.padding = [0, 0, 0, 0]  # zeros that the next convolution adds: top, left, bottom, right

    def add(self, kind: str, name: str, *constants: np.ndarray, **attributes: object) -> None:
        """A node that reads x and then the constants."""
        names = [f"{name}/{index}" for index in range(len(constants))]
        for constant, array in zip(names, constants, strict=True):
            self.constants.append(numpy_helper.from_array(np.asarray(array, np.float32, order="C"), constant))
        self.nodes.append(helper.make_node(kind, [self.x, *names], [name], name, **attributes))
        self.x = name


def _activate(writer: _Writer, layer: Any) -> None:
    kind = getattr(layer.activation, "__name__", str(layer.activation))
    known = {"linear": "", "relu": "Relu", "softmax": "Softmax"}
    if kind not in known:
        raise SystemExit(f"layer {layer.name}: the activation {kind} is not known, only {', '.join(known)}")
    if known[kind]:
        writer.add(known[kind], f"{layer.name}/{kind}")


def _pads(layer: Any, kernel: Sequence[int]) -> list[int]:
    """ONNX's pads [top, left, bottom, right]: "same" gives ceil(size / stride) outputs, with the odd row at the end."""
    if layer.padding != "same":
        return [0, 0, 0, 0]
    sizes = zip(layer.input.shape[1:3], kernel, layer.strides, strict=True)
    totals = [max((-(-size // stride) - 1) * stride + window - size, 0) for size, window, stride in sizes]
    before = [total // 2 for total in totals]
    return [*before, *(total - first for total, first in zip(totals, before, strict=True))]


def _convolution(writer: _Writer, layer: Any) -> None:
    weights = [np.asarray(weight) for weight in layer.get_weights()]
    kernel, strides, depthwise = layer.kernel_size, layer.strides, type(layer).__name__ == "DepthwiseConv2D"
    if tuple(layer.dilation_rate) != (1, 1) or getattr(layer, "groups", 1) != 1:
        raise SystemExit(f"layer {layer.name}: only convolutions without groups and dilation are known")
    if depthwise and layer.depth_multiplier != 1:
        raise SystemExit(f"layer {layer.name}: only a depth multiplier of 1 is known")
    group = weights[0].shape[2] if depthwise else 1
    weights[0] = weights[0].transpose(2, 3, 0, 1) if depthwise else weights[0].transpose(3, 2, 0, 1)
    pads = [a + b for a, b in zip(_pads(layer, kernel), writer.padding, strict=True)]
    writer.padding = [0, 0, 0, 0]
    sizes = {"kernel_shape": list(kernel), "strides": list(strides), "pads": pads}
    writer.add("Conv", layer.name, *weights, group=group, **sizes)
    _activate(writer, layer)


def _zeros_around(writer: _Writer, layer: Any) -> None:
    """Kept for the convolution that follows."""
    (top, bottom), (left, right) = layer.padding
    writer.padding = [top, left, bottom, right]


def _mean(writer: _Writer, layer: Any) -> None:
    writer.add("GlobalAveragePool", layer.name)
    if not layer.keepdims:
        writer.is_map = False
        writer.add("Flatten", f"{layer.name}/flat")


def _normalization(writer: _Writer, layer: Any) -> None:
    if len(layer.get_weights()) != 4:
        raise SystemExit(f"layer {layer.name}: only batch normalizations with scale and center are known")
    writer.add("BatchNormalization", layer.name, *map(np.asarray, layer.get_weights()), epsilon=float(layer.epsilon))


def _pooling(writer: _Writer, layer: Any) -> None:
    sizes = {"kernel_shape": list(layer.pool_size), "strides": list(layer.strides)}
    writer.add("MaxPool", layer.name, pads=_pads(layer, layer.pool_size), **sizes)


def _flatten(writer: _Writer, layer: Any) -> None:
    if writer.is_map:  # Keras' order: channels last
        writer.add("Transpose", f"{layer.name}/rows", perm=[0, 2, 3, 1])
    writer.is_map = False
    writer.add("Flatten", layer.name)


def _dense(writer: _Writer, layer: Any) -> None:
    writer.add("Gemm", layer.name, *map(np.asarray, layer.get_weights()))
    _activate(writer, layer)


def _relu(writer: _Writer, layer: Any) -> None:
    if layer.negative_slope or layer.threshold:
        raise SystemExit(f"layer {layer.name}: only a ReLU without slopes and thresholds is known")
    if layer.max_value is None:
        writer.add("Relu", layer.name)
    else:
        writer.add("Clip", layer.name, np.float32(0), np.float32(layer.max_value))


def _nothing(writer: _Writer, layer: Any) -> None:
    """Layers that do nothing but in training."""


_LAYERS: dict[str, Callable[[_Writer, Any], None]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": _convolution,
    "ZeroPadding2D": _zeros_around,
    "GlobalAveragePooling2D": _mean,
    "BatchNormalization": _normalization,
    "Activation": _activate,
    "ReLU": _relu,
    "MaxPooling2D": _pooling,
    "Flatten": _flatten,
    "Dense": _dense,
    "Dropout": _nothing,
    "InputLayer": _nothing,
}


def write_onnx(model: Any, path: str | Path, softmax: bool = False) -> None:
    """Write ``input`` float32 [1, channels, height, width] to ``output``; exits with the layer that is not known.

    softmax: whether to add a softmax at the end.
    """
    writer = _Writer()
    for layer in model.layers:
        kind = type(layer).__name__
        if kind not in _LAYERS:
            raise SystemExit(f"layer {layer.name}: {kind} is not known, only {', '.join(_LAYERS)}")
        if any(writer.padding) and "Conv" not in kind:
            raise SystemExit(f"layer {layer.name}: after zeros around a map only a convolution is known")
        _LAYERS[kind](writer, layer)
    if softmax:
        writer.add("Softmax", "softmax")
    _, height, width, channels = model.input_shape
    writer.nodes.append(helper.make_node("Identity", [writer.x], ["output"], "output"))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, channels, height, width])
    scores = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, model.output_shape[-1]])
    graph = helper.make_graph(writer.nodes, "network", [image], [scores], writer.constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, path)
