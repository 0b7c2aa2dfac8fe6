"""Convolutions of 3x3 by Winograd's algorithm for 4x4 outputs."""

from __future__ import annotations

from hypothesis import strategies as st

from tinyglow.kernels.convolution.conv2d_winograd_4x4_dsp import (
    CONV2D_WINOGRAD_4X4_CHANNELWISE_DSP,
    CONV2D_WINOGRAD_4X4_DSP,
    Winograd4x4ChannelwiseParams,
    Winograd4x4Params,
    pack,
    unpack,
)
from tinyglow.kernels.convolution.conv2d_winograd_dsp import CONV2D_WINOGRAD_DSP, WinogradParams, pack_biases
from tinyglow.kernels.convolution.conv2d_winograd_dsp import unpack as unpack_2x2
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.testing.case import Case
from tinyglow.testing.generators.channelwise import own_scales, without_scale
from tinyglow.testing.registry import cases, generates


@generates(CONV2D_WINOGRAD_4X4_DSP)
@st.composite
def _uniform(draw: st.DrawFn) -> Case:
    case = draw(cases(CONV2D_WINOGRAD_DSP))
    p = case.params
    assert isinstance(p, WinogradParams)
    weights = unpack_2x2(case.inputs["filter"], p)
    inputs = {**case.inputs, "filter": pack(weights, p.in_c)}
    own = Winograd4x4Params(**vars(p))
    return Case(CONV2D_WINOGRAD_4X4_DSP, own, inputs, case.outputs)


@generates(CONV2D_WINOGRAD_4X4_CHANNELWISE_DSP)
@st.composite
def _channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_WINOGRAD_4X4_DSP))
    p = case.params
    assert isinstance(p, Winograd4x4Params)
    bias = case.inputs["bias"][: p.out_c]
    scales = draw(own_scales(epilogue, epilogue.high, unpack(case.inputs["filter"], p), bias, p.out))
    inputs = {**case.inputs, "bias": pack_biases(bias, scales)}
    own = Winograd4x4ChannelwiseParams(**without_scale(p))
    return Case(CONV2D_WINOGRAD_4X4_CHANNELWISE_DSP, own, inputs, case.outputs)
