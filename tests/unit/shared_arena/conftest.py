"""Networks that share an arena: images, rows, and two that remember."""

from __future__ import annotations

from pathlib import Path

import pytest

import tinyglow
from tests.helpers import example_program
from tests.unit.shared_arena.networks import GATES, recurrent
from tinyglow.ir.program import Program


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Program]:
    """By name, for no core in particular."""
    folder = tmp_path_factory.mktemp("models")
    plain = {name: example_program(name, folder) for name in ("mnist", "conv", "dense")}
    return plain | {kind.lower(): recurrent(kind, folder) for kind in GATES}


@pytest.fixture(scope="session")
def bundles(programs: dict[str, Program], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Their bundles, each by itself."""
    folder = tmp_path_factory.mktemp("bundles")
    for name, program in programs.items():
        tinyglow.emit(program, folder / name)
    return {name: folder / name for name in programs}
