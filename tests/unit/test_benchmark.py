"""The benchmark notices what gets worse."""

from __future__ import annotations

import pytest

from tests.benchmarks.layers import LAYERS
from tests.benchmarks.measure import CORES, MODELS, Run, Table
from tests.benchmarks.table import FIGURES, load_table, regressions

OLD = dict(zip(FIGURES, (1000, 500, 300, 100), strict=True))


def _table(**changed: int) -> Table:
    return {"net on board": {**OLD, **changed}}


@pytest.mark.parametrize("figure", FIGURES)
def test_more_than_two_percent_is_a_regression(figure: str) -> None:
    """2 % more of anything passes, 3 % more does not, less always does."""
    old = OLD[figure]
    assert not regressions(_table(), _table(**{figure: old + old // 50}))
    assert not regressions(_table(), _table(**{figure: old // 2}))
    (found,) = regressions(_table(), _table(**{figure: old + 3 * old // 100}))
    assert figure in found and "3.0 %" in found


def test_rows_cannot_get_lost() -> None:
    """A row that is not measured any more fails, as does one that nobody recorded."""
    assert regressions(_table(), {}) == ["net on board: recorded, but not measured"]
    assert regressions({}, _table()) == ["net on board: measured, but not recorded"]


def test_layers_add_up_to_the_table() -> None:
    """The page of layers is of the recorded builds: on each core a network's layers take its cycles, less its frame."""
    table, text = load_table(), LAYERS.read_text(encoding="utf-8")
    for model in MODELS:
        section = text.split(f"## {model}\n")[1].split("## ")[0]
        rows = [line.split("|")[3:-1] for line in section.splitlines() if line.startswith("| ")][1:]
        for place, core in enumerate(CORES):
            total = sum(int(row[place].split()[0].replace(",", "")) for row in rows)
            assert total == pytest.approx(table[Run(model, core).key]["cycles"], rel=0.005)


def test_predictions_are_near_what_was_measured() -> None:
    """The cost model, which kernels are chosen by, is at most 15 % off for each layer of each network on each core."""
    rows = [line.split("|")[3:-1] for line in LAYERS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    errors = [int(cell.split()[-2]) for cells in rows for cell in cells if cell.strip().endswith(" %")]
    assert len(errors) == len(CORES) * (len(rows) - len(MODELS))  # all rows but the heads
    assert max(map(abs, errors)) <= 15
