"""Glow's order of tests and its lines, on networks that are a table of accuracies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyglow.quant.profile import Range
from tinyglow.quant.schema import Schema
from tinyglow.tuning.algorithm import (
    Ranges,
    Surroundings,
    TuningOptions,
    TuningResult,
    average,
    halved,
    tune_ranges,
)

SAMPLES = 100


@dataclass
class Scripted:
    """A network that answers one test after the other; of the float network 90 answers are right."""

    answers: Callable[[Ranges], int]
    asked: list[dict[str, Range]] = field(default_factory=list)
    samples: int = SAMPLES

    def float_correct(self) -> int:
        """Always the same."""
        return 90

    def correct(self, ranges: Ranges) -> int:
        """Note the question and answer it."""
        self.asked.append(dict(ranges))
        return self.answers(ranges)


def in_turn(*answers: int) -> Scripted:
    """A network with these numbers of right answers, the first to the profile's own ranges."""
    rest = list(answers)
    return Scripted(lambda ranges: rest.pop(0))


def tune(
    network: Scripted, ranges: Ranges, schema: Schema = Schema.SYMMETRIC, options: TuningOptions | None = None
) -> tuple[TuningResult, list[str]]:
    """The result and all lines; each look at the clock takes 1000 seconds."""
    lines: list[str] = []
    seconds = iter(range(0, 100_000, 1000))
    around = Surroundings(lines.append, clock=lambda: float(next(seconds)))
    return tune_ranges(network, ranges, schema, options or TuningOptions(), around), lines


def test_all_that_is_said_and_tested() -> None:
    """Ranges are halved up to three times; a better one stays; a large drop, or none, ends a tensor; times are told."""
    ranges = {"a:0": Range(-8.0, 4.0), "b:0": Range(0.0, 1.0), "c:0": Range(0.0, 0.0), "d:0": Range(1.0, 2.0)}
    network = in_turn(80, 78, 85, 84, 79, 85)
    result, lines = tune(network, ranges)
    assert result.ranges == {**ranges, "a:0": Range(-2.0, 2.0)}
    assert result.accuracy == pytest.approx(0.85)
    assert lines == [
        "",
        "Computing initial accuracy ... ",
        "Initial accuracy: 90.0000 % (FLOAT)",
        "Initial accuracy: 80.0000 % (QUANTIZED)",
        "Target  accuracy: 100.0000 % (QUANTIZED)",
        "Number of tensors: 4",
        "",
        '[1/4] Tuning quantization for tensor "a:0"',
        "  [1/3] Testing range = [-4.0000, 4.0000]",
        "  Accuracy = 78.0000 %",
        "  [2/3] Testing range = [-2.0000, 2.0000]",
        "  Accuracy = 85.0000 %",
        "  [3/3] Testing range = [-1.0000, 1.0000]",
        "  Accuracy = 84.0000 %",
        "Best accuracy : 85.0000 %",
        "Iteration time: 1000 seconds",
        "Remaining time: 0 hours 50 minutes",
        "",
        '[2/4] Tuning quantization for tensor "b:0"',
        "  [1/3] Testing range = [-0.5000, 0.5000]",
        "  Accuracy = 79.0000 %",
        '  Tuning stopped for this tensor: accuracy dropped more than "acc-drop-skip"',
        "Best accuracy : 85.0000 %",
        "Iteration time: 1000 seconds",
        "Remaining time: 0 hours 33 minutes",
        "",
        '[3/4] Tuning quantization for tensor "c:0"',
        "  Tuning skipped for this tensor: not required",
        "Best accuracy : 85.0000 %",
        "Iteration time: 1000 seconds",
        "Remaining time: 0 hours 16 minutes",
        "",
        '[4/4] Tuning quantization for tensor "d:0"',
        "  [1/3] Testing range = [-1.0000, 1.0000]",
        "  Accuracy = 85.0000 %",
        "  Tuning stopped for this tensor: accuracy not improved",
        "Best accuracy : 85.0000 %",
        "Iteration time: 1000 seconds",
        "Remaining time: 0 hours 0 minutes",
        "",
        "",
        "Final accuracy: 85.0000 % (QUANTIZED)",
        "",
        "Total time: 1 hours 23 minutes",
        "",
    ]
    assert [asked["a:0"].high for asked in network.asked] == [4.0, 4.0, 2.0, 1.0, 2.0, 2.0]


def test_a_target_must_be_surpassed() -> None:
    """Tuning goes on at the target accuracy, and stops above it."""
    ranges = {"a:0": Range(0.0, 1.0), "b:0": Range(0.0, 1.0), "c:0": Range(0.0, 1.0)}
    result, lines = tune(in_turn(80, 80, 81, 80, 80), ranges, options=TuningOptions(target_accuracy=0.8))
    assert "Target accuracy achieved! Tuning is stopped ..." in lines
    assert '[2/3] Tuning quantization for tensor "b:0"' in lines and not any("c:0" in line for line in lines)
    assert result.ranges["b:0"] == Range(-0.5, 0.5)


@pytest.mark.parametrize(("iterations", "tests"), [(0, 0), (1, 1), (2, 2), (5, 5)])
def test_no_more_tests_than_asked_for(iterations: int, tests: int) -> None:
    """-max-iter-per-node bounds the tests of each tensor; the last one says nothing of a drop."""
    network = in_turn(80, *[81 + step for step in range(tests)])
    result, lines = tune(network, {"a:0": Range(0.0, 64.0)}, options=TuningOptions(max_iterations=iterations))
    assert len(network.asked) == 1 + tests
    assert result.ranges["a:0"].high == 64.0 / 2**tests
    assert not any("dropped" in line for line in lines)


def test_mean_is_that_of_the_histogram() -> None:
    """Bins count at their middle; asymmetric ranges shrink towards the mean; without counts it is the middle."""
    range_ = Range(0.0, 8.0, (3.0, 0.0, 0.0, 1.0))
    assert average(range_) == np.float32((3 * 1 + 7) / 4)
    assert average(Range(-1.0, 5.0)) == average(Range(-1.0, 5.0, (0.0, 0.0))) == 2
    assert halved(range_, average(range_), Schema.ASYMMETRIC) == Range(1.25, 5.25, range_.histogram)


@pytest.mark.parametrize("schema", [schema for schema in Schema if schema is not Schema.ASYMMETRIC])
def test_other_schemas_shrink_around_zero(schema: Schema) -> None:
    """The larger magnitude is halved, and taken on both sides."""
    assert halved(Range(-3.0, 1.0), np.float32(7), schema) == Range(-1.5, 1.5)
    assert halved(Range(1.0, 6.0), np.float32(7), schema) == Range(-3.0, 3.0)


@given(
    st.lists(st.tuples(st.floats(-100, 0, width=32), st.floats(0, 100, width=32)), min_size=1, max_size=6),
    st.sampled_from(Schema),
    st.integers(0, 2**32),
)
def test_never_worse_and_what_is_returned_was_tested(
    bounds: Sequence[tuple[float, float]], schema: Schema, seed: int
) -> None:
    """Whatever a network answers, the result's accuracy is the best of all, and that of the very ranges returned."""
    answers: dict[str, int] = {}

    def correct(ranges: Ranges) -> int:
        text = repr(sorted(ranges.items()))
        return answers.setdefault(text, np.random.default_rng([seed, len(answers)]).integers(SAMPLES))

    ranges = {f"{number}:0": Range(low, high) for number, (low, high) in enumerate(bounds)}
    result, _ = tune(Scripted(correct), ranges, schema)
    assert result.accuracy == np.float32(max(answers.values())) / np.float32(SAMPLES)
    assert answers[repr(sorted(result.ranges.items()))] == max(answers.values())
