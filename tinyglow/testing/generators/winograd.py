"""Convolutions of 3x3 by Winograd's algorithm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.convolution import conv2d_winograd, conv2d_winograd_dsp
from tinyglow.kernels.convolution.conv2d_winograd import CONV2D_WINOGRAD, CONV2D_WINOGRAD_CHANNELWISE
from tinyglow.kernels.convolution.conv2d_winograd_dsp import CONV2D_WINOGRAD_CHANNELWISE_DSP, CONV2D_WINOGRAD_DSP
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW, HIGH_WORD
from tinyglow.testing.case import Case
from tinyglow.testing.generators.channelwise import own_scales, without_scale
from tinyglow.testing.layer_values import (
    assume_no_wraps,
    fitting_biases,
    geometries,
    input_images,
    pooled,
)
from tinyglow.testing.registry import cases, generates
from tinyglow.testing.values import int8_arrays, offsets, requant_params


def _layer(
    draw: st.DrawFn, channels: Sequence[int], most_out: int, accepts: Callable[[Array, Array, glow.Requant], None]
) -> tuple[dict[str, Any], Array, Array, Array, glow.Requant, dict[str, int]]:
    """Fields, image, weights less their offset, biases, scale and outputs of a layer that such a kernel takes."""
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, _ = draw(geometries(out_offset, most_groups=1, max_dilation=1, kernel=3))
    pads = [draw(st.integers(0, 2)) for _ in range(4)]
    in_h, in_w = (draw(st.integers(max(1, 3 - sum(pads[axis::2])), 11)) for axis in (0, 1))
    fields |= {"in_h": in_h, "in_w": in_w, "pad_top": pads[0], "pad_left": pads[1], "stride_h": 1, "stride_w": 1}
    fields |= {"out_h": in_h + pads[0] + pads[2] - 2, "out_w": in_w + pads[1] + pads[3] - 2, "leaky": 0}
    fields |= {"in_c": draw(st.sampled_from(channels)), "out_c": draw(st.integers(1, most_out))}
    data, _ = draw(input_images(fields))
    fields, outputs = draw(pooled(fields))
    filters = draw(int8_arrays(fields["out_c"] * 9 * fields["in_c"], filter_offset)).reshape(fields["out_c"], -1)
    bias, spread = draw(fitting_biases(data, 0, filters, [filter_offset] * len(filters)))
    out = draw(requant_params(max(spread), out_offset))
    weights = filters.astype(np.int32) - filter_offset
    accepts(weights, bias, out)
    return fields, data, weights, bias, out, outputs


def _high(weights: Array, bias: Array, out: glow.Requant) -> None:
    assume(HIGH_WORD.words([out]) is not None)
    assume_no_wraps(weights, bias, out)


@generates(CONV2D_WINOGRAD_DSP)
@st.composite
def _uniform_dsp(draw: st.DrawFn) -> Case:
    fields, data, weights, bias, out, outputs = _layer(draw, (4, 8, 12, 16, 24), 9, _high)
    packed = conv2d_winograd_dsp.pack(weights, fields["in_c"])
    inputs = {"input": data, "filter": packed, "bias": conv2d_winograd_dsp.pack_biases(bias)}
    return Case(CONV2D_WINOGRAD_DSP, conv2d_winograd_dsp.WinogradParams(**fields, out=out), inputs, outputs)


@generates(CONV2D_WINOGRAD_CHANNELWISE_DSP)
@st.composite
def _channelwise_dsp(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_WINOGRAD_DSP))
    p = case.params
    assert isinstance(p, conv2d_winograd_dsp.WinogradParams)
    bias, weights = case.inputs["bias"][: p.out_c], conv2d_winograd_dsp.unpack(case.inputs["filter"], p)
    scales = draw(own_scales(epilogue, epilogue.high, weights, bias, p.out))
    inputs = {**case.inputs, "bias": conv2d_winograd_dsp.pack_biases(bias, scales)}
    own = conv2d_winograd_dsp.WinogradChannelwiseParams(**without_scale(p))
    return Case(CONV2D_WINOGRAD_CHANNELWISE_DSP, own, inputs, case.outputs)


@generates(CONV2D_WINOGRAD)
@st.composite
def _uniform(draw: st.DrawFn) -> Case:
    fields, data, weights, bias, out, outputs = _layer(draw, (4, 8, 12, 16, 24), 17, assume_no_wraps)
    fields["corners"] = conv2d_winograd.corners_of(weights, fields["in_c"])
    packed = conv2d_winograd.pack(weights, fields["in_c"], fields["corners"])
    inputs = {"input": data, "filter": packed, "bias": conv2d_winograd.pack_biases(bias)}
    return Case(CONV2D_WINOGRAD, conv2d_winograd.WinogradParams(**fields, out=out), inputs, outputs)


@generates(CONV2D_WINOGRAD_CHANNELWISE)
@st.composite
def _channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_WINOGRAD))
    p = case.params
    assert isinstance(p, conv2d_winograd.WinogradParams)
    bias, weights = case.inputs["bias"][: p.out_c], conv2d_winograd.unpack(case.inputs["filter"], p)
    scales = draw(own_scales(epilogue, epilogue.folded, weights, bias, p.out))
    inputs = {**case.inputs, "bias": conv2d_winograd.pack_biases(bias, scales)}
    own = conv2d_winograd.WinogradChannelwiseParams(**without_scale(p))
    return Case(CONV2D_WINOGRAD_CHANNELWISE, own, inputs, case.outputs)
