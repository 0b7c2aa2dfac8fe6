"""Station 3: run the float graph on calibration samples and record what each value's range is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.interp import run_graph, sample_count
from tinyglow.ir.graph import Array, Graph
from tinyglow.quant.margins import ENOUGH_SAMPLES, Ends, ends_of, joined, widened_ranges
from tinyglow.quant.profile import DEFAULT_BINS, Profile, Range, RangeRecorder

TOOL_VERSION = "tinyglow"
# The width of a range of float32 values up to this is a float32 too.
_LARGEST = float(np.finfo(np.float32).max) / 2


@dataclass
class _Recording:
    """Recorders of all values, fed value by value as the graph runs."""

    graph: Graph
    bins: int
    batch: int
    keeps_ends: bool = False  # of each sample
    recorders: dict[str, RangeRecorder] = field(default_factory=dict)
    ends: dict[str, list[Ends]] = field(default_factory=dict)
    varying: set[str] = field(init=False)  # the values that depend on an input

    def __post_init__(self) -> None:
        self.varying = set(self.graph.inputs)
        for node in self.graph.nodes:
            if self.varying.intersection(node.inputs):
                self.varying.update(node.outputs)

    def record(self, name: str, array: Array) -> None:
        if array.dtype.kind != "f":  # indices and truth values
            return
        if name not in self.varying and name in self.recorders and self.batch == 1:
            return  # the same for all samples, and counted already
        if name in self.varying and not (np.abs(array) <= _LARGEST).all():  # so that NaN counts too
            problem = Problem(name, "becomes NaN, infinite or huge", "finite values", "check the calibration data")
            raise InputError("cannot profile the network on these inputs", [problem])
        recorder = self.recorders.setdefault(name, RangeRecorder(self.bins))
        for sample in array if self.batch == 1 else (array,):
            recorder.update(sample)
        if self.keeps_ends and name in self.varying:
            self.ends.setdefault(name, []).append(ends_of(array))

    def widen(self) -> None:
        """Give every range its margins."""
        ends = {name: joined(parts) for name, parts in self.ends.items()}
        for name, range_ in widened_ranges(self.graph, ends).items():
            self.recorders[name].reach(range_.low, range_.high)


def replaced(name: str, same: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The values that ``name`` took the place of, and those that they took the place of."""
    for other in same.get(name, ()):
        yield other
        yield from replaced(other, same)


def profile_graph(
    graph: Graph,
    inputs: Mapping[str, Array],
    bins: int = DEFAULT_BINS,
    progress: Callable[[int], None] | None = None,
    batch: int = 1,
    same: Mapping[str, Sequence[str]] = MappingProxyType({}),
    sequence: int | None = None,
    margin: bool = False,
) -> Profile:
    """Record the range and histogram of every value of a float graph.

    Constants are recorded once per batch, as in Glow.

    Args:
        graph: The float graph.
        inputs: float32 [samples, *shape] by input name.
        bins: Number of intervals of each histogram.
        progress: Is called with the number of samples that were done.
        batch: How many samples are recorded together, as with Glow's -minibatch. Ranges are the same for any;
            histograms are widened less often.
        same: For each value, other values that have its range: those that it took the place of.
        sequence: Of a network with states, how many samples come one after the other before a reset (default: all).
        margin: Whether ranges of fewer than 64 samples get margins (``quant.margins``); in batches they get none.

    Returns:
        The profile.

    Raises:
        InputError: A value becomes NaN or infinite.
    """
    samples = sample_count(inputs)
    recording = _Recording(graph, bins, batch, margin and batch == 1 and samples < ENOUGH_SAMPLES)
    last = graph.outputs[-1].value

    def observe(name: str, array: Array) -> None:
        recording.record(name, array)
        if name == last and progress:
            progress(len(array))

    step = samples if batch == 1 or graph.states else batch
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, samples, step):
            part = {name: array[begin : begin + step] for name, array in inputs.items()}
            run_graph(graph, part, observe, sequence)
    recording.widen()
    ranges: dict[str, Range] = {}
    for name, recorder in recording.recorders.items():
        if name not in recording.varying and batch == 1:
            recorder.counts = recorder.counts * samples
        ranges[f"{name}:0"] = recorder.finish()
    for name in recording.recorders:
        ranges.update((f"{other}:0", ranges[f"{name}:0"]) for other in replaced(name, same))
    return Profile(ranges, tool_version=TOOL_VERSION)
