"""Bundles that the tests of this folder look at."""

from __future__ import annotations

from pathlib import Path

import pytest

import tinyglow
from tests.helpers import example_program
from tinyglow.ir.program import Program


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Program]:
    """Networks by name; ``conv`` has float placeholders."""
    folder = tmp_path_factory.mktemp("models")
    return {name: example_program(name, folder, float_io=name == "conv") for name in ("mnist", "conv", "dense")}


@pytest.fixture(scope="session")
def bundles(programs: dict[str, Program], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Their bundles."""
    folders = {name: tmp_path_factory.mktemp("bundles") / name for name in programs}
    for name, program in programs.items():
        tinyglow.emit(program, folders[name])
    return folders
