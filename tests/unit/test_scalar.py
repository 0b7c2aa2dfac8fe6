"""Integer arithmetic of one element: all pairs of int8 and many of uint8, against Python's own integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tinyglow.numerics import scalar

_ALL = np.arange(-128, 128)


def _wrapped(value: int, dtype: str) -> int:
    bits = 8
    return (value + 128) % 2**bits - 128 if dtype == "int8" else value % 2**bits


def _towards_0(x: int, y: int) -> int:
    return 0 if y == 0 else (abs(x) // abs(y)) * (1 if (x < 0) == (y < 0) else -1)


def _power(x: int, y: int) -> int:
    return x**y if y >= 0 else int(x == 1)


def _left(x: int, y: int) -> int:
    return x << y if 0 <= y < 8 else 0


def _right(x: int, y: int) -> int:
    return x >> y if 0 <= y < 8 else -1 if x < 0 else 0


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (scalar.divide, _towards_0),
        (scalar.modulo, lambda x, y: x % y if y else 0),
        (scalar.remainder, lambda x, y: x - _towards_0(x, y) * y if y else 0),
        (scalar.power, _power),
        (scalar.shift_left, _left),
        (scalar.shift_right, _right),
    ],
)
def test_every_pair(function: Callable[..., np.ndarray], exact: Callable[[int, int], int], dtype: str) -> None:
    """By 0 and by negative numbers too; what is too large wraps."""
    numbers = _ALL if dtype == "int8" else _ALL + 128
    x, y = (side.ravel() for side in np.meshgrid(numbers, numbers))
    with np.errstate(all="ignore", divide="raise"):
        found = function(x.astype(dtype), y.astype(dtype))
    assert found.dtype == dtype
    assert found.tolist() == [_wrapped(exact(a, b), dtype) for a, b in zip(x.tolist(), y.tolist(), strict=True)]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int16"])
def test_powers_of_all_sizes(dtype: str) -> None:
    """Exponents of up to 64 bits: what is too large wraps."""
    limits = np.iinfo(dtype)
    numbers = [limits.min, limits.max, 0, 1, 2, 3, 7, limits.max // 2 + 1, limits.max - 2, 5_000, limits.max // 3]
    x, y = (side.ravel() for side in np.meshgrid(np.array(numbers, dtype), np.array(numbers, dtype)))
    size = 2**limits.bits
    due = [pow(a, b, size) if b >= 0 else int(a == 1) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    found = scalar.power(x, y)
    assert found.dtype == dtype and [value % size for value in found.tolist()] == due
    assert scalar.power(x[:, np.newaxis], np.array([2], dtype)).shape == (x.size, 1)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_shifts_of_wider_types(dtype: str) -> None:
    """By as many bits as there are, one less, and more; by negative numbers."""
    limits = np.iinfo(dtype)
    x = np.array([limits.min, limits.max, 1, limits.max // 3, limits.max - 4], dtype)
    steps = [
        0,
        1,
        limits.bits - 1,
        limits.bits,
        limits.bits + 1,
        int(limits.max),
        *([-1, int(limits.min)] if limits.min else []),
    ]
    for step in steps:
        by, gone = np.full(x.shape, step, dtype), not 0 <= step < limits.bits
        left = [0 if gone else (int(n) << step) % 2**limits.bits for n in x]
        assert [int(n) % 2**limits.bits for n in scalar.shift_left(x, by)] == left
        right = [(-1 if n < 0 else 0) if gone else int(n) >> step for n in x.tolist()]
        found = scalar.shift_right(x, by)
        assert found.dtype == dtype and found.tolist() == right


_TYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
_REALS = [0.0, -0.0, 0.99, -0.99, 1.0, -1.0, -2.5, 300.7, -40_000.9, 2.0**31, -(2.0**31), 2.0**40 + 2.0**20, 2.0**62]
_REALS += [2.0**63 - 2.0**39, 2.0**63, -(2.0**63), -(2.0**63) - 2.0**40, 2.0**64, 1e30, -1e30, 1e-45, np.inf, -np.inf]


@pytest.mark.parametrize("dtype", _TYPES)
def test_floats_as_other_types(dtype: str) -> None:
    """Towards 0 as an integer of 64 bits, the nearest of those that there are, of which the low bits stay; NaN is 0."""
    x = np.array([*_REALS, np.nan], np.float32)
    whole = [int(min(max(value, -(2.0**63)), 2.0**63)) for value in x[:-1].tolist()] + [0]
    whole = [min(value, 2**63 - 1) for value in whole]
    if dtype == "bool":
        due = [value != 0 for value in x.tolist()]
    else:
        limits = np.iinfo(dtype)
        due = [(value - int(limits.min)) % 2**limits.bits + int(limits.min) for value in whole]
    with np.errstate(all="ignore"):
        found = scalar.cast(x, dtype)
    assert found.dtype == dtype and found.tolist() == due


@pytest.mark.parametrize("source", _TYPES)
def test_integers_as_other_types(source: str) -> None:
    """Narrower types keep the low bits; truth values are what is not 0; floats are the nearest."""
    limits = np.iinfo("uint8" if source == "bool" else source)
    numbers = [int(limits.min), int(limits.max), 0, 1, 2, int(limits.max) // 3]
    x = np.array(numbers if source != "bool" else [0, 1], source)
    for dtype in _TYPES:
        found = scalar.cast(x, dtype)
        if dtype == "bool":
            due = [bool(value) for value in x.tolist()]
        else:
            least, size = int(np.iinfo(dtype).min), 2 ** np.iinfo(dtype).bits
            due = [(int(value) - least) % size + least for value in x.tolist()]
        assert found.dtype == dtype and found.tolist() == due, dtype
    assert scalar.cast(x, "float32").tolist() == [float(np.float32(value)) for value in x.tolist()]


def test_half_and_brain_at_their_ends() -> None:
    """Ties to even, infinity from half a step beyond the largest on, subnormals, one NaN."""
    nan = np.array([0xFFFFFFFF], np.uint32).view(np.float32)[0]
    x = np.array([1 + 2.0**-11, 1 + 3 * 2.0**-11, 65519.99, 65520, -65520, 2.0**-25, 3 * 2.0**-25, nan], np.float32)
    with np.errstate(all="ignore"):
        found = scalar.half(x)
    assert found[:-1].tolist() == [1, 1 + 2.0**-9, 65504, np.inf, -np.inf, 0, 2.0**-23]
    assert found.view(np.uint32)[-1] == 0x7FC00000
    x = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, 3.39e38, -3.4028235e38, np.inf, nan], np.float32)
    found = scalar.brain(x)
    assert found[:-1].tolist() == [1, 1 + 2.0**-6, float.fromhex("0x1.fep127"), -np.inf, np.inf]
    assert found.view(np.uint32)[-1] == 0x7FC00000
