"""Layers with weights: convolutions and fully connected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.types import QuantParams
from tinyglow.numerics import glow
from tinyglow.ops import (
    conv2d_3x3_dsp,
    conv2d_dsp,
    conv2d_squares_dsp,
    depthwise_dsp,
    depthwise_strip_dsp,
    pointwise_dsp,
)
from tinyglow.ops.accumulator import check_accumulator
from tinyglow.ops.conv2d import CONV2D, CONV2D_CHANNELWISE, ChannelwiseParams, Conv2DParams
from tinyglow.ops.conv2d_3x3_dsp import CONV2D_3X3_DSP, Conv3x3DspParams
from tinyglow.ops.conv2d_channelwise_dsp import CONV2D_CHANNELWISE_DSP, ChannelwiseDspParams
from tinyglow.ops.conv2d_dsp import CONV2D_DSP, ConvDspParams
from tinyglow.ops.conv2d_lanes import CONV2D_LANES, LanesParams, pack
from tinyglow.ops.conv2d_layer import channel_words, fits_high_word, within_int32
from tinyglow.ops.conv2d_squares_dsp import CONV2D_SQUARES_DSP, SquaresDspParams
from tinyglow.ops.depthwise_3x3 import DEPTHWISE_3X3, Depthwise3x3Params
from tinyglow.ops.depthwise_dsp import DEPTHWISE_3X3_DSP, DEPTHWISE_DSP, DepthwiseDspParams
from tinyglow.ops.depthwise_strip_dsp import DEPTHWISE_STRIP_DSP, DepthwiseStripParams
from tinyglow.ops.fully_connected import FULLY_CONNECTED
from tinyglow.ops.fully_connected_dsp import FULLY_CONNECTED_DSP
from tinyglow.ops.fully_connected_dsp import pack as pack_dense
from tinyglow.ops.fully_connected_layer import FullyConnectedParams
from tinyglow.ops.fully_connected_quads import FULLY_CONNECTED_QUADS, fits
from tinyglow.ops.fully_connected_quads import pack as pack_quads
from tinyglow.ops.pointwise_dsp import POINTWISE_DSP, PointwiseParams
from tinyglow.ops.window import Window
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import int8_arrays, int32_arrays, offsets, requant_params, windows


@st.composite
def _biases(
    draw: st.DrawFn, x: Array, in_offset: int, weights: Array, weight_offsets: Sequence[int]
) -> tuple[Array, list[float]]:
    """A bias for inputs x and weights [units, terms], each unit with its offset, and how far each unit's sums vary.

    No sum leaves int32. Most biases make up for the mean of the products, as those of a trained network do.
    """
    factors = weights.astype(np.int64) - np.array(weight_offsets).reshape(-1, 1)
    span = max(glow.INT8_MAX - in_offset, in_offset - glow.INT8_MIN)
    spread = np.sqrt((factors**2).sum(axis=1)) * max(float(x.std()), 1.0)
    means = factors.sum(axis=1) * (in_offset - float(x.mean()))
    bias: Array = draw(int32_arrays(glow.INT32_MAX - np.abs(factors).sum(axis=1) * span, means, spread))
    for unit, offset in enumerate(weight_offsets):
        params = QuantParams(1.0, offset), QuantParams(1.0, in_offset)
        check_accumulator(weights[unit : unit + 1], *params, bias[unit : unit + 1])
    return bias, [max(float(s), abs(float(b - m))) for s, b, m in zip(spread, bias, means, strict=True)]


@st.composite
def _bounds(draw: st.DrawFn, out_offset: int) -> tuple[int, int]:
    """Limits of a fused activation: none, a ReLU's, or any."""
    if not draw(st.sampled_from((False, False, False, True))):
        return draw(st.sampled_from((-128, -128, out_offset))), 127
    low = draw(st.integers(-128, 127))
    return low, draw(st.integers(low, 127))


@st.composite
def _plain_geometries(draw: st.DrawFn, out_offset: int) -> tuple[dict[str, Any], int]:
    """Without groups and dilation; an offset that int8 holds."""
    fields, terms = draw(_geometries(out_offset, most_groups=1, max_dilation=1))
    return fields, terms


@st.composite
def _geometries(
    draw: st.DrawFn,
    out_offset: int,
    most_groups: int = 4,
    max_dilation: int = 3,
    depthwise: bool = False,
    kernel: int = 0,
) -> tuple[dict[str, Any], int]:
    """The fields of ConvGeometry, and the terms of one sum."""
    window, in_h, in_w = draw(windows(kernel or 5, max_dilation, min_kernel=kernel or 1))
    group = draw(st.integers(1, most_groups))
    single = st.just((1, 1))
    grouped = st.one_of(single, st.tuples(st.integers(1, 5), st.integers(1, 4)))
    in_group, out_group = draw(single if depthwise else grouped)
    out_h, out_w = window.output_size(in_h, in_w)
    act_min, act_max = draw(_bounds(out_offset))
    # Slopes are around 1 or far below; the offset is the output's, which stands for 0.0.
    slope = draw(requant_params(draw(st.sampled_from((64.0, 2.0**10))), out_offset))
    fields = {
        **{"in_h": in_h, "in_w": in_w, "in_c": group * in_group},
        **{"out_h": out_h, "out_w": out_w, "out_c": group * out_group},
        **dict(zip(("kernel_h", "kernel_w"), window.kernel, strict=True)),
        **dict(zip(("stride_h", "stride_w"), window.strides, strict=True)),
        **dict(zip(("pad_top", "pad_left"), window.pads[:2], strict=True)),
        **dict(zip(("dilation_h", "dilation_w"), window.dilation, strict=True)),
        **{"group": group, "images": draw(st.integers(1, 3)), "in_offset": draw(offsets())},
        **{"act_min": act_min, "act_max": act_max, "leaky": draw(st.sampled_from((0, 0, 1)))},
        "negative": slope,
    }
    return fields, window.kernel[0] * window.kernel[1] * in_group


@st.composite
def _images(draw: st.DrawFn, fields: dict[str, Any]) -> tuple[Array, dict[str, int]]:
    """The input of a convolution and the elements of its output."""
    data = draw(int8_arrays(math.prod(fields[key] for key in ("images", "in_h", "in_w", "in_c")), fields["in_offset"]))
    return data, {"output": math.prod(fields[key] for key in ("images", "out_h", "out_w", "out_c"))}


@generates(CONV2D)
@st.composite
def _conv2d(draw: st.DrawFn) -> Case:
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, terms = draw(_geometries(out_offset))
    data, outputs = draw(_images(fields))
    filters = draw(int8_arrays(fields["out_c"] * terms, filter_offset))
    weights = filters.reshape(-1, terms)
    bias, spread = draw(_biases(data, fields["in_offset"], weights, [filter_offset] * len(weights)))
    out = draw(requant_params(max(spread), out_offset))
    params = Conv2DParams(**fields, filter_offset=filter_offset, out=out)
    return Case(CONV2D, params, {"input": data, "filter": filters, "bias": bias}, outputs)


@st.composite
def _repeated(draw: st.DrawFn, elements: st.SearchStrategy[Any], count: int) -> list[Any]:
    """``count`` elements of which at most five differ: what is drawn one by one leaves less for the rest of a case."""
    few = draw(st.lists(elements, min_size=min(count, 5), max_size=5))
    return [few[i % len(few)] for i in range(count)]


@st.composite
def _channel_requants(draw: st.DrawFn, spread: Sequence[float], out_offset: int) -> list[glow.Requant]:
    """Constants for sums that vary by ``spread``, at most five different ones."""
    few = [draw(requant_params(magnitude, out_offset)) for magnitude in spread[:5]]
    return [few[i % len(few)] for i in range(len(spread))]


@generates(CONV2D_CHANNELWISE)
@st.composite
def _conv2d_channelwise(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    fields, terms = draw(_geometries(out_offset))
    units = fields["out_c"]
    filter_offsets = draw(_repeated(offsets(), units))
    data, outputs = draw(_images(fields))
    filters = draw(int8_arrays(units * terms, filter_offsets[0]))
    bias, spread = draw(_biases(data, fields["in_offset"], filters.reshape(units, terms), filter_offsets))
    outs = draw(_channel_requants(spread, out_offset))
    inputs = {"input": data, "filter": filters, "bias": bias, "channels": channel_words(outs, filter_offsets)}
    return Case(CONV2D_CHANNELWISE, ChannelwiseParams(**fields, out_offset=out_offset), inputs, outputs)


@generates(CONV2D_CHANNELWISE_DSP)
@st.composite
def _conv2d_channelwise_dsp(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    fields, terms = draw(_plain_geometries(out_offset))
    data, _ = draw(_images(fields))
    fields, outputs = draw(_pooled(fields))
    units = fields["out_c"]
    filter_offsets = draw(_repeated(offsets(), units))
    filters = draw(int8_arrays(units * terms, filter_offsets[0])).reshape(units, terms)
    bias, spread = draw(_biases(data, 0, filters, filter_offsets))
    outs = draw(_channel_requants(spread, out_offset))
    layout = conv2d_dsp.layout_of(fields, fields["pool"])
    by_tap = filters.reshape(units, fields["kernel_h"], fields["kernel_w"], fields["in_c"])
    packed = conv2d_dsp.pack(by_tap, np.array(filter_offsets), layout)
    params = ChannelwiseDspParams(**fields, out_offset=out_offset, layout=layout)
    inputs = {"input": data, "filter": packed, "bias": conv2d_dsp.even_channels(bias)}
    inputs["channels"] = channel_words(outs, filter_offsets)
    return Case(CONV2D_CHANNELWISE_DSP, params, inputs, outputs)


@st.composite
def _depthwise(draw: st.DrawFn, kernel: Kernel) -> Case:
    out_offset = draw(offsets())
    fields, _ = draw(_plain_geometries(out_offset))
    channels = draw(st.integers(1, 13))
    if kernel is DEPTHWISE_3X3_DSP:
        channels = draw(st.sampled_from((4, 8, 12)))
        pads, strides = [draw(st.integers(0, 2)) for _ in range(4)], (fields["stride_h"], fields["stride_w"])
        window = Window((3, 3), strides, (pads[0], pads[1], pads[2], pads[3]))
        low = [max(1, 3 - pads[0] - pads[2]), max(1, 3 - pads[1] - pads[3])]
        height, width = draw(st.integers(low[0], 6)), draw(st.integers(low[1], 6))
        out_h, out_w = window.output_size(height, width)
        fields |= {"kernel_h": 3, "kernel_w": 3, "pad_top": pads[0], "pad_left": pads[1], "leaky": 0}
        fields |= {"in_h": height, "in_w": width, "out_h": out_h, "out_w": out_w}
    fields |= {"in_c": channels, "out_c": channels, "group": channels}
    taps = fields["kernel_h"] * fields["kernel_w"]
    data, outputs = draw(_images(fields))
    offset = draw(offsets())
    filters = draw(int8_arrays(channels * taps, offset)).reshape(channels, taps)
    bias, spread = draw(_biases(data, fields["in_offset"], filters, [offset] * channels))
    params = DepthwiseDspParams(**fields, out=draw(requant_params(max(spread), out_offset)))
    packed = depthwise_dsp.pack(filters.astype(np.int32) - offset, bias)
    return Case(kernel, params, {"input": data, "filter": packed}, outputs)


generates(DEPTHWISE_DSP)(lambda: _depthwise(DEPTHWISE_DSP))
generates(DEPTHWISE_3X3_DSP)(lambda: _depthwise(DEPTHWISE_3X3_DSP))


@generates(FULLY_CONNECTED)
@st.composite
def _fully_connected(draw: st.DrawFn) -> Case:
    rows, units = draw(st.integers(1, 4)), draw(st.integers(1, 24))
    # 258 products of 255 * 255 are the most whose sum the reference may form in float32.
    depth = draw(st.one_of(st.integers(1, 40), st.integers(255, 262)))
    weights_offset = draw(offsets())
    data, weights = draw(int8_arrays(rows * depth)), draw(int8_arrays(units * depth, weights_offset))
    # The input's offset is part of the bias here: products are with the input itself.
    bias, spread = draw(_biases(data, 0, weights.reshape(units, depth), [weights_offset] * units))
    out = draw(requant_params(max(spread)))
    params = FullyConnectedParams(rows, depth, units, weights_offset, *draw(_bounds(out.offset)), out)
    inputs = {"input": data, "weights": weights, "bias": bias}
    return Case(FULLY_CONNECTED, params, inputs, {"output": rows * units})


@generates(FULLY_CONNECTED_DSP)
@st.composite
def _fully_connected_dsp(draw: st.DrawFn) -> Case:
    case = draw(_fully_connected())
    params = case.params
    assert isinstance(params, FullyConnectedParams)
    packed = pack_dense(case.inputs["weights"].reshape(params.units, params.depth))
    return Case(FULLY_CONNECTED_DSP, params, {**case.inputs, "weights": packed}, case.outputs)


@st.composite
def _pooled(draw: st.DrawFn, fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """The fields of PooledGeometry for those of a convolution, and the elements of its output."""
    pool = draw(st.sampled_from((0, 2)))
    fields = {**fields, "pool": pool}
    fields |= {"out_h": fields["out_h"] // (pool or 1), "out_w": fields["out_w"] // (pool or 1)}
    assume(fields["out_h"] and fields["out_w"])
    return fields, {"output": math.prod(fields[key] for key in ("images", "out_h", "out_w", "out_c"))}


@generates(CONV2D_DSP)
@st.composite
def _conv2d_dsp(draw: st.DrawFn) -> Case:
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, terms = draw(_plain_geometries(out_offset))
    data, _ = draw(_images(fields))
    fields, outputs = draw(_pooled(fields))
    units = fields["out_c"]
    filters = draw(int8_arrays(units * terms, filter_offset)).reshape(units, terms)
    bias, spread = draw(_biases(data, 0, filters, [filter_offset] * units))
    layout = conv2d_dsp.layout_of(fields, fields["pool"])
    fields |= {"leaky": 0, "layout": layout}
    by_tap = filters.reshape(units, fields["kernel_h"], fields["kernel_w"], fields["in_c"])
    packed = conv2d_dsp.pack(by_tap, filter_offset, layout)
    params = ConvDspParams(**fields, filter_offset=filter_offset, out=draw(requant_params(max(spread), out_offset)))
    inputs = {"input": data, "filter": packed, "bias": conv2d_dsp.even_channels(bias)}
    return Case(CONV2D_DSP, params, inputs, outputs)


def _assume_no_wraps(weights: Array, bias: Array, out: glow.Requant) -> None:
    """Only cases in which the output's offset may be added before the last shift of any sum's requantization."""
    reach = np.abs(weights.astype(np.int64)).sum(axis=1) * 128
    bounds = [*(bias + reach).tolist(), *(bias - reach).tolist()]
    assume(all(within_int32(bound, out, abs(out.offset)) for bound in bounds))


@st.composite
def _high_words(draw: st.DrawFn, data: Array, weights: Array, out_offset: int) -> tuple[Array, glow.Requant]:
    """Biases for ``weights``, and constants by which requantization is the upper word of a product of the sum."""
    bias, spread = draw(_biases(data, 0, weights, [0] * len(weights)))
    bias = bias.clip(-(2**20), 2**20)  # no shift before the multiplication makes room for more
    drawn = draw(requant_params(max(spread), out_offset))
    post = min(max(drawn.post, 2), 29)
    out = glow.Requant(0, post, min(max(drawn.multiplier, 1), (1 << post - 1) - 1), out_offset)
    assert fits_high_word(out)
    _assume_no_wraps(weights, bias, out)
    return bias, out


@generates(CONV2D_LANES)
@st.composite
def _conv2d_lanes(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    fields, terms = draw(_plain_geometries(out_offset))
    data, _ = draw(_images(fields))
    fields, outputs = draw(_pooled(fields))
    units, offset = fields["out_c"], draw(st.integers(0, 255))
    magnitude = draw(st.sampled_from((255, 40, 8)))
    low, high = max(-offset, -magnitude), min(255 - offset, magnitude)
    weights = draw(int8_arrays(units * terms)).astype(np.int32) * magnitude // 128
    weights = np.clip(weights, low, high).reshape(units, terms)
    bias, spread = draw(_biases(data, 0, weights, [0] * units))
    stream, counts = pack(weights, offset)
    even = (bias.astype(np.int64) - (counts << 15)).clip(-(2**31)).astype(np.int32)
    biases = np.stack([even, (even.astype(np.int64) + (counts << 15)).astype(np.int32)], axis=1).ravel()
    out = draw(requant_params(max(spread), out_offset))
    _assume_no_wraps(weights, biases[1::2], out)
    params = LanesParams(**{**fields, "leaky": 0}, filter_offset=offset, out=out)
    return Case(CONV2D_LANES, params, {"input": data, "filter": stream, "bias": biases}, outputs)


@generates(FULLY_CONNECTED_QUADS)
@st.composite
def _fully_connected_quads(draw: st.DrawFn) -> Case:
    case = draw(_fully_connected())
    params = case.params
    assert isinstance(params, FullyConnectedParams)
    weights = case.inputs["weights"].reshape(params.units, params.depth)
    assume(fits(weights))
    return Case(FULLY_CONNECTED_QUADS, params, {**case.inputs, "weights": pack_quads(weights)}, case.outputs)


@st.composite
def _unit_strides(draw: st.DrawFn, fields: dict[str, Any]) -> dict[str, Any]:
    """The same window, moving by single columns; or one that gives images of the input's size."""
    if draw(st.booleans()):
        size = {"out_h": fields["in_h"], "out_w": fields["in_w"]}
        return {**fields, **size, **dict.fromkeys(("stride_h", "stride_w", "pad_top", "pad_left"), 1)}
    return {**fields, "stride_w": 1, "out_w": (fields["out_w"] - 1) * fields["stride_w"] + 1}


@generates(DEPTHWISE_3X3)
@st.composite
def _depthwise_3x3(draw: st.DrawFn) -> Case:
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, terms = draw(_geometries(out_offset, max_dilation=1, depthwise=True, kernel=3))
    fields = draw(_unit_strides(fields))
    data, outputs = draw(_images(fields))
    filters = draw(int8_arrays(fields["out_c"] * terms, filter_offset))
    weights = filters.reshape(-1, terms)
    # The input's offset is part of the bias here: products are with the input itself.
    bias, spread = draw(_biases(data, 0, weights, [filter_offset] * len(weights)))
    out = draw(requant_params(max(spread), out_offset))
    _assume_no_wraps(weights.astype(np.int32) - filter_offset, bias, out)
    fields |= {"leaky": 0, "filter_offset": filter_offset, "out": out}
    inputs = {"input": data, "filter": filters, "bias": bias}
    return Case(DEPTHWISE_3X3, Depthwise3x3Params(**fields), inputs, outputs)


@generates(DEPTHWISE_STRIP_DSP)
@st.composite
def _depthwise_strip(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    fields, _ = draw(_geometries(out_offset, max_dilation=1, depthwise=True, kernel=3))
    channels, pads = draw(st.sampled_from((4, 8))), [draw(st.integers(0, 3)) for _ in range(4)]
    if draw(st.booleans()):
        pads = [pads[0], 2 - pads[0], pads[2], 2 - pads[2]] if max(pads[0], pads[2]) <= 2 else [1] * 4  # in place
    in_h, in_w = (draw(st.integers(max(1, least - sum(pad)), 7)) for least, pad in ((4, pads[:2]), (3, pads[2:])))
    fields |= {"in_h": in_h, "in_w": in_w, "pad_top": pads[0], "pad_left": pads[2]}
    fields |= {"out_h": in_h + pads[0] + pads[1] - 2, "out_w": in_w + pads[2] + pads[3] - 2}
    fields |= dict.fromkeys(("in_c", "out_c", "group"), channels) | {"stride_h": 1, "stride_w": 1, "leaky": 0}
    data, outputs = draw(_images(fields))
    filter_offset = draw(offsets())
    filters = draw(int8_arrays(9 * channels, filter_offset)).reshape(channels, 9)
    bias, out = draw(_high_words(data, filters.astype(np.int32) - filter_offset, out_offset))
    inputs = {"input": data, "filter": depthwise_strip_dsp.pack(filters, bias)}
    params = DepthwiseStripParams(**fields, filter_offset=filter_offset, out=out)
    return Case(DEPTHWISE_STRIP_DSP, params, inputs, outputs)


@generates(POINTWISE_DSP)
@st.composite
def _pointwise(draw: st.DrawFn) -> Case:
    pixels, in_c, out_c = draw(st.integers(1, 30)), draw(st.integers(4, 8)), draw(st.sampled_from((4, 8, 12)))
    data, out_offset = draw(int8_arrays(pixels * in_c)), draw(offsets())
    weights = draw(int8_arrays(in_c * out_c)).astype(np.int32).reshape(out_c, in_c) - draw(offsets())
    bias, out = draw(_high_words(data, weights, out_offset))
    params = PointwiseParams(pixels, in_c, out_c, *draw(_bounds(out_offset)), out)
    inputs = {"input": data, "filter": pointwise_dsp.pack(weights, bias)}
    return Case(POINTWISE_DSP, params, inputs, {"output": pixels * out_c})


@generates(CONV2D_SQUARES_DSP)
@st.composite
def _conv2d_squares_dsp(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    in_h, in_w, out_c, images = (draw(st.integers(1, most)) for most in (9, 9, 5, 2))
    pads = [draw(st.integers(0, 3)) for _ in range(4)]
    out_h, out_w = ((size + before + after - 2) // 2 for size, before, after in ((in_h, *pads[:2]), (in_w, *pads[2:])))
    assume(out_h > 0 and out_w > 0)
    weights = draw(int8_arrays(9 * out_c)).astype(np.int32) * 2 + draw(st.sampled_from((0, 1)))
    weights = weights.clip(-255, 255).reshape(out_c, 9)
    data = draw(int8_arrays(images * in_h * in_w))
    bias, spread = draw(_biases(data, 0, weights, [0] * out_c))
    out = draw(requant_params(max(spread), out_offset))
    _assume_no_wraps(weights, bias, out)
    assume(fits_high_word(out))
    act_min, act_max = draw(_bounds(out_offset))
    fields: dict[str, Any] = {"in_h": in_h, "in_w": in_w, "in_c": 1, "out_h": out_h, "out_w": out_w, "out_c": out_c}
    fields |= dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w", "group"), 1)
    fields |= {"kernel_h": 3, "kernel_w": 3, "pad_top": pads[0], "pad_left": pads[2], "images": images, "pool": 2}
    fields |= {"in_offset": draw(offsets()), "act_min": act_min, "act_max": act_max, "leaky": 0}
    params = SquaresDspParams(**fields, negative=glow.Requant(0, 0, 1, out_offset), out=out)
    inputs = {"input": data, "filter": conv2d_squares_dsp.pack(weights, bias)}
    return Case(CONV2D_SQUARES_DSP, params, inputs, {"output": images * out_h * out_w * out_c})


@generates(CONV2D_3X3_DSP)
@st.composite
def _conv2d_3x3_dsp(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    in_h, in_w, pairs, images = (draw(st.integers(1, most)) for most in (8, 8, 3, 2))
    pads, pool = [draw(st.integers(0, 3)) for _ in range(4)], draw(st.sampled_from((0, 2)))
    out_h, out_w = ((size + sum(at) - 2) // (pool or 1) for size, at in ((in_h, pads[:2]), (in_w, pads[2:])))
    assume(out_h > 0 and out_w > 0)
    out_c = 2 * pairs
    weights = draw(int8_arrays(36 * out_c)).astype(np.int32) * 2 + draw(st.sampled_from((0, 1)))
    weights = weights.clip(-255, 255).reshape(out_c, 36)
    data = draw(int8_arrays(images * in_h * in_w * 4))
    bias, spread = draw(_biases(data, 0, weights, [0] * out_c))
    out = draw(requant_params(max(spread), out_offset))
    _assume_no_wraps(weights, bias, out)
    assume(fits_high_word(out))
    act_min, act_max = draw(_bounds(out_offset))
    fields: dict[str, Any] = {"in_h": in_h, "in_w": in_w, "in_c": 4, "out_h": out_h, "out_w": out_w, "out_c": out_c}
    fields |= dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w", "group"), 1)
    fields |= {"kernel_h": 3, "kernel_w": 3, "pad_top": pads[0], "pad_left": pads[2], "images": images, "pool": pool}
    fields |= {"in_offset": draw(offsets()), "act_min": act_min, "act_max": act_max, "leaky": 0}
    params = Conv3x3DspParams(**fields, negative=glow.Requant(0, 0, 1, out_offset), out=out)
    inputs = {"input": data, "filter": conv2d_3x3_dsp.pack(weights, bias)}
    return Case(CONV2D_3X3_DSP, params, inputs, {"output": images * out_h * out_w * out_c})
