"""The bundles that faults are planted in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tinyglow
from tests.unit.checker.planted import CORES, NET, Bundle
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.profile import load_profile
from tinyglow.targets.boards import load_board


@pytest.fixture(scope="session")
def bundles(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """AN13438's network for a core without and for one with DSP extension."""
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", NET, {"N": 1})
    quantized = tinyglow.quantize(graph, load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml"))
    found = {}
    for core in CORES:
        found[core] = tmp_path_factory.mktemp("bundles") / core
        tinyglow.emit(tinyglow.lower(quantized, target=target_of(load_board(core))), found[core])
    return found


@pytest.fixture
def bundle(request: pytest.FixtureRequest, bundles: dict[str, Path], tmp_path: Path) -> Bundle:
    """A copy of one of them."""
    return Bundle(Path(shutil.copytree(bundles[getattr(request, "param", CORES[1])], tmp_path / "bundle")))
