"""Check that a graph is well formed. This runs between all stations, so the error names the station that made it."""

from __future__ import annotations

from tinyglow.errors import ModelError, Problem
from tinyglow.ir.graph import Graph, Node, Value
from tinyglow.ir.op import ShapeError
from tinyglow.ir.types import QuantParams


def verify(graph: Graph, station: str) -> Graph:
    """Check that a graph is well formed.

    Args:
        graph: The graph.
        station: The station that made it, for the error.

    Returns:
        ``graph`` itself.

    Raises:
        ModelError: With the station, and every fault found.
    """
    problems = [*_check_values(graph), *_check_nodes(graph), *_check_states(graph)]
    if problems:
        raise ModelError(f"internal error: the graph after '{station}' is malformed; please report this", problems)
    return graph


def _check_values(graph: Graph) -> list[Problem]:
    return [problem for value in graph.values.values() if (problem := _check_value(value))]


def _check_value(value: Value) -> Problem | None:
    type_ = value.type
    quantized = type_.quant is not None or type_.channel_quant is not None
    # Integers without parameters are numbers by themselves.
    if quantized and type_.dtype not in ("int8", "int16", "int32"):
        return Problem(value.name, f"has type {type_}", "parameters on integers and on nothing else")
    if isinstance(type_.quant, QuantParams) and type_.dtype == "int8" and not -128 <= type_.quant.offset <= 127:
        return Problem(value.name, f"has offset {type_.quant.offset}", "an int8 value")
    if isinstance(type_.quant, QuantParams) and type_.dtype == "int16" and type_.quant.offset != 0:
        return Problem(value.name, f"has offset {type_.quant.offset}", "0, as int16 is symmetric")
    if value.data is not None and (value.data.shape != type_.shape or str(value.data.dtype) != type_.dtype):
        return Problem(value.name, f"holds {value.data.dtype}{list(value.data.shape)}", str(type_))
    return None


def _check_states(graph: Graph) -> list[Problem]:
    """A state is read as an input and written as an output of the same type."""
    outputs, problems = {output.name: output.value for output in graph.outputs}, []
    for state in graph.states:
        if state.read not in graph.inputs or outputs.get(state.write) not in graph.values:
            problems.append(Problem(state.read, f"is a state that is written as {state.write}", "an input, an output"))
            continue
        read, written = graph.type_of(state.read), graph.type_of(outputs[state.write])
        if read != written:
            problems.append(Problem(state.read, f"is a state of type {read} that is written as {written}", "one type"))
        if state.first.shape != read.shape:
            problems.append(Problem(state.read, f"begins with shape {list(state.first.shape)}", str(read)))
    return problems


def _integers_read(graph: Graph, node: Node) -> list[Problem]:
    """Integers of 8 and 16 bits without parameters: operators on numbers take them, and those that move elements."""
    if node.op.takes_indices or node.op.keeps_params or node.op.inputs_match_output:
        return []
    types = {name: graph.type_of(name) for name in node.inputs}
    small = [name for name, type_ in types.items() if type_.dtype in ("int8", "int16") and not type_.quant]
    return [
        Problem(name, f"has type {types[name]}, and {node.op.kind} reads it", "quantization parameters")
        for name in small
        if types[name].channel_quant is None
    ]


def _check_nodes(graph: Graph) -> list[Problem]:
    problems = []
    known = {*graph.inputs, *(name for name, value in graph.values.items() if value.data is not None)}
    for node in graph.nodes:
        missing = [name for name in node.inputs if name not in known]
        if missing:
            problems.append(Problem(node.name, f"uses {', '.join(missing)} before it is defined"))
        known.update(node.outputs)
        problems += _integers_read(graph, node)
        try:
            inferred = node.op.infer(*(graph.type_of(name) for name in node.inputs))
        except ShapeError as error:
            problems.append(Problem(node.name, error.found, error.expected))
            continue
        for name, expected in zip(node.outputs, inferred, strict=True):
            actual = graph.type_of(name)
            keeps = node.op.keeps_params and actual.quant != expected.quant
            if actual.shape != expected.shape or keeps:
                problems.append(Problem(node.name, f"result {name} has type {actual}", str(expected)))
    for output in graph.outputs:
        if output.value not in known:
            problems.append(Problem(output.name, f"is saved from {output.value}, which nothing defines"))
    return problems
