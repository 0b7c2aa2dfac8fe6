"""The tables of docs/exactly-glow.md are those of the recorded figures, and the figures those of today's program."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.benchmarks.exactly_glow import PAGE, SAMPLE_SIZE, SELECTION, TREES, load_table, page
from tests.recordings.__main__ import known
from tinyglow.pipeline.crosscheck_tree import OUTCOMES, crosscheck_all, recordings

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
    """At most as many recordings as the sample has, each on both cores, none with another answer than Glow's."""
    figures = load_table()["cores"]
    assert 0 < len(figures) <= SAMPLE_SIZE
    assert all(core["vectors"] == core["vectors_equal"] == 1 for cores in figures.values() for core in cores.values())


@pytest.mark.parametrize("tree", [tree for tree in TREES if tree != SELECTION])
def test_counts_are_no_better_than_they_are(shared: Path, tree: str) -> None:
    """Of the recordings beside the checkout every twentieth (all with TINYGLOW_FULL=1) is as good as is said."""
    if tree not in load_table()["trees"]:
        pytest.skip(f"{tree} is not among the figures")
    figures = load_table()["trees"][tree]
    found = recordings(shared / tree, shared / "models")[:: 1 if FULL else 20]
    found = [one for one in found if one.config in figures["configurations"]]
    causes = figures["causes"]
    said = {name: cause["outcome"] for cause in causes for name in cause["recordings"]}
    for row in crosscheck_all(found):
        assert OUTCOMES.index(row.outcome) <= OUTCOMES.index(said.get(row.recording, "strict")), row
