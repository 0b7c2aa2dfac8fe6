"""States while a graph is quantized: both ends of each get one range, and one type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Value
from tinyglow.ir.types import TensorType
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.rescale import Rescale
from tinyglow.quant.profile import Range


def ranges_with_states(graph: Graph, ranges: Mapping[str, Range]) -> Mapping[str, Range]:
    """The ranges, where what a state is read as and what it is written as have those of both."""
    if not graph.states:
        return ranges
    written, found = {output.name: output.value for output in graph.outputs}, dict(ranges)
    for state in graph.states:
        pair = [found[name] for name in (state.read, written[state.write]) if name in found]
        if len(pair) == 2:
            low, high = min(range_.low for range_ in pair), max(range_.high for range_ in pair)
            histogram = pair[1].histogram if (low, high) == (pair[1].low, pair[1].high) else ()
            both = Range(low, high, histogram)
            found |= {state.read: both, written[state.write]: both}
    return found


def quantize_states(graph: Graph) -> Graph:
    """Let states that are integers inside the network be integers between its calls too.

    What is written gets the type with which it is read. A state that some node reads as float stays float.
    """
    if not graph.states:
        return graph
    edit = GraphEditor.of(graph)
    outputs = {output.name: output for output in edit.outputs}
    for state in graph.states:
        output = outputs[state.write]
        type_ = _integers_read(edit, state.read)
        source = edit.producer(output.value)
        if type_ is not None and source is not None and isinstance(source.op, Dequantize):
            edit.set_type(state.read, type_)
            users = edit.users(state.read)
            edit.redirect_all({user.outputs[0]: state.read for user in users})
            for user in users:
                edit.remove_if_unused(user)
            edit.set_output(replace(output, value=source.inputs[0]))
        written = edit.value(_written(edit, state.write))
        edit.set_output(replace(output, value=_as(edit, written, edit.value(state.read).type, state.read).name))
    return edit.finish()


def _written(edit: GraphEditor, name: str) -> str:
    """The value that an output is."""
    return next(output.value for output in edit.outputs if output.name == name)


def _integers_read(edit: GraphEditor, name: str) -> TensorType | None:
    """The type of the integers that alone are made of a float input; None if it is read as float, or twofold."""
    users = edit.users(name)
    types = {edit.value(user.outputs[0]).type for user in users}
    if len(types) != 1 or edit.is_output(name) or not all(isinstance(user.op, Quantize) for user in users):
        return None
    return types.pop()


def _as(edit: GraphEditor, value: Value, type_: TensorType, state: str) -> Value:
    """A value as a type of the same shape."""
    if value.type == type_:
        return value
    if value.type.quant is not None and type_.quant is not None:
        return edit.add(f"{state}_rescale", Rescale(), [value], types=(type_,))
    if value.type.quant is not None:
        return edit.add(f"{state}_dequantize", Dequantize(), [value])
    return edit.add(f"{state}_quantize", Quantize(), [value], types=(type_,))
