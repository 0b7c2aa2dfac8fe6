"""A sample of ONNX's node tests, in the interpreter and in C; all of them in full mode."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
import pytest

from tests.conformance.records import PAGE, RECORDS, recorded
from tinyglow.testing.budget import is_full
from tinyglow.testing.conformance.cases import collect, sample
from tinyglow.testing.conformance.host import check
from tinyglow.testing.conformance.run import CRASHED, REFUSED, RIGHT, WRONG, run_all

_SAMPLE, _SEED = 60, 20
_AT_LEAST = 1250  # right, of the 1,884 of the onnx whose verdicts are recorded
_RECORDED_WITH = "1.23."


def test_as_many_are_right_as_ever() -> None:
    """None is wrong or crashes, and the page has the counts of the record."""
    counts = Counter(recorded().values())
    assert counts[RIGHT] >= _AT_LEAST and not counts[WRONG] and not counts[CRASHED]
    assert f"Of {counts.total()} tests {counts[RIGHT]} are right and {counts[REFUSED]} refused" in PAGE.read_text(
        "utf-8"
    )


@pytest.mark.skipif(not onnx.__version__.startswith(_RECORDED_WITH), reason="the record is of another onnx")
def test_node_tests(tmp_path: Path) -> None:
    """Each test has the recorded verdict, and what is right computes the same bits in C."""
    tests = collect()
    verdicts = run_all(tests if is_full() else sample(tests, _SAMPLE, _SEED))
    known = recorded()
    found = {verdict.test.name: verdict.kind for verdict in verdicts}
    assert found == {name: known[name] for name in found}, RECORDS
    assert any(verdict.bound for verdict in verdicts)
    in_c = check([verdict for verdict in verdicts if verdict.kind == RIGHT], tmp_path)
    assert len(in_c) > _SAMPLE // 2
    assert {name: text for name, text in in_c.items() if text} == {}
