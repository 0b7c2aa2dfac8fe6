"""Convolutions of 3x3 by Winograd's algorithm."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.kernels.convolution.conv2d_winograd_dsp import (
    CONV2D_WINOGRAD_CHANNELWISE_DSP,
    CONV2D_WINOGRAD_DSP,
    WinogradChannelwiseParams,
    WinogradParams,
    pack,
    pack_biases,
    unpack,
)
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW, HIGH_WORD
from tinyglow.testing.case import Case
from tinyglow.testing.generators.channelwise import own_scales, without_scale
from tinyglow.testing.layer_values import assume_no_wraps, fitting_biases, geometries, input_images, pooled
from tinyglow.testing.registry import cases, generates
from tinyglow.testing.values import int8_arrays, offsets, requant_params


@generates(CONV2D_WINOGRAD_DSP)
@st.composite
def _uniform(draw: st.DrawFn) -> Case:
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, _ = draw(geometries(out_offset, most_groups=1, max_dilation=1, kernel=3))
    pads = [draw(st.integers(0, 2)) for _ in range(4)]
    in_h, in_w = (draw(st.integers(max(1, 3 - sum(pads[axis::2])), 11)) for axis in (0, 1))
    fields |= {"in_h": in_h, "in_w": in_w, "pad_top": pads[0], "pad_left": pads[1], "stride_h": 1, "stride_w": 1}
    fields |= {"out_h": in_h + pads[0] + pads[2] - 2, "out_w": in_w + pads[1] + pads[3] - 2, "leaky": 0}
    fields |= {"in_c": draw(st.sampled_from((4, 8, 12, 16, 24))), "out_c": draw(st.integers(1, 9))}
    data, _ = draw(input_images(fields))
    fields, outputs = draw(pooled(fields))
    filters = draw(int8_arrays(fields["out_c"] * 9 * fields["in_c"], filter_offset)).reshape(fields["out_c"], -1)
    bias, spread = draw(fitting_biases(data, 0, filters, [filter_offset] * len(filters)))
    out = draw(requant_params(max(spread), out_offset))
    weights = filters.astype(np.int32) - filter_offset
    assume(HIGH_WORD.words([out]) is not None)
    assume_no_wraps(weights, bias, out)
    inputs = {"input": data, "filter": pack(weights, fields["in_c"]), "bias": pack_biases(bias)}
    return Case(CONV2D_WINOGRAD_DSP, WinogradParams(**fields, out=out), inputs, outputs)


@generates(CONV2D_WINOGRAD_CHANNELWISE_DSP)
@st.composite
def _channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_WINOGRAD_DSP))
    p = case.params
    assert isinstance(p, WinogradParams)
    bias = case.inputs["bias"][: p.out_c]
    scales = draw(own_scales(epilogue, epilogue.high, unpack(case.inputs["filter"], p), bias, p.out))
    inputs = {**case.inputs, "bias": pack_biases(bias, scales)}
    return Case(CONV2D_WINOGRAD_CHANNELWISE_DSP, WinogradChannelwiseParams(**without_scale(p)), inputs, case.outputs)
