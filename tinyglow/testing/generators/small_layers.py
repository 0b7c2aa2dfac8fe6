"""Cases for convolutions with few weights, on cores with the DSP extension."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import assume

from tinyglow.kernels.convolution.conv2d_small_dsp import (
    CONV2D_SMALL_CHANNELWISE_DSP,
    CONV2D_SMALL_DSP,
    SmallChannelwiseDspParams,
    SmallDspParams,
    pack,
    unpack,
)
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW, fits_high_word
from tinyglow.testing.case import Case
from tinyglow.testing.generators.channelwise import own_scales, without_scale
from tinyglow.testing.layer_values import assume_no_wraps, fitting_biases, input_images, plain_geometries, pooled
from tinyglow.testing.registry import cases, generates
from tinyglow.testing.values import int8_arrays, offsets, requant_params


@generates(CONV2D_SMALL_DSP)
@st.composite
def _conv2d_small_dsp(draw: st.DrawFn) -> Case:
    out_offset = draw(offsets())
    fields, _ = draw(plain_geometries(out_offset))
    fields |= {"in_c": draw(st.integers(1, 9)), "out_c": 2 * draw(st.integers(1, 3)), "leaky": 0}
    data, _ = draw(input_images(fields))
    fields, outputs = draw(pooled(fields))
    shape = (fields["kernel_h"], fields["kernel_w"] * fields["in_c"])
    taps = shape[0] * shape[1]
    weights = draw(int8_arrays(taps * fields["out_c"])).astype(np.int32) * 2 + draw(st.sampled_from((0, 1)))
    weights = weights.clip(-255, 255).reshape(fields["out_c"], taps)
    bias, spread = draw(fitting_biases(data, 0, weights, [0] * len(weights)))
    out = draw(requant_params(max(spread), out_offset))
    assume_no_wraps(weights, bias, out)
    assume(fits_high_word(out))
    params = SmallDspParams(**fields, out=out)
    inputs = {"input": data, "filter": pack(weights, shape, bias)}
    return Case(CONV2D_SMALL_DSP, params, inputs, outputs)


@generates(CONV2D_SMALL_CHANNELWISE_DSP)
@st.composite
def _conv2d_small_channelwise(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(CONV2D_SMALL_DSP))
    p = case.params
    assert isinstance(p, SmallDspParams)
    weights, bias, _ = unpack(case.inputs["filter"], p)
    scales = draw(own_scales(epilogue, epilogue.high, weights, bias, p.out))
    filters = pack(weights, (p.kernel_h, p.kernel_w * p.in_c), bias, scales)
    params = SmallChannelwiseDspParams(**without_scale(p))
    return Case(CONV2D_SMALL_CHANNELWISE_DSP, params, {**case.inputs, "filter": filters}, case.outputs)
