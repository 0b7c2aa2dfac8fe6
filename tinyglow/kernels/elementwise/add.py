"""Kernels that add two tensors."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.kernels.elementwise.addends import Addend16Params, AddendParams, addend_kernel
from tinyglow.kernels.elementwise.broadcast import float_kernel, int16_kernel
from tinyglow.numerics import glow, wide
from tinyglow.numerics.nan import one_nan


def add_s8(p: AddendParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_add_s8 (``libjit_element_add_kernel_i8``): saturate(input + other), 32 bits that wrap."""
    a, b = p.addends(x, other)
    out[...] = glow.saturate_int8(a + b)


ADD = addend_kernel("add", add_s8, "sum of two tensors", sign=1)


ADD_FLOAT = float_kernel("add", lambda x, y: one_nan(x + y), "sum of two tensors")


def add_s16(p: Addend16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_add_s16: saturate(round_shift(input * its multiplier + other * its multiplier))."""
    a, b = p.addends(x, other)
    out[...] = wide.saturate_int16(wide.round_shift(a + b, p.shift))


ADD_INT16 = int16_kernel("add", Addend16Params, add_s16, "sum or difference of two tensors", Addend16Params.sum_numbers)
