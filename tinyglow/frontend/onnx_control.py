"""If, Loop and Scan whose course is known at import: the branch that is taken, the rounds one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import onnx

from tinyglow.frontend.onnx_elements import Elements
from tinyglow.frontend.onnx_functions import renamed
from tinyglow.frontend.onnx_tensors import Tensors
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.concat import Concat
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice

_MOST_ROUNDS = 4096


class Surroundings(Protocol):
    """What a graph inside of a node asks of the import around it."""

    editor: GraphEditor
    values: dict[str, Value]
    tensors: Tensors

    def value(self, name: str) -> Value:
        """The value of a tensor. Raises UnsupportedError if it has none."""

    def constant(self, name: str) -> Array | None:
        """The data of a tensor, if it is constant."""

    def add_numbers(self, name: str, data: Array) -> None:
        """Bind a constant."""

    def node_of_function(self, node: onnx.NodeProto, opset: int) -> None:
        """Add a node. Raises UnsupportedError."""

    def unused(self, name: str) -> str:
        """A name that no tensor has."""


def control(node: onnx.NodeProto, around: Surroundings, elements: Elements, opset: int) -> None:
    """Add what stands for an If, Loop or Scan. Raises UnsupportedError if its course is not known."""
    graphs = {item.name: item.g for item in node.attribute if item.type == onnx.AttributeProto.GRAPH}
    unroll = _Unroll(node, around, elements, opset)
    wanted = ("then_branch", "else_branch") if node.op_type == "If" else ("body",)
    if missing := [name for name in wanted if name not in graphs]:
        raise UnsupportedError(f"attribute {missing[0]} is missing", "what ONNX requires")
    if node.op_type == "If":
        unroll.choose(graphs)
    elif node.op_type == "Loop":
        unroll.loop(graphs["body"])
    else:
        unroll.scan(graphs["body"])


def _check_body(body: onnx.GraphProto, inputs: int, outputs: int) -> None:
    """Raises UnsupportedError unless a body takes so many values, and gives at least so many."""
    if len(body.input) != inputs or len(body.output) < outputs:
        found = f"a body of {len(body.input)} inputs and {len(body.output)} outputs"
        raise UnsupportedError(found, f"{inputs} inputs, and {outputs} outputs or more")


class _Unroll:
    def __init__(self, node: onnx.NodeProto, around: Surroundings, elements: Elements, opset: int) -> None:
        self.node, self.around, self.elements, self.opset = node, around, elements, opset

    def choose(self, graphs: dict[str, onnx.GraphProto]) -> None:
        condition = self.around.constant(self.node.input[0])
        if condition is None:
            raise UnsupportedError("a condition that is computed at run time", "a constant one")
        branch = graphs["then_branch" if condition.any() else "else_branch"]
        for output, inner in zip(self.node.output, self._run(branch, []), strict=False):
            self._bind(output, inner)

    def loop(self, body: onnx.GraphProto) -> None:
        given = list(self.node.input)
        if not given:
            raise UnsupportedError("has no inputs", "a number of rounds and a condition")
        trips = self.around.constant(given[0]) if given[0] else np.array(_MOST_ROUNDS + 1)
        condition = self.around.constant(given[1]) if len(given) > 1 and given[1] else np.array(1)
        if trips is None or condition is None:
            raise UnsupportedError("a number of rounds that is computed at run time", "a constant one")
        if trips.size != 1 or condition.size != 1:
            raise UnsupportedError(f"{trips.size} numbers of rounds, {condition.size} conditions", "one of each")
        states = given[2:]
        _check_body(body, 2 + len(states), 1 + len(states))
        collected: list[list[str]] = [[] for _ in body.output[1 + len(states) :]]
        round_ = 0
        while round_ < int(trips.ravel()[0]) and condition.any():
            if round_ >= _MOST_ROUNDS:
                raise UnsupportedError("a loop without end", f"at most {_MOST_ROUNDS} rounds")
            number, on = self._number(round_, "int64"), self._number(1, "bool")
            results = self._run(body, [number, on, *states])
            known = self.around.constant(results[0])
            if known is None:
                raise UnsupportedError("a loop that ends by what is computed at run time", "a constant condition")
            condition = known
            states = results[1 : 1 + len(states)]
            for rows, result in zip(collected, results[1 + len(states) :], strict=True):
                rows.append(result)
            round_ += 1
        self._finish(states, collected)

    def scan(self, body: onnx.GraphProto) -> None:
        numbers = {item.name: item.i for item in self.node.attribute if item.type == onnx.AttributeProto.INT}
        lists = {item.name: list(item.ints) for item in self.node.attribute if item.type == onnx.AttributeProto.INTS}
        if any(any(values) for values in lists.values()) or self.opset < 9:
            raise UnsupportedError("a Scan with axes or directions", "along dimension 0, forwards, from opset 9 on")
        count = numbers.get("num_scan_inputs", 0)
        if not 0 < count <= len(self.node.input):
            raise UnsupportedError(f"num_scan_inputs is {count}", f"1 to {len(self.node.input)}, the inputs")
        states, scanned = list(self.node.input[:-count]), list(self.node.input[-count:])
        _check_body(body, len(self.node.input), len(states))
        lengths = {(*self.around.value(name).type.shape, 0)[0] for name in scanned}
        if len(lengths) != 1 or not all(self.around.value(name).type.shape for name in scanned):
            raise UnsupportedError(f"inputs of lengths {sorted(lengths)}", "the same length of all that are scanned")
        (length,) = lengths
        if length > _MOST_ROUNDS:
            raise UnsupportedError(f"{length} rounds", f"at most {_MOST_ROUNDS}")
        collected: list[list[str]] = [[] for _ in body.output[len(states) :]]
        for index in range(length):
            parts = [self._row(name, index) for name in scanned]
            results = self._run(body, [*states, *parts])
            states = results[: len(states)]
            for rows, result in zip(collected, results[len(states) :], strict=True):
                rows.append(result)
        self._finish(states, collected)

    def _finish(self, states: Sequence[str], collected: Sequence[Sequence[str]]) -> None:
        for output, state in zip(self.node.output, states, strict=False):
            self._bind(output, state)
        for output, rows in zip(self.node.output[len(states) :], collected, strict=False):
            if output:
                self._stack(output, rows)

    def _stack(self, output: str, rows: Sequence[str]) -> None:
        if not rows:
            raise UnsupportedError("a loop without rounds that collects results", "at least one round")
        values = [self.around.value(name) for name in rows]
        if len({value.type.shape for value in values}) > 1:
            raise UnsupportedError("results of different shapes in different rounds", "one shape")
        data = [value.data for value in values]
        if all(array is not None for array in data):
            self.around.add_numbers(output, np.stack([array for array in data if array is not None]))
        else:
            shape = (1, *values[0].type.shape)
            edit, origin = self.around.editor, self.node.name
            parts = [edit.add(f"{output}_row", Reshape(shape), [value], origin) for value in values]
            self.around.values[output] = parts[0] if len(parts) == 1 else edit.add(output, Concat(0), parts, origin)
        self.elements.note(output, self.elements.of(rows[0]))

    def _row(self, name: str, index: int) -> str:
        value, inner = self.around.value(name), self.around.unused(f"{name}/{index}")
        if value.data is not None:
            self.around.add_numbers(inner, value.data[index])
        else:
            edit, shape = self.around.editor, value.type.shape
            part = edit.add(inner, Slice.along(shape, {0: range(index, index + 1)}), [value], self.node.name)
            self.around.values[inner] = edit.add(inner, Reshape(shape[1:]), [part], self.node.name)
        self.elements.note(inner, self.elements.of(name))
        return inner

    def _number(self, number: int, element: str) -> str:
        name = self.around.unused(f"{self.node.name or self.node.output[0]}/round")
        self.around.add_numbers(name, np.array(number, np.int64))
        self.elements.note(name, element)
        return name

    def _bind(self, output: str, inner: str) -> None:
        if not output:
            return
        if inner not in self.around.values:
            raise UnsupportedError(f"a result {inner!r} that is no tensor", "tensors")
        self.around.values[output] = self.around.values[inner]
        self.elements.note(output, self.elements.of(inner))

    def _run(self, graph: onnx.GraphProto, given: Sequence[str]) -> list[str]:
        """Add the graph's nodes with names of their own; the names of its outputs."""
        names = dict(zip((info.name for info in graph.input), given, strict=False))
        for tensor in graph.initializer:
            names[tensor.name] = self.around.unused(f"{self.node.name}/{tensor.name}")
            self.around.add_numbers(names[tensor.name], self.around.tensors.array(tensor))
            self.elements.set(names[tensor.name], tensor.data_type)
        for part in graph.node:
            copy = renamed(part, names, {}, self.node.name, self.around.unused)
            self.around.node_of_function(copy, self.opset)
        return [names.get(info.name, info.name) for info in graph.output]
