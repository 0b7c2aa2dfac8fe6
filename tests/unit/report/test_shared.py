"""Reports of larger networks are built, agree with the interpreter, and stay small enough to send around."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import run_cli
from tests.unit.report.test_page import _Page
from tinyglow.testing.budget import is_full

# The Cortex-M0+ takes five times the cycles of the Cortex-M7, and the advice tries the network over and over.
BOARDS = ("mimxrt1060-evk", "frdm-ke16z") if is_full() else ("mimxrt1060-evk",)
FAST = () if is_full() else ("--no-advice",)
MOST_BYTES = 2_000_000


def _made(page: Path, words: tuple[str, ...]) -> dict[str, object]:
    """A report's figures; its page is complete and small."""
    pytest.importorskip("vl_convert", reason="needs the extra tinyglow[report]")
    pytest.importorskip("igraph", reason="needs the extra tinyglow[report]")
    pytest.importorskip("unicorn", reason="needs the extra tinyglow[sim]")
    boards = tuple(word for board in BOARDS for word in ("--board", board))
    answer = run_cli("report", *words, *boards, *FAST, "--vectors", "1", "-o", page, "--json")
    assert answer.status == 0, answer.err
    text = page.read_text(encoding="utf-8")
    assert len(text.encode("utf-8")) < MOST_BYTES
    found = _Page(text)
    assert {address[1:] for address in found.addresses} <= set(found.ids)
    figures: dict[str, object] = json.loads(answer.out)
    assert json.loads(found.scripts[0]) == figures
    return figures


def test_cifar10(shared: Path, shared_model: Callable[[str], Path], tmp_path: Path) -> None:
    """The answers agree bit for bit; the Cortex-M0+ has too little RAM, and the page says so."""
    samples, labels = tmp_path / "x.npy", tmp_path / "labels.npy"
    np.save(samples, np.load(shared_model("cifar10.test.npy"))[:4])
    np.save(labels, np.load(shared_model("cifar10.test_labels.npy"))[:4])
    profile = shared / "golden" / "cifar10" / "profile.yaml"
    model = str(shared_model("cifar10.onnx"))
    words = (model, "--profile", str(profile), "--input", f"input={samples}", "--labels", str(labels))
    figures = _made(tmp_path / "report.html", words)
    boards = figures["boards"]
    assert isinstance(boards, list) and [board["name"] for board in boards] == list(BOARDS)
    assert boards[0]["fit"]["fits"] and boards[0]["fit"]["cycles"] > 1_000_000
    verdict = figures["verdict"]
    assert isinstance(verdict, dict) and verdict["bit_exact"]
    assert [board["fit"]["fits"] for board in boards[1:]] == [False] * (len(BOARDS) - 1)


@pytest.mark.skipif(not is_full(), reason="takes minutes: TINYGLOW_FULL=1")
def test_visual_wake_words(shared_model: Callable[[str], Path], tmp_path: Path) -> None:
    """MLPerf Tiny's largest network."""
    samples = tmp_path / "x.npy"
    np.save(samples, np.random.default_rng(0).uniform(0, 1, (1, 96, 96, 3)).astype(np.float32))
    model = str(shared_model("mlperf_tiny/vww_96_int8.tflite"))
    _made(tmp_path / "report.html", (model, "--input", f"input_1_int8={samples}"))
