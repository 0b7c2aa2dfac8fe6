"""The arithmetic of int16 networks, in numpy. It is ours: Glow compiles int16 networks to float.

``real = scale * q``, without offsets. Integers are multiplied and added exactly, in 64 bits. A result is rounded once:
sums times a multiplier of up to 31 bits, shifted right, ties upwards, saturated. Who chooses the multipliers
(``multipliers``) proves that no step leaves 64 bits, so that nothing wraps, here or in C.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyglow.numerics.exact_dot import product

INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
MAX_SHIFT = 62
# Sums times multipliers stay within 2**62, which leaves room for the half that is added before the shift.
_PRODUCT = 2**62
# What sums may reach at most: it leaves multipliers 16 bits, as many as results have.
MAX_SUM = 2**46

IntArray = npt.NDArray[np.signedinteger]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
Int16Array = npt.NDArray[np.int16]


def multipliers(scales: Sequence[float], magnitude: int) -> tuple[tuple[int, ...], int]:
    """Integers and one shift that stand for real factors: ``m / 2**shift = scale``.

    The largest factor gets as many bits as leave its products 62, and at most 31. A factor that no shift makes small
    enough
    saturates: its results do too, and those of integers above 0.

    Args:
        scales: The factors, of either sign.
        magnitude: What the sum of the absolute values that are multiplied may reach, at most MAX_SUM.

    Returns:
        The integers, 32 bits each, and the shift, 0 to 62.
    """
    if not all(map(math.isfinite, scales)) or not 0 <= magnitude <= MAX_SUM:
        raise ValueError(f"scales {list(scales)} for sums of up to {magnitude} have no integer form")
    limit = min(INT32_MAX, _PRODUCT // max(magnitude, 1))
    largest = max(map(abs, scales))
    shift = min(max(limit.bit_length() - math.frexp(largest)[1], 0), MAX_SHIFT)
    if shift and _scaled_up(largest, shift) > limit:
        shift -= 1
    return tuple(int(math.copysign(min(_scaled_up(abs(s), shift), limit), s)) for s in scales), shift


def _scaled_up(scale: float, shift: int) -> int:
    return math.floor(math.ldexp(scale, shift) + 0.5)


def round_shift(x: Int64Array, shift: npt.ArrayLike) -> Int32Array:
    """The quotient ``x / 2**shift``, ties upwards, saturated to int32 (``tg_round_shift``).

    ``|x|`` is at most 2**62.
    """
    bits = np.asarray(shift, np.int64)
    half = (np.int64(1) << bits) >> np.int64(1)
    return np.clip((x + half) >> bits, INT32_MIN, INT32_MAX).astype(np.int32)


def scaled(x: IntArray, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> Int32Array:
    """The product ``x * multiplier / 2**shift``, rounded as ``round_shift`` does."""
    return round_shift(x.astype(np.int64) * np.asarray(multiplier, np.int64), shift)


def saturate_int16(x: Int32Array) -> Int16Array:
    """Clip int32 to -32768..32767."""
    return np.clip(x, INT16_MIN, INT16_MAX).astype(np.int16)


def accumulate(a: IntArray, b: IntArray) -> Int64Array:
    """The product ``a @ b`` of integer matrices, exact as long as no partial sum reaches 2**53 (MAX_SUM is far below).

    BLAS has no integer matrix product; float64 holds these sums without rounding.
    """
    return product(a.astype(np.float64), b.astype(np.float64)).astype(np.int64)


def steps(values: npt.NDArray[np.float32], scales: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The quotients ``values / scales`` as whole numbers, ties to even: biases in steps of their sums.

    They may exceed any integer type.
    """
    with np.errstate(over="ignore"):
        return np.rint(values.astype(np.float64) / np.asarray(scales, np.float64))


def weight_steps(weights: npt.NDArray[np.float32], scales: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """Weights as int8, rounded so that sums keep their value.

    The inputs of a layer have a mean, a large one after a ReLU. It multiplies the sum of a unit's rounding errors,
    which is left to chance if each weight is rounded by itself. So where the errors of one channel's taps, and then
    those of the whole unit, add up to half a step or more, the weights that were moved farthest are rounded the other
    way.

    Args:
        weights: float32 [units, ..., channels].
        scales: [units].

    Returns:
        int8 of the weights' shape.
    """
    exact = weights.astype(np.float64).reshape(len(weights), -1, weights.shape[-1])
    exact = exact / np.asarray(scales, np.float64).reshape(-1, 1, 1)
    rounded = _with_sums_kept(exact, np.rint(exact), axis=1)
    flat = _with_sums_kept(exact.reshape(len(weights), -1), rounded.reshape(len(weights), -1), axis=1)
    return np.clip(flat, -128, 127).astype(np.int8).reshape(weights.shape)


def _with_sums_kept(
    exact: npt.NDArray[np.float64], rounded: npt.NDArray[np.float64], axis: int
) -> npt.NDArray[np.float64]:
    """``rounded`` with so many elements one lower, or higher, that its sums along ``axis`` are closest to the exact."""
    error = rounded - exact
    excess = np.rint(error.sum(axis=axis, keepdims=True))
    for sign in (1, -1):
        place = np.argsort(np.argsort(-sign * error, axis=axis, kind="stable"), axis=axis, kind="stable")
        rounded = rounded - sign * (place < sign * excess)
    return rounded


def divide_rounded(x: Int32Array, divisor: IntArray) -> Int32Array:
    """The quotient ``x / divisor``, ties away from zero (``tg_divide_rounded``).

    Args:
        x: int32. Magnitudes above 2**31 - 65536 count as that.
        divisor: 1 to 65535.

    Returns:
        int32.
    """
    bounded = np.clip(x.astype(np.int64), -(2**31 - 65536), 2**31 - 65536)
    half = divisor.astype(np.int64) >> 1
    result: Int32Array = (np.sign(bounded) * ((np.abs(bounded) + half) // divisor)).astype(np.int32)
    return result
