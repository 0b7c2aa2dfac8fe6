"""What the cases of layers with weights are made of: geometries, images, biases, constants of requantization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.accumulator import check_accumulator
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import fits_high_word, within_int32
from tinyglow.testing.values import int8_arrays, int32_arrays, offsets, requant_params, windows


@st.composite
def fitting_biases(
    draw: st.DrawFn, x: Array, in_offset: int, weights: Array, weight_offsets: Sequence[int]
) -> tuple[Array, list[float]]:
    """A bias for inputs x and weights [units, terms], each unit with its offset, and how far each unit's sums vary.

    No sum leaves int32. Most biases make up for the mean of the products, as those of a trained network do.
    """
    factors = weights.astype(np.int64) - np.array(weight_offsets).reshape(-1, 1)
    span = max(glow.INT8_MAX - in_offset, in_offset - glow.INT8_MIN)
    spread = np.sqrt((factors**2).sum(axis=1)) * max(float(x.std()), 1.0)
    means = factors.sum(axis=1) * (in_offset - float(x.mean()))
    bias: Array = draw(int32_arrays(glow.INT32_MAX - np.abs(factors).sum(axis=1) * span, means, spread))
    for unit, offset in enumerate(weight_offsets):
        params = QuantParams(1.0, offset), QuantParams(1.0, in_offset)
        check_accumulator(weights[unit : unit + 1], *params, bias[unit : unit + 1])
    return bias, [max(float(s), abs(float(b - m))) for s, b, m in zip(spread, bias, means, strict=True)]


@cache
@st.composite
def activation_bounds(draw: st.DrawFn, out_offset: int) -> tuple[int, int]:
    """Limits of a fused activation: none, a ReLU's, an upper one alone, one next to none, or any."""
    kind = draw(st.sampled_from((*["none"] * 4, *["relu"] * 2, "upper", "next to none", "any", "any")))
    if kind == "none":
        return -128, 127
    if kind == "relu":
        return out_offset, 127
    if kind == "upper":
        return -128, draw(st.integers(-128, 126))
    if kind == "next to none":
        return draw(st.sampled_from(((-128, 126), (-127, 127))))
    low = draw(st.integers(-128, 127))
    return low, draw(st.integers(low, 127))


@st.composite
def plain_geometries(draw: st.DrawFn, out_offset: int) -> tuple[dict[str, Any], int]:
    """Without groups and dilation; an offset that int8 holds."""
    fields, terms = draw(geometries(out_offset, most_groups=1, max_dilation=1))
    return fields, terms


@st.composite
def geometries(
    draw: st.DrawFn,
    out_offset: int,
    most_groups: int = 4,
    max_dilation: int = 3,
    depthwise: bool = False,
    kernel: int = 0,
) -> tuple[dict[str, Any], int]:
    """The fields of ConvGeometry, and the terms of one sum."""
    window, in_h, in_w = draw(windows(kernel or 5, max_dilation, min_kernel=kernel or 1))
    group = draw(st.integers(1, most_groups))
    single = st.just((1, 1))
    grouped = st.one_of(single, st.tuples(st.integers(1, 5), st.integers(1, 4)))
    in_group, out_group = draw(single if depthwise else grouped)
    out_h, out_w = window.output_size(in_h, in_w)
    act_min, act_max = draw(activation_bounds(out_offset))
    # Slopes are around 1 or far below; the offset is the output's, which stands for 0.0.
    slope = draw(requant_params(draw(st.sampled_from((64.0, 2.0**10))), out_offset))
    fields = {
        **{"in_h": in_h, "in_w": in_w, "in_c": group * in_group},
        **{"out_h": out_h, "out_w": out_w, "out_c": group * out_group},
        **dict(zip(("kernel_h", "kernel_w"), window.kernel, strict=True)),
        **dict(zip(("stride_h", "stride_w"), window.strides, strict=True)),
        **dict(zip(("pad_top", "pad_left"), window.pads[:2], strict=True)),
        **dict(zip(("dilation_h", "dilation_w"), window.dilation, strict=True)),
        **{"group": group, "images": draw(st.integers(1, 3)), "in_offset": draw(offsets())},
        **{"act_min": act_min, "act_max": act_max, "leaky": draw(st.sampled_from((0, 0, 1)))},
        "negative": slope,
    }
    return fields, window.kernel[0] * window.kernel[1] * in_group


@st.composite
def input_images(draw: st.DrawFn, fields: dict[str, Any]) -> tuple[Array, dict[str, int]]:
    """The input of a convolution and the elements of its output."""
    data = draw(int8_arrays(math.prod(fields[key] for key in ("images", "in_h", "in_w", "in_c")), fields["in_offset"]))
    return data, {"output": math.prod(fields[key] for key in ("images", "out_h", "out_w", "out_c"))}


@st.composite
def pooled(draw: st.DrawFn, fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """The fields of PooledGeometry for those of a convolution, and the elements of its output."""
    pool = draw(st.sampled_from((0, 2)))
    fields = {**fields, "pool": pool}
    fields |= {"out_h": fields["out_h"] // (pool or 1), "out_w": fields["out_w"] // (pool or 1)}
    assume(fields["out_h"] and fields["out_w"])
    return fields, {"output": math.prod(fields[key] for key in ("images", "out_h", "out_w", "out_c"))}


def assume_holds(
    epilogue: Epilogue, weights: Array, bias: Array, constants: Sequence[glow.Requant], span: int = 128
) -> None:
    """Only cases in which no sum breaks the obligation of the epilogue.

    Args:
        epilogue: The epilogue.
        weights: [units, terms], less their offsets.
        bias: [units].
        constants: Of each unit.
        span: What an input's magnitude is at most.
    """
    reach = np.abs(weights.astype(np.int64)).sum(axis=1) * span
    assume(epilogue.holds_for(zip((bias - reach).tolist(), (bias + reach).tolist(), strict=True), constants))


def assume_no_wraps(weights: Array, bias: Array, out: glow.Requant) -> None:
    """Only cases in which the output's offset may be added before the last shift of any sum's requantization."""
    reach = np.abs(weights.astype(np.int64)).sum(axis=1) * 128
    bounds = [*(bias + reach).tolist(), *(bias - reach).tolist()]
    assume(all(within_int32(bound, out, abs(out.offset)) for bound in bounds))


@st.composite
def high_words(draw: st.DrawFn, data: Array, weights: Array, out_offset: int) -> tuple[Array, glow.Requant]:
    """Biases for ``weights``, and constants by which requantization is the upper word of a product of the sum."""
    bias, spread = draw(fitting_biases(data, 0, weights, [0] * len(weights)))
    bias = bias.clip(-(2**20), 2**20)  # no shift before the multiplication makes room for more
    drawn = draw(requant_params(max(spread), out_offset))
    post = min(max(drawn.post, 2), 29)
    out = glow.Requant(0, post, min(max(drawn.multiplier, 1), (1 << post - 1) - 1), out_offset)
    assert fits_high_word(out)
    assume_no_wraps(weights, bias, out)
    return bias, out
