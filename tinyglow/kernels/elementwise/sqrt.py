"""The square root."""

from __future__ import annotations

from tinyglow.kernels.elementwise.map import map_kernel
from tinyglow.numerics import float32

SQRT = map_kernel("sqrt", float32.sqrt, "square root", turns_by_data=32)  # a subnormal number is shifted
