"""Layers with a scale for each channel, made from those with one scale for all."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel, Params
from tinyglow.kernels.convolution import (
    conv2d_3x3_dsp,
    conv2d_3x3_pool_dsp,
    conv2d_dsp,
    conv2d_dual_mac,
    depthwise_3x3_block_dsp,
    depthwise_3x3_dsp,
    depthwise_dsp,
    pointwise_dsp,
)
from tinyglow.kernels.convolution.conv2d_3x3_dsp import (
    CONV2D_3X3_CHANNELWISE_DSP,
    CONV2D_3X3_DSP,
    Conv3x3ChannelwiseDspParams,
)
from tinyglow.kernels.convolution.conv2d_3x3_pool_dsp import (
    CONV2D_3X3_POOL_CHANNELWISE_DSP,
    CONV2D_3X3_POOL_DSP,
    Pool3x3ChannelwiseDspParams,
)
from tinyglow.kernels.convolution.conv2d_code import (
    CONV2D_CHANNELWISE_CODE,
    CONV2D_CODE,
    ChannelwiseCodeParams,
    CodeParams,
)
from tinyglow.kernels.convolution.conv2d_dsp import (
    CONV2D_CHANNELWISE_HIGH_DSP,
    CONV2D_DSP,
    ChannelwiseHighDspParams,
    ConvDspParams,
    pack_biases,
)
from tinyglow.kernels.convolution.conv2d_dual_mac import (
    CONV2D_CHANNELWISE_DUAL_MAC,
    CONV2D_DUAL_MAC,
    ChannelwiseDualMacParams,
    DualMacParams,
)
from tinyglow.kernels.convolution.conv2d_quads_dsp import (
    CONV2D_QUADS_CHANNELWISE_DSP,
    CONV2D_QUADS_DSP,
    QuadsChannelwiseParams,
    pack_quads,
    unpack_quads,
)
from tinyglow.kernels.convolution.depthwise_3x3 import (
    DEPTHWISE_3X3,
    DEPTHWISE_3X3_CHANNELWISE,
    Depthwise3x3ChannelwiseParams,
    Depthwise3x3Params,
)
from tinyglow.kernels.convolution.depthwise_3x3_block_dsp import (
    DEPTHWISE_3X3_BLOCK_CHANNELWISE_DSP,
    DEPTHWISE_3X3_BLOCK_DSP,
    Depthwise3x3BlockChannelwiseParams,
    Depthwise3x3BlockParams,
)
from tinyglow.kernels.convolution.depthwise_3x3_dsp import (
    DEPTHWISE_3X3_CHANNELWISE_DSP,
    DEPTHWISE_3X3_DSP,
    Depthwise3x3ChannelwiseDspParams,
    Depthwise3x3DspParams,
)
from tinyglow.kernels.convolution.depthwise_dsp import (
    DEPTHWISE_CHANNELWISE_DSP,
    DEPTHWISE_DSP,
    DEPTHWISE_WINDOW_CHANNELWISE_DSP,
    DEPTHWISE_WINDOW_DSP,
    DepthwiseChannelwiseDspParams,
    DepthwiseDspParams,
)
from tinyglow.kernels.convolution.pointwise_dsp import (
    POINTWISE_CHANNELWISE_DSP,
    POINTWISE_DSP,
    PointwiseChannelwiseParams,
    PointwiseParams,
)
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import ChannelWords, Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.testing.case import Case
from tinyglow.testing.epilogues import constants_of
from tinyglow.testing.registry import cases, generates


@st.composite
def own_scales(
    draw: st.DrawFn, epilogue: Epilogue, form: ChannelWords, weights: Array, bias: Array, out: glow.Requant
) -> Array:
    """Scales around that of ``out``, as lowering lets them through: the words of at most six different ones.

    weights: int32 [out_c, terms], free of offsets; bias: int32 [out_c] of sums of x * weight.
    """
    magnitude = 64 * 2.0 ** (out.pre + out.post) / max(out.multiplier, 1)
    few = draw(st.lists(constants_of(epilogue, magnitude, out.offset), min_size=5, max_size=5))
    reach = np.abs(weights.astype(np.int64)).sum(axis=1) * 128
    chosen = []
    for channel, bounds in enumerate(zip((bias - reach).tolist(), (bias + reach).tolist(), strict=True)):
        own = few[channel % len(few)]
        allowed = form.words([own]) is not None and all(epilogue.folded.holds(bound, own) for bound in bounds)
        if not allowed:
            # Glow's leaves room for any sum by the shift before the multiplication.
            own = glow.Requant(16, 2, 1, out.offset) if epilogue is GLOW else epilogue.constants(2.0**-18, out.offset)
            assume(all(epilogue.folded.holds(bound, own) for bound in bounds))
        chosen.append(own)
    found = form.words(chosen)
    assert found is not None
    return found


def without_scale(p: Params) -> dict[str, Any]:
    """Fields of the parameters but the scale, and the output's offset."""
    fields = {field.name: getattr(p, field.name) for field in dataclasses.fields(p)}
    out: glow.Requant = fields.pop("out")
    return {**fields, "out_offset": out.offset}


@generates(CONV2D_CHANNELWISE_DUAL_MAC)
@st.composite
def _conv2d_channelwise_dual_mac(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_DUAL_MAC))
    p, biases = case.params, case.inputs["bias"].reshape(-1, 2)
    assert isinstance(p, DualMacParams)
    weights, _ = conv2d_dual_mac.unpack(case.inputs["filter"], p)
    words = np.column_stack([biases, draw(own_scales(epilogue, epilogue.folded, weights, biases[:, 1], p.out))])
    params = ChannelwiseDualMacParams(**without_scale(p))
    return Case(CONV2D_CHANNELWISE_DUAL_MAC, params, {**case.inputs, "bias": words.ravel()}, case.outputs)


@generates(DEPTHWISE_3X3_CHANNELWISE)
@st.composite
def _depthwise_3x3_channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(DEPTHWISE_3X3))
    p, bias = case.params, case.inputs["bias"]
    assert isinstance(p, Depthwise3x3Params)
    weights = case.inputs["filter"].reshape(p.out_c, -1).astype(np.int32) - p.filter_offset
    words = np.column_stack([bias, draw(own_scales(epilogue, epilogue.folded, weights, bias, p.out))])
    params = Depthwise3x3ChannelwiseParams(**without_scale(p))
    return Case(DEPTHWISE_3X3_CHANNELWISE, params, {**case.inputs, "bias": words.ravel()}, case.outputs)


@generates(CONV2D_CHANNELWISE_CODE)
@st.composite
def _conv2d_channelwise_code(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_CODE))
    p, bias = case.params, case.inputs["bias"]
    assert isinstance(p, CodeParams)
    weights = case.inputs["weights"].reshape(p.out_c, -1)
    words = np.column_stack([bias, draw(own_scales(epilogue, epilogue.folded, weights, bias, p.out))])
    inputs = {**case.inputs, "bias": words.ravel()}
    params = ChannelwiseCodeParams(**without_scale(p))
    return Case(CONV2D_CHANNELWISE_CODE, params, inputs, case.outputs, case.functions)


@generates(CONV2D_CHANNELWISE_HIGH_DSP)
@st.composite
def _conv2d_channelwise_high_dsp(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_DSP))
    p, bias = case.params, case.inputs["bias"]
    assert isinstance(p, ConvDspParams)
    bias = bias[: p.out_c]
    weights = conv2d_dsp.unpack_pairs(case.inputs["filter"], p).astype(np.int32) - p.filter_offset
    scales = draw(own_scales(epilogue, epilogue.high, weights, bias, p.out))
    inputs = {**case.inputs, "bias": pack_biases(bias, scales)}
    return Case(CONV2D_CHANNELWISE_HIGH_DSP, ChannelwiseHighDspParams(**without_scale(p)), inputs, case.outputs)


@generates(CONV2D_QUADS_CHANNELWISE_DSP)
@st.composite
def _conv2d_quads_channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_QUADS_DSP))
    p = case.params
    assert isinstance(p, ConvDspParams)
    weights, bias, _ = unpack_quads(case.inputs["filter"], p)
    # There is no offset, and 256 times a weight plus another fits 16 bits.
    filters = np.clip(weights, -128, 127)
    filters[1::2] = np.where(256 * filters[1::2] + filters[::2] < -(1 << 15), -127, filters[1::2])
    filters = filters.astype(np.int8)
    scales = draw(own_scales(epilogue, epilogue.high, filters.astype(np.int32), bias, p.out))
    by_tap = filters.reshape(p.out_c, p.kernel_h, p.kernel_w, p.in_c)
    fields = {name: value for name, value in without_scale(p).items() if name != "filter_offset"}
    inputs = {**case.inputs, "filter": pack_quads(by_tap, bias, None, scales)}
    return Case(CONV2D_QUADS_CHANNELWISE_DSP, QuadsChannelwiseParams(**fields), inputs, case.outputs)


@st.composite
def _depthwise(draw: st.DrawFn, kernel: Kernel, uniform: Kernel, epilogue: Epilogue) -> Case:
    case = draw(cases(uniform))
    p = case.params
    assert isinstance(p, DepthwiseDspParams)
    weights, bias = depthwise_dsp.unpack(case.inputs["filter"], p.in_c, p.taps)
    # These sums are of x - in_offset.
    scales = draw(own_scales(epilogue, epilogue.high, 2 * weights, bias, p.out))
    inputs = {**case.inputs, "filter": depthwise_dsp.pack(weights, bias, scales)}
    params = DepthwiseChannelwiseDspParams(**{**without_scale(p), "leaky": 0})
    return Case(kernel, params, inputs, case.outputs)


generates(DEPTHWISE_CHANNELWISE_DSP)(
    lambda epilogue=GLOW: _depthwise(DEPTHWISE_CHANNELWISE_DSP, DEPTHWISE_DSP, epilogue)
)
generates(DEPTHWISE_WINDOW_CHANNELWISE_DSP)(
    lambda epilogue=GLOW: _depthwise(DEPTHWISE_WINDOW_CHANNELWISE_DSP, DEPTHWISE_WINDOW_DSP, epilogue)
)


@generates(DEPTHWISE_3X3_CHANNELWISE_DSP)
@st.composite
def _depthwise_3x3_channelwise_dsp(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(DEPTHWISE_3X3_DSP))
    p = case.params
    assert isinstance(p, Depthwise3x3DspParams)
    filters, bias, _ = depthwise_3x3_dsp.unpack(case.inputs["filter"], p.in_c)
    scales = draw(own_scales(epilogue, epilogue.high, filters.astype(np.int32) - p.filter_offset, bias, p.out))
    inputs = {**case.inputs, "filter": depthwise_3x3_dsp.pack(filters, bias, scales)}
    params = Depthwise3x3ChannelwiseDspParams(**without_scale(p))
    return Case(DEPTHWISE_3X3_CHANNELWISE_DSP, params, inputs, case.outputs)


@generates(DEPTHWISE_3X3_BLOCK_CHANNELWISE_DSP)
@st.composite
def _depthwise_3x3_block_channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(DEPTHWISE_3X3_BLOCK_DSP))
    p = case.params
    assert isinstance(p, Depthwise3x3BlockParams)
    filters, bias = depthwise_3x3_block_dsp.unpack(case.inputs["filter"])
    scales = draw(own_scales(epilogue, epilogue.high, filters.astype(np.int32) - p.filter_offset, bias, p.out))
    inputs = {**case.inputs, "filter": depthwise_3x3_block_dsp.pack(filters, bias, scales)}
    params = Depthwise3x3BlockChannelwiseParams(**without_scale(p))
    return Case(DEPTHWISE_3X3_BLOCK_CHANNELWISE_DSP, params, inputs, case.outputs)


@generates(POINTWISE_CHANNELWISE_DSP)
@st.composite
def _pointwise_channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(POINTWISE_DSP))
    p = case.params
    assert isinstance(p, PointwiseParams)
    weights, bias = pointwise_dsp.unpack(case.inputs["filter"], p.in_c)
    scales = draw(own_scales(epilogue, epilogue.high, weights, bias, p.out))
    inputs = {**case.inputs, "filter": pointwise_dsp.pack(weights, bias, scales)}
    return Case(POINTWISE_CHANNELWISE_DSP, PointwiseChannelwiseParams(**without_scale(p)), inputs, case.outputs)


@generates(CONV2D_3X3_POOL_CHANNELWISE_DSP)
@st.composite
def _conv2d_3x3_pool_channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_3X3_POOL_DSP))
    p = case.params
    assert isinstance(p, conv2d_3x3_pool_dsp.Pool3x3DspParams)
    weights, bias = conv2d_3x3_pool_dsp.unpack(case.inputs["filter"])
    scales = draw(own_scales(epilogue, epilogue.high, weights, bias, p.out))
    inputs = {**case.inputs, "filter": conv2d_3x3_pool_dsp.pack(weights, bias, scales)}
    params = Pool3x3ChannelwiseDspParams(**without_scale(p))
    return Case(CONV2D_3X3_POOL_CHANNELWISE_DSP, params, inputs, case.outputs)


@generates(CONV2D_3X3_CHANNELWISE_DSP)
@st.composite
def _conv2d_3x3_channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_3X3_DSP))
    p = case.params
    assert isinstance(p, conv2d_3x3_dsp.Conv3x3DspParams)
    weights, bias = conv2d_3x3_dsp.unpack(case.inputs["filter"])
    scales = draw(own_scales(epilogue, epilogue.high, weights, bias, p.out))
    inputs = {**case.inputs, "filter": conv2d_3x3_dsp.pack(weights, bias, scales)}
    return Case(CONV2D_3X3_CHANNELWISE_DSP, Conv3x3ChannelwiseDspParams(**without_scale(p)), inputs, case.outputs)
