"""Station 3: run the float graph on calibration samples and record what each value's range is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.interp import run_graph, sample_count
from tinyglow.ir.graph import Array, Graph
from tinyglow.quant.profile import DEFAULT_BINS, Profile, Range, RangeRecorder

TOOL_VERSION = "tinyglow"
# The width of a range of float32 values up to this is a float32 too.
_LARGEST = float(np.finfo(np.float32).max) / 2


def profile_graph(
    graph: Graph,
    inputs: Mapping[str, Array],
    bins: int = DEFAULT_BINS,
    progress: Callable[[int], None] | None = None,
) -> Profile:
    """Profile of ``graph`` on inputs [samples, *shape], float32; progress(n) is called when n more samples are done.

    Constants are recorded once per sample, as Glow does. Raises InputError if a value becomes NaN or infinite.
    """
    samples = sample_count(inputs)
    recorders: dict[str, RangeRecorder] = {}
    last = graph.outputs[-1].value

    def observe(name: str, array: Array) -> None:
        if not (np.abs(array) <= _LARGEST).all():  # so that NaN counts too
            problem = Problem(name, "becomes NaN, infinite or huge", "finite values", "check the calibration data")
            raise InputError("cannot profile the network on these inputs", [problem])
        recorder = recorders.setdefault(name, RangeRecorder(bins))
        for sample in array:
            recorder.update(sample)
        if name == last and progress:
            progress(len(array))

    with np.errstate(over="ignore", invalid="ignore"):
        run_graph(graph, inputs, observe)
    ranges: dict[str, Range] = {}
    for name, recorder in recorders.items():
        if graph.values[name].data is not None:
            recorder.counts = recorder.counts * samples
        ranges[f"{name}:0"] = recorder.finish()
    return Profile(ranges, tool_version=TOOL_VERSION)
