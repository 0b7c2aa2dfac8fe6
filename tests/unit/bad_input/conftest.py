"""A place to try what must fail."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import Place, dense_net, run_cli


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and what the commands make of it."""
    place = Place(tmp_path_factory.mktemp("good"))
    net = dense_net()
    net.save(place.folder, "dense.onnx")
    np.save(place.folder / "x.npy", net.samples(16)["x"])
    model, profile = place.folder / "dense.onnx", place.folder / "profile.yaml"
    assert run_cli("profile", model, "--input", f"x={place.folder / 'x.npy'}", "-o", profile).status == 0
    assert run_cli(*place.compile()).status == 0
    return place.folder


@pytest.fixture
def place(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A fresh copy, with a folder of its own for temporary files."""
    shutil.copytree(good, tmp_path / "place")
    (tmp_path / "place/tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "place/tmp"))
    return Place(tmp_path / "place")
