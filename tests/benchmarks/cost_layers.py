"""The layers that kernels' costs are fitted to: single operators of many shapes, quantized."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tinyglow
from tests.helpers import Net, NetBuilder
from tinyglow.ir.graph import Graph
from tinyglow.ir.target import Target
from tinyglow.kernels.convolution.conv2d_code import (
    CONV2D_CHANNELWISE_CODE,
    CONV2D_CODE,
    ChannelwiseCodeParams,
    CodeParams,
    columns_at_once,
)
from tinyglow.kernels.fully_connected.fully_connected_dsp import FULLY_CONNECTED_DSP
from tinyglow.kernels.fully_connected.fully_connected_dsp import pack as pack_dense
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.numerics import glow
from tinyglow.numerics.epilogues.glow import FOLDED_OFFSET
from tinyglow.passes.fuse import fuse
from tinyglow.quant.scheme import Scheme
from tinyglow.testing.case import Case
from tinyglow.testing.functions import specimens

# Height and width of the input, channels in and out, kernel, stride, padding, groups (0: depthwise), pooled.
CONVOLUTIONS = (
    (12, 12, 1, 8, 3, 1, 1, 1, 0),
    (16, 10, 1, 4, 3, 1, 0, 1, 1),
    (14, 14, 1, 16, 3, 1, 1, 1, 1),
    (20, 12, 1, 12, 5, 1, 0, 1, 0),
    (16, 16, 1, 6, 5, 1, 0, 1, 1),
    (8, 8, 3, 8, 3, 1, 1, 1, 0),
    (12, 10, 3, 8, 3, 2, 1, 1, 0),
    (10, 10, 3, 6, 5, 1, 2, 1, 1),
    (12, 12, 4, 8, 3, 1, 1, 1, 0),
    (8, 16, 4, 4, 3, 1, 1, 1, 1),
    (14, 10, 4, 12, 3, 1, 0, 1, 1),
    (8, 8, 4, 2, 3, 1, 1, 1, 0),
    (8, 8, 8, 8, 3, 1, 1, 1, 0),
    (10, 6, 16, 8, 3, 1, 1, 1, 0),
    (8, 8, 8, 12, 3, 1, 1, 1, 1),
    (6, 6, 16, 24, 3, 2, 1, 1, 0),
    (6, 6, 32, 16, 3, 1, 1, 1, 1),
    (9, 9, 6, 7, 3, 1, 1, 1, 0),
    (10, 5, 20, 16, 5, 1, 0, 1, 0),
    (10, 6, 1, 24, 4, 2, 1, 1, 0),
    (24, 10, 1, 16, 10, 2, 4, 1, 0),
    (8, 8, 8, 16, 1, 1, 0, 1, 0),
    (12, 8, 4, 8, 1, 1, 0, 1, 0),
    (6, 10, 8, 24, 1, 1, 0, 1, 0),
    (10, 10, 6, 12, 1, 1, 0, 1, 0),
    (6, 6, 32, 32, 1, 1, 0, 1, 0),
    (8, 5, 64, 32, 1, 1, 0, 1, 0),
    (5, 5, 48, 24, 1, 1, 0, 1, 0),
    (7, 7, 24, 9, 1, 1, 0, 1, 0),
    (5, 5, 128, 16, 1, 1, 0, 1, 0),
    (12, 12, 8, 8, 3, 1, 1, 0, 0),
    (8, 8, 24, 24, 3, 1, 1, 0, 0),
    (20, 5, 16, 16, 3, 1, 1, 0, 0),
    (6, 6, 64, 64, 3, 1, 1, 0, 0),
    (25, 5, 32, 32, 3, 1, 1, 0, 0),
    (14, 14, 8, 8, 3, 2, 1, 0, 0),
    (24, 24, 8, 8, 3, 2, 0, 0, 0),
    (12, 48, 4, 4, 3, 2, 0, 0, 0),
    (40, 12, 12, 12, 3, 2, 1, 0, 0),
    (13, 13, 40, 40, 3, 2, 1, 0, 0),
    (48, 20, 4, 4, 3, 2, 1, 0, 0),
    (12, 12, 6, 6, 3, 1, 1, 0, 0),
    (10, 10, 8, 8, 5, 1, 2, 0, 0),
    (9, 9, 12, 12, 3, 2, 0, 0, 0),
    (4, 12, 16, 16, 3, 1, 1, 0, 0),
    (8, 8, 8, 8, 3, 1, 1, 2, 0),
    (20, 20, 1, 4, 3, 1, 1, 1, 1),
    (8, 30, 1, 12, 3, 1, 1, 1, 1),
    (10, 10, 4, 4, 1, 1, 0, 1, 0),
    (6, 6, 5, 20, 1, 1, 0, 1, 0),
    (14, 5, 7, 4, 1, 1, 0, 1, 0),
    (9, 9, 8, 32, 1, 1, 0, 1, 0),
    (16, 6, 4, 6, 3, 1, 1, 1, 0),
    (6, 20, 4, 16, 3, 1, 1, 1, 0),
    (20, 20, 4, 2, 3, 1, 1, 1, 1),
    (12, 8, 8, 8, 5, 1, 2, 0, 0),
    (7, 7, 12, 12, 5, 2, 2, 0, 0),
    (10, 10, 4, 4, 2, 1, 0, 0, 0),
    (6, 6, 16, 16, 4, 1, 1, 0, 0),
    (11, 7, 5, 5, 3, 1, 1, 0, 0),
    (16, 4, 20, 20, 3, 2, 1, 0, 0),
    (5, 5, 40, 40, 3, 1, 1, 0, 0),
    (8, 8, 64, 16, 3, 1, 1, 1, 0),
    (16, 16, 16, 12, 3, 1, 1, 1, 1),
    (7, 9, 24, 20, 3, 1, 1, 1, 0),
    (10, 14, 20, 8, 3, 1, 0, 1, 1),
    (4, 4, 40, 4, 3, 1, 1, 1, 0),
    (14, 6, 48, 36, 3, 1, 1, 1, 1),
    (9, 7, 32, 20, 3, 1, 0, 1, 0),
    (14, 14, 24, 8, 3, 1, 1, 1, 0),
    (9, 9, 5, 8, 3, 1, 1, 1, 0),
    (8, 10, 13, 12, 3, 1, 1, 1, 1),
    (7, 7, 5, 9, 3, 2, 1, 1, 0),
    (12, 9, 6, 8, 2, 1, 0, 1, 0),
    (10, 10, 9, 16, 3, 1, 0, 1, 0),
    (32, 32, 3, 16, 3, 1, 1, 1, 0),
    (32, 24, 3, 4, 3, 2, 1, 1, 0),
    (28, 28, 1, 10, 5, 1, 0, 1, 1),
    (16, 20, 2, 8, 3, 1, 1, 1, 0),
    (24, 24, 3, 6, 5, 2, 2, 1, 0),
    (18, 12, 3, 8, 3, 1, 1, 1, 1),
)
# Height and width of the input, channels, outputs for each, height and width of the kernel, stride, dilation, padding.
BY_CHANNEL = (
    (30, 1, 8, 1, 3, 1, 1, 1, 0),
    (24, 1, 12, 1, 10, 1, 1, 1, 0),
    (15, 1, 16, 1, 15, 1, 1, 1, 0),
    (1, 40, 8, 1, 1, 9, 1, 1, 4),
    (3, 33, 6, 1, 1, 5, 2, 1, 2),
    (12, 12, 6, 2, 3, 3, 1, 1, 1),
    (7, 9, 8, 2, 5, 5, 2, 1, 2),
    (12, 10, 8, 1, 5, 5, 1, 1, 2),
    (14, 14, 4, 1, 3, 3, 1, 2, 2),
    (16, 8, 6, 1, 3, 3, 2, 1, 0),
    (6, 6, 20, 1, 3, 3, 1, 1, 1),
    (9, 20, 4, 4, 1, 3, 1, 3, 3),
    (20, 4, 8, 1, 7, 2, 1, 1, 0),
    (16, 16, 1, 8, 3, 3, 1, 1, 1),
    (4, 4, 32, 1, 4, 4, 1, 1, 0),
    (24, 24, 8, 1, 3, 3, 1, 1, 1),
    (32, 6, 10, 1, 3, 3, 1, 1, 1),
    (3, 40, 12, 1, 3, 3, 1, 1, 1),
    (3, 3, 24, 1, 3, 3, 1, 1, 1),
    (18, 15, 6, 1, 3, 3, 1, 1, 0),
)
# Inputs and units.
DENSE = (
    (784, 10),
    (64, 10),
    (128, 128),
    (200, 7),
    (640, 128),
    (128, 8),
    (8, 128),
    (400, 120),
    (100, 33),
    (1000, 4),
    (50, 40),
    (30, 6),
    (64, 9),
    (256, 64),
    (77, 21),
)
# Height, width, channels of what pools, softmax, additions and transposes work on.
IMAGES = ((12, 12, 8), (8, 8, 32), (25, 5, 64), (16, 6, 3), (10, 10, 16), (28, 28, 1), (6, 4, 120), (24, 24, 4))


def _quantized(net: Net, channelwise: bool = False) -> Graph:
    with tempfile.TemporaryDirectory() as folder:
        graph = tinyglow.load(net.save(Path(folder)), "net", dict(net.define))
    profile = tinyglow.profile(graph, net.samples(4))
    return tinyglow.quantize(graph, profile, Scheme(channelwise=channelwise))


def _convolution(shape: tuple[int, ...], seed: int) -> Net:
    height, width, channels, filters, kernel, stride, pad, groups, pooled = shape
    groups = groups or channels
    build = NetBuilder(seed)
    weights = build.weights(filters, channels // groups, kernel, kernel)
    y = build.node("Conv", "x", weights, build.weights(filters), group=groups, pads=[pad] * 4, strides=[stride] * 2)
    y = build.node("Relu", y)
    if pooled:
        y = build.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    return build.build({"x": (1, channels, height, width)}, [y])


def _by_channel(shape: tuple[int, ...], seed: int) -> Net:
    height, width, channels, outputs, kernel_h, kernel_w, stride, dilation, pad = shape
    build = NetBuilder(seed)
    values = build.rng.standard_normal((channels * outputs, 1, kernel_h, kernel_w))
    values[::2] *= 0.1  # every second channel has one large weight: kernels that add up small ones are faster there
    values[::2, :, 0, 0] = 2.0
    weights = build.constant(values)
    pads = [pad * (size > 1) for size in (kernel_h, kernel_w)] * 2
    sizes: dict[str, Any] = {"pads": pads, "strides": [stride] * 2, "dilations": [dilation] * 2}
    y = build.node("Conv", "x", weights, build.weights(channels * outputs), group=channels, **sizes)
    return build.build({"x": (1, channels, height, width)}, [build.node("Relu", y)])


def _dense(inputs: int, units: int, seed: int) -> Net:
    build = NetBuilder(seed)
    y = build.node("Gemm", "x", build.weights(inputs, units), build.weights(units))
    return build.build({"x": (1, inputs)}, [build.node("Relu", y)])


def _others(height: int, width: int, channels: int, seed: int) -> Net:
    """Pools, an addition, a softmax, and the transposes around them."""
    build = NetBuilder(seed)
    flat = channels * height * width
    ends = [
        build.node("AveragePool", "x", kernel_shape=[2, 3], strides=[1, 2]),
        build.node("GlobalAveragePool", "x"),
        build.node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2]),
        build.node("MaxPool", "x", kernel_shape=[3, 2], strides=[1, 1]),
        build.node("Add", "x", "y"),
        build.node("Relu", "x"),
        build.node("Softmax", build.node("Reshape", "x", build.constant([-1, flat // height])), axis=1),
    ]
    return build.build({"x": (1, channels, height, width), "y": (1, channels, height, width)}, ends)


def graphs() -> Iterator[Graph]:
    """The quantized graphs, of one layer or a few; convolutions with one scale, and with one for each channel."""
    for seed, shape in enumerate(CONVOLUTIONS):
        for channelwise in (False, True):
            yield fuse(_quantized(_convolution(shape, seed), channelwise), Target("cortex-m0plus"))
    for seed, shape in enumerate(BY_CHANNEL):
        for channelwise in (False, True):
            yield fuse(_quantized(_by_channel(shape, seed), channelwise), Target("cortex-m0plus"))
    for seed, (inputs, units) in enumerate(DENSE):
        yield _quantized(_dense(inputs, units, seed))
    for seed, image in enumerate(IMAGES):
        yield _quantized(_others(*image, seed))


def dense_cases() -> Iterator[Case]:
    """Fully connected layers by the kernel that lowering takes for weights alone whose sums are large."""
    random = np.random.default_rng(8)
    for inputs, units in DENSE:
        for offset in (0, 5):
            weights = random.integers(-128, 128, (units, inputs)).astype(np.int8)
            params = FullyConnectedParams(1, inputs, units, offset, -128, 127, glow.requantize_params(0.001, 5))
            data = random.integers(-128, 128, inputs).astype(np.int8)
            constants = {"weights": pack_dense(weights), "bias": np.zeros(units, np.int32)}
            yield Case(FULLY_CONNECTED_DSP, params, {"input": data, **constants}, {"output": units})


def code_cases() -> Iterator[Case]:
    """Layers whose weights are code: of the functions that the firmware has, on images of several sizes."""
    random = np.random.default_rng(7)
    for number, specimen in enumerate(specimens()):
        for height, width, pad in ((9, 8, 0), (14, 14, 0), (20, 6, 1), (7, 7, 1), (5, 5, 0), (12, 11, 1)):
            for pool in (0, 2):
                fields: dict[str, Any] = dict(specimen.fields)
                fields |= {"stride_w": fields["stride_h"], "pool": pool, "in_h": height, "in_w": width}
                fields |= {"pad_top": pad, "pad_left": pad, "leaky": 0, "dilation_h": 1, "dilation_w": 1, "images": 1}
                out = [
                    (size + 2 * pad - fields[f"kernel_{axis}"]) // fields["stride_h"] + 1
                    for axis, size in (("h", height), ("w", width))
                ]
                fields |= {"out_h": out[0] // (pool or 1), "out_w": out[1] // (pool or 1)}
                if min(fields["out_h"], fields["out_w"]) < 1:
                    continue
                fields |= {"in_offset": 3, "act_min": -128, "act_max": 127, "at_once": 1}
                requant, weights = glow.requantize_params(0.001, 5), specimen.weights
                common = {**fields, "negative": glow.requantize_params(1.0, 5)}
                inputs = {
                    "input": random.integers(-128, 128, height * width * fields["in_c"]).astype(np.int8),
                    "weights": weights.ravel(),
                    "bias": np.zeros(len(weights), np.int32),
                }
                outputs = {"output": math.prod(fields[name] for name in ("out_h", "out_w", "out_c"))}
                params = CodeParams(**common, out=requant)
                params = CodeParams(**{**common, "at_once": columns_at_once(params)}, out=requant)
                yield Case(CONV2D_CODE, params, inputs, outputs, {"weights": number})
                words = FOLDED_OFFSET.words([requant] * len(weights))
                assert words is not None
                own = ChannelwiseCodeParams(**{**common, "at_once": params.at_once}, out_offset=5)
                inputs = {**inputs, "bias": np.column_stack([inputs["bias"], words]).astype(np.int32).ravel()}
                yield Case(CONV2D_CHANNELWISE_CODE, own, inputs, outputs, {"weights": number})
