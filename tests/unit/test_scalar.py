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
        (scalar.shift_left, _left),
        (scalar.shift_right, _right),
    ],
)
def test_every_pair(function: Callable[..., np.ndarray], exact: Callable[[int, int], int], dtype: str) -> None:
    """By 0 and by negative numbers too; what is too large wraps."""
    numbers = _ALL if dtype == "int8" else _ALL + 128
    x, y = (side.ravel() for side in np.meshgrid(numbers, numbers))
    with np.errstate(all="ignore"):
        found = function(x.astype(dtype), y.astype(dtype))
    assert found.dtype == dtype
    assert found.tolist() == [_wrapped(exact(a, b), dtype) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
