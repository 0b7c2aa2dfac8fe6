"""The graphs and programs that the stations make are those committed: a pass that changes one shows the difference."""

from __future__ import annotations

import difflib

import pytest

from tests.golden_dumps.stations import FOLDER, NETWORKS, dumps

STATIONS = ("1_read", "2_simplify", "4_quantize", "5_tidy", "6_fuse", "7_lower", "8_plan", "9_emit")


@pytest.mark.parametrize("name", NETWORKS)
def test_stations_make_what_is_committed(name: str) -> None:
    """Each station's text, to the letter; ``python -m tests.golden_dumps`` accepts a change, and git shows it."""
    found = dumps(name)
    committed = {path.name: path.read_text(encoding="utf-8") for path in (FOLDER / name).glob("*.txt")}
    assert sorted(found) == sorted(committed) == [f"{station}.txt" for station in STATIONS]
    differences = [
        line
        for file in sorted(found)
        for line in difflib.unified_diff(
            committed[file].splitlines(), found[file].splitlines(), f"committed/{file}", f"now/{file}", lineterm="", n=1
        )
    ]
    assert not differences, "\n".join(["python -m tests.golden_dumps accepts these changes:", *differences[:200]])
