"""Layers with a scale for each channel, made from those with one scale for all."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Params
from tinyglow.numerics import glow
from tinyglow.ops import conv2d_lanes
from tinyglow.ops.conv2d_channelwise_code import CONV2D_CHANNELWISE_CODE, ChannelwiseCodeParams
from tinyglow.ops.conv2d_channelwise_lanes import CONV2D_CHANNELWISE_LANES, ChannelwiseLanesParams
from tinyglow.ops.conv2d_code import CONV2D_CODE, CodeParams
from tinyglow.ops.conv2d_lanes import CONV2D_LANES, LanesParams
from tinyglow.ops.conv2d_layer import scale_words, within_int32
from tinyglow.ops.depthwise_3x3 import DEPTHWISE_3X3, Depthwise3x3Params
from tinyglow.ops.depthwise_3x3_channelwise import DEPTHWISE_3X3_CHANNELWISE, Depthwise3x3ChannelwiseParams
from tinyglow.testing.case import Case
from tinyglow.testing.registry import cases, generates
from tinyglow.testing.values import requant_params


@st.composite
def own_scales(draw: st.DrawFn, weights: Array, bias: Array, out: glow.Requant) -> Array:
    """Words of scales around that of ``out``, as lowering lets them through: int32 [out_c], at most six different ones.

    weights: int32 [out_c, terms], free of offsets; bias: int32 [out_c] of sums of x * weight.
    """
    magnitude = 64 * 2.0 ** (out.pre + out.post) / max(out.multiplier, 1)
    few = draw(st.lists(requant_params(magnitude, out.offset), min_size=5, max_size=5))
    reach = np.abs(weights.astype(np.int64)).sum(axis=1) * 128
    chosen = []
    for channel, bounds in enumerate(zip((bias - reach).tolist(), (bias + reach).tolist(), strict=True)):
        own = few[channel % len(few)]
        allowed = scale_words([own]) is not None
        allowed = allowed and all(within_int32(bound, own, abs(out.offset)) for bound in bounds)
        chosen.append(own if allowed else glow.Requant(16, 1, 1, out.offset))
    words = scale_words(chosen)
    assert words is not None
    return words


def _without_scale(p: Params) -> dict[str, Any]:
    """Fields of the parameters but the scale, and the output's offset."""
    fields = {field.name: getattr(p, field.name) for field in dataclasses.fields(p)}
    out: glow.Requant = fields.pop("out")
    return {**fields, "out_offset": out.offset}


@generates(CONV2D_CHANNELWISE_LANES)
@st.composite
def _conv2d_channelwise_lanes(draw: st.DrawFn) -> Case:
    case = draw(cases(CONV2D_LANES))
    p, biases = case.params, case.inputs["bias"].reshape(-1, 2)
    assert isinstance(p, LanesParams)
    weights, _ = conv2d_lanes.unpack(case.inputs["filter"], p)
    words = np.column_stack([biases, draw(own_scales(weights, biases[:, 1], p.out))])
    params = ChannelwiseLanesParams(**_without_scale(p))
    return Case(CONV2D_CHANNELWISE_LANES, params, {**case.inputs, "bias": words.ravel()}, case.outputs)


@generates(DEPTHWISE_3X3_CHANNELWISE)
@st.composite
def _depthwise_3x3_channelwise(draw: st.DrawFn) -> Case:
    case = draw(cases(DEPTHWISE_3X3))
    p, bias = case.params, case.inputs["bias"]
    assert isinstance(p, Depthwise3x3Params)
    weights = case.inputs["filter"].reshape(p.out_c, -1).astype(np.int32) - p.filter_offset
    words = np.column_stack([bias, draw(own_scales(weights, bias, p.out))])
    params = Depthwise3x3ChannelwiseParams(**_without_scale(p))
    return Case(DEPTHWISE_3X3_CHANNELWISE, params, {**case.inputs, "bias": words.ravel()}, case.outputs)


@generates(CONV2D_CHANNELWISE_CODE)
@st.composite
def _conv2d_channelwise_code(draw: st.DrawFn) -> Case:
    case = draw(cases(CONV2D_CODE))
    p, bias = case.params, case.inputs["bias"]
    assert isinstance(p, CodeParams)
    weights = case.inputs["weights"].reshape(p.out_c, -1)
    words = np.column_stack([bias, draw(own_scales(weights, bias, p.out))])
    inputs = {**case.inputs, "bias": words.ravel()}
    params = ChannelwiseCodeParams(**_without_scale(p))
    return Case(CONV2D_CHANNELWISE_CODE, params, inputs, case.outputs, case.functions)
