"""Strategies for whole networks, and for samples to calibrate them with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from tinyglow.ir.graph import Graph
from tinyglow.pipeline.stations import profile
from tinyglow.quant.profile import Profile
from tinyglow.testing.graphs import RandomModel, random_model

Samples = dict[str, npt.NDArray[np.float32]]
_SEEDS = 2**20


def networks(most_operators: int = 11) -> st.SearchStrategy[RandomModel]:
    """Random float networks as ONNX models, of up to ``most_operators`` operators and small blocks of them.

    A failure shrinks to fewer operators.
    """
    return st.builds(random_model, st.integers(0, _SEEDS), st.integers(1, most_operators))


@st.composite
def calibrations(draw: st.DrawFn, shapes: Mapping[str, tuple[int, ...]], count: int = 16) -> Samples:
    """Samples for each input of a network: float32 [count, *shape].

    Of ordinary spread and mean, of one constant (a range without width), all above or all below zero, tiny or huge, or
    ordinary ones with a single outlier.

    Args:
        draw: Given by hypothesis.
        shapes: Of the inputs, by name.
        count: How many samples.

    Returns:
        The samples by input.
    """
    samples: Samples = {}
    for name, shape in shapes.items():
        kind = draw(st.sampled_from(("ordinary", "ordinary", "constant", "positive", "negative", "outlier")))
        size = draw(st.sampled_from((1.0, 1.0, 1.0, 1e-6, 1e4)))
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        data = rng.normal(rng.uniform(-0.5, 0.5), 1.0, (count, *shape))
        if kind == "constant":
            data[...] = draw(st.sampled_from((0.0, 1.0, -3.0)))
        elif kind in ("positive", "negative"):
            data = np.abs(data) + 0.5 if kind == "positive" else -np.abs(data) - 0.5
        elif kind == "outlier":
            data.flat[0] = 1000.0
        samples[name] = (data * size).astype(np.float32)
    return samples


@st.composite
def profiles(draw: st.DrawFn, graph: Graph, count: int = 16) -> Profile:
    """Calibration profiles of a float graph, as samples of ``calibrations`` give them.

    Args:
        draw: Given by hypothesis.
        graph: What ``tinyglow.load`` made of a float model.
        count: How many samples.

    Returns:
        The profile.
    """
    shapes = {graph.source_names[name]: graph.type_of(name).shape for name in graph.inputs}
    return profile(graph, draw(calibrations(shapes, count)))
