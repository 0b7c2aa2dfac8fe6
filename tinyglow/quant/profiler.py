"""Station 3: run the float graph on calibration samples and record what each value's range is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.interp import run_graph, sample_count
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.namer import legal_name
from tinyglow.ir.op import GlowParts
from tinyglow.quant.profile import DEFAULT_BINS, Profile, Range, RangeRecorder

TOOL_VERSION = "tinyglow"
# The width of a range of float32 values up to this is a float32 too.
_LARGEST = float(np.finfo(np.float32).max) / 2


@dataclass
class _Recording:
    """Recorders of all values, fed value by value as the graph runs.

    parts: what Glow would record besides, by the value of the graph it belongs to.
    """

    graph: Graph
    bins: int
    batch: int
    parts: Mapping[str, tuple[Node, GlowParts]]
    recorders: dict[str, RangeRecorder] = field(default_factory=dict)
    seen: dict[str, Array] = field(default_factory=dict)

    def record(self, name: str, array: Array) -> None:
        if array.dtype.kind != "f":  # indices and truth values
            return
        if not (np.abs(array) <= _LARGEST).all():  # so that NaN counts too
            problem = Problem(name, "becomes NaN, infinite or huge", "finite values", "check the calibration data")
            raise InputError("cannot profile the network on these inputs", [problem])
        recorder = self.recorders.setdefault(name, RangeRecorder(self.bins))
        for sample in array if self.batch == 1 else (array,):
            recorder.update(sample)

    def observe(self, name: str, array: Array) -> None:
        self.record(name, array)
        if not self.parts:
            return
        self.seen[name] = array
        if name in self.parts:
            node, parts = self.parts[name]
            for part, compute in parts.computed.items():
                self.record(part, compute(*(self.seen[source] for source in node.inputs)))

    def add_copies(self, ranges: dict[str, Range], samples: int) -> None:
        """What Glow records besides and need not be computed: copies, and values that are one number everywhere."""
        used: set[str] = set()
        for name, (_, parts) in self.parts.items():
            for copy, source in parts.same.items():
                ranges.setdefault(f"{copy}:0", ranges[f"{source}:0"])
            for stem, number in parts.filled.items():
                filled = _unique(stem, used)
                count = float(samples * self.graph.type_of(name).elements)
                ranges[f"{filled}:0"] = Range(number, number, (count, *[0.0] * (self.bins - 1)))


def _unique(stem: str, used: set[str]) -> str:
    """``stem``, or with the first free number, as Glow makes names unique."""
    numbered = (f"{stem}__{number}" for number in itertools.count(1))
    name = next(name for name in itertools.chain([stem], numbered) if name not in used)
    used.add(name)
    return name


def _parts(graph: Graph) -> dict[str, tuple[Node, GlowParts]]:
    """What Glow records besides, in the order in which it lowers: nodes that its optimizer made anew come last."""
    made_anew = [node.outputs[0] != legal_name(node.origin) for node in graph.nodes]
    order = sorted(range(len(graph.nodes)), key=made_anew.__getitem__)
    nodes = [graph.nodes[index] for index in order]
    return {node.outputs[0]: (node, node.op.parts_in_glow(node)) for node in nodes}


def profile_graph(
    graph: Graph,
    inputs: Mapping[str, Array],
    bins: int = DEFAULT_BINS,
    progress: Callable[[int], None] | None = None,
    batch: int = 1,
    lowered: bool = False,
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
        lowered: Whether to record what Glow records besides, where it lowers nodes before it profiles.

    Returns:
        The profile.

    Raises:
        InputError: A value becomes NaN or infinite.
    """
    samples = sample_count(inputs)
    recording = _Recording(graph, bins, batch, _parts(graph) if lowered else {})
    last = graph.outputs[-1].value

    def observe(name: str, array: Array) -> None:
        recording.observe(name, array)
        if name == last and progress:
            progress(len(array))

    step = samples if batch == 1 else batch
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, samples, step):
            run_graph(graph, {name: array[begin : begin + step] for name, array in inputs.items()}, observe)
    ranges: dict[str, Range] = {}
    for name, recorder in recording.recorders.items():
        constant = name in graph.values and graph.values[name].data is not None
        if constant and batch == 1:
            recorder.counts = recorder.counts * samples
        ranges[f"{name}:0"] = recorder.finish()
    recording.add_copies(ranges, samples)
    return Profile(ranges, tool_version=TOOL_VERSION)
