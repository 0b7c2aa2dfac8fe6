"""Progress bars: what takes long tells on a terminal how much is left, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.helpers import run_cli
from tinyglow.report.console import progress, stages

_TIME_LEFT = r"\d:\d\d:\d\d"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stderr is taken for a terminal."""
    monkeypatch.setattr(Console, "is_terminal", property(lambda console: True))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.usefixtures("terminal")
def test_steps_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    """The label, how many steps are done of how many, and the time left."""
    with progress("profiling", 20) as advance:
        advance(20)
    shown = _plain(capsys.readouterr().err)
    assert "profiling" in shown and "20/20" in shown
    assert re.search(_TIME_LEFT, shown)


@pytest.mark.usefixtures("terminal")
def test_parts_have_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    """A part counts when the next one begins."""
    with stages("report", 3) as begin:
        begin("stations")
        begin("validating")
    shown = _plain(capsys.readouterr().err)
    assert "report: validating" in shown and "1/3" in shown and "2/3" not in shown


def test_nothing_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A log holds no bars."""
    with progress("profiling", 20) as advance:
        advance(20)
    with stages("report", 1) as begin:
        begin("stations")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("terminal")
def test_commands_show_them(checkout: Path, tmp_path: Path) -> None:
    """Profiling and validation, of the network that comes with tinyglow."""
    model = (str(checkout / "examples" / "mnist" / "mnist_nxp.onnx"), "--define", "N=1")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).uniform(0, 1, (4, 28, 28, 1)).astype(np.float32))
    inputs = ("--input", f"max_pooling_1_input={tmp_path / 'x.npy'}")
    profile = str(tmp_path / "profile.yaml")
    for words in (("profile", *model, *inputs, "-o", profile), ("validate", *model, *inputs, "--profile", profile)):
        answer = run_cli(*words)
        assert answer.status == 0, answer.err
        assert re.search(_TIME_LEFT, _plain(answer.err)), words[0]
