"""``stream``: a network over a whole sequence as one that takes a few of its elements at a time.

Each value of the stream holds the elements that a call gives of it. What a window reads of earlier ones is kept in a
state (``ir.graph.State``), which begins with the padding. Nothing is computed twice, and all arithmetic is the whole
network's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyglow.errors import ModelError, Problem
from tinyglow.ir.graph import Graph, Output
from tinyglow.ir.op import UnsupportedError
from tinyglow.passes.stream.build import Stream
from tinyglow.passes.stream.flow import Flow
from tinyglow.passes.stream.rules import follow

_SUMMARY = "the network cannot be a stream"


@dataclass(frozen=True, eq=False)
class Streamed:
    """A stream.

    Attributes:
        graph: Takes and gives a few elements in a call.
        flows: How each output comes, by its name.
    """

    graph: Graph
    flows: Mapping[str, Flow]


def stream(graph: Graph, axis: int, hop: int = 1) -> Streamed:
    """Let a network take ``hop`` elements along a dimension of its inputs at a time.

    Args:
        graph: The whole network: float, or quantized and not yet fused.
        axis: The dimension, counted from the end where negative.
        hop: Elements that a call takes.

    Returns:
        The stream. From the elements on that ``Flow.right`` says, its outputs are the whole network's, bit for bit.

    Raises:
        ModelError: With all nodes that read what comes later, or that have no such form.
    """
    made, problems = Stream(graph), _with_inputs_problems(graph, axis, hop)
    if problems:
        raise ModelError(_SUMMARY, problems)
    for name in graph.inputs:
        shape = graph.type_of(name).shape
        flow = Flow(axis % len(shape), shape[axis], hop)
        made.edit.inputs.append(made.place(graph.values[name], made.type_of(name, flow)).name)
        made.flows[name] = flow
    lost: set[str] = set()
    for node in graph.nodes:
        made.node = node
        if lost.intersection(node.inputs):
            lost.update(node.outputs)
            continue
        try:
            follow(made)
        except UnsupportedError as error:
            problems.append(Problem(node.origin or node.name, error.found, error.expected, error.hint))
            lost.update(node.outputs)
    for output in graph.outputs:
        if output.value not in lost:
            problems += _finish(made, output)
    if problems:
        raise ModelError(_SUMMARY, problems)
    flows = {output.name: made.flows[output.value] for output in graph.outputs if output.value in made.flows}
    return Streamed(made.edit.finish(), flows)


def _with_inputs_problems(graph: Graph, axis: int, hop: int) -> list[Problem]:
    problems = [Problem("--hop", f"is {hop}", "at least 1")] if hop < 1 else []
    if graph.states:
        problems.append(Problem("--state", "is given too", "--stream, or --state"))
    for name in graph.inputs:
        shape = graph.type_of(name).shape
        if not -len(shape) <= axis < len(shape):
            problems.append(
                Problem(f"--stream {axis}", f"input {name} has shape {list(shape)}", "one of its dimensions")
            )
        elif shape[axis] < 2:
            found = f"input {name} has {shape[axis]} element along it: {list(shape)}"
            problems.append(Problem(f"--stream {axis}", found, "the dimension of the sequence"))
        elif hop > shape[axis]:
            problems.append(Problem("--hop", f"is {hop}", f"at most {shape[axis]}, the length of input {name}"))
    return problems


def _finish(made: Stream, output: Output) -> list[Problem]:
    """Make an output of the stream; what stands in its way."""
    flow, value = made.flows.get(output.value), made.constant(output.value)
    if flow is not None and flow.tail:
        found = f"reads ahead: the last {flow.tail} elements of output {output.name} depend on padding after the end"
        expected = "padding before the sequence alone"
        return [
            Problem(origin, found, expected, "export it with causal padding") for origin in flow.ahead or (output.name,)
        ]
    made.edit.set_output(Output(output.name, value.name))
    return []
