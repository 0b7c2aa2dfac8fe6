"""Windows over images: pooling."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from tinyglow.kernels.pooling.max_pool import MAX_POOL, MaxPoolParams
from tinyglow.kernels.pooling.max_pool_2x2 import MAX_POOL_2X2, SquarePoolParams
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import int8_arrays, offsets, windows


@generates(MAX_POOL)
@st.composite
def _max_pool(draw: st.DrawFn) -> Case:
    window, in_h, in_w = draw(windows(max_kernel=5, max_dilation=3))
    channels, images = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    out_h, out_w = window.output_size(in_h, in_w)
    params = MaxPoolParams(
        *(in_h, in_w, channels, out_h, out_w),
        *window.kernel,
        *window.strides,
        *window.pads[:2],
        images=images,
        dilation_h=window.dilation[0],
        dilation_w=window.dilation[1],
        empty=draw(offsets()),
    )
    data = draw(int8_arrays(images * in_h * in_w * channels))
    return Case(MAX_POOL, params, {"input": data}, {"output": images * out_h * out_w * channels})


@generates(MAX_POOL_2X2)
@st.composite
def _max_pool_2x2(draw: st.DrawFn) -> Case:
    sizes = [draw(st.integers(2, 9)), draw(st.integers(2, 9)), draw(st.integers(1, 6)), draw(st.integers(1, 3))]
    params = SquarePoolParams(*sizes)
    outputs = params.images * (params.in_h // 2) * (params.in_w // 2) * params.channels
    return Case(MAX_POOL_2X2, params, {"input": draw(int8_arrays(math.prod(sizes)))}, {"output": outputs})
