"""Layers with weights: convolutions and fully connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.convolution import (
    conv2d_3x3_dsp,
    conv2d_3x3_pool_dsp,
    conv2d_dsp,
    depthwise_3x3_block_dsp,
    depthwise_3x3_dsp,
    depthwise_dsp,
    pointwise_dsp,
)
from tinyglow.kernels.convolution.channel_scales import channel_words
from tinyglow.kernels.convolution.conv2d import CONV2D, CONV2D_CHANNELWISE, ChannelwiseParams, Conv2DParams
from tinyglow.kernels.convolution.conv2d_3x3_dsp import CONV2D_3X3_DSP, Conv3x3DspParams
from tinyglow.kernels.convolution.conv2d_3x3_pool_dsp import CONV2D_3X3_POOL_DSP, Pool3x3DspParams
from tinyglow.kernels.convolution.conv2d_channelwise_dsp import CONV2D_CHANNELWISE_DSP, ChannelwiseDspParams
from tinyglow.kernels.convolution.conv2d_dsp import CONV2D_DSP, ConvDspParams
from tinyglow.kernels.convolution.conv2d_dual_mac import CONV2D_DUAL_MAC, DualMacParams, pack
from tinyglow.kernels.convolution.conv2d_quads_dsp import CONV2D_QUADS_DSP, QUAD, pack_quads
from tinyglow.kernels.convolution.depthwise_3x3 import DEPTHWISE_3X3, Depthwise3x3Params
from tinyglow.kernels.convolution.depthwise_3x3_block_dsp import DEPTHWISE_3X3_BLOCK_DSP, Depthwise3x3BlockParams
from tinyglow.kernels.convolution.depthwise_3x3_dsp import DEPTHWISE_3X3_DSP, Depthwise3x3DspParams
from tinyglow.kernels.convolution.depthwise_dsp import (
    DEPTHWISE_DSP,
    DEPTHWISE_WINDOW_DSP,
    DepthwiseDspParams,
)
from tinyglow.kernels.convolution.pointwise_dsp import POINTWISE_DSP, PointwiseParams
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW, HIGH_WORD, fits_high_word
from tinyglow.testing.case import Case
from tinyglow.testing.epilogues import constants_of
from tinyglow.testing.layer_values import (
    activation_bounds,
    assume_holds,
    assume_no_wraps,
    fitting_biases,
    geometries,
    high_words,
    input_images,
    plain_geometries,
    pooled,
)
from tinyglow.testing.registry import generates
from tinyglow.testing.values import int8_arrays, offsets, requant_params


@generates(CONV2D)
@st.composite
def _conv2d(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, terms = draw(geometries(out_offset))
    data, outputs = draw(input_images(fields))
    filters = draw(int8_arrays(fields["out_c"] * terms, filter_offset))
    weights = filters.reshape(-1, terms)
    bias, spread = draw(fitting_biases(data, fields["in_offset"], weights, [filter_offset] * len(weights)))
    out = draw(constants_of(epilogue, max(spread), out_offset))
    assume_holds(epilogue, weights.astype(np.int32) - filter_offset, bias, [out] * len(weights), 255)
    params = Conv2DParams(**fields, filter_offset=filter_offset, out=out)
    return Case(CONV2D, params, {"input": data, "filter": filters, "bias": bias}, outputs)


@st.composite
def _repeated(draw: st.DrawFn, elements: st.SearchStrategy[Any], count: int) -> list[Any]:
    """``count`` elements of which at most five differ: what is drawn one by one leaves less for the rest of a case."""
    few = draw(st.lists(elements, min_size=min(count, 5), max_size=5))
    return [few[i % len(few)] for i in range(count)]


@st.composite
def _channel_requants(
    draw: st.DrawFn, epilogue: Epilogue, spread: Sequence[float], out_offset: int
) -> list[glow.Requant]:
    """Constants for sums that vary by ``spread``, at most five different ones."""
    few = [draw(constants_of(epilogue, magnitude, out_offset)) for magnitude in spread[:5]]
    return [few[i % len(few)] for i in range(len(spread))]


@generates(CONV2D_CHANNELWISE)
@st.composite
def _conv2d_channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    out_offset = draw(offsets())
    fields, terms = draw(geometries(out_offset))
    units = fields["out_c"]
    filter_offsets = draw(_repeated(offsets(), units))
    data, outputs = draw(input_images(fields))
    filters = draw(int8_arrays(units * terms, filter_offsets[0]))
    bias, spread = draw(fitting_biases(data, fields["in_offset"], filters.reshape(units, terms), filter_offsets))
    outs = draw(_channel_requants(epilogue, spread, out_offset))
    weights = filters.reshape(units, terms).astype(np.int32) - np.array(filter_offsets)[:, None]
    assume_holds(epilogue, weights, bias, outs, 255)
    inputs = {"input": data, "filter": filters, "bias": bias, "channels": channel_words(outs, filter_offsets)}
    return Case(CONV2D_CHANNELWISE, ChannelwiseParams(**fields, out_offset=out_offset), inputs, outputs)


@generates(CONV2D_CHANNELWISE_DSP)
@st.composite
def _conv2d_channelwise_dsp(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    out_offset = draw(offsets())
    fields, terms = draw(plain_geometries(out_offset))
    data, _ = draw(input_images(fields))
    fields, outputs = draw(pooled(fields))
    units = fields["out_c"]
    filter_offsets = draw(_repeated(offsets(), units))
    filters = draw(int8_arrays(units * terms, filter_offsets[0])).reshape(units, terms)
    bias, spread = draw(fitting_biases(data, 0, filters, filter_offsets))
    outs = draw(_channel_requants(epilogue, spread, out_offset))
    assume_holds(epilogue, filters.astype(np.int32) - np.array(filter_offsets)[:, None], bias, outs)
    layout = conv2d_dsp.layout_of(fields, fields["pool"])
    by_tap = filters.reshape(units, fields["kernel_h"], fields["kernel_w"], fields["in_c"])
    packed = conv2d_dsp.pack(by_tap, np.array(filter_offsets))
    params = ChannelwiseDspParams(**fields, out_offset=out_offset, layout=layout)
    inputs = {"input": data, "filter": packed, "bias": conv2d_dsp.even_channels(bias)}
    inputs["channels"] = channel_words(outs, filter_offsets)
    return Case(CONV2D_CHANNELWISE_DSP, params, inputs, outputs)


@st.composite
def _depthwise(draw: st.DrawFn, kernel: Kernel) -> Case:
    out_offset = draw(offsets())
    fields, _ = draw(plain_geometries(out_offset))
    channels = draw(st.integers(1, 13))
    if kernel is DEPTHWISE_WINDOW_DSP:
        channels, fields["leaky"] = draw(st.sampled_from((4, 8, 12))), 0
    fields |= {"in_c": channels, "out_c": channels, "group": channels}
    taps = fields["kernel_h"] * fields["kernel_w"]
    data, outputs = draw(input_images(fields))
    offset = draw(offsets())
    filters = draw(int8_arrays(channels * taps, offset)).reshape(channels, taps)
    bias, spread = draw(fitting_biases(data, fields["in_offset"], filters, [offset] * channels))
    params = DepthwiseDspParams(**fields, out=draw(requant_params(max(spread), out_offset)))
    packed = depthwise_dsp.pack(filters.astype(np.int32) - offset, bias)
    return Case(kernel, params, {"input": data, "filter": packed}, outputs)


generates(DEPTHWISE_DSP)(lambda: _depthwise(DEPTHWISE_DSP))
generates(DEPTHWISE_WINDOW_DSP)(lambda: _depthwise(DEPTHWISE_WINDOW_DSP))


@generates(DEPTHWISE_3X3_DSP)
@st.composite
def _depthwise_3x3_dsp(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    fields, _ = draw(plain_geometries(out_offset))
    channels = draw(st.sampled_from((4, 8, 12)))
    strides = draw(st.sampled_from(((2, 2), (fields["stride_h"], fields["stride_w"]))))
    pads, most = [draw(st.integers(0, 2)) for _ in range(4)], 14 if strides == (2, 2) else 6
    height, width = (draw(st.integers(max(1, 3 - pads[i] - pads[i + 2]), most)) for i in range(2))
    out_h, out_w = (height + pads[0] + pads[2] - 3) // strides[0] + 1, (width + pads[1] + pads[3] - 3) // strides[1] + 1
    fields |= {"in_h": height, "in_w": width, "pad_top": pads[0], "pad_left": pads[1], "leaky": 0}
    fields |= {"out_h": out_h, "out_w": out_w, "kernel_h": 3, "kernel_w": 3}
    fields |= dict.fromkeys(("in_c", "out_c", "group"), channels) | {"stride_h": strides[0], "stride_w": strides[1]}
    data, outputs = draw(input_images(fields))
    filter_offset = draw(offsets())
    filters = draw(int8_arrays(9 * channels, filter_offset)).reshape(channels, 9)
    bias, spread = draw(fitting_biases(data, 0, filters, [filter_offset] * channels))
    fields |= {"filter_offset": filter_offset, "out": draw(requant_params(max(spread), out_offset))}
    inputs = {"input": data, "filter": depthwise_3x3_dsp.pack(filters, bias)}
    return Case(DEPTHWISE_3X3_DSP, Depthwise3x3DspParams(**fields), inputs, outputs)


def _without_window(fields: dict[str, Any], in_c: int) -> tuple[dict[str, Any], int]:
    """The fields of a convolution of windows of one pixel, whose output has the size of its input; and its terms."""
    ones = dict.fromkeys(("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w"), 1)
    same = {"out_h": fields["in_h"], "out_w": fields["in_w"], "pad_top": 0, "pad_left": 0, "in_c": in_c}
    return {**fields, **ones, **same}, in_c


@st.composite
def _dense_dsp(draw: st.DrawFn, kernel: Kernel) -> Case:
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, terms = draw(plain_geometries(out_offset))
    if kernel is CONV2D_QUADS_DSP:
        fields |= {"out_c": QUAD * draw(st.integers(1, 3)), "pool": 0}
    if draw(st.sampled_from((False, False, False, True))):
        fields, terms = _without_window(fields, conv2d_dsp.GROUP * draw(st.integers(1, 2)))
    data, outputs = draw(input_images(fields))
    if kernel is CONV2D_DSP:
        fields, outputs = draw(pooled(fields))
    units = fields["out_c"]
    filters = draw(int8_arrays(units * terms, filter_offset)).reshape(units, terms)
    bias, spread = draw(fitting_biases(data, 0, filters, [filter_offset] * units))
    # 256 times the sums of odd channels must fit, up to their ends.
    room = 2**23 - 1 - np.abs(filters.astype(np.int32) - filter_offset).sum(axis=1) * 128
    assume(room.min() > 0)
    bias[1::2] = bias.clip(-room, room)[1::2]
    layout = conv2d_dsp.layout_of(fields, fields["pool"])
    fields |= {"leaky": 0, "layout": layout}
    by_tap = filters.reshape(units, fields["kernel_h"], fields["kernel_w"], fields["in_c"])
    out = draw(requant_params(max(spread), out_offset))
    assume(HIGH_WORD.words([out]) is not None)
    assume_no_wraps(filters.astype(np.int32) - filter_offset, bias, out)
    params = ConvDspParams(**fields, filter_offset=filter_offset, out=out)
    if kernel is CONV2D_QUADS_DSP:
        return Case(kernel, params, {"input": data, "filter": pack_quads(by_tap, bias, filter_offset)}, outputs)
    packed = conv2d_dsp.pack_pairs(by_tap, filter_offset)
    inputs = {"input": data, "filter": packed, "bias": conv2d_dsp.even_channels(bias)}
    return Case(kernel, params, inputs, outputs)


generates(CONV2D_DSP)(lambda: _dense_dsp(CONV2D_DSP))
generates(CONV2D_QUADS_DSP)(lambda: _dense_dsp(CONV2D_QUADS_DSP))


@generates(CONV2D_DUAL_MAC)
@st.composite
def _conv2d_dual_mac(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    fields, terms = draw(plain_geometries(out_offset))
    data, _ = draw(input_images(fields))
    fields, outputs = draw(pooled(fields))
    units, offset = fields["out_c"], draw(st.integers(0, 255))
    magnitude = draw(st.sampled_from((255, 40, 8)))
    low, high = max(-offset, -magnitude), min(255 - offset, magnitude)
    weights = draw(int8_arrays(units * terms)).astype(np.int32) * magnitude // 128
    weights = np.clip(weights, low, high).reshape(units, terms)
    bias, spread = draw(fitting_biases(data, 0, weights, [0] * units))
    stream, counts = pack(weights, offset)
    even = (bias.astype(np.int64) - (counts << 15)).clip(-(2**31)).astype(np.int32)
    biases = np.stack([even, (even.astype(np.int64) + (counts << 15)).astype(np.int32)], axis=1).ravel()
    out = draw(requant_params(max(spread), out_offset))
    assume_no_wraps(weights, biases[1::2], out)
    params = DualMacParams(**{**fields, "leaky": 0}, filter_offset=offset, out=out)
    return Case(CONV2D_DUAL_MAC, params, {"input": data, "filter": stream, "bias": biases}, outputs)


@st.composite
def _unit_strides(draw: st.DrawFn, fields: dict[str, Any]) -> dict[str, Any]:
    """The same window, moving by single pixels; or one that gives images of the input's size."""
    if draw(st.booleans()):
        size = {"out_h": fields["in_h"], "out_w": fields["in_w"]}
        return {**fields, **size, **dict.fromkeys(("stride_h", "stride_w", "pad_top", "pad_left"), 1)}
    size = {f"out_{side}": (fields[f"out_{side}"] - 1) * fields[f"stride_{side}"] + 1 for side in "hw"}
    return {**fields, **size, "stride_h": 1, "stride_w": 1}


@generates(DEPTHWISE_3X3)
@st.composite
def _depthwise_3x3(draw: st.DrawFn) -> Case:
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, terms = draw(geometries(out_offset, max_dilation=1, depthwise=True, kernel=3))
    fields = draw(_unit_strides(fields))
    assume(max(fields["out_h"], fields["out_w"]) > 1)
    data, outputs = draw(input_images(fields))
    filters = draw(int8_arrays(fields["out_c"] * terms, filter_offset))
    # Small weights are multiplied in longer runs.
    small = (filters.astype(np.int32) - filter_offset) // draw(st.sampled_from((1, 2, 4, 8, 32)))
    filters = (small + filter_offset).astype(np.int8)
    weights = filters.reshape(-1, terms)
    # The input's offset is part of the bias here: products are with the input itself.
    bias, spread = draw(fitting_biases(data, 0, weights, [filter_offset] * len(weights)))
    out = draw(requant_params(max(spread), out_offset))
    assume_no_wraps(weights.astype(np.int32) - filter_offset, bias, out)
    fields |= {"leaky": 0, "filter_offset": filter_offset, "out": out}
    inputs = {"input": data, "filter": filters, "bias": bias}
    return Case(DEPTHWISE_3X3, Depthwise3x3Params(**fields), inputs, outputs)


@generates(DEPTHWISE_3X3_BLOCK_DSP)
@st.composite
def _depthwise_3x3_block(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    fields, _ = draw(geometries(out_offset, max_dilation=1, depthwise=True, kernel=3))
    channels, pads = draw(st.sampled_from((4, 8))), [draw(st.integers(0, 3)) for _ in range(4)]
    if draw(st.booleans()):
        pads = [pads[0], 2 - pads[0], pads[2], 2 - pads[2]] if max(pads[0], pads[2]) <= 2 else [1] * 4  # in place
    least, most = (max(1, 4 - sum(pads[:2])), max(1, 3 - sum(pads[2:]))), (draw(st.sampled_from((7, 19))), 7)
    in_h, in_w = (draw(st.integers(low, high)) for low, high in zip(least, most, strict=True))
    fields |= {"in_h": in_h, "in_w": in_w, "pad_top": pads[0], "pad_left": pads[2]}
    fields |= {"out_h": in_h + pads[0] + pads[1] - 2, "out_w": in_w + pads[2] + pads[3] - 2}
    fields |= dict.fromkeys(("in_c", "out_c", "group"), channels) | {"stride_h": 1, "stride_w": 1, "leaky": 0}
    data, outputs = draw(input_images(fields))
    filter_offset = draw(offsets())
    filters = draw(int8_arrays(9 * channels, filter_offset)).reshape(channels, 9)
    bias, out = draw(high_words(data, filters.astype(np.int32) - filter_offset, out_offset))
    inputs = {"input": data, "filter": depthwise_3x3_block_dsp.pack(filters, bias)}
    params = Depthwise3x3BlockParams(**fields, filter_offset=filter_offset, band=fields["out_h"], out=out)
    spared = depthwise_3x3_block_dsp.sparing(params)
    if spared is not None and draw(st.booleans()):
        params = replace(params, band=spared.band)
    return Case(DEPTHWISE_3X3_BLOCK_DSP, params, inputs, outputs)


@generates(POINTWISE_DSP)
@st.composite
def _pointwise(draw: st.DrawFn) -> Case:
    pixels, in_c, out_c = draw(st.integers(1, 30)), draw(st.integers(4, 8)), draw(st.sampled_from((4, 8, 12)))
    data, out_offset = draw(int8_arrays(pixels * in_c)), draw(offsets())
    weights = draw(int8_arrays(in_c * out_c)).astype(np.int32).reshape(out_c, in_c) - draw(offsets())
    bias, out = draw(high_words(data, weights, out_offset))
    params = PointwiseParams(pixels, in_c, out_c, *draw(activation_bounds(out_offset)), out)
    inputs = {"input": data, "filter": pointwise_dsp.pack(weights, bias)}
    return Case(POINTWISE_DSP, params, inputs, {"output": pixels * out_c})


@generates(CONV2D_3X3_POOL_DSP)
@st.composite
def _conv2d_3x3_pool_dsp(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    in_h, in_w, out_c, images = (draw(st.integers(1, most)) for most in (9, 9, 5, 2))
    pads = [draw(st.integers(0, 3)) for _ in range(4)]
    out_h, out_w = ((size + before + after - 2) // 2 for size, before, after in ((in_h, *pads[:2]), (in_w, *pads[2:])))
    assume(out_h > 0 and out_w > 0)
    weights = draw(int8_arrays(9 * out_c)).astype(np.int32) * 2 + draw(st.sampled_from((0, 1)))
    weights = weights.clip(-255, 255).reshape(out_c, 9)
    data = draw(int8_arrays(images * in_h * in_w))
    bias, spread = draw(fitting_biases(data, 0, weights, [0] * out_c))
    out = draw(requant_params(max(spread), out_offset))
    assume_no_wraps(weights, bias, out)
    assume(fits_high_word(out))
    act_min, act_max = draw(activation_bounds(out_offset))
    fields: dict[str, Any] = {"in_h": in_h, "in_w": in_w, "in_c": 1, "out_h": out_h, "out_w": out_w, "out_c": out_c}
    fields |= dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w", "group"), 1)
    fields |= {"kernel_h": 3, "kernel_w": 3, "pad_top": pads[0], "pad_left": pads[2], "images": images, "pool": 2}
    fields |= {"in_offset": draw(offsets()), "act_min": act_min, "act_max": act_max, "leaky": 0}
    params = Pool3x3DspParams(**fields, negative=glow.Requant(0, 0, 1, out_offset), out=out)
    inputs = {"input": data, "filter": conv2d_3x3_pool_dsp.pack(weights, bias)}
    return Case(CONV2D_3X3_POOL_DSP, params, inputs, {"output": images * out_h * out_w * out_c})


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
    bias, spread = draw(fitting_biases(data, 0, weights, [0] * out_c))
    out = draw(requant_params(max(spread), out_offset))
    assume_no_wraps(weights, bias, out)
    assume(fits_high_word(out))
    act_min, act_max = draw(activation_bounds(out_offset))
    fields: dict[str, Any] = {"in_h": in_h, "in_w": in_w, "in_c": 4, "out_h": out_h, "out_w": out_w, "out_c": out_c}
    fields |= dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w", "group"), 1)
    fields |= {"kernel_h": 3, "kernel_w": 3, "pad_top": pads[0], "pad_left": pads[2], "images": images, "pool": pool}
    fields |= {"in_offset": draw(offsets()), "act_min": act_min, "act_max": act_max, "leaky": 0}
    params = Conv3x3DspParams(**fields, negative=glow.Requant(0, 0, 1, out_offset), out=out)
    inputs = {"input": data, "filter": conv2d_3x3_dsp.pack(weights, bias)}
    return Case(CONV2D_3X3_DSP, params, inputs, {"output": images * out_h * out_w * out_c})
