"""Constants of onnxruntime's requantization."""

from __future__ import annotations

from hypothesis import strategies as st

from tinyglow.numerics.epilogues.onnx import ONNX
from tinyglow.numerics.glow import Requant
from tinyglow.testing.values import fitting_scales


def constants(magnitude: float, offset: int) -> st.SearchStrategy[Requant]:
    """Those that scales lead to, from those that make everything 0 to those that saturate it."""
    return fitting_scales(magnitude).map(lambda scale: ONNX.constants(scale, offset))
