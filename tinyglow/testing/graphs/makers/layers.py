"""Layers: convolutions, products of matrices, normalizations, pools."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyglow.testing.graphs.draw import Draw, Tensor, draws


def spatial(size: int, kernel: int, stride: int, dilation: int, pads: int, ceil: bool = False) -> int:
    """Windows along a dimension (ONNX operator specification, Conv); below 1 if none fits."""
    room = size + pads - ((kernel - 1) * dilation + 1)
    return (-(-room // stride) if ceil else room // stride) + 1


def convolved(draw: Draw, x: Tensor, units: int = 0, kernel: tuple[int, ...] = (), group: int = 0) -> Tensor | None:
    """A convolution of an image or a sequence, of any form; the arguments fix what they name."""
    if x.rank not in (3, 4):
        return None
    channels, axes = x.shape[1], x.rank - 2
    group = group or _group(draw, channels)
    units = units or group * draw.integer(1, max(1, 6 // group))
    if channels % group or units % group:
        return None
    kernel = kernel or _kernel(draw, axes)
    strides = [draw.integer(1, 2) if draw.chance(0.3) else 1 for _ in range(axes)]
    dilations = [2 if draw.chance(0.15) else 1 for _ in range(axes)]
    attributes: dict[str, Any] = {"strides": strides, "dilations": dilations, "group": group}
    pads = _pads(draw, kernel, dilations)
    if draw.chance(0.15):
        attributes["auto_pad"] = draw.one_of(["SAME_UPPER", "SAME_LOWER"])
        sizes = [-(-size // stride) for size, stride in zip(x.shape[2:], strides, strict=True)]
    else:
        attributes["pads"] = pads
        sizes = [
            spatial(size, kernel[i], strides[i], dilations[i], pads[i] + pads[i + axes])
            for i, size in enumerate(x.shape[2:])
        ]
    if min(sizes) < 1:
        return None
    if draw.chance(0.5):
        attributes["kernel_shape"] = list(kernel)
    filters = draw.weights(units, channels // group, *kernel)
    if draw.chance(0.1):
        filters *= np.exp2(draw.rng.uniform(-1, 1, (units, *[1] * (x.rank - 1))))
    inputs: list[Tensor | str] = [x, draw.constant(filters, "filters")]
    if draw.chance(0.7):
        inputs.append(draw.constant(0.3 * draw.rng.standard_normal(units), "bias"))
    return draw.node("Conv", inputs, (x.shape[0], units, *sizes), **attributes)


def _group(draw: Draw, channels: int) -> int:
    if draw.chance(0.6):
        return 1
    if draw.chance(0.5):
        return channels
    return draw.one_of([number for number in range(1, channels + 1) if channels % number == 0])


def _kernel(draw: Draw, axes: int) -> tuple[int, ...]:
    size = draw.one_of([1, 1, 2, 3, 3, 3, 4])
    return tuple(size if draw.chance(0.7) else draw.integer(1, 3) for _ in range(axes))


def _pads(draw: Draw, kernel: tuple[int, ...], dilations: list[int]) -> list[int]:
    half = [(size - 1) * dilation // 2 for size, dilation in zip(kernel, dilations, strict=True)]
    if draw.chance(0.5):
        return half + half
    if draw.chance(0.5):
        return [0] * (2 * len(kernel))
    return [draw.integer(0, size) for size in [*kernel, *kernel]]


@draws("Conv", weight=8)
def conv(draw: Draw, x: Tensor) -> Tensor | None:
    """Groups, strides, dilations and pads of any kind."""
    return convolved(draw, x)


def normalized(draw: Draw, x: Tensor) -> Tensor | None:
    """A batch normalization over the second dimension."""
    if x.rank < 2:
        return None
    channels = x.shape[1]
    statistics: list[Tensor | str] = [
        draw.constant(data, stem)
        for data, stem in (
            (draw.rng.uniform(0.5, 1.5, channels) * draw.rng.choice([1, 1, 1, -1], channels), "gamma"),
            (0.3 * draw.rng.standard_normal(channels), "beta"),
            (0.3 * draw.rng.standard_normal(channels), "mean"),
            (draw.rng.uniform(0.4, 2.0, channels), "variance"),
        )
    ]
    return draw.node("BatchNormalization", [x, *statistics], x.shape, epsilon=1e-3 if draw.chance(0.5) else 1e-5)


@draws("BatchNormalization", weight=4)
def batch_normalization(draw: Draw, x: Tensor) -> Tensor | None:
    """After anything: folded where a layer comes before, simpler operators elsewhere."""
    return normalized(draw, x)


def dense(draw: Draw, x: Tensor, units: int = 0) -> Tensor | None:
    """A fully connected layer on rows, as Gemm or as MatMul with or without an Add."""
    if x.rank != 2:
        return None
    depth, units = x.shape[1], units or draw.integer(1, 10)
    shape, weights = (x.shape[0], units), draw.weights(depth, units, fan_in=depth)
    bias = 0.3 * draw.rng.standard_normal(units if draw.chance(0.8) else 1)
    if draw.chance(0.5):
        attributes: dict[str, Any] = {}
        if draw.chance(0.5):
            weights, attributes["transB"] = np.ascontiguousarray(weights.T), 1
        if draw.chance(0.2):
            attributes["alpha"], attributes["beta"] = 0.5, 2.0
        inputs: list[Tensor | str] = [x, draw.constant(weights, "weights")]
        if draw.opset < 11 or draw.chance(0.8):
            inputs.append(draw.constant(bias, "bias"))
        return draw.node("Gemm", inputs, shape, **attributes)
    product = draw.node("MatMul", [x, draw.constant(weights, "weights")], shape)
    if draw.chance(0.4):
        return product
    operands: list[Tensor | str] = [product, draw.constant(bias, "bias")]
    return draw.node("Add", operands if draw.chance(0.7) else operands[::-1], shape)


@draws("Gemm", "MatMul", weight=3)
def fully_connected(draw: Draw, x: Tensor) -> Tensor | None:
    """On rows; images and sequences are flattened first."""
    if x.rank < 2:
        return None
    if x.rank > 2:
        x = draw.node("Flatten", [x], (x.shape[0], x.elements // x.shape[0]))
    return dense(draw, x)


@draws("MatMul")
def matrices(draw: Draw, x: Tensor) -> Tensor | None:
    """A product with constant weights, or of two computed matrices, in any number of dimensions."""
    if x.rank < 2:
        return None
    *lead, rows, depth = x.shape
    if draw.chance(0.4):
        units = draw.integer(1, 6)
        weights = draw.constant(draw.weights(depth, units, fan_in=depth), "weights")
        return draw.node("MatMul", [x, weights], (*lead, rows, units))
    perm = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
    other = draw.like(x) or x
    turned = draw.node("Transpose", [other], (*lead, depth, rows), perm=perm)
    product = draw.node("MatMul", [x, turned], (*lead, rows, rows))
    return draw.node("Mul", [product, draw.constant(np.float32(1 / np.sqrt(depth)))], product.shape)


@draws("MaxPool", "AveragePool", weight=4)
def pool(draw: Draw, x: Tensor) -> Tensor | None:
    """Windows of any size that fit; padding is less than a window."""
    if x.rank not in (3, 4):
        return None
    largest = draw.chance(0.5)
    kernel = [draw.integer(1, min(3, size)) for size in x.shape[2:]]
    strides = [draw.integer(1, 2) for _ in kernel]
    pads = [0] * (2 * len(kernel)) if draw.chance(0.6) else [draw.integer(0, size - 1) for size in [*kernel, *kernel]]
    ceil = draw.opset >= 10 and draw.chance(0.2)
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    if ceil:
        attributes["ceil_mode"] = 1
    elif not largest and draw.chance(0.3):
        attributes["count_include_pad"] = 1
    sizes = []
    for axis, size in enumerate(x.shape[2:]):
        length = spatial(size, kernel[axis], strides[axis], 1, pads[axis] + pads[axis + len(kernel)], ceil)
        if ceil and (length - 1) * strides[axis] >= size + pads[axis]:
            return None  # a window that begins after the image: frameworks differ
        sizes.append(length)
    return draw.node("MaxPool" if largest else "AveragePool", [x], (*x.shape[:2], *sizes), **attributes)


@draws("GlobalAveragePool", "GlobalMaxPool")
def global_pool(draw: Draw, x: Tensor) -> Tensor | None:
    """One number for each channel of an image."""
    if x.rank != 4:
        return None
    kind = "GlobalAveragePool" if draw.chance(0.7) else "GlobalMaxPool"
    return draw.node(kind, [x], (*x.shape[:2], 1, 1))
