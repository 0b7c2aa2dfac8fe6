"""Functions of numbers of any type that kernels of plain tensors apply to each element: the twin of ``tg_scalar.h``.

Integers wrap around, and no division traps: by 0 it gives 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.numerics import float32
from tinyglow.numerics.nan import one_nan

Array = npt.NDArray[Any]


def _divisor(y: Array) -> Array:
    """``y``, but 1 for 0: what numpy may divide by."""
    return np.where(y == 0, np.ones_like(y), y)


def divide(x: Array, y: Array) -> Array:
    """x / y of integers, towards 0; the least number by -1 is itself."""
    by = _divisor(y)
    return np.where(y == 0, np.zeros_like(x), (x - np.fmod(x, by)) // by)


def modulo(x: Array, y: Array) -> Array:
    """The remainder of integers with the sign of y."""
    return np.mod(x, _divisor(y))


def remainder(x: Array, y: Array) -> Array:
    """The remainder of integers with the sign of x."""
    return np.fmod(x, _divisor(y))


def fmod_f32(x: Array, y: Array) -> Array:
    """``tg_fmod_f32``."""
    return one_nan(np.fmod(x, y))


def mod_f32(x: Array, y: Array) -> Array:
    """``tg_mod_f32``."""
    rest = fmod_f32(x, y)
    turned = ((rest < 0) & (y > 0)) | ((rest > 0) & (y < 0))
    return one_nan(np.where(turned, rest + y, rest))


def half(x: Array) -> Array:
    """``tg_half_f32``."""
    return one_nan(x.astype(np.float16).astype(np.float32))


def brain(x: Array) -> Array:
    """``tg_brain_f32``."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(x), float32.NAN, rounded.view(np.float32))


def power(x: Array, y: Array) -> Array:
    """x ** y of integers of one type: ``tg_pow_u64``, 0 of negative exponents but for x = 1."""
    x, y = np.broadcast_arrays(x, y)
    base, exponent = x.astype(np.uint64), np.where(y < 0, 0, y).astype(np.uint64)
    result = np.ones_like(base)
    while exponent.any():
        result = np.where(exponent & np.uint64(1), result * base, result)
        base, exponent = base * base, exponent >> np.uint64(1)
    return np.where((y < 0) & (x != 1), 0, result.astype(x.dtype)).astype(x.dtype)


def _shift_of(x: Array, y: Array) -> tuple[Array, Array]:
    """Which shifts move all bits out, those by negative numbers too; and the others, 0 for these."""
    gone = (y < 0) | (y >= 8 * x.dtype.itemsize)
    return gone, np.where(gone, np.zeros_like(y), y)


def shift_left(x: Array, y: Array) -> Array:
    """x << y of integers; 0 once all bits are gone (ONNX, BitShift)."""
    gone, by = _shift_of(x, y)
    return np.where(gone, np.zeros_like(x), x << by).astype(x.dtype)


def shift_right(x: Array, y: Array) -> Array:
    """x >> y of integers, with copies of the sign; 0 or -1 once all bits are gone (ONNX, BitShift)."""
    gone, by = _shift_of(x, y)
    return np.where(gone, np.where(x < 0, -1, 0).astype(x.dtype), x >> by).astype(x.dtype)


def cast(x: Array, dtype: str) -> Array:
    """A change of type: floats towards 0 as int64, NaN as 0; of integers narrower types keep the low bits."""
    if dtype == "bool":
        return x != 0
    if x.dtype.kind != "f" or dtype == "float32":
        return x.astype(dtype)
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    above = np.float32(2.0**63)
    inside = np.where(np.abs(x) < above, x, np.float32(0)).astype(np.int64)
    whole = np.where(np.isnan(x), 0, np.where(x <= -above, low, np.where(x >= above, high, inside)))
    return whole.astype(dtype)
