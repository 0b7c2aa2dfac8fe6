"""README.md tells the truth."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.readme_blocks import BLOCKS, COMPILED, README, block


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_generated_block_is_current(name: str) -> None:
    """What a README shows is what the program prints today (python -m tests.readme_blocks renews it)."""
    if name in COMPILED and importlib.util.find_spec("ziglang") is None:
        pytest.skip("the figures are those of ziglang's code, which is not installed")
    path, make = BLOCKS[name]
    assert block(name, path.read_text(encoding="utf-8")) == make()


def test_every_file_named_exists() -> None:
    """Files and folders that README.md and CONTRIBUTING.md name are there."""
    root = README.parent
    for path in (
        "tinyglow/pipeline/stations.py",
        "tinyglow/sim/cycles/m7.py",
        "CONTRIBUTING.md",
        "tests/unit/operators",
    ):
        assert Path(root / path).exists(), path
