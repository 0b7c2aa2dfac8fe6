"""Average pooling, softmax, lookup tables and activations."""

from __future__ import annotations

from hypothesis import strategies as st

from tinyglow.kernels.elementwise.clip import CLIP, ClipParams
from tinyglow.kernels.elementwise.leaky_relu import LEAKY_RELU, LeakyReluParams, slope_requant
from tinyglow.kernels.elementwise.lookup import LOOKUP, LookupParams
from tinyglow.kernels.elementwise.prelu import PRELU, PReluParams
from tinyglow.kernels.pooling.avg_pool import AVG_POOL, AvgPoolParams
from tinyglow.kernels.softmax.softmax import SOFTMAX, exponential_table, leading_zeros, softmax_params
from tinyglow.numerics import glow
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import any_requant, counts, int8_arrays, offsets, requant_params, scales, weighted, windows


@generates(AVG_POOL)
@st.composite
def _avg_pool(draw: st.DrawFn) -> Case:
    window, in_h, in_w = draw(windows(max_kernel=5))
    channels, images = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    out_h, out_w = window.output_size(in_h, in_w)
    divide, in_offset = draw(st.integers(0, 1)), draw(offsets())
    # Sums are scaled before they are divided; a sum's magnitude is then that of an element.
    magnitude = 128.0 if divide else 64.0 * window.kernel[0] * window.kernel[1]
    params = AvgPoolParams(
        *(in_h, in_w, channels, out_h, out_w),
        *window.kernel,
        *window.strides,
        *window.pads[:2],
        images=images,
        divide=divide,
        in_offset=in_offset,
        out_offset=draw(offsets()),
        out=draw(weighted((6, requant_params(magnitude, offset=0)), (1, any_requant()))),
    )
    data = draw(int8_arrays(images * in_h * in_w * channels, in_offset))
    return Case(AVG_POOL, params, {"input": data}, {"output": images * out_h * out_w * channels})


@generates(SOFTMAX)
@st.composite
def _softmax(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 4)), draw(weighted((6, st.integers(1, 20)), (1, st.integers(250, 520))))
    table = exponential_table(draw(weighted((4, scales(-7, 0)), (1, scales(-30, 8)))))
    # Results of up to 1 need scales around 2**-8; those below 2**-16 are where the rounding is libjit's alone.
    scale = draw(weighted((4, scales(-9, -5)), (2, scales(-20, -10)), (1, scales(-30, 20))))
    zeros = draw(st.sampled_from((0, leading_zeros(table))))
    params = softmax_params(rows, columns, scale, draw(offsets()), zeros)
    data = draw(int8_arrays(rows * columns, draw(offsets())))
    return Case(SOFTMAX, params, {"input": data, "table": table[zeros:]}, {"output": rows * columns})


@generates(LOOKUP)
@st.composite
def _lookup(draw: st.DrawFn) -> Case:
    count = draw(counts())
    inputs = {"input": draw(int8_arrays(count)), "table": draw(int8_arrays(256))}
    return Case(LOOKUP, LookupParams(count), inputs, {"output": count})


@generates(CLIP)
@st.composite
def _clip(draw: st.DrawFn) -> Case:
    count, in_offset = draw(counts()), draw(offsets())
    # Mostly a lower bound below the upper one; min(max(x, low), high) is defined for others too.
    low, high = draw(weighted((4, st.tuples(offsets(), offsets()).map(sorted)), (1, st.tuples(offsets(), offsets()))))
    out = draw(weighted((5, requant_params(128)), (1, any_requant())))
    data = draw(int8_arrays(count, in_offset))
    return Case(CLIP, ClipParams(count, low, high, in_offset, out), {"input": data}, {"output": count})


@st.composite
def _slopes(draw: st.DrawFn, offset: int) -> glow.Requant:
    """Constants for a slope of any sign, mostly far below 1."""
    slope = draw(weighted((4, scales(-8, 1)), (1, scales()), (1, st.just(0.0))))
    return slope_requant(draw(st.sampled_from((slope, slope, -slope))), offset)


@generates(LEAKY_RELU)
@st.composite
def _leaky_relu(draw: st.DrawFn) -> Case:
    count, in_offset = draw(counts()), draw(offsets())
    positive = draw(requant_params(128))
    params = LeakyReluParams(count, in_offset, positive, draw(_slopes(positive.offset)))
    return Case(LEAKY_RELU, params, {"input": draw(int8_arrays(count, in_offset))}, {"output": count})


@generates(PRELU)
@st.composite
def _prelu(draw: st.DrawFn) -> Case:
    count, in_offset, product_offset = draw(counts()), draw(offsets()), draw(offsets())
    positive, negative = draw(requant_params(128)), draw(requant_params(128))
    params = PReluParams(count, in_offset, product_offset, positive, negative)
    inputs = {"input": draw(int8_arrays(count, in_offset)), "product": draw(int8_arrays(count, product_offset))}
    return Case(PRELU, params, inputs, {"output": count})
