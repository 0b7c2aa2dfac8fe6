"""The functions of the C library that Glow calls while it quantizes."""

from __future__ import annotations

import ctypes
import platform

import numpy as np
import pytest

from tinyglow.numerics.libm import log_float32


def _arguments() -> np.ndarray:
    """Positive normal floats: of all exponents, and near 1, where the logarithm is small."""
    random = np.random.default_rng(9)
    every = random.integers(0x00800000, 0x7F800000, 20_000, dtype=np.int64).astype(np.uint32).view(np.float32)
    near = random.uniform(0.5, 2, 20_000).astype(np.float32)
    return np.concatenate([every, near, np.array([1, 2, 0.5, 0.69921875, 1.4, 1.17549435e-38], np.float32)])


def test_a_logarithm_is_within_a_bit_of_the_real_one() -> None:
    """Rounded from double precision, it is the same or the next float; that of 1 is 0."""
    x = _arguments()
    due = np.log(x.astype(np.float64)).astype(np.float32)
    assert np.all(np.abs(log_float32(x).astype(np.float64) - due) <= np.spacing(np.abs(due)))
    assert log_float32(np.ones(1, np.float32))[0] == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the GNU C library")
def test_a_logarithm_is_the_gnu_library_s_to_the_last_bit() -> None:
    """As the library of this machine computes it."""
    logf = ctypes.CDLL("libm.so.6").logf
    logf.restype, logf.argtypes = ctypes.c_float, [ctypes.c_float]
    x = _arguments()
    due = np.array([logf(value) for value in x.tolist()], np.float32)
    assert np.array_equal(log_float32(x), due)
