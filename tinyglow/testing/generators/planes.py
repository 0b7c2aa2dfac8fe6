"""Depthwise convolutions channel by channel: windows of any size, step and dilation, several outputs a channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.convolution.depthwise_plane import (
    DEPTHWISE_PLANE,
    DEPTHWISE_PLANE_CHANNELWISE,
    DepthwisePlaneChannelwiseParams,
    DepthwisePlaneParams,
)
from tinyglow.kernels.convolution.depthwise_plane_dsp import DEPTHWISE_PLANE_CHANNELWISE_DSP, DEPTHWISE_PLANE_DSP
from tinyglow.kernels.window import Window
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.testing.case import Case
from tinyglow.testing.generators.channelwise import own_scales, without_scale
from tinyglow.testing.layer_values import assume_no_wraps, fitting_biases, geometries, input_images
from tinyglow.testing.registry import cases, generates
from tinyglow.testing.values import int8_arrays, offsets, requant_params


@st.composite
def _lines(draw: st.DrawFn, fields: dict[str, Any]) -> dict[str, Any]:
    """Windows that extend along one side of the image alone, as those of networks for sounds and other series do."""
    taps, step, tap, pad = (draw(st.integers(1, most)) for most in (16, 3, 3, 4))
    pad -= 1
    window = Window((taps, 1), (step, 1), (pad, 0, draw(st.integers(0, 3)), 0), (tap, 1))
    length = max(1, window.extent(0) - pad) + draw(st.integers(0, 20))
    along, across = draw(st.sampled_from((("h", "w"), ("w", "h"))))
    begin = {"h": "pad_top", "w": "pad_left"}
    other = draw(st.integers(1, 3))
    fields = {**fields, f"in_{along}": length, f"out_{along}": window.output_size(length, 1)[0]}
    fields |= {f"kernel_{along}": taps, f"stride_{along}": step, f"dilation_{along}": tap, begin[along]: pad}
    fields |= {f"in_{across}": other, f"out_{across}": other, f"kernel_{across}": 1}
    return {**fields, f"stride_{across}": 1, f"dilation_{across}": 1, begin[across]: 0}


@st.composite
def _uniform(draw: st.DrawFn, kernel: Kernel) -> Case:
    out_offset, filter_offset = draw(offsets()), draw(offsets())
    fields, _ = draw(geometries(out_offset, depthwise=True))
    if draw(st.booleans()):
        fields = draw(_lines(fields))
    fields["out_c"] = fields["in_c"] * draw(st.sampled_from((1, 1, 2, 3)))
    terms = fields["kernel_h"] * fields["kernel_w"]
    data, outputs = draw(input_images(fields))
    filters = draw(int8_arrays(fields["out_c"] * terms, filter_offset))
    weights = filters.reshape(-1, terms)
    # The input's offset is part of the bias here: products are with the input itself.
    bias, spread = draw(fitting_biases(data, 0, weights, [filter_offset] * len(weights)))
    out = draw(requant_params(max(spread), out_offset))
    if kernel is DEPTHWISE_PLANE:
        fields["leaky"] = 0
        assume_no_wraps(weights.astype(np.int32) - filter_offset, bias, out)
    params = DepthwisePlaneParams(**fields, filter_offset=filter_offset, out=out)
    return Case(kernel, params, {"input": data, "filter": filters, "bias": bias}, outputs)


@st.composite
def _channelwise(draw: st.DrawFn, kernel: Kernel, epilogue: Epilogue) -> Case:
    case = draw(cases(DEPTHWISE_PLANE))
    p, bias = case.params, case.inputs["bias"]
    assert isinstance(p, DepthwisePlaneParams)
    weights = case.inputs["filter"].reshape(p.out_c, -1).astype(np.int32) - p.filter_offset
    form = epilogue.folded if kernel is DEPTHWISE_PLANE_CHANNELWISE else epilogue.high
    words = np.column_stack([bias, draw(own_scales(epilogue, form, weights, bias, p.out))])
    params = DepthwisePlaneChannelwiseParams(**without_scale(p))
    return Case(kernel, params, {**case.inputs, "bias": words.ravel()}, case.outputs)


generates(DEPTHWISE_PLANE)(lambda: _uniform(DEPTHWISE_PLANE))
generates(DEPTHWISE_PLANE_DSP)(lambda: _uniform(DEPTHWISE_PLANE_DSP))
generates(DEPTHWISE_PLANE_CHANNELWISE)(lambda epilogue=GLOW: _channelwise(DEPTHWISE_PLANE_CHANNELWISE, epilogue))
generates(DEPTHWISE_PLANE_CHANNELWISE_DSP)(
    lambda epilogue=GLOW: _channelwise(DEPTHWISE_PLANE_CHANNELWISE_DSP, epilogue)
)
