"""The graph of a stream while it is made: values with their flows, and the states that keep earlier elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node, Value
from tinyglow.ir.namer import Namer
from tinyglow.ir.op import Op, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.operators.concat import Concat
from tinyglow.operators.slice import Slice
from tinyglow.passes.stream.flow import Flow, Sliding


class Stream:
    """A graph on its way into a stream.

    Attributes:
        graph: The whole network.
        edit: The stream.
        values: The stream's value for each of the whole network's.
        flows: The flow of each that comes bit by bit; others are the same in every call.
        node: The node at work.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.edit = GraphEditor.after(graph, Namer())
        self.edit.namer.used.update(output.name for output in graph.outputs)
        self.values: dict[str, Value] = {}
        self.flows: dict[str, Flow] = {}
        self.node: Node

    def shape(self, name: str) -> Shape:
        """The shape of a value in the whole network."""
        return self.graph.type_of(name).shape

    def type_of(self, name: str, flow: Flow | None) -> TensorType:
        """The type that a value has in the stream."""
        type_ = self.graph.type_of(name)
        return type_ if flow is None else type_.reshaped(with_size(type_.shape, flow.axis, flow.count))

    def place(self, value: Value, type_: TensorType) -> Value:
        """A value of the whole network, under its name, with another type."""
        placed = replace(value, name=self.edit.namer.unique(value.name), type=type_)
        self.edit.values[placed.name] = placed
        self.values[value.name] = placed
        return placed

    def constant(self, name: str) -> Value:
        """A value that is the same in every call."""
        if name not in self.values:
            self.place(self.graph.values[name], self.graph.type_of(name))
        return self.values[name]

    def give(self, op: Op, inputs: Sequence[Value], flow: Flow | None) -> None:
        """Let the node be ``op`` on ``inputs``; its results come by ``flow``."""
        types = tuple(self.type_of(name, flow) for name in self.node.outputs)
        first = self.edit.add(self.node.name, op, inputs, self.node.origin, types)
        made = self.edit.producer(first.name)
        assert made is not None
        for name, result in zip(self.node.outputs, made.outputs, strict=True):
            self.values[name] = self.edit.value(result)
            if flow is not None:
                self.flows[name] = flow

    def same(self, flow: Flow) -> None:
        """Let the node's result be its input, which comes otherwise."""
        self.values[self.node.outputs[0]] = self.values[self.node.inputs[0]]
        self.flows[self.node.outputs[0]] = flow

    # earlier elements

    def part(self, value: Value, axis: int, taken: range) -> Value:
        """Elements of a value along a dimension."""
        if taken == range(value.type.shape[axis]):
            return value
        op = Slice.along(value.type.shape, {axis: taken})
        return self._add(op, [value], with_size(value.type.shape, axis, len(taken)))

    def _add(self, op: Op, inputs: Sequence[Value], shape: Shape) -> Value:
        return self.edit.add(self.node.name, op, inputs, self.node.origin, (inputs[0].type.reshaped(shape),))

    def with_history(self, name: str, rows: int, before: float) -> Value:
        """A flowing value with ``rows`` elements of earlier calls before it, which a state keeps.

        before: what lies before the sequence.
        """
        flow, block = self.flows[name], self.values[name]
        if rows <= 0:
            return block
        numbers = np.arange(flow.begin - rows, flow.begin)
        filling = before if flow.fill is None else flow.fill
        first = np.where(numbers < 0, np.float32(before), np.float32(filling)).astype(np.float32)
        type_ = block.type.reshaped(with_size(block.type.shape, flow.axis, rows))
        axes = [axis for axis in range(len(type_.shape)) if axis != flow.axis]
        state = self.edit.placeholder(f"{self.node.name}_state", type_)
        whole = with_size(block.type.shape, flow.axis, rows + flow.count)
        joined = self._add(Concat(flow.axis), [state, block], whole)
        kept = self.part(joined, flow.axis, range(flow.count, flow.count + rows))
        data = np.broadcast_to(np.expand_dims(first, tuple(axes)), type_.shape)
        self.edit.state(state.name, kept.name, np.array(data))
        return joined

    def windows(self, sliding: Sliding, before: float) -> tuple[Value, Flow]:
        """What the node's windows take of its first input in a call, and the flow of its result.

        before: what lies before the sequence.

        Raises:
            UnsupportedError: A call gives no whole number of the windows' steps.
        """
        name = self.node.inputs[0]
        flow = self.flows[name]
        if flow.count % sliding.stride:
            found = f"a step of {sliding.stride}, where a call gives {flow.count}"
            raise UnsupportedError(found, f"a multiple of {sliding.stride}", "give a larger --hop")
        result = sliding.result(flow, self.node.origin)
        rows = sliding.history(flow, result)
        value = self.with_history(name, rows, before)
        skipped = max(0, -rows)
        return self.part(value, flow.axis, range(skipped, skipped + sliding.reach(result))), result

    def aligned(self, names: Sequence[str]) -> tuple[dict[str, Value], Flow]:
        """Flowing values with the elements of the same number in each call, and what all of them together flow like.

        Axes are counted from the end.

        Raises:
            UnsupportedError: They come along different dimensions, or in different steps.
        """
        flows = {name: self.flows[name] for name in names}
        ranks = {name: len(self.shape(name)) for name in names}
        ways = {(ranks[name] - flow.axis, flow.length, flow.count) for name, flow in flows.items()}
        if len(ways) > 1:
            raise UnsupportedError("operands that come along different dimensions, or in different steps", "one way")
        begin, found = min(flow.begin for flow in flows.values()), {}
        for name, flow in flows.items():
            late = flow.begin - begin
            whole = self.with_history(name, late, 0.0)
            found[name] = self.part(whole, flow.axis, range(flow.count))
            flows[name] = flow.delayed(begin) if late else flow
        some = flows[names[0]]
        ahead = tuple(dict.fromkeys(origin for flow in flows.values() for origin in flow.ahead))
        right, tail = max(flow.right for flow in flows.values()), max(flow.tail for flow in flows.values())
        return found, replace(some, right=right, tail=tail, ahead=ahead, fill=None)


def with_size(shape: Shape, axis: int, size: int) -> Shape:
    """The shape with another size of one dimension."""
    return (*shape[:axis], size, *shape[axis + 1 :])
