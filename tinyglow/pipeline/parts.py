"""The parts of an output that a concatenation joins: boxes and scores in one tensor are two answers, not one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node, Output
from tinyglow.operators.concat import Concat
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.transpose import Transpose

_MOST_PARTS = 16  # more are no heads of a network


@dataclass(frozen=True)
class Part:
    """One value of the graph inside an output.

    Attributes:
        value: Its name.
        origin: The model's node that computes it.
        where: Indices of its elements in the output's sample, laid flat.
    """

    value: str
    origin: str
    where: Array


def output_parts(graph: Graph, output: Output) -> list[Part]:
    """What the output is joined from, in order; empty if it is one value. Constants are no parts."""
    producer = {name: node for node in graph.nodes for name in node.outputs}
    leaves, movers = _walk(graph, producer, output.value)
    if not 2 <= len(leaves) <= _MOST_PARTS:
        return []
    labels: dict[str, Array] = {
        name: np.full((1, *graph.type_of(name).shape), number, np.float32) for number, name in enumerate(leaves)
    }
    for node in graph.nodes:
        if node.name in movers:
            labels.update(zip(node.outputs, node.op.run_float(*(labels[name] for name in node.inputs)), strict=True))
    flat = labels[output.value].ravel()
    return [
        Part(name, producer[name].origin if name in producer else name, np.flatnonzero(flat == number))
        for number, name in enumerate(leaves)
        if graph.values[name].data is None
    ]


def _walk(graph: Graph, producer: dict[str, Node], value: str) -> tuple[list[str], set[str]]:
    """The values that an output is joined from, and the nodes that join them: these move elements and change none."""
    leaves: dict[str, None] = {}
    movers: set[str] = set()
    stack = [value]
    while stack:
        name = stack.pop()
        node = producer.get(name)
        if node is None or not isinstance(node.op, Concat | Reshape | Transpose):
            leaves[name] = None
            continue
        movers.add(node.name)
        inputs = node.inputs if isinstance(node.op, Concat) else node.inputs[:1]
        stack.extend(reversed(inputs))
    return list(leaves), movers
