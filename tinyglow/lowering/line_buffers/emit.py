"""A chain of layers as kernel calls: each step is an ordinary call on an image of fewer rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.kernel import Kernel, Params
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.program import Buffer, KernelCall
from tinyglow.ir.record import Record
from tinyglow.ir.types import DTYPE_BYTES, TensorType
from tinyglow.kernels.reshape.copy import COPY_WORDS, CopyWordsParams
from tinyglow.lowering.line_buffers.rows import with_rows
from tinyglow.lowering.line_buffers.schedule import Chain, Move, Schedule, Step, is_aligned, schedule


class Trial(Record):
    """The calls of a node.

    Attributes:
        calls: Their operands are the values' own buffers, whatever these are in the program.
        between: The types of working memory, and of what one call hands to the next.
    """

    calls: tuple[KernelCall, ...]
    between: Mapping[str, TensorType]


class Emitting(Protocol):
    """What the lowering of nodes has made, and takes."""

    graph: Graph
    buffers: dict[str, Buffer]
    calls: list[KernelCall]
    node: Node | None

    def type_of(self, value: str) -> TensorType:
        """The type of a value."""

    def buffer(self, value: str) -> str:
        """Name of the buffer that holds a value at run time."""

    def call(self, kernel: Kernel, operands: Sequence[str], params: Params, origin: str = "") -> None:
        """Emit a kernel call."""

    def own_buffer(self, name: str, type_: TensorType) -> str:
        """A new buffer that stands for no value of the graph. Returns its name."""

    def part(self, whole: str, begin: int, type_: TensorType) -> str:
        """The buffer that is a part of another one, from byte ``begin`` on. Returns its name."""

    def root(self, value: str) -> str:
        """The value whose buffer ``value`` lives in."""

    def trial(self, node: Node, types: Mapping[str, TensorType], times: int) -> Trial:
        """How a node is computed that reads and computes values of other types.

        Args:
            node: The node.
            types: The values' types.
            times: How often that will be done.
        """


def whole_results(graph: Graph, chain: Chain) -> frozenset[str]:
    """The results of a chain that something else reads: other nodes, or who called the network."""
    inside = chain.names
    results = {layer.result for layer in chain.layers}
    outside = {name for node in graph.nodes if node.name not in inside for name in node.inputs}
    outside |= {output.value for output in graph.outputs}
    return frozenset((results & outside) | {chain.layers[-1].result})


def schedule_of(graph: Graph, chain: Chain) -> tuple[Schedule, dict[str, TensorType]]:
    """The schedule of a chain in a graph, and the types of the values that it is about."""
    names = {name for layer in chain.layers for name in (layer.result, *layer.operands)}
    types = {name: graph.type_of(name) for name in sorted(names)}
    return schedule(chain, types, whole_results(graph, chain)), types


def emit_chain(lowering: Emitting, chain: Chain, alignment: int) -> None:
    """Emit the calls of a chain.

    Args:
        lowering: Takes them.
        chain: The chain.
        alignment: Of every operand, in bytes.

    Raises:
        UnsupportedError: Rows would lie at addresses that kernels cannot take.
    """
    made, types = schedule_of(lowering.graph, chain)
    if not is_aligned(made, types, alignment):
        raise UnsupportedError(f"rows of no multiple of {alignment} bytes in a chain with line buffers")
    _Emitter(lowering, made, types).emit()


class _Emitter:
    def __init__(self, lowering: Emitting, made: Schedule, types: Mapping[str, TensorType]) -> None:
        self._to = lowering
        self._types = types
        self._made = made
        self._axis = made.chain.axis
        self._trials: dict[tuple[object, ...], Trial] = {}
        self._passing: dict[str, str] = {}  # the buffers of the rows that came last
        for value in (*types.keys() - made.lines.keys() - made.passing.keys(),):
            lowering.buffer(value)
        self._lines = {
            value: lowering.own_buffer(f"{value}_lines", self._rows(value, rows)) for value, rows in made.lines.items()
        }

    def _rows(self, value: str, count: int) -> TensorType:
        return with_rows(self._types[value], self._axis, count)

    def emit(self) -> None:
        """First how each layer is computed, the most frequent form of it before others; then the steps."""
        often = Counter(self._form(step)[0] for step in self._made.steps)
        total = Counter(step.layer.node.name for step in self._made.steps)
        for step in sorted(self._made.steps, key=lambda step: -often[self._form(step)[0]]):
            key, node = self._form(step)
            if key not in self._trials:
                types = {name: self._rows(name, len(rows)) for name, rows in step.reads.items()}
                types[step.layer.result] = self._rows(step.layer.result, len(step.taken))
                self._trials[key] = self._to.trial(node, types, total[node.name])
        for step in self._made.steps:
            self._to.node = step.layer.node
            if step.move is not None:
                self._move(step.move)
            self._compute(step)

    def _form(self, step: Step) -> tuple[tuple[object, ...], Node]:
        """What tells a step's parameters from those of others; and its node."""
        layer = step.layer
        height = self._types[layer.operands[0]].shape[self._axis]
        node = replace(layer.node, op=layer.on_rows(self._axis, step.taken, height))
        return (node, len(step.taken), *(len(rows) for rows in step.reads.values())), node

    def _move(self, move: Move) -> None:
        whole, row = self._lines[move.value], self._rows(move.value, 1).nbytes
        type_ = TensorType((move.count * row // DTYPE_BYTES["int32"],), "int32")
        operands = [self._to.part(whole, move.begin * row, type_), self._to.part(whole, 0, type_)]
        self._to.call(COPY_WORDS, operands, CopyWordsParams(type_.elements))

    def _compute(self, step: Step) -> None:
        layer = step.layer
        if layer.result in self._made.passing:
            name, type_ = f"{layer.result}_rows", self._rows(layer.result, len(step.taken))
            self._passing[layer.result] = self._to.own_buffer(name, type_)
        rows = {**step.reads, layer.result: step.taken}
        # The trial's buffers have the names of the values' own.
        rename = {self._to.root(name): self._place(name, len(taken), step.places[name]) for name, taken in rows.items()}
        trial = self._trials[self._form(step)[0]]
        rename |= {name: self._to.own_buffer(name, type_) for name, type_ in trial.between.items()}
        for call in trial.calls:
            operands = tuple(rename.get(name, name) for name in call.operands)
            self._to.calls.append(replace(call, operands=operands, scratch=rename.get(call.scratch, "")))

    def _place(self, value: str, count: int, begin: int) -> str:
        """The buffer of some rows."""
        whole = self._lines.get(value) or self._passing.get(value) or self._to.buffer(value)
        return self._to.part(whole, begin * self._rows(value, 1).nbytes, self._rows(value, count))
