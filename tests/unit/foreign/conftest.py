"""A maker of bundles in a fresh folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.foreign.making import Maker


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Makes bundles in a fresh folder."""
    return Maker(tmp_path)
