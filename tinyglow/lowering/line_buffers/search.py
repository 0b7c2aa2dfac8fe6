"""Which layers are computed a few rows at a time, and how many rows: by the memory that the planner then needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field

from tinyglow.errors import ModelError
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import KernelCall, Program, Region
from tinyglow.ir.record import Record
from tinyglow.ir.target import Chooser, Target
from tinyglow.lowering.cost import call_cycles
from tinyglow.lowering.graph_to_program import ALIGNMENT, lower
from tinyglow.lowering.line_buffers.emit import schedule_of
from tinyglow.lowering.line_buffers.handed_in import handed_in, refused
from tinyglow.lowering.line_buffers.rows import Layer, layer_of
from tinyglow.lowering.line_buffers.schedule import Chain, is_aligned, line_bytes, moved_bytes
from tinyglow.lowering.plan import activation_blocks, lifetimes, needs, overlaps_of, plan

_MOST_LAYERS = 16  # of a chain
# Rows of the last layer and of others that are computed together: from the least memory to the fewest calls.
_ALL = 1 << 16
_TOGETHER = ((1, 1), (1, 2), (1, _ALL), (2, 2), (2, _ALL), (4, _ALL))
_STEPS = 400  # of all chains together: each is a call with its code
_STEP_COST = 100  # cycles, about; a byte that moves takes about one
# Of programs that need at most so much more memory than the least, the best one is taken that has at most so much more
# flash than the plain one.
_NEAR, _MORE_FLASH = 1.1, 1.1
# Programs are made and compared for limits of so many times the least memory.
_LIMITS = (1.1, 1.35, 1.7)
# Bytes of flash, about, measured on the Cortex-M0+ and M4: of a call with its address computations, of kernels' code.
_CALL_BYTES = 24
_KERNELS = 5000
_NEVER = 1 << 40  # bytes in use at a node that must be in a chain, where it is in none


class _Option(Record):
    """A chain of layers from node ``begin`` to before node ``end``: bytes in use during it, and what it costs."""

    begin: int
    end: int
    need: int
    cost: int
    chain: Chain = field(compare=False)

    @property
    def slice(self) -> tuple[int, int, int]:
        """Where it begins and ends, and the dimension of its rows."""
        return self.begin, self.end, self.chain.axis


class _Search:
    """What is known of a graph: which nodes can be in chains, and how much memory is in use at each."""

    def __init__(self, graph: Graph, program: Program) -> None:
        self.graph = graph
        self._program = program
        index = {node.name: number for number, node in enumerate(graph.nodes)}
        self._steps: list[list[int]] = [[] for _ in graph.nodes]
        for step, call in enumerate(program.calls):
            if call.origin in index:
                self._steps[index[call.origin]].append(step)
        blocks, owner = activation_blocks(program)
        used = needs(blocks, overlaps_of(program, blocks, owner))
        self.need = [max((used.get(step, 0) for step in steps), default=0) for steps in self._steps]
        self._spans = lifetimes(program)
        self._layers = {axis: self._layers_along(axis) for axis in (1, 2)}
        self._known: dict[tuple[int, int, int], list[_Option]] = {}

    def _layers_along(self, axis: int) -> list[Layer | None]:
        graph = self.graph
        return [
            layer_of(node, axis, graph.type_of, lambda name: graph.values[name].data is not None)
            for node in graph.nodes
        ]

    def _held(self, begin: int, end: int) -> int:
        """Bytes that are in use when a chain begins, with the most working memory of its layers."""
        steps = [step for number in range(begin, end) for step in self._steps[number]]
        if not steps:
            return 0
        buffers = self._program.buffers
        alive = [name for name, (first, last) in self._spans.items() if first < min(steps) <= last]
        scratch = (self._program.calls[step].scratch for step in steps)
        most = max((buffers[name].type.nbytes for name in scratch if name), default=0)
        return most + sum(buffers[name].type.nbytes for name in alive if buffers[name].region is Region.ACTIVATION)

    def slices(self, above: int) -> Iterator[tuple[int, int, int]]:
        """(begin, end, axis) of what may be a chain, and has a node at which more than ``above`` bytes are in use."""
        for axis, layers in self._layers.items():
            for begin in range(len(layers)):
                for end in range(begin + 1, min(len(layers), begin + _MOST_LAYERS) + 1):
                    if layers[end - 1] is None:
                        break
                    if end - begin > 1 and max(self.need[begin:end]) > above:
                        yield begin, end, axis

    def least(self, begin: int, end: int, axis: int, most: int) -> _Option | None:
        """The chain of some nodes that needs the least memory; None if that is more than ``most`` bytes."""
        layers = self._layers[axis][begin:end]
        last = layers[-1]
        if last is None or self._held(begin, end) + self.graph.type_of(last.result).nbytes > most:
            return None
        found = next(self._options(begin, end, axis), None)
        return found if found is not None and found.need <= most else None

    def options(self, begin: int, end: int, axis: int) -> list[_Option]:
        """Chains of some nodes, with ever more rows that are computed together."""
        key = begin, end, axis
        if key not in self._known:
            self._known[key] = list(self._options(begin, end, axis))
        return self._known[key]

    def _options(self, begin: int, end: int, axis: int) -> Iterator[_Option]:
        layers = tuple(layer for layer in self._layers[axis][begin:end] if layer is not None)
        held, height = self._held(begin, end), self.graph.type_of(layers[-1].result).shape[axis]
        for band, others in _TOGETHER:
            if band * 2 > height:
                return
            chain = Chain(layers, axis, band, others)
            made, types = schedule_of(self.graph, chain)
            if len(made.steps) <= _STEPS and is_aligned(made, types, ALIGNMENT):
                cost = len(made.steps) * _STEP_COST + moved_bytes(made, types)
                yield _Option(begin, end, held + line_bytes(made, types), cost, chain)


def _least(search: _Search, options: Sequence[_Option]) -> int:
    """Bytes of which no fewer are in use at some node, whichever chains are taken that do not overlap."""
    count = len(search.need)
    least = [0] * (count + 1)
    for begin in reversed(range(count)):
        own = [max(option.need, least[option.end]) for option in options if option.begin == begin]
        least[begin] = min([max(search.need[begin], least[begin + 1]), *own])
    return least[0]


def _cheapest(search: _Search, options: Sequence[_Option], most: int) -> list[_Option] | None:
    """Chains with which at most ``most`` bytes are in use, at the least cost; None: there are none."""
    count = len(search.need)
    best: list[tuple[float, list[_Option]]] = [(0.0, [])] * (count + 1)
    for begin in reversed(range(count)):
        cost, chains = best[begin + 1]
        found = (cost if search.need[begin] <= most else float("inf"), chains)
        for option in options:
            if option.begin == begin and option.need <= most and option.cost + best[option.end][0] < found[0]:
                found = option.cost + best[option.end][0], [option, *best[option.end][1]]
        best[begin] = found
    return best[0][1] if best[0][0] < float("inf") else None


class _Made(Record):
    """A program, with what it is predicted to take.

    Attributes:
        program: The program.
        memory: Bytes of its activations, and of the rows that a call is given.
        ram: Those and its placeholders, without an input that is handed in by rows.
        flash: Bytes of its constants and calls; the kernels' code is nearly the same in all.
        cycles: Of an inference; 1 without a core.
    """

    program: Program
    memory: int
    ram: int
    flash: int
    cycles: int

    @property
    def product(self) -> float:
        """What is to be small: memory and time count twice, flash once."""
        return (float(self.ram) * self.cycles) ** 2 * self.flash


def _cycles(program: Program, call: KernelCall, core: str) -> int:
    """Predicted cycles; of what was not measured, which only moves data, by its bytes."""
    found = call_cycles(program, call, core)
    return sum(program.buffers[name].type.nbytes for name in call.writes) if found is None else found


def _made(program: Program, target: Target) -> _Made:
    cycles = [_cycles(program, call, target.core) for call in program.calls] if target.core else []
    planned = plan(program)
    memory = planned.sizes[Region.ACTIVATION] + program.rows_bytes
    flash = _KERNELS + planned.sizes[Region.CONSTANT] + _CALL_BYTES * len(program.calls)
    return _Made(program, memory, memory + planned.placeholder_bytes, flash, max(1, sum(cycles)))


def lower_by_rows(graph: Graph, target: Target, chooser: Chooser | None = None) -> Program:
    """``graph_to_program.lower`` with chains of layers that are computed a few rows at a time, where that saves memory.

    What the chains need is estimated for each choice of them; the best choices are lowered and planned. The program
    computes the same to the bit.

    Args:
        graph: What ``fuse`` made.
        target: What kernels are chosen for. With its ``enough_memory`` the fastest program that needs no more is taken,
            else the best one of those that need the least or little more (``_best``).
        chooser: See ``lower``.

    Returns:
        The program, without addresses.

    Raises:
        ModelError: With all nodes that have no kernel; or no chain begins with an input that is handed in by rows.
    """
    plain, first = _made(lower(graph, target, chooser), target), handed_in(graph)
    enough = target.enough_memory
    if enough is not None and plain.memory <= enough and first is None:
        return plain.program
    search = _Search(graph, plain.program)
    peak = max(search.need, default=0)
    above, most = (peak // 4, peak - 1) if first is None else (0, _NEVER)
    least = [search.least(*one, most) for one in search.slices(above)]
    options = [option for option in least if option is not None]
    if first is not None:
        search.need[graph.nodes.index(first)] = _NEVER
    made, seen = [plain] if first is None else [], set[tuple[_Option, ...]]()
    for chosen in _candidates(search, options, enough):
        if not chosen or chosen in seen:
            continue
        seen.add(chosen)
        chains = [option.chain for option in chosen]
        if first is not None and not any(first.name in chain.names for chain in chains):
            continue
        try:
            made.append(_made(lower(graph, target, chooser, chains=chains), target))
        except ModelError:  # a kernel that takes the whole image, and not so few rows of it
            continue
    if first is not None and not made:
        raise refused(graph, first)
    return _best(made, enough, round(plain.flash * _MORE_FLASH)).program


def _best(made: Sequence[_Made], enough: int | None, most_flash: int) -> _Made:
    """What to take of the programs that were made. most_flash: of those that are lean."""
    if enough is not None:
        small = [one for one in made if one.memory <= enough]
        return min(small, key=lambda one: one.cycles) if small else min(made, key=lambda one: one.memory)
    least = min(one.ram for one in made)
    near = [one for one in made if one.ram <= least * _NEAR]
    lean = [one for one in near if one.flash <= most_flash]
    return min(lean or near, key=lambda one: one.product)


def _candidates(search: _Search, options: Sequence[_Option], enough: int | None) -> Iterator[tuple[_Option, ...]]:
    """Choices of chains to be lowered: those that need the least memory by the estimates, and cheaper ones.

    The cheaper ones are the same layers with more rows together, and the cheapest for several limits of the memory.
    """
    least = _least(search, options)
    slices = [option.slice for option in _cheapest(search, options, least) or ()]
    for number in range(len(_TOGETHER)):
        alike = [search.options(*one) for one in slices]
        yield tuple(known[min(number, len(known) - 1)] for known in alike)
    limits = [round(least * factor) for factor in _LIMITS] + ([] if enough is None else [max(least, enough)])
    for limit in limits:
        fitting = [option.slice for option in options if option.need <= limit]
        all_of_them = [option for one in fitting for option in search.options(*one)]
        yield tuple(_cheapest(search, all_of_them, limit) or ())
