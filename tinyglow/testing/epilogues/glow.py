"""Constants of Glow's requantization."""

from __future__ import annotations

from hypothesis import strategies as st

from tinyglow.numerics.glow import Requant
from tinyglow.testing.values import requant_params


def constants(magnitude: float, offset: int) -> st.SearchStrategy[Requant]:
    """Those that scales lead to."""
    return requant_params(magnitude, offset)
