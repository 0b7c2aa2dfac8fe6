"""Building and changing graphs: the only mutable part of the IR. Frontends build with it, passes edit a copy."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import takewhile
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from tinyglow.ir.graph import Array, Declared, Graph, Node, Output, State, Value
from tinyglow.ir.joined import Joined
from tinyglow.ir.namer import Namer
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics.names import GLOW

if TYPE_CHECKING:
    from tinyglow.ir.op import Op


_FOLDED = "_constfold"


def _content(data: Array) -> tuple[object, ...]:
    """Equal for equal arrays of one type; both zeros are one."""
    return (data.shape, data.dtype.str, (data + data.dtype.type(0)).tobytes())


class GraphEditor:
    """A graph under construction. Queries take constant time; ``finish`` drops what no output needs, and sorts."""

    def __init__(self, name: str, namer: Namer | None = None) -> None:
        self.name = name
        self.namer = namer or Namer()
        self.values: dict[str, Value] = {}
        self.inputs: list[str] = []
        self._outputs: dict[str, Output] = {}
        self._folded: dict[tuple[object, ...], dict[str, None]] = {}  # names of constants by their content
        self._saved: Counter[str] = Counter()  # how many outputs each value is
        self.constant_bytes = 0  # of all constants that were made
        self.source_names: dict[str, str] = {}
        self.derived: set[str] = set()
        self.pixels: dict[str, QuantParams] = {}
        self.numerics, self.own_numerics = GLOW, ""
        self.joined = Joined({})
        self.like_glow = False
        self.deviations: dict[str, str] = {}
        self.states: list[State] = []
        self._nodes: dict[str, Node] = {}
        self._producer: dict[str, str] = {}
        self._users: dict[str, dict[str, None]] = {}

    @classmethod
    def after(cls, graph: Graph, namer: Namer) -> GraphEditor:
        """An editor without nodes and values, for a graph that does the work of ``graph``."""
        editor = cls(graph.name, namer)
        editor.source_names = dict(graph.source_names)
        editor.pixels = dict(graph.pixels)
        editor.numerics, editor.own_numerics = graph.numerics, graph.own_numerics
        editor.joined = Joined(graph.joined)
        editor.like_glow, editor.deviations = graph.like_glow, dict(graph.deviations)
        editor.states = list(graph.states)
        return editor

    @classmethod
    def of(cls, graph: Graph, as_made: bool = False) -> GraphEditor:
        """An editor that starts from ``graph``; with ``as_made`` its nodes are in the order in which they were made."""
        used = {*graph.used_names, *graph.values, *(node.name for node in graph.nodes)}
        editor = cls.after(graph, Namer(graph.original_names, used))
        editor.values = dict(graph.values)
        for value in graph.values.values():
            editor._note_folded(value)
        editor.inputs = list(graph.inputs)
        for output in graph.outputs:
            editor.set_output(output)
        editor.derived = set(graph.derived)
        order = {name: index for index, name in enumerate(graph.made)} if as_made else {}
        for node in sorted(graph.nodes, key=lambda node: order.get(node.name, len(order))):
            editor._attach(node)
        return editor

    def _attach(self, node: Node) -> None:
        self._nodes[node.name] = node
        self.joined.note(node.name, node.origin)
        for name in node.inputs:
            self._users.setdefault(name, {})[node.name] = None
        for name in node.outputs:
            self._producer[name] = node.name

    # building

    def placeholder(self, source_name: str, type_: TensorType, pixels: QuantParams | None = None) -> Value:
        """Add an input of the network.

        Args:
            source_name: Its name in the model file.
            type_: Its type.
            pixels: What its elements stand for in the model file, if they are uint8 there.
        """
        value = self._new_value(self.namer.unique(source_name), type_)
        if pixels is not None:
            self.pixels[value.name] = pixels
        self.inputs.append(value.name)
        self.source_names[value.name] = source_name
        return value

    def constant(
        self, name: str, data: Array, type_: TensorType | None = None, declared: Declared | None = None
    ) -> Value:
        """Add a constant. Its type is taken from the data, unless it is given because the constant is quantized."""
        if type_ is None:
            type_ = TensorType(tuple(data.shape), str(data.dtype))
        value = Value(self.namer.unique(name), type_, data, declared)
        self.constant_bytes += data.nbytes
        self._note_folded(value)
        self.values[value.name] = value
        return value

    def moved(self, name: str, value: Value, move: Callable[[Array], Array], type_: TensorType | None = None) -> Value:
        """Add a constant with the elements of another one moved about, and what is declared of them.

        Args:
            name: Of the new constant.
            value: The constant.
            move: What becomes of its data, and of its declared integers.
            type_: Of the new constant, where it is quantized. Parameters by channel stay along their dimension.
        """
        assert value.data is not None
        declared = value.declared
        if declared is not None and declared.data is not None:
            declared = replace(declared, data=np.ascontiguousarray(move(declared.data)))
        return self.constant(name, np.ascontiguousarray(move(value.data)), type_, declared)

    def output(self, source_name: str, value: str) -> None:
        """Add an output of the network. source_name: its name in the model file."""
        name = self.namer.unique(source_name)
        self.set_output(Output(name, value))
        self.source_names[name] = source_name

    def state(self, read: str, value: str, first: Array) -> None:
        """Let an input live from one call to the next.

        Args:
            read: Name of the input: what a call reads.
            value: What it holds at the end of a call: a value of the same type.
            first: What it holds after a reset (``ir.graph.State``).
        """
        name = self.namer.unique(f"{read}_next")
        self.set_output(Output(name, value))
        self.states.append(State(read, name, first))

    def _new_value(self, name: str, type_: TensorType) -> Value:
        value = Value(name, type_)
        self.values[name] = value
        return value

    def add(
        self, name: str, op: Op, inputs: Iterable[Value], origin: str = "", types: tuple[TensorType, ...] | None = None
    ) -> Value:
        """Add a node.

        Args:
            name: Its name, which is made unique.
            op: The operator.
            inputs: Values that it reads.
            origin: The node of the model file that it stems from.
            types: The results' types where they are not what ``op.infer`` says, as in a quantized graph.

        Returns:
            The first result.

        Raises:
            ShapeError: The operator cannot take these inputs.
        """
        inputs = tuple(inputs)
        types = types or op.infer(*(value.type for value in inputs))
        name = self.namer.unique(name)
        outputs = [name, *(self.namer.unique(f"{name}_result{index}") for index in range(1, len(types)))]
        results = [self._new_value(output, type_) for output, type_ in zip(outputs, types, strict=True)]
        self._attach(Node(name, op, tuple(value.name for value in inputs), tuple(outputs), origin))
        return results[0]

    def declare(self, value: str, declared: Declared | None) -> Value:
        """Say how the model file quantizes a value. Returns the value with that."""
        self.values[value] = replace(self.values[value], declared=declared)
        return self.values[value]

    def set_output(self, output: Output) -> None:
        """Add an output, or let the one of that name be another value."""
        old = self._outputs.get(output.name)
        if old is not None:
            self._saved[old.value] -= 1
        self._outputs[output.name] = output
        self._saved[output.value] += 1

    # asking

    def nodes_from(self, position: int) -> list[Node]:
        """The nodes from the one at ``position`` on, in the order in which they were made."""
        return list(itertools.islice(self._nodes.values(), position, None))

    def node(self, name: str) -> Node | None:
        """The node of that name, if there is one."""
        return self._nodes.get(name)

    def uses(self, value: str) -> int:
        """How often a value is read, outputs of the network included."""
        return sum(node.inputs.count(value) for node in self.users(value)) + self._saved[value]

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs in their order."""
        return tuple(self._outputs.values())

    @property
    def nodes(self) -> list[Node]:
        """All nodes, in their order."""
        return list(self._nodes.values())

    def declared_alike(self, value: str, other: str) -> bool:
        """Whether the model file quantizes two values alike, or neither."""
        first, second = self.values[value].declared, self.values[other].declared
        return second is None if first is None else first.is_like(second)

    @property
    def last_node(self) -> Node | None:
        """The newest node."""
        return next(reversed(self._nodes.values()), None)

    def nodes_since(self, node: Node | None) -> list[Node]:
        """The nodes that are newer than ``node``, newest first, in time proportional to their number."""
        return list(takewhile(lambda other: other is not node, reversed(self._nodes.values())))

    def alive(self, node: Node) -> bool:
        """Whether ``node`` is still as it was in the graph under edit."""
        return self._nodes.get(node.name) == node

    def value(self, name: str) -> Value:
        """The value of that name."""
        return self.values[name]

    def producer(self, value: str) -> Node | None:
        """The node that computes a value; None for inputs and constants."""
        name = self._producer.get(value)
        return self._nodes[name] if name is not None else None

    def users(self, value: str) -> list[Node]:
        """The nodes that read a value."""
        return [self._nodes[name] for name in self._users.get(value, {})]

    def is_output(self, value: str) -> bool:
        """Whether a value is an output of the network."""
        return self._saved[value] > 0

    def has_one_use(self, value: str) -> bool:
        """Whether a value is read once in all, outputs of the network included."""
        return self.uses(value) == 1

    def folded_like(self, data: Array) -> list[Value]:
        """The constants called ``..._constfold`` that were made with equal data, in their order."""
        return [self.values[name] for name in self._folded.get(_content(data), ())]

    def _note_folded(self, value: Value) -> None:
        if value.data is not None and value.name.endswith(_FOLDED):
            self._folded.setdefault(_content(value.data), {})[value.name] = None

    # changing

    def redirect(self, old: str, new: str) -> None:
        """Let every use of ``old`` use ``new``."""
        self.redirect_all({old: new})

    def redirect_all(self, new: Mapping[str, str]) -> None:
        """Let every use of each key use its value, which is no key itself, in time proportional to the uses' nodes.

        A value that stands for a declared one is declared so too, unless it has parameters of its own.
        """
        renamed = {old: name for old, name in new.items() if old != name}
        for old, name in renamed.items():
            before, after = self.producer(name), self.producer(old)
            if before is not None and after is not None and not self._lives_on(after):
                self.joined.join(before.origin, [before.origin, after.origin])
            if self.values[name].declared is None and self.values[old].declared is not None:
                self.declare(name, self.values[old].declared)
        for node in {node.name: node for old in renamed for node in self.users(old)}.values():
            self._replace(node, replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs)))
        if any(self.is_output(old) for old in renamed):
            for output in self.outputs:
                if output.value in renamed:
                    self.set_output(replace(output, value=renamed[output.value]))

    def set_type(self, value: str, type_: TensorType) -> None:
        """Another type for a value."""
        self.values[value] = replace(self.values[value], type=type_)

    def set_data(self, value: str, data: Array) -> None:
        """Other data of the same type for a constant."""
        self.values[value] = replace(self.values[value], data=data, declared=None)
        self._note_folded(self.values[value])

    def set_op(self, node: Node, op: Op) -> Node:
        """Another operator for a node. Returns the new node."""
        return self._replace(node, replace(node, op=op))

    def set_inputs(self, node: Node, inputs: tuple[str, ...]) -> Node:
        """Other inputs for a node. Returns the new node."""
        return self._replace(node, replace(node, inputs=inputs))

    def _lives_on(self, node: Node) -> bool:
        """Whether another node in use stems from the same node of the model file: ``node`` was only moved."""
        names = [name for name in self.joined.nodes_of(node.origin) if name in self._nodes and name != node.name]
        same = [self._nodes[name] for name in names]
        return any(self.users(name) or self.is_output(name) for other in same for name in other.outputs)

    def remove_if_unused(self, node: Node) -> None:
        """Forget ``node`` if nothing uses its results, so that later rules do not count it as a user."""
        if self.alive(node) and not any(self.users(name) or self.is_output(name) for name in node.outputs):
            self._detach(node)

    def _detach(self, node: Node) -> None:
        del self._nodes[node.name]
        for name in node.inputs:
            self._users[name].pop(node.name, None)
        for name in node.outputs:
            self._producer.pop(name, None)

    def _replace(self, node: Node, new: Node) -> Node:
        for name in node.inputs:
            self._users[name].pop(node.name, None)
        self._attach(new)
        return new

    # finishing

    def finish(self) -> Graph:
        """The graph: live nodes in topological order (stable), live values, all placeholders."""
        order = self._live_nodes()
        live = {*self.inputs, *(output.value for output in self.outputs)}
        for node in order:
            live.update(node.inputs, node.outputs)
        values = {name: value for name, value in self.values.items() if name in live}
        return Graph(
            self.name,
            tuple(self.inputs),
            self.outputs,
            tuple(order),
            MappingProxyType(values),
            MappingProxyType(dict(self.source_names)),
            frozenset(self.derived & values.keys()),
            frozenset(self.namer.used),
            frozenset(self.namer.original),
            MappingProxyType(dict(self.pixels)),
            self.numerics,
            MappingProxyType(self.joined.of({node.origin for node in order})),
            tuple(name for name, node in self._nodes.items() if live.intersection(node.outputs)),
            self.like_glow,
            MappingProxyType(dict(self.deviations)),
            self.own_numerics,
            tuple(self.states),
        )

    def _live_nodes(self) -> list[Node]:
        """Depth-first from the outputs, without recursion: deep graphs are as good as shallow ones."""
        order: dict[str, Node] = {}
        open_: set[str] = set()
        nodes, producer = self._nodes, self._producer
        stack = [name for out in reversed(self.outputs) if (name := producer.get(out.value)) is not None]
        while stack:
            node = nodes[stack[-1]]
            if node.name in order:
                open_.discard(stack.pop())
                continue
            pending = [
                maker for name in node.inputs if (maker := producer.get(name)) is not None and maker not in order
            ]
            if not pending:
                order[node.name] = node
                open_.discard(stack.pop())
                continue
            if node.name in open_ and any(name in open_ for name in pending):
                raise ValueError(f"the graph has a cycle through {node.name}")
            open_.add(node.name)
            stack.extend(reversed(pending))
        return list(order.values())


def constants_of(graph: Graph) -> Mapping[str, Array]:
    """Data of every constant value by name."""
    return {name: value.data for name, value in graph.values.items() if value.data is not None}
