"""Constants of onnxruntime's requantization by integers."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.numerics.epilogues.onnxi import ONNXI
from tinyglow.numerics.glow import Requant
from tinyglow.testing.values import fitting_scales

_LEAST, _MOST = 2.0**-12, float(np.nextafter(np.float32(2.0**-4), np.float32(0)))


def constants(magnitude: float, offset: int) -> st.SearchStrategy[Requant]:
    """Those of scales that fit sums, within the range that the epilogue has; powers of two too, whose ties are real."""
    scales = fitting_scales(magnitude).map(lambda scale: min(max(scale, _LEAST), _MOST))
    powers = st.integers(-12, -5).map(lambda power: 2.0**power)
    return st.one_of(scales, powers).map(lambda scale: ONNXI.constants(scale, offset))
