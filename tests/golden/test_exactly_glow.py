"""The tables of docs/exactly-glow.md are those of the recorded figures, and the figures those of today's program."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.benchmarks.exactly_glow import CORES, PAGE, SAMPLE_SIZE, SELECTION, TREES, load_table, page
from tests.recordings.__main__ import known
from tinyglow.pipeline.crosscheck_tree import OUTCOMES, crosscheck_all, recordings
from tinyglow.targets.boards import HOST

FULL = bool(os.environ.get("TINYGLOW_FULL"))


def test_page_is_that_of_the_figures() -> None:
    """``python -m tests.benchmarks.exactly_glow --page`` changes nothing."""
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text


def test_selection_is_counted_as_it_is() -> None:
    """The figures of the recordings in the checkout are their recorded outcomes, which other tests try."""
    figures = load_table()["trees"][SELECTION]["configurations"]
    counted: dict[str, Counter[str]] = {}
    for name, outcome in known().items():
        counted.setdefault(name.rpartition("/")[2], Counter())[outcome] += 1
    assert {config: found for config, found in figures.items() if config != "all"} == counted


def test_sample() -> None:
    """As many recordings as the sample has, each on both cores, none with another answer than Glow's."""
    figures = load_table()["cores"]
    assert len(figures) == SAMPLE_SIZE
    assert all(set(cores) == set(CORES) for cores in figures.values())
    assert all(core["vectors"] == core["vectors_equal"] == 1 for cores in figures.values() for core in cores.values())


def test_host_c() -> None:
    """Of the recordings that were run in host C all gave every vector; the selection in the checkout is among them."""
    figures = load_table()["host"]
    assert all(found["equal"] == found["of"] for found in figures.values())
    assert figures[SELECTION]["of"] == len(known())


@pytest.mark.parametrize("tree", [tree for tree in TREES if tree != SELECTION])
def test_counts_are_no_better_than_they_are(shared: Path, tree: str) -> None:
    """Of the recordings beside the checkout every twentieth is as good as is said.

    With TINYGLOW_FULL=1 all of them are, and in host C too, with all vectors.
    """
    figures = load_table()["trees"][tree]
    found = recordings(shared / tree, shared / "models")[:: 1 if FULL else 20]
    boards = {HOST: None} if FULL else None
    causes = figures["causes"]
    said = {name: cause["outcome"] for cause in causes for name in cause["recordings"]}
    for row in crosscheck_all(found, boards, vectors_on_boards=1 << 10):
        assert OUTCOMES.index(row.outcome) <= OUTCOMES.index(said.get(row.recording, "strict")), row
