"""The kernel of powers."""

from __future__ import annotations

from tinyglow.kernels.elementwise.broadcast import OrderedParams, float_kernel
from tinyglow.numerics import float32

# A logarithm is shifted until it has 38 bits.
POW = float_kernel("pow", float32.power, "power of two tensors' elements", OrderedParams, turns_by_data=32)
