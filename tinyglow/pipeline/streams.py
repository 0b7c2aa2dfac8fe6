"""Streams: a network that takes a few elements of a sequence at a time, and the samples for it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinyglow.interp import fits
from tinyglow.ir.graph import Array, Graph
from tinyglow.passes.stream.build import with_size
from tinyglow.passes.stream.transform import Streamed
from tinyglow.passes.stream.transform import stream as stream_graph
from tinyglow.pipeline.binding import NAMELESS


def stream(graph: Graph, axis: int, hop: int = 1) -> Graph:
    """Let a causal network take a few elements of its sequence at a time.

    The stream keeps what it needs of earlier elements in states: it computes nothing twice, and its outputs are the
    whole network's, bit for bit, once the states hold no more of what was before the sequence.

    Args:
        graph: The network over a whole sequence: what ``quantize`` made, or a float graph.
        axis: The dimension of its inputs along which the sequence goes, counted from the end where negative.
        hop: Elements that a call takes: a multiple of all steps of windows together.

    Returns:
        The stream's graph, for ``lower``.

    Raises:
        ModelError: With all nodes that read what comes later, or that have no such form.
    """
    return stream_graph(graph, axis, hop).graph


def described(streamed: Streamed) -> list[str]:
    """A line for each output: which elements a call gives, and from which call on they are right."""
    lines = []
    for name, flow in streamed.flows.items():
        place = f"{flow.count} * n" + (f" {flow.begin:+d}" if flow.begin else "")
        warm = f"; the first {flow.warm_up} calls warm up" if flow.warm_up else ""
        lines.append(f"call n gives {flow.count} of {name}, from element {place} on{warm}")
    return lines


def as_frames(
    inputs: Mapping[str, Array], graph: Graph, axis: int, hop: int = 1
) -> tuple[dict[str, Array], int | None]:
    """Samples of a whole network as those of its stream, call by call.

    Args:
        inputs: Arrays [samples, *shape] by input name. Those that hold a call's elements already stay as they are.
        graph: The whole network.
        axis: Of its stream.
        hop: Of its stream.

    Returns:
        The arrays; and after how many calls a new sequence begins (None: as they are). What is left over at the end
        of a sequence is dropped.
    """
    shapes = {graph.source_names.get(name, name): graph.type_of(name).shape for name in graph.given}
    shapes |= {name: graph.type_of(name).shape for name in graph.given}
    if len(graph.given) == 1:
        shapes.setdefault(NAMELESS, graph.type_of(graph.given[0]).shape)
    frames, sequence = dict(inputs), None
    for name, array in inputs.items():
        shape = shapes.get(name)
        if shape is None or not fits(array.shape[1:], shape):
            continue
        whole = array.reshape(len(array), *shape)
        along = axis % len(shape) + 1
        sequence = shape[axis] // hop
        cut = whole.take(range(sequence * hop), along)
        parts = cut.reshape(*cut.shape[:along], sequence, hop, *cut.shape[along + 1 :])
        frames[name] = np.moveaxis(parts, along, 1).reshape(-1, *with_size(shape, along - 1, hop))
    return frames, sequence
