"""In which order the rows of a chain of layers are computed, and where they lie.

A layer computes a few rows at a time. Before it does, the layers that it reads compute the rows that it needs and that
are not there yet. So no row is computed twice. What is read again later of a result stays in its line buffer, and is
moved to the buffer's beginning before new rows come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyglow.ir.record import Record
from tinyglow.ir.types import TensorType
from tinyglow.lowering.line_buffers.rows import Layer, with_rows
from tinyglow.operators.hand_in import HandIn


class Chain(Record):
    """Layers that are computed band by band.

    Attributes:
        layers: In the order of computation; each reads results of earlier ones, or images from outside.
        axis: The dimension of the rows.
        band: Rows of the last layer's result that are computed together.
        most: Rows of any other layer's result that are computed together, at most.
    """

    layers: tuple[Layer, ...]
    axis: int
    band: int
    most: int

    @property
    def names(self) -> frozenset[str]:
        """The nodes' names."""
        return frozenset(layer.node.name for layer in self.layers)


class Move(Record):
    """Rows of a line buffer that move to its beginning: ``count`` from row ``begin`` of the buffer on."""

    value: str
    begin: int
    count: int


class Step(Record):
    """Rows of a layer's result that are computed together.

    Attributes:
        layer: The layer.
        taken: The rows, by their numbers in the whole result.
        reads: For each operand the rows that are read, by their numbers in the whole image.
        places: The row of its buffer where each operand's rows, and those of the result, begin.
        move: What has to move before.
    """

    layer: Layer
    taken: range
    reads: Mapping[str, range]
    places: Mapping[str, int]
    move: Move | None


class Schedule(Record):
    """A chain's steps.

    Attributes:
        chain: The chain.
        steps: In order.
        lines: Rows of each line buffer, by value: of results of which rows are still read when new ones come.
        passing: Rows of each buffer of other results: all of it has been read when new rows come.
        whole: The results that are there as a whole in the end.
    """

    chain: Chain
    steps: tuple[Step, ...]
    lines: Mapping[str, int]
    passing: Mapping[str, int]
    whole: frozenset[str]


@dataclass
class _Progress:
    """How far a result is: rows below ``end`` are computed; the buffer begins with row ``base``."""

    end: int = 0
    base: int = 0
    rows: int = 0  # of the buffer
    kept: bool = False  # whether rows stay when new ones come


class _Run:
    """The steps of a chain while they are found."""

    def __init__(self, chain: Chain, types: Mapping[str, TensorType], whole: frozenset[str]) -> None:
        self.chain = chain
        self.types = types
        self.whole = whole
        self.done = {layer.result: _Progress() for layer in chain.layers}
        self.steps: list[Step] = []
        self._makers = {layer.result: layer for layer in chain.layers}
        self._readers = {value: [layer for layer in chain.layers if value in layer.operands] for value in self.done}
        self._heights = {value: type_.shape[chain.axis] for value, type_ in types.items()}
        self._together = self._granules()

    def height(self, value: str) -> int:
        return self._heights[value]

    def _granules(self) -> dict[str, int]:
        """How many rows of each result are computed together: what the next layer reads anew for its own."""
        last = self.chain.layers[-1].result
        rows = {last: self.chain.band}
        for layer in reversed(self.chain.layers):
            own = rows.setdefault(layer.result, self.chain.band)
            for name in layer.operands:
                if name in self.done and name != last:
                    rows[name] = max(rows.get(name, 1), min(self.chain.most, own * layer.reach.stride))
        return rows

    def compute(self, value: str, end: int) -> None:
        """The steps after which all rows of a result before ``end`` have been computed."""
        layer, progress = self._makers[value], self.done[value]
        while progress.end < end:
            stop = self.height(value) if isinstance(layer.node.op, HandIn) else end  # it always takes as many rows
            taken = range(progress.end, min(stop, progress.end + self._together[value]))
            for name in layer.operands:
                if name in self.done:
                    self.compute(name, layer.reach.rows(taken, self.height(name)).stop)
            self.steps.append(self._step(layer, taken))

    def still_read(self, value: str) -> int:
        """The first row of a result that layers will still read; those that they skip count as read."""
        first = self.done[value].end
        for layer in self._readers[value]:
            end, height = self.done[layer.result].end, self.height(layer.result)
            if end < height:
                first = min(first, layer.reach.rows(range(end, end + 1), self.height(value)).start)
        return first

    def _step(self, layer: Layer, taken: range) -> Step:
        value = layer.result
        progress, move = self.done[value], None
        if value not in self.whole:
            first = self.still_read(value)
            kept = progress.end - first
            if kept and first > progress.base:
                move = Move(value, first - progress.base, kept)
            progress.kept = progress.kept or kept > 0
            progress.base = first
        reads = {name: layer.reach.rows(taken, self.height(name)) for name in layer.operands}
        places = {name: rows.start - self._base(name) for name, rows in reads.items()}
        places[value] = taken.start - progress.base
        progress.end = taken.stop
        progress.rows = max(progress.rows, progress.end - progress.base)
        return Step(layer, taken, reads, places, move)

    def _base(self, value: str) -> int:
        return self.done[value].base if value in self.done else 0


def schedule(chain: Chain, types: Mapping[str, TensorType], whole: frozenset[str]) -> Schedule:
    """The steps of a chain.

    Args:
        chain: The chain.
        types: Of the values that its layers read and compute.
        whole: Results that are needed as a whole afterwards, the last layer's among them.

    Returns:
        The schedule.
    """
    run = _Run(chain, types, whole)
    for value in (chain.layers[-1].result, *sorted(whole)):
        run.compute(value, run.height(value))
    own = {value: progress for value, progress in run.done.items() if value not in whole}
    lines = {value: progress.rows for value, progress in own.items() if progress.kept}
    passing = {value: progress.rows for value, progress in own.items() if not progress.kept}
    return Schedule(chain, tuple(run.steps), lines, passing, whole)


def is_aligned(made: Schedule, types: Mapping[str, TensorType], alignment: int) -> bool:
    """Whether all rows that are read, written or moved begin at multiples of ``alignment`` bytes of their buffers.

    Those that are moved end there, too.
    """
    axis = made.chain.axis
    row = {name: with_rows(type_, axis, 1).nbytes for name, type_ in types.items()}
    places = [(name, begin) for step in made.steps for name, begin in step.places.items()]
    moves = [step.move for step in made.steps if step.move is not None]
    places += [(move.value, number) for move in moves for number in (move.begin, move.count)]
    return all(number * row[name] % alignment == 0 for name, number in places)


def line_bytes(made: Schedule, types: Mapping[str, TensorType]) -> int:
    """Bytes that the chain takes beside what it reads: line buffers, whole results, and the most that is passed on."""
    rows = {**made.lines, **made.passing}
    size = {value: with_rows(types[value], made.chain.axis, count).nbytes for value, count in rows.items()}
    passed = [{layer.result, *layer.operands} & made.passing.keys() for layer in made.chain.layers]
    most = max(sum(size[name] for name in names) for names in passed)
    return most + sum(size[value] for value in made.lines) + sum(types[value].nbytes for value in made.whole)


def moved_bytes(made: Schedule, types: Mapping[str, TensorType]) -> int:
    """Bytes that all moves copy together."""
    moves = [step.move for step in made.steps if step.move is not None]
    return sum(move.count * with_rows(types[move.value], made.chain.axis, 1).nbytes for move in moves)
