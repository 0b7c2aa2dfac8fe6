"""Kernels that take the smaller of two tensors' elements."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.kernels.elementwise.addends import Addend16Params, AddendParams, addend_kernel
from tinyglow.kernels.elementwise.broadcast import float_kernel, int16_kernel
from tinyglow.numerics import glow, wide


def min_s8(p: AddendParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_min_s8 (``libjit_element_min_kernel_i8``): saturate(the smaller)."""
    out[...] = glow.saturate_int8(np.minimum(*p.addends(x, other)))


MIN = addend_kernel("min", min_s8, "smaller of two tensors' elements")


MIN_FLOAT = float_kernel(
    "min", lambda x, y: np.where((x < y) | np.isnan(x), x, y), "smaller of two tensors' elements or NaN"
)


def min_s16(p: Addend16Params, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_min_s16: as tg_add_s16, the smaller of the two."""
    out[...] = wide.saturate_int16(wide.round_shift(np.minimum(*p.addends(x, other)), p.shift))


MIN_INT16 = int16_kernel(
    "min", Addend16Params, min_s16, "smaller of two tensors' elements", Addend16Params.each_numbers
)
