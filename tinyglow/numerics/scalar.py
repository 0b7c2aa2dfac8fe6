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
    turned = (rest != 0) & (np.signbit(rest) != np.signbit(y))
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
    base, exponent = x.astype(np.uint64), y.astype(np.uint64)
    result = np.ones_like(base)
    while exponent.any():
        result = np.where(exponent & np.uint64(1), result * base, result)
        base, exponent = base * base, exponent >> np.uint64(1)
    return np.where((y < 0) & (x != 1), 0, result.astype(x.dtype)).astype(x.dtype)


def shift_left(x: Array, y: Array) -> Array:
    """x << y of integers; 0 once all bits are gone, by negative numbers too, as numpy has it (ONNX, BitShift)."""
    return np.left_shift(x, y)


def shift_right(x: Array, y: Array) -> Array:
    """x >> y of integers, with copies of the sign; 0 or -1 once all bits are gone (ONNX, BitShift)."""
    return np.right_shift(x, y)


def cast(x: Array, dtype: str) -> Array:
    """A change of type: floats towards 0 as int64, NaN as 0; of integers narrower types keep the low bits."""
    if dtype == "bool":
        return x != 0
    if x.dtype.kind != "f" or dtype == "float32":
        return x.astype(dtype)
    above = np.float32(2.0**63)
    number = np.where(np.isnan(x), np.float32(0), x)
    inside = np.clip(number, -above, np.nextafter(above, np.float32(0))).astype(np.int64)
    return np.where(x >= above, np.iinfo(np.int64).max, inside).astype(dtype)
