"""Kernels of the mean over windows; NHWC. Those of int16 are ours, as ``kernels.int16`` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I32, U8, In, Kernel, Out, Work
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.int16 import int16_scales
from tinyglow.kernels.intermediates import Ends, multiplied, requantized, sum_ends
from tinyglow.kernels.pooling.geometry import PoolGeometry, geometry
from tinyglow.kernels.window import Window
from tinyglow.numerics import exact_dot, glow, wide
from tinyglow.numerics.nan import one_nan

MOST_FLOAT_TAPS = 2**24


class AvgPoolFloatParams(PoolGeometry):
    """Sizes are in elements.

    count_pads: whether a sum is divided by the window's area, or by its taps inside the image.
    """

    count_pads: U8


class AvgPoolParams(PoolGeometry):
    """Sizes in elements. Sums of (input - in_offset) are scaled by ``out``, whose own offset is 0.

    divide: divide them by the number of taps inside the image then; else ``out`` holds the window's area.
    """

    divide: U8
    in_offset: I8
    out_offset: I8
    out: glow.Requant


def _divide_rounded(x: Array, taps: Array) -> Array:
    """x / taps of int32 arrays, ties away from zero (``libjit_div_round_i32``), 0 where there are no taps."""
    divisor = np.maximum(taps, 1).astype(np.int32)
    shifted = np.where(x > 0, x + (divisor >> 1), x - (divisor >> 1)).astype(np.int64)
    quotient = np.sign(shifted) * (np.abs(shifted) // divisor)
    return np.where(taps > 0, quotient, 0).astype(np.int32)


def int8_sums(p: PoolGeometry, x: Array, offset: int) -> Array:
    """The sums of (x - offset) over windows of int8 images, taps outside left out: int32 [images, out_h, out_w, c].

    A window that is the whole image is one product with ones, exact in float32 as far as that has all integers.
    """
    taps = p.in_h * p.in_w
    whole = (p.kernel_h, p.kernel_w, p.out_h, p.out_w, p.pad_top, p.pad_left) == (p.in_h, p.in_w, 1, 1, 0, 0)
    if not whole or 128 * taps > MOST_FLOAT_TAPS:
        return p.reduced(x.astype(np.int32) - np.int32(offset), np.add, 0)
    images = x.reshape(-1, taps, p.channels).astype(np.float32)
    sums = exact_dot.product(np.ones((1, taps), np.float32), images).astype(np.int32) - np.int32(taps * offset)
    result: Array = sums.reshape(-1, 1, 1, p.channels)
    return result


def avg_pool_s8(p: AvgPoolParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_s8: saturate(requantize(sum over a window) [/ taps] + out_offset)."""
    value = glow.requantize(int8_sums(p, x, p.in_offset), p.out)
    if p.divide:
        value = _divide_rounded(value, p.taps_inside())
    out[...] = glow.saturate_int8(value + np.int32(p.out_offset)).reshape(out.shape)


def float_sums(window: Window, images: Array) -> Array:
    """The sums over the windows of images [n, h, w, c], float32, tap by tap from 0 on: [n, out_h, out_w, c]."""
    size = window.output_size(images.shape[1], images.shape[2])
    total: Array = np.zeros((len(images), *size, images.shape[3]), np.float32)
    for (rows, columns), (y, x) in window.taps(images.shape[1], images.shape[2]):
        total[:, rows, columns] += images[:, y, x]
    return total


def avg_pool_f32(p: AvgPoolFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_f32: the taps added up row by row, from 0 on, times the inverse of their number.

    The zeros of the padding change nothing: no sum that begins with 0 is -0. (A division of the sum would round once
    instead of twice, but those of some compilers' libraries do so wrongly where the result is subnormal.)
    """
    with np.errstate(invalid="ignore"):
        total = float_sums(p.window(), p.image(x))[:, : p.out_h, : p.out_w]
    number = np.int32(p.kernel_h * p.kernel_w) if p.count_pads else np.maximum(p.taps_inside(), 1)
    inverse = np.float32(1) / number.astype(np.float32)
    out[...] = one_nan(total * inverse).reshape(out.shape)


def work(p: PoolGeometry, constants: Sequence[Array | None]) -> Work:
    """Words of four channels, those that lie anywhere, taps of other channels, runs of these; outputs, windows."""
    windows, area = p.images * p.out_h * p.out_w, p.kernel_h * p.kernel_w
    fours, rest = divmod(p.channels, 4)
    runs = (fours + (rest > 0)) * (1 if p.kernel_w >= p.in_w else p.kernel_h)
    counts = {"words": 0 if rest else fours * area, "uneven_words": fours * area if rest else 0, "taps": rest * area}
    counts |= {"rows": runs, "fours": fours, "outputs": p.channels, "windows": 1}
    return {name: windows * count for name, count in counts.items()}


def window_range(p: PoolGeometry, offset: int) -> tuple[int, int]:
    """The range of the sums of a window's int8 elements less ``offset``."""
    taps = p.kernel_h * p.kernel_w
    return taps * (glow.INT8_MIN - offset), taps * (glow.INT8_MAX - offset)


def halved(ends: Ends, taps: int) -> Number:
    """A number before it is divided by at most so many taps: half of them is added away from zero."""
    half = taps // 2
    return Ends(ends.low - half, ends.high + half, ends.at).number()


def _numbers(p: AvgPoolParams) -> Numbers:
    """What requantizes sums; and, of windows that the image may cut, what is divided by their taps."""
    inside, result = requantized(sum_ends(window_range(p, p.in_offset), "int8"), p.out)
    if not p.divide:
        return {"result": inside}
    return {"result": inside, "dividend": replace(halved(result, p.kernel_h * p.kernel_w), may_wrap=True)}


AVG_POOL = Kernel(
    symbol="tg_avg_pool_s8",
    c_file="pooling/tg_avg_pool_s8.c",
    params=AvgPoolParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=avg_pool_s8,
    summary="mean over windows",
    work=work,
    sums_of=lambda p: window_range(p, p.in_offset),
    numbers_of=_numbers,
)

AVG_POOL_FLOAT = Kernel(
    symbol="tg_avg_pool_f32",
    c_file="pooling/tg_avg_pool_f32.c",
    params=AvgPoolFloatParams,
    operands=(In("input", "float32"), Out("output", "float32")),
    reference=avg_pool_f32,
    summary="mean over windows, in float",
)


def mean_requant(source: QuantParams, result: QuantParams, area: int) -> glow.Requant:
    """From sums to the output's scale, divided by ``area``, float32 step by step (Glow, LLVMIRGen.cpp, AvgPoolInst)."""
    ratio = glow.divide_float32(source.scale, result.scale)
    return glow.requantize_params(glow.divide_float32(ratio, area))


# Sums of so many elements fit 32 bits.
_MOST_TAPS = 65535


class AvgPool16Params(PoolGeometry):
    """Sizes in elements. Sums times multiplier / 2**shift are the output; divide: over the taps inside the image."""

    divide: U8
    multiplier: I32
    shift: U8


def avg_pool_s16(p: AvgPool16Params, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_s16: saturate(scaled(sum over a window) [/ taps])."""
    value = wide.scaled(p.reduced(x.astype(np.int32), np.add, 0), p.multiplier, p.shift)
    if p.divide:
        taps = p.taps_inside()
        value = np.where(taps > 0, wide.divide_rounded(value, np.maximum(taps, 1)), 0)
    out[...] = wide.saturate_int16(value).reshape(out.shape)


def _range_s16(p: AvgPool16Params) -> tuple[int, int]:
    taps = p.kernel_h * p.kernel_w
    return taps * wide.INT16_MIN, taps * wide.INT16_MAX


AVG_POOL_INT16 = Kernel(
    symbol="tg_avg_pool_s16",
    c_file="pooling/tg_avg_pool_s16.c",
    params=AvgPool16Params,
    operands=(In("input", "int16"), Out("output", "int16")),
    reference=avg_pool_s16,
    summary="mean over windows, in int16",
    sums_of=_range_s16,
    numbers_of=lambda p: {"result": multiplied(sum_ends(_range_s16(p), "int16"), p.multiplier, p.shift)},
)


def lower_avg_pool_int16(node: Node, lowering: Lowering, window: Window, count_pads: bool) -> None:
    """Emit the call of tg_avg_pool_s16. Where all windows have as many taps, their number is part of the scale."""
    source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
    x, y = int16_scales(node, lowering)
    area = window.kernel[0] * window.kernel[1]
    if area > _MOST_TAPS:
        raise UnsupportedError(f"a window of {list(window.kernel)}", f"at most {_MOST_TAPS} elements")
    inside = window.taps_inside(source.shape[1], source.shape[2])
    divide = not count_pads and bool((inside != area).any())
    (multiplier,), shift = wide.multipliers([x / y / (1 if divide else area)], area * -wide.INT16_MIN)
    fields = geometry(window, source.shape, result.shape)
    params = AvgPool16Params(**fields, divide=int(divide), multiplier=multiplier, shift=shift)
    lowering.call(AVG_POOL_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)
