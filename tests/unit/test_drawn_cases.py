"""Cases that tests share are those that each would have drawn for itself, and a failure is as small as ever."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from tests import drawn_cases
from tests.drawn_cases import DRAWN, DrawnCases
from tinyglow.testing import Case, budget, fixed_cases, is_full
from tinyglow.testing.frame import frame

SYMBOL = "tg_copy_s8"
_SHRINKS_TO_THE_LEAST = (6, 170)  # the first version that is known to, not the first that does


def _images(found: list[Case]) -> list[bytes]:
    return [bytes(frame(case).image) for case in found]


def test_what_was_drawn_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process of a run gets the first one's cases, without a draw; fewer are spread over all of them."""
    number = DRAWN if is_full() else budget(DRAWN).max_examples
    first = DrawnCases(tmp_path)(SYMBOL, number)
    assert _images(first) == _images(fixed_cases(SYMBOL, number))
    monkeypatch.setattr(drawn_cases, "fixed_cases", None)
    again = DrawnCases(tmp_path)
    assert _images(again(SYMBOL, number)) == _images(first)
    assert _images(again(SYMBOL, number // 2)) == _images(first[::2])


def test_the_smallest_case_that_fails_is_reported(tmp_path: Path) -> None:
    """A fault of all cases with more than 7 elements is shown with 8, or with the fewest that were found."""
    seen: list[int] = []

    def fails(case: Case) -> None:
        if case.outputs["output"] > 7:
            seen.append(case.outputs["output"])
            raise AssertionError(f"{seen[-1]} elements")

    with pytest.raises(AssertionError) as caught:
        DrawnCases(tmp_path).check(SYMBOL, fails, quick=40)
    assert str(caught.value).startswith(f"{min(seen)} elements")
    if hypothesis.__version_info__ >= _SHRINKS_TO_THE_LEAST:
        assert min(seen) == 8


def test_cases_without_fault_are_all_seen(tmp_path: Path) -> None:
    """As many as asked for."""
    seen: list[Case] = []
    DrawnCases(tmp_path).check(SYMBOL, seen.append, quick=20, full=20)
    assert len(seen) >= budget(20, 20).max_examples
