"""Makers of the operators of random TFLite networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyglow.testing.graphs.tflite_model import UNIT, Net, Value, makes
from tinyglow.testing.graphs.tflite_writer import Quant

_SAME, _VALID = 0, 1
_NONE, _RELU, _RELU6 = 0, 1, 3
_LAYERS = 4  # weight of layers among the makers


def _activation(net: Net) -> int:
    return int(net.rng.choice([_NONE, _NONE, _RELU, _RELU6]))


def _weights(net: Net, x: Value, shape: tuple[int, ...], axis: int, channelwise: bool) -> list[int]:
    """Filters and a bias of a layer, about as large as trained ones; the bias at times left out."""
    rng, units = net.rng, shape[axis]
    terms = math.prod(shape) // units
    real = rng.standard_normal(shape) / math.sqrt(terms)
    others = tuple(index for index in range(len(shape)) if index != axis)
    largest = np.abs(real).max(axis=others, keepdims=True) if channelwise else np.abs(real).max(keepdims=True)
    scales = np.maximum(largest / 127, 1e-6).astype(np.float32)
    if rng.random() < 0.1:
        scales = np.exp2(np.round(np.log2(scales))).astype(np.float32)
    whole = np.clip(np.rint(real / scales), -127, 127).astype(np.int8)
    flat = [float(scale) for scale in scales.ravel()]
    filters = net.constant(*net.stored(whole, Quant(flat, [0] * len(flat), axis if channelwise else 0)))
    if rng.random() < 0.15:
        return [filters, -1]
    products = [float(np.float32(x.scale) * np.float32(scale)) for scale in flat]
    steps = np.rint(0.3 * x.spread * rng.standard_normal(units) / np.array(products))
    bias = steps.clip(-(2**30), 2**30).astype(np.int32 if net.is_eight_bits else np.int64)
    return [filters, net.constant(bias, Quant(products, [0] * len(products)))]


def _windows(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    extent = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == _SAME else (size - extent) // stride + 1


def _window(net: Net, x: Value, dilations: bool) -> tuple[dict[str, int], tuple[int, int], tuple[int, int]] | None:
    """Fields of a layer's window, its size, and that of the result."""
    rng = net.rng
    padding = int(rng.integers(2))
    kernel = tuple(int(rng.choice([1, 2, 3, 3, 4])) for _ in range(2))
    stride = tuple(int(rng.choice([1, 1, 2])) for _ in range(2))
    spread = tuple(int(rng.choice([1, 1, 1, 2])) if dilations and max(stride) == 1 else 1 for _ in range(2))
    sizes = [_windows(x.shape[1 + i], kernel[i], stride[i], spread[i], padding) for i in range(2)]
    if min(sizes) < 1:
        return None
    fields = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    if dilations:
        fields |= {"DilationHFactor": spread[0], "DilationWFactor": spread[1]}
    return fields, (kernel[0], kernel[1]), (sizes[0], sizes[1])


def _layer_spread(x: Value) -> float:
    return max(x.spread, 1e-3)


@makes("conv", _LAYERS)
def conv(net: Net, x: Value) -> Value | None:
    """Any window, a scale for each channel or one."""
    found = _window(net, x, dilations=True) if len(x.shape) == 4 else None
    if found is None:
        return None
    fields, kernel, size = found
    units = int(net.rng.integers(1, 9))
    channelwise = net.has_channels and bool(net.rng.random() < 0.7)
    operands: list[Value | int] = [x, *_weights(net, x, (units, *kernel, x.shape[3]), 0, channelwise)]
    spread = _layer_spread(x)
    fields["FusedActivationFunction"] = _activation(net)
    return net.add("CONV_2D", operands, (1, *size, units), net.quant(spread), spread, "Conv2DOptions", **fields)


@makes("depthwise", _LAYERS)
def depthwise(net: Net, x: Value) -> Value | None:
    """One to three filters for each channel."""
    found = _window(net, x, dilations=True) if len(x.shape) == 4 else None
    if found is None:
        return None
    fields, kernel, size = found
    multiplier = int(net.rng.choice([1, 1, 1, 2, 3]))
    units = x.shape[3] * multiplier
    channelwise = net.has_channels and bool(net.rng.random() < 0.7)
    operands: list[Value | int] = [x, *_weights(net, x, (1, *kernel, units), 3, channelwise)]
    spread = _layer_spread(x)
    fields |= {"DepthMultiplier": multiplier, "FusedActivationFunction": _activation(net)}
    options = "DepthwiseConv2DOptions"
    return net.add("DEPTHWISE_CONV_2D", operands, (1, *size, units), net.quant(spread), spread, options, **fields)


@makes("dense", _LAYERS)
def dense(net: Net, x: Value) -> Value | None:
    """Of the whole tensor as one row."""
    depth, units = math.prod(x.shape[1:]), int(net.rng.integers(1, 12))
    if len(x.shape) > 2:
        x = _reshaped(net, x, (1, depth))
    operands: list[Value | int] = [
        x,
        *_weights(net, x, (units, depth), 0, net.has_channels and bool(net.rng.random() < 0.2)),
    ]
    spread = _layer_spread(x)
    fields = {"FusedActivationFunction": _activation(net)}
    return net.add(
        "FULLY_CONNECTED", operands, (1, units), net.quant(spread), spread, "FullyConnectedOptions", **fields
    )


@makes("transposed")
def transposed(net: Net, x: Value) -> Value | None:
    """An image that becomes larger."""
    if len(x.shape) != 4 or not net.has_channels:
        return None
    rng, padding, stride = net.rng, int(net.rng.integers(2)), int(net.rng.integers(1, 3))
    kernel, units = int(rng.integers(stride, 4)), int(rng.integers(1, 5))
    size = [side * stride if padding == _SAME else (side - 1) * stride + kernel for side in x.shape[1:3]]
    weights = _weights(net, x, (units, kernel, kernel, x.shape[3]), 0, channelwise=True)
    shape = (1, *size, units)
    operands: list[Value | int] = [net.constant(list(shape)), weights[0], x, *([weights[1]] if weights[1] >= 0 else [])]
    fields = {"StrideH": stride, "StrideW": stride, "Padding": padding}
    spread = _layer_spread(x)
    return net.add("TRANSPOSE_CONV", operands, shape, net.quant(spread), spread, "TransposeConvOptions", **fields)


def _pooled(net: Net, x: Value, kind: str) -> Value | None:
    if len(x.shape) != 4:
        return None
    rng, padding = net.rng, int(net.rng.integers(2))
    kernel = [int(rng.integers(1, min(4, side) + 1)) for side in x.shape[1:3]]
    stride = [int(rng.choice([1, 2])) for _ in range(2)]
    sizes = [_windows(x.shape[1 + i], kernel[i], stride[i], 1, padding) for i in range(2)]
    fields = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    fields |= {"FilterHeight": kernel[0], "FilterWidth": kernel[1]}
    fields["FusedActivationFunction"] = int(rng.choice([_NONE, _NONE, _RELU]))
    return net.add(kind, [x], (1, *sizes, x.shape[3]), x.quant, x.spread, "Pool2DOptions", **fields)


@makes("average_pool", 2)
def average_pool(net: Net, x: Value) -> Value | None:
    """Of the elements inside the image."""
    return _pooled(net, x, "AVERAGE_POOL_2D")


@makes("max_pool", 2)
def max_pool(net: Net, x: Value) -> Value | None:
    """Of the elements inside the image."""
    return _pooled(net, x, "MAX_POOL_2D")


@makes("mean")
def mean(net: Net, x: Value) -> Value | None:
    """Over the image, or over the channels."""
    if len(x.shape) != 4:
        return None
    axes = [1, 2] if net.rng.random() < 0.7 else [3]
    keep = bool(net.rng.random() < 0.5)
    shape = [1 if index in axes else side for index, side in enumerate(x.shape) if keep or index not in axes]
    operands: list[Value | int] = [x, net.constant(axes)]
    spread = x.spread / 2
    return net.add("MEAN", operands, shape, net.quant(spread), spread, "ReducerOptions", KeepDims=keep)


def _binary(net: Net, x: Value, kind: str, options: str, spread: float, **fields: Any) -> Value:
    """With another value, the same, or a constant: a whole tensor, a channel's or a scalar."""
    rng = net.rng
    other: Value | int = net.like(x)
    if rng.random() < 0.35:
        shape = [x.shape, (x.shape[-1],), (1,)][int(rng.integers(3))]
        low, high = (-127, 128) if net.is_eight_bits else (-32767, 32768)
        data = rng.integers(low, high, shape).astype(np.int8 if net.is_eight_bits else np.int16)
        scale = float(np.float32(rng.uniform(1, 3) / high))
        other = net.constant(*net.stored(data, Quant([scale], [int(rng.integers(-9, 9)) if net.is_eight_bits else 0])))
    operands: list[Value | int] = [x, other] if rng.random() < 0.6 else [other, x]
    return net.add(kind, operands, x.shape, net.quant(spread), spread, options, **fields)


@makes("add", 2)
def add(net: Net, x: Value) -> Value | None:
    """A sum."""
    return _binary(net, x, "ADD", "AddOptions", 1.5 * x.spread, PotScaleInt16=False, **_fused(net))


@makes("sub")
def sub(net: Net, x: Value) -> Value | None:
    """A difference."""
    return _binary(net, x, "SUB", "SubOptions", 1.5 * x.spread, PotScaleInt16=False, **_fused(net))


@makes("mul", 2)
def mul(net: Net, x: Value) -> Value | None:
    """A product."""
    return _binary(net, x, "MUL", "MulOptions", x.spread, **_fused(net))


def _fused(net: Net) -> dict[str, int]:
    return {"FusedActivationFunction": _activation(net)}


@makes("extreme")
def extreme(net: Net, x: Value) -> Value | None:
    """The larger or the smaller of two values with one scale."""
    others = [value for value in net.pool if value.shape == x.shape and value.quant == x.quant]
    other = others[int(net.rng.integers(len(others)))]
    kind = str(net.rng.choice(["MAXIMUM", "MINIMUM"]))
    return net.add(kind, [x, other], x.shape, x.quant, x.spread, "MaximumMinimumOptions")


@makes("relu")
def relu(net: Net, x: Value) -> Value | None:
    """ReLU, ReLU6, or one with a slope, to another scale."""
    kind = str(net.rng.choice(["RELU", "RELU6", "LEAKY_RELU"]))
    options, fields = ("LeakyReluOptions", {"Alpha": 0.1}) if kind == "LEAKY_RELU" else ("", {})
    return net.add(kind, [x], x.shape, net.quant(x.spread), x.spread, options, **fields)


@makes("table")
def table(net: Net, x: Value) -> Value | None:
    """A function of one element."""
    kind = str(net.rng.choice(["LOGISTIC", "TANH", "HARD_SWISH"]))
    if kind == "HARD_SWISH":
        return net.add(kind, [x], x.shape, net.quant(x.spread), x.spread) if net.is_int8 else None
    step = UNIT if not net.is_eight_bits else 2.0**-8 if kind == "LOGISTIC" else 2.0**-7
    zero = net.zero(-128 if kind == "LOGISTIC" else 0)
    return net.add(kind, [x], x.shape, Quant([step], [zero]), 0.4)


@makes("softmax")
def softmax(net: Net, x: Value) -> Value | None:
    """Along the channels."""
    quant = Quant([2.0**-8 if net.is_eight_bits else UNIT], [net.zero(-128)])
    return net.add("SOFTMAX", [x], x.shape, quant, 0.2, "SoftmaxOptions", Beta=1.0)


@makes("rescale")
def rescale(net: Net, x: Value) -> Value | None:
    """To another scale and zero point."""
    return net.add("QUANTIZE", [x], x.shape, net.quant(x.spread), x.spread, "QuantizeOptions")


@makes("concat", 2)
def concat(net: Net, x: Value) -> Value | None:
    """Along the channels, with what has the same other dimensions."""
    others = [value for value in net.pool if value.shape[:-1] == x.shape[:-1]]
    parts = [x, *(others[int(net.rng.integers(len(others)))] for _ in range(int(net.rng.integers(1, 3))))]
    shape = (*x.shape[:-1], sum(part.shape[-1] for part in parts))
    own = len({part.scale for part in parts}) > 1
    quant = net.quant(x.spread) if own and net.is_int8 else x.quant
    if not net.is_int8 and any(part.quant != x.quant for part in parts):
        return None  # LiteRT wants one scale there
    axis = len(shape) - 1
    return net.add("CONCATENATION", parts, shape, quant, x.spread, "ConcatenationOptions", Axis=axis)


def _reshaped(net: Net, x: Value, shape: Sequence[int]) -> Value:
    return net.add("RESHAPE", [x, net.constant(list(shape))], shape, x.quant, x.spread, "ReshapeOptions")


@makes("reshape")
def reshape(net: Net, x: Value) -> Value | None:
    """Two dimensions become one, or a row an image."""
    if len(x.shape) == 4:
        return _reshaped(net, x, (1, x.shape[1] * x.shape[2], 1, x.shape[3]))
    rows = next((rows for rows in (4, 3, 2) if x.shape[1] % rows == 0), 1)
    return _reshaped(net, x, (1, rows, 1, x.shape[1] // rows)) if len(x.shape) == 2 else None


@makes("transpose")
def transpose(net: Net, x: Value) -> Value | None:
    """Dimensions in another order; the first stays."""
    order = [0, *(1 + int(index) for index in net.rng.permutation(len(x.shape) - 1))]
    shape = [x.shape[index] for index in order]
    return net.add("TRANSPOSE", [x, net.constant(order)], shape, x.quant, x.spread, "TransposeOptions")


@makes("pad")
def pad(net: Net, x: Value) -> Value | None:
    """Zeros around the image."""
    if len(x.shape) != 4:
        return None
    amounts = [[0, 0], *([int(net.rng.integers(3)) for _ in range(2)] for _ in range(2)), [0, 0]]
    shape = [side + sum(amount) for side, amount in zip(x.shape, amounts, strict=True)]
    return net.add("PAD", [x, net.constant(amounts)], shape, x.quant, x.spread, "PadOptions")


@makes("slice")
def cut(net: Net, x: Value) -> Value | None:
    """A part of the tensor."""
    begin = [0, *(int(net.rng.integers(side)) for side in x.shape[1:])]
    size = [1, *(int(net.rng.integers(1, side - at + 1)) for side, at in zip(x.shape[1:], begin[1:], strict=True))]
    return net.add("SLICE", [x, net.constant(begin), net.constant(size)], size, x.quant, x.spread, "SliceOptions")


@makes("resize")
def resize(net: Net, x: Value) -> Value | None:
    """To another size, by the nearest element or between four."""
    if len(x.shape) != 4:
        return None
    size = [int(net.rng.integers(1, 2 * side + 1)) for side in x.shape[1:3]]
    kind, options = (
        ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
        ("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    )[int(net.rng.integers(2))]
    corners = int(net.rng.integers(3))
    fields = {"AlignCorners": corners == 1, "HalfPixelCenters": corners == 2}
    shape = (1, *size, x.shape[3])
    return net.add(kind, [x, net.constant(size)], shape, x.quant, x.spread, options, **fields)


@makes("space_to_depth")
def space_to_depth(net: Net, x: Value) -> Value | None:
    """Blocks of pixels become channels."""
    if len(x.shape) != 4 or x.shape[1] % 2 or x.shape[2] % 2:
        return None
    shape = (1, x.shape[1] // 2, x.shape[2] // 2, 4 * x.shape[3])
    return net.add("SPACE_TO_DEPTH", [x], shape, x.quant, x.spread, "SpaceToDepthOptions", BlockSize=2)
