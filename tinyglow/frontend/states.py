"""States that the user names: an input of the model with the output that becomes the input of the next call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Graph, State
from tinyglow.ir.namer import legal_name


def keep_states(graph: Graph, pairs: Mapping[str, str], like_glow: bool = False) -> Graph:
    """The graph with inputs and outputs that live inside it from one call to the next.

    Args:
        graph: As the model file has it.
        pairs: The output of each such input, by the model's names or by those in C. After a reset it holds zeros.
        like_glow: Whether the graph is to be Glow's.

    Returns:
        The graph.

    Raises:
        InputError: With all pairs that cannot be kept.
    """
    if not pairs:
        return graph
    outputs = {output.name: output.value for output in graph.outputs}
    problems = [Problem("--state", "is given", "--graph=tiny", "Glow knows no states")] if like_glow else []
    states: list[State] = []
    for source, result in pairs.items():
        where = f"--state {source}={result}"
        read, write = _find(source, graph.given, graph), _find(result, list(outputs), graph)
        if read is None or write is None:
            missing, known = (source, graph.given) if read is None else (result, list(outputs))
            kind = "input" if read is None else "output"
            expected = ", ".join(graph.source_names.get(name, name) for name in known)
            problems.append(Problem(where, f"the model has no {kind} {missing}", expected))
            continue
        before, after = graph.type_of(read), graph.type_of(outputs[write])
        if (before.shape, before.dtype) != (after.shape, after.dtype):
            problems.append(Problem(where, f"the input is {before}, the output {after}", "one type and shape"))
        elif any(state.write == write for state in states):
            problems.append(Problem(where, f"{result} is another state already", "an output for each input"))
        else:
            states.append(State(read, write, np.zeros(before.shape, before.dtype)))
    if not problems and len(states) == len(graph.given):
        problems.append(Problem("--state", "leaves no input to give", "at least one that is no state"))
    if not problems and len(states) == len(graph.results):
        problems.append(Problem("--state", "leaves no output to see", "at least one that is no state"))
    if problems:
        raise InputError("the states cannot be kept", problems)
    return replace(graph, states=(*graph.states, *states))


def _find(name: str, known: tuple[str, ...] | list[str], graph: Graph) -> str | None:
    """The placeholder of that name in the model, or in C."""
    for candidate in known:
        if graph.source_names.get(candidate) == name:
            return candidate
    return next((candidate for candidate in known if candidate in (name, legal_name(name))), None)
