"""The page that compares kernels with what nothing can save."""

from __future__ import annotations

import pytest

import tinyglow
from tests.benchmarks.bounds import CORES, KINDS, least, load_record, regressions, words_moved
from tests.benchmarks.measure import SCHEMES, quantized
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board


@pytest.mark.parametrize(
    ("text", "words"),
    [("ldr r0, [r1]", 1), ("ldrd r0, r1, [r2]", 2), ("ldm r0!, {r1, r2, r4}", 3), ("push {r4-r7, lr}", 5)],
)
def test_words_that_an_instruction_moves(text: str, words: int) -> None:
    """Each register counts."""
    assert words_moved(text) == words


@pytest.mark.parametrize(("core", "dsp"), [("cortex-m0plus", False), ("cortex-m4", True)])
def test_the_least_is_counted_by_hand(core: str, dsp: bool) -> None:
    """lenet's 800 to 500: 400,000 products by two, 500 outputs; 200, 100,000 and 125 words."""
    program = tinyglow.lower(quantized("lenet_mnist", SCHEMES["asymmetric"]), target=target_of(load_board(core)))
    call = next(call for call in program.calls if call.origin == "_ip1_Gemm__1")
    row = least(program, call, dsp)
    assert row["multiply"] == 200_000 + 500
    assert row["move"] == 200 + 100_000 + 125
    assert row["other"] == 500 + (0 if dsp else 200_000)


def test_kernels_take_at_least_what_they_must() -> None:
    """The record has each kind on each core, and no kernel with all products multiplies less than it can."""
    record = load_record()
    assert list(record) == [kind.title for kind in KINDS]
    for cores in record.values():
        assert tuple(cores) == CORES
        for row in cores.values():
            assert (
                sum(row["least"].values())
                <= sum(row["taken"][name] for name in row["least"])
                <= row["taken"]["cycles"] * 2
            )


def test_slower_kernels_are_reported() -> None:
    """Three per cent more cycles are too many, and so is a layer that is not measured."""
    record = load_record()
    (title, cores), *_ = record.items()
    slower = {
        core: {**row, "taken": {**row["taken"], "cycles": round(1.03 * row["taken"]["cycles"])}}
        for core, row in cores.items()
    }
    assert not list(regressions(record, record))
    assert len(list(regressions(record, {**record, title: slower}))) == len(CORES)
    assert len(list(regressions(record, {}))) == len(CORES) * len(KINDS)
