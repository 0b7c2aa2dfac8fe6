"""A sample of ONNX's tests, in the interpreter and in C; all of them in full mode."""

from __future__ import annotations

import importlib.util
from collections import Counter, defaultdict
from pathlib import Path

import onnx
import pytest

from tests.conformance.on_cores import BOARDS, differences_on
from tests.conformance.records import PAGE, RECORDS, recorded, summary
from tinyglow.testing.budget import is_full
from tinyglow.testing.conformance.cases import MODELS, NODE, collect, collect_models, sample
from tinyglow.testing.conformance.host import check
from tinyglow.testing.conformance.run import CRASHED, RIGHT, WRONG, run_all
from tinyglow.testing.conformance.table import KINDS

_SAMPLE, _SEED, _ON_CORES = 60, 20, 4
_AT_LEAST = 1250  # right, of the 1,884 node tests of the onnx whose verdicts are recorded
_OF_MODELS = {"pytorch-operator": 30, "pytorch-converted": 81, "simple": 7}  # the rest needs sequences, text, training
_RECORDED_WITH = "1.23."


def _counts() -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for name, kind in recorded().items():
        counts[name.rpartition("/")[0] or NODE][kind] += 1
    return counts


def test_as_many_are_right_as_ever() -> None:
    """None is wrong or crashes, and the page has the counts of the record."""
    counts, text = _counts(), PAGE.read_text("utf-8")
    assert set(counts) == {NODE, *MODELS}
    for collection, least in {NODE: _AT_LEAST, **_OF_MODELS}.items():
        found = counts[collection]
        assert found[RIGHT] >= least and not found[WRONG] and not found[CRASHED]
        assert summary(collection, {kind: found[kind] for kind in KINDS}, found[RIGHT]) in text


@pytest.mark.slow
@pytest.mark.skipif(not onnx.__version__.startswith(_RECORDED_WITH), reason="the record is of another onnx")
def test_node_tests(tmp_path: Path) -> None:
    """Each test has the recorded verdict; what is right computes the same bits in C, and some of it on two cores."""
    tests, models = collect(), collect_models()
    if not is_full():
        tests, models = sample(tests, _SAMPLE, _SEED), sample(models, _SAMPLE // 2, _SEED)
    verdicts = run_all([*tests, *models])
    known = recorded()
    found = {verdict.test.name: verdict.kind for verdict in verdicts}
    assert found == {name: known[name] for name in found}, RECORDS
    assert any(verdict.bound for verdict in verdicts)
    in_c = check([verdict for verdict in verdicts if verdict.kind == RIGHT], tmp_path)
    assert len(in_c) > _SAMPLE // 2
    assert {name: text for name, text in in_c.items() if text} == {}
    if importlib.util.find_spec("unicorn") is None:
        return  # and no core can be emulated
    right = sorted((v for v in verdicts if v.kind == RIGHT), key=lambda v: v.test.name)
    few = right[:: max(1, len(right) // (80 if is_full() else _ON_CORES))]
    for board in BOARDS:
        on_core = differences_on(board, few)
        assert len(on_core) >= _ON_CORES // 2
        assert {name: text for name, text in on_core.items() if text} == {}, board
