"""What float kernels do with NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.numerics import float32

Array = npt.NDArray[Any]


def one_nan(x: Array) -> Array:
    """float32 values with all NaN the same, as tg_nan_f32 has it: processors differ in which NaN they make."""
    return np.where(np.isnan(x), float32.NAN, x)
