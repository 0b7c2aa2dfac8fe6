"""The report of a bundle that others made: what is known without its model."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers import run_cli
from tests.unit.foreign.making import HEADER
from tests.unit.report.making import Page, Report, check_alone

_HOSTILE = '<script>alert(1)</script>"&'


def test_its_figures_are_those_of_run_bundle(foreign: Report) -> None:
    """Placeholders, functions, cycles and memory; what is printed is what the page carries."""
    figures = foreign.figures
    found = run_cli("run-bundle", *foreign.model, "--board", "frdm-ke16z", "--waits", *foreign.inputs, "--json")
    assert found.status == 0, found.err
    expected = json.loads(found.out)
    assert figures["bundle"] == "inc" and figures["samples"] == 2
    assert figures["placeholders"] == expected.pop("placeholders")
    (board,) = figures["boards"]
    assert {key: board[key] for key in expected} == expected
    assert board["kernels"][0]["cycles"] > 0
    text = foreign.page
    assert json.loads(Page(text).scripts[0]) == figures
    assert text.count(f"{board['kernels'][0]['cycles']:,}<") == 2  # in the chart and in the table
    for number in (board["cycles"], board["flash"], board["ram"]):
        assert f"{number:,}" in text


def test_it_needs_nothing_else(foreign: Report) -> None:
    """No address leads out of the file, and every link has its target."""
    check_alone(foreign.page)
    assert "movs" in foreign.page or "mov" in foreign.page


def test_without_inputs_it_runs_on_zeros(foreign: Report, tmp_path: Path) -> None:
    """And says so; two boards stand side by side."""
    page = tmp_path / "zeros.html"
    boards = ("--board", "frdm-ke16z", "--board", "frdm-k32l2b")
    answer = run_cli("report", *foreign.model, *boards, "-o", page)
    assert answer.status == 0, answer.err
    text = page.read_text(encoding="utf-8")
    assert "it ran once, on zeros" in text and text.count('class="card"') == 2


def test_what_needs_a_model_is_refused(foreign: Report, tmp_path: Path) -> None:
    """All of it at once, with status 2."""
    words = ("--board", "host", "--profile", "p.yaml", "--labels", "l.npy", "-o", tmp_path / "x.html")
    answer = run_cli("report", *foreign.model, *words)
    assert answer.status == 2
    assert all(word in answer.err for word in ("--board host", "--profile", "--labels"))
    empty = tmp_path / "empty"
    empty.mkdir()
    answer = run_cli("report", empty, "--board", "frdm-ke16z", "-o", tmp_path / "x.html")
    assert answer.status == 2 and "there is none" in answer.err


def test_hostile_names_are_text(foreign: Report, tmp_path: Path) -> None:
    """The header's comments may hold anything."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for path in Path(foreign.model[0]).iterdir():
        (bundle / path.name).write_bytes(path.read_bytes())
    text = HEADER.replace('Model name: "inc"', f'Model name: "{_HOSTILE}"').replace(
        "#define INC_x", "// Tool: <b>x</b>\n#define INC_x"
    )
    (bundle / "inc.h").write_text(text, encoding="utf-8")
    answer = run_cli("report", bundle, "--board", "frdm-ke16z", "-o", tmp_path / "x.html")
    assert answer.status in (0, 2) and "Traceback" not in answer.err
    if answer.status == 0:
        found = (tmp_path / "x.html").read_text(encoding="utf-8")
        assert Page(found).tags.count("script") == 2 and _HOSTILE not in found
