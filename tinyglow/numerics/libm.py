"""Functions of the C library that real Glow calls while it quantizes, to the last bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Reciprocals 1/c and logarithms log(c) of 16 points c between 0.7 and 1.4, and a polynomial for log(1 + r) - r near 0:
# the constants that the GNU C library's logf is defined by since 2.27 (Arm Optimized Routines, math/logf_data.c).
_INVERSE_TEXT = """
0x1.661ec79f8f3bep+0 0x1.571ed4aaf883dp+0 0x1.49539f0f010bp+0 0x1.3c995b0b80385p+0 0x1.30d190c8864a5p+0
0x1.25e227b0b8eap+0 0x1.1bb4a4a1a343fp+0 0x1.12358f08ae5bap+0 0x1.0953f419900a7p+0 0x1p+0 0x1.e608cfd9a47acp-1
0x1.ca4b31f026aap-1 0x1.b2036576afce6p-1 0x1.9c2d163a1aa2dp-1 0x1.886e6037841edp-1 0x1.767dcf5534862p-1
"""
_LOGARITHM_TEXT = """
-0x1.57bf7808caadep-2 -0x1.2bef0a7c06ddbp-2 -0x1.01eae7f513a67p-2 -0x1.b31d8a68224e9p-3 -0x1.6574f0ac07758p-3
-0x1.1aa2bc79c81p-3 -0x1.a4e76ce8c0e5ep-4 -0x1.1973c5a611cccp-4 -0x1.252f438e10c1ep-5 0x0p+0 0x1.aa5aa5df25984p-5
0x1.c5e53aa362eb4p-4 0x1.526e57720db08p-3 0x1.bc2860d22477p-3 0x1.1058bc8a07ee1p-2 0x1.4043057b6ee09p-2
"""
_INVERSE = np.array([float.fromhex(text) for text in _INVERSE_TEXT.split()])
_LOGARITHM = np.array([float.fromhex(text) for text in _LOGARITHM_TEXT.split()])
_POLYNOMIAL = [float.fromhex(x) for x in ("-0x1.00ea348b88334p-2", "0x1.5575b0be00b6ap-2", "-0x1.ffffef20a4123p-2")]
_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
_LOWEST = 0x3F330000  # 0.69921875 as a float32's bits: where the 16 intervals begin


def log_float32(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Natural logarithm of positive normal float32 values, as the GNU C library's ``logf`` rounds it.

    It is not correctly rounded everywhere, and a comparison of two nearly equal sums of logarithms can tell.
    """
    bits = x.view(np.uint32).astype(np.int64)
    above = bits - _LOWEST
    interval = (above >> 19) & 15
    exponent = (above.astype(np.int32) >> 23).astype(np.int64)
    z = (bits - (exponent << 23)).astype(np.uint32).view(np.float32).astype(np.float64)
    r = z * _INVERSE[interval] - 1.0
    base = _LOGARITHM[interval] + exponent.astype(np.float64) * _LN2
    cubic, square, constant = _POLYNOMIAL
    square_of_r = r * r
    tail = cubic * square_of_r + (square * r + constant)
    return (tail * square_of_r + (base + r)).astype(np.float32)
