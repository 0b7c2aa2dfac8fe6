"""Kernels that take the larger of two tensors' elements."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.kernels.elementwise.addends import Addend16Params, AddendParams, addend_kernel
from tinyglow.kernels.elementwise.broadcast import float_kernel, int16_kernel
from tinyglow.numerics import glow, wide


def max_s8(p: AddendParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_max_s8 (``libjit_element_max_kernel_i8``): saturate(the larger)."""
    out[...] = glow.saturate_int8(np.maximum(*p.addends(x, other)))


MAX = addend_kernel("max", max_s8, "larger of two tensors' elements")


MAX_FLOAT = float_kernel(
    "max", lambda x, y: np.where((x > y) | np.isnan(x), x, y), "larger of two tensors' elements or NaN"
)


def max_s16(p: Addend16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_max_s16: as tg_add_s16, the larger of the two."""
    out[...] = wide.saturate_int16(wide.round_shift(np.maximum(*p.addends(x, other)), p.shift))


MAX_INT16 = int16_kernel("max", Addend16Params, max_s16, "larger of two tensors' elements", Addend16Params.each_numbers)
