"""One report, made once: AN13438's network on two boards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import run_cli

BOARDS = ("frdm-ke16z", "mimxrt1060-evk")


@dataclass(frozen=True)
class Report:
    """A page, its figures, and the options that say what it is of."""

    page: str
    figures: dict[str, Any]
    model: tuple[str, ...]
    inputs: tuple[str, ...]
    folder: Path


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Report:
    """The report of mnist_nxp, with labels."""
    pytest.importorskip("unicorn")
    pytest.importorskip("vl_convert")
    pytest.importorskip("igraph")
    folder = tmp_path_factory.mktemp("report")
    digits = checkout / "examples" / "mnist" / "digits"
    labels = folder / "labels.npy"
    np.save(labels, np.array([int(path.name[0]) for path in sorted(digits.glob("*.png"))]))
    source = (str(checkout / "examples" / "mnist" / "mnist_nxp.onnx"), "--define", "N=1")
    inputs = ("--input", f"max_pooling_1_input={digits}", "--image-mode", "0to1", "--image-layout", "NHWC")
    profile = str(folder / "profile.yaml")
    assert run_cli("profile", *source, *inputs, "-o", profile).status == 0
    model = (*source, "--profile", profile)
    boards = [word for board in BOARDS for word in ("--board", board)]
    page = folder / "report.html"
    words = ("report", *model, *inputs, "--labels", str(labels), *boards, "-o", str(page), "--json")
    answer = run_cli(*words)
    assert answer.status == 0, answer.err
    return Report(page.read_text(encoding="utf-8"), json.loads(answer.out), model, inputs, folder)
