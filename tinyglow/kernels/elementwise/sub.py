"""Kernels that subtract two tensors."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.kernels.elementwise.addends import AddendParams, addend_kernel
from tinyglow.kernels.elementwise.broadcast import OrderedParams, float_kernel
from tinyglow.numerics import glow
from tinyglow.numerics.nan import one_nan


def sub_s8(p: AddendParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_sub_s8 (``libjit_element_sub_kernel_i8``): saturate(input - other), or other - input."""
    a, b = p.addends(x, other)
    out[...] = glow.saturate_int8(b - a if p.is_reversed else a - b)


SUB = addend_kernel("sub", sub_s8, "difference of two tensors", sign=-1)


SUB_FLOAT = float_kernel("sub", lambda x, y: one_nan(x - y), "difference of two tensors", OrderedParams)
