"""How Glow's model-tuner narrows ranges: one after the other, by halves, as long as the accuracy does not suffer.

Glow, tools/loader/ModelTuner.cpp. Its accuracies and ranges are floats, and whether a test is the last for a tensor
may hang on their last bit, so the steps here are float32 too. Nothing in this module reads, writes or runs a network:
numbers of right answers come from outside, lines of text go out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from tinyglow.quant.profile import Range
from tinyglow.quant.schema import Schema

Ranges = Mapping[str, Range]


@dataclass(frozen=True)
class TuningOptions:
    """Glow's -target-accuracy and -acc-drop-skip (fractions of 1) and -max-iter-per-node."""

    target_accuracy: float = 1.0
    max_iterations: int = 3
    drop_skip: float = 0.05


class Network(Protocol):
    """What is tuned: a network and labelled samples."""

    @property
    def samples(self) -> int:
        """How many there are."""

    def float_correct(self) -> int:
        """How many samples the float network gets right."""

    def correct(self, ranges: Ranges) -> int:
        """How many samples the network gets right when it is quantized by these ranges."""


@dataclass(frozen=True)
class Surroundings:
    """Where lines of text go, who is told that a tensor is done, and what time it is, in seconds."""

    say: Callable[[str], None] = lambda line: None
    advance: Callable[[int], None] = lambda tensors: None
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class TuningResult:
    """The tuned ranges and the accuracy that a network quantized by them has, a fraction of 1."""

    ranges: Ranges
    accuracy: float


def average(range_: Range) -> np.float32:
    """The mean of what was profiled: of the histogram's bins, by their counts (Glow, getTensorAverageValue).

    Without counts, which Glow cannot tune, the middle of the range.
    """
    low, high = np.float32(range_.low), np.float32(range_.high)
    if not any(range_.histogram):
        return np.float32((float(low) + float(high)) / 2)
    width = (high - low) / np.float32(len(range_.histogram))
    first = np.float32(float(low) + float(width) / 2)
    total = weighted = np.float32(0)
    for index, count in enumerate(range_.histogram):
        weighted = weighted + (first + width * np.float32(index)) * np.float32(count)
        total = total + np.float32(count)
    return np.float32(weighted / total)


def halved(range_: Range, mean: np.float32, schema: Schema) -> Range:
    """``range_`` at half its width: around the mean if the schema is asymmetric, else around 0."""
    low, high = np.float32(range_.low), np.float32(range_.high)
    if schema is Schema.ASYMMETRIC:
        new_low = np.float32(float(mean) - float(mean - low) / 2)
        new_high = np.float32(float(mean) + float(high - mean) / 2)
        return replace(range_, low=float(new_low), high=float(new_high))
    half = max(abs(low), abs(high)) / np.float32(2)
    return replace(range_, low=float(-half), high=float(half))


def fraction(correct: int, samples: int) -> np.float32:
    """An accuracy as Glow computes it."""
    return np.float32(np.float32(correct) / np.float32(samples))


def percent(accuracy: np.float32) -> str:
    """An accuracy as Glow prints it."""
    return f"{float(accuracy * np.float32(100)):.4f} %"


@dataclass
class _Tuning:
    """The state between two tests: the ranges as they are to be tested next, and the best accuracy so far."""

    network: Network
    ranges: dict[str, Range]
    schema: Schema
    options: TuningOptions
    say: Callable[[str], None]
    best: np.float32

    def tensor(self, name: str) -> None:
        """Test halves of one tensor's range, and halves of those; the best of all stays."""
        tests, best_range, mean = self.options.max_iterations, self.ranges[name], average(self.ranges[name])
        for test in range(1, tests + 1):
            if self.ranges[name].low == self.ranges[name].high:
                self.say("  Tuning skipped for this tensor: not required")
                break
            tested = self.ranges[name] = halved(self.ranges[name], mean, self.schema)
            self.say(f"  [{test}/{tests}] Testing range = [{tested.low:.4f}, {tested.high:.4f}]")
            accuracy = fraction(self.network.correct(self.ranges), self.network.samples)
            self.say(f"  Accuracy = {percent(accuracy)}")
            if accuracy == self.best:  # most probably nothing depends on this range
                self.say("  Tuning stopped for this tensor: accuracy not improved")
                break
            if accuracy > self.best:
                self.best, best_range = accuracy, tested
            if test < tests and accuracy < self.best - np.float32(self.options.drop_skip):
                self.say('  Tuning stopped for this tensor: accuracy dropped more than "acc-drop-skip"')
                break
        self.ranges[name] = best_range
        self.say(f"Best accuracy : {percent(self.best)}")


def _say_times(say: Callable[[str], None], seconds: float, done: int, total: int) -> None:
    each = math.floor(seconds) // done
    minutes = each * (total - done) // 60
    say(f"Iteration time: {each} seconds")
    say(f"Remaining time: {minutes // 60} hours {minutes % 60} minutes")
    say("")


def tune_ranges(
    network: Network, ranges: Ranges, schema: Schema, options: TuningOptions, around: Surroundings
) -> TuningResult:
    """Tune every range, in the order of ``ranges``, until the target accuracy is surpassed; says what Glow says."""
    say, total = around.say, len(ranges)
    say("")
    say("Computing initial accuracy ... ")
    in_float = fraction(network.float_correct(), network.samples)
    first = fraction(network.correct(ranges), network.samples)
    say(f"Initial accuracy: {percent(in_float)} (FLOAT)")
    say(f"Initial accuracy: {percent(first)} (QUANTIZED)")
    say(f"Target  accuracy: {percent(np.float32(options.target_accuracy))} (QUANTIZED)")
    say(f"Number of tensors: {total}")
    say("")
    tuning = _Tuning(network, dict(ranges), schema, options, say, first)
    start = around.clock()
    for done, name in enumerate(ranges, 1):
        if tuning.best > np.float32(options.target_accuracy):
            say("Target accuracy achieved! Tuning is stopped ...")
            break
        say(f'[{done}/{total}] Tuning quantization for tensor "{name}"')
        tuning.tensor(name)
        _say_times(say, around.clock() - start, done, total)
        around.advance(1)
    say("")
    say(f"Final accuracy: {percent(tuning.best)} (QUANTIZED)")
    say("")
    minutes = math.floor(around.clock() - start) // 60
    say(f"Total time: {minutes // 60} hours {minutes % 60} minutes")
    say("")
    return TuningResult(tuning.ranges, float(tuning.best))
