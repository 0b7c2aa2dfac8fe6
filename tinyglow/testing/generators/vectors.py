"""Layers by kernels for vectors (Helium)."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.kernels.convolution import depthwise_mve
from tinyglow.kernels.convolution.channel_scales import channel_words
from tinyglow.kernels.convolution.conv2d_mve import (
    CONV2D_CHANNELWISE_MVE,
    CONV2D_MVE,
    ChannelwiseMveParams,
    Conv2DMveParams,
)
from tinyglow.kernels.convolution.depthwise_mve import (
    DEPTHWISE_CHANNELWISE_MVE,
    DEPTHWISE_MVE,
    DepthwiseChannelwiseMveParams,
    DepthwiseMveParams,
)
from tinyglow.kernels.fully_connected.fully_connected import FULLY_CONNECTED
from tinyglow.kernels.fully_connected.fully_connected_mve import FULLY_CONNECTED_MVE
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.testing.case import Case
from tinyglow.testing.epilogues import constants_of
from tinyglow.testing.layer_values import assume_holds, fitting_biases, input_images, plain_geometries, pooled
from tinyglow.testing.registry import cases, generates
from tinyglow.testing.values import int8_arrays, offsets


@st.composite
def _conv2d(draw: st.DrawFn, epilogue: Epilogue, per_channel: bool) -> Case:
    """Runs end within a vector, at its end, and after more than one."""
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, _ = draw(plain_geometries(out_offset))
    fields["in_c"] = draw(st.one_of(st.just(fields["in_c"]), st.integers(15, 18)))
    terms = fields["kernel_h"] * fields["kernel_w"] * fields["in_c"]
    data, _ = draw(input_images(fields))
    fields, outputs = draw(pooled(fields))
    units = fields["out_c"]
    filters = draw(int8_arrays(units * terms, filter_offset)).reshape(units, terms)
    bias, spread = draw(fitting_biases(data, 0, filters, [filter_offset] * units))
    few = [draw(constants_of(epilogue, magnitude, out_offset)) for magnitude in spread[: 3 if per_channel else 1]]
    outs = [few[i % len(few)] for i in range(units)]
    assume_holds(epilogue, filters.astype(np.int32) - filter_offset, bias, outs)
    inputs = {"input": data, "filter": filters.ravel(), "bias": bias}
    if not per_channel:
        return Case(CONV2D_MVE, Conv2DMveParams(**fields, filter_offset=filter_offset, out=outs[0]), inputs, outputs)
    params = ChannelwiseMveParams(**fields, filter_offset=filter_offset, out_offset=out_offset)
    inputs["channels"] = channel_words(outs, [0] * units)
    return Case(CONV2D_CHANNELWISE_MVE, params, inputs, outputs)


@generates(CONV2D_MVE)
def _one_scale(epilogue: Epilogue = GLOW) -> st.SearchStrategy[Case]:
    return _conv2d(epilogue, False)


@generates(CONV2D_CHANNELWISE_MVE)
def _channelwise(epilogue: Epilogue = GLOW) -> st.SearchStrategy[Case]:
    return _conv2d(epilogue, True)


@st.composite
def _depthwise(draw: st.DrawFn, epilogue: Epilogue, per_channel: bool) -> Case:
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, _ = draw(plain_geometries(out_offset))
    channels = draw(st.one_of(st.integers(1, 9), st.integers(15, 18)))
    fields |= {"in_c": channels, "out_c": channels, "group": channels}
    taps = fields["kernel_h"] * fields["kernel_w"]
    data, outputs = draw(input_images(fields))
    filters = draw(int8_arrays(channels * taps, filter_offset)).reshape(channels, taps)
    bias, spread = draw(fitting_biases(data, fields["in_offset"], filters, [filter_offset] * channels))
    few = [draw(constants_of(epilogue, magnitude, out_offset)) for magnitude in spread[: 3 if per_channel else 1]]
    outs = [few[i % len(few)] for i in range(channels)]
    assume_holds(epilogue, filters.astype(np.int32) - filter_offset, bias, outs, 255)
    inputs = {"input": data, "filter": depthwise_mve.pack(filters), "bias": bias}
    fields["filter_offset"] = filter_offset
    if not per_channel:
        return Case(DEPTHWISE_MVE, DepthwiseMveParams(**fields, out=outs[0]), inputs, outputs)
    inputs["channels"] = channel_words(outs, [0] * channels)
    params = DepthwiseChannelwiseMveParams(**fields, out_offset=out_offset)
    return Case(DEPTHWISE_CHANNELWISE_MVE, params, inputs, outputs)


@generates(DEPTHWISE_MVE)
def _depthwise_one_scale(epilogue: Epilogue = GLOW) -> st.SearchStrategy[Case]:
    return _depthwise(epilogue, False)


@generates(DEPTHWISE_CHANNELWISE_MVE)
def _depthwise_channelwise(epilogue: Epilogue = GLOW) -> st.SearchStrategy[Case]:
    return _depthwise(epilogue, True)


@generates(FULLY_CONNECTED_MVE)
def _fully_connected(epilogue: Epilogue = GLOW) -> st.SearchStrategy[Case]:
    """The portable kernel's cases: its operands are the same."""
    loop = FULLY_CONNECTED.with_epilogue(epilogue)
    return cases(loop).map(lambda case: Case(FULLY_CONNECTED_MVE, case.params, dict(case.inputs), dict(case.outputs)))
