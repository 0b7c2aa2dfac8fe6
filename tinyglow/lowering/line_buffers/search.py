"""Which layers are computed a few rows at a time, and how many rows: by the memory that the planner then needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyglow.errors import ModelError
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import KernelCall, Program, Region
from tinyglow.ir.record import Record
from tinyglow.ir.target import Chooser, Target
from tinyglow.lowering.cost import call_cycles
from tinyglow.lowering.graph_to_program import ALIGNMENT, lower
from tinyglow.lowering.line_buffers.emit import schedule_of
from tinyglow.lowering.line_buffers.rows import Layer, layer_of
from tinyglow.lowering.line_buffers.schedule import Chain, is_aligned, line_bytes, moved_bytes
from tinyglow.lowering.plan import activation_blocks, lifetimes, needs, overlaps_of, plan

_MOST_LAYERS = 16  # of a chain
# Rows of the last layer and of others that are computed together: from the least memory to the fewest calls.
_ALL = 1 << 16
_TOGETHER = ((1, 1), (1, 2), (1, 4), (1, _ALL), (2, _ALL), (4, _ALL), (8, _ALL))
_STEPS = 400  # of all chains together: each is a call with its code
_STEP_COST = 100  # cycles, about; a byte that moves takes about one
# Programs are made and compared for limits of so many times the least memory; with one that is enough, from there down.
_LIMITS = (1.0, 1.1, 1.2, 1.35, 1.6, 2.0)
# Bytes of flash, about, measured on the Cortex-M0+ and M4: of a call with its address computations, of kernels' code.
_CALL_BYTES = 24
_KERNELS = 5000


class _Option(Record):
    """A chain of layers from node ``begin`` to before node ``end``: bytes in use during it, and what it costs."""

    begin: int
    end: int
    need: int
    cost: int
    steps: int
    chain: Chain


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

    def options(self, begin: int, end: int, axis: int, most: int, all_of_them: bool) -> Iterator[_Option]:
        """Chains of some nodes that need at most ``most`` bytes; the first alone, which needs the least, or all."""
        layers = tuple(layer for layer in self._layers[axis][begin:end] if layer is not None)
        held, last = self._held(begin, end), self.graph.type_of(layers[-1].result)
        if held + last.nbytes > most:
            return
        for band, others in _TOGETHER:
            if band * 2 > last.shape[axis]:
                return
            chain = Chain(layers, axis, band, others)
            made, types = schedule_of(self.graph, chain)
            need = held + line_bytes(made, types)
            if len(made.steps) > _STEPS or not is_aligned(made, types, ALIGNMENT):
                continue
            if need > most:
                return
            cost = len(made.steps) * _STEP_COST + moved_bytes(made, types)
            yield _Option(begin, end, need, cost, len(made.steps), chain)
            if not all_of_them:
                return


def _least(search: _Search, options: Sequence[_Option]) -> int:
    """Bytes of which no fewer are in use at some node, whichever chains are taken that do not overlap."""
    count = len(search.need)
    least = [0] * (count + 1)
    for begin in reversed(range(count)):
        own = [max(option.need, least[option.end]) for option in options if option.begin == begin]
        least[begin] = min([max(search.need[begin], least[begin + 1]), *own])
    return least[0]


def _cheapest(search: _Search, options: Sequence[_Option], most: int) -> list[Chain] | None:
    """Chains with which at most ``most`` bytes are in use, at the least cost; None: there are none."""
    count = len(search.need)
    best: list[tuple[float, list[Chain]]] = [(0.0, [])] * (count + 1)
    for begin in reversed(range(count)):
        cost, chains = best[begin + 1]
        found = (cost if search.need[begin] <= most else float("inf"), chains)
        for option in options:
            if option.begin == begin and option.need <= most and option.cost + best[option.end][0] < found[0]:
                found = option.cost + best[option.end][0], [option.chain, *best[option.end][1]]
        best[begin] = found
    return best[0][1] if best[0][0] < float("inf") else None


class _Made(Record):
    """A program, with what it is predicted to take.

    Attributes:
        program: The program.
        memory: Bytes of its activations.
        ram: Those and its placeholders.
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
    sizes = plan(program).sizes
    memory, constants = sizes[Region.ACTIVATION], sizes[Region.CONSTANT]
    flash = _KERNELS + constants + _CALL_BYTES * len(program.calls)
    return _Made(program, memory, memory + sizes[Region.MUTABLE], flash, max(1, sum(cycles)))


def lower_by_rows(graph: Graph, target: Target, chooser: Chooser | None = None) -> Program:
    """``graph_to_program.lower`` with chains of layers that are computed a few rows at a time, where that saves memory.

    What the chains need is estimated for each choice of them; the best choices are lowered and planned. The program
    computes the same to the bit.

    Args:
        graph: What ``fuse`` made.
        target: What kernels are chosen for. With its ``enough_memory`` the fastest program that needs no more is taken,
            else the one with the least product of flash and the squares of memory and cycles.
        chooser: See ``lower``.

    Returns:
        The program, without addresses.

    Raises:
        ModelError: With all nodes that have no kernel.
    """
    plain = _made(lower(graph, target, chooser), target)
    enough = target.enough_memory
    if enough is not None and plain.memory <= enough:
        return plain.program
    search = _Search(graph, plain.program)
    peak = max(search.need, default=0)
    slices = list(search.slices(peak // 4))
    options = [option for one in slices for option in search.options(*one, peak - 1, False)]
    if not options:
        return plain.program
    least, made, seen = _least(search, options), [plain], set[tuple[Chain, ...]]()
    for limit in _limits(least, enough):
        fitting = {(option.begin, option.end, option.chain.axis) for option in options if option.need <= limit}
        all_of_them = [option for one in sorted(fitting) for option in search.options(*one, limit, True)]
        chains = tuple(_cheapest(search, all_of_them, limit) or ())
        if not chains or chains in seen:
            continue
        seen.add(chains)
        try:
            made.append(_made(lower(graph, target, chooser, chains=chains), target))
        except ModelError:  # a kernel that takes the whole image, and not so few rows of it
            continue
        if enough is not None and made[-1].memory <= enough:
            break
    small_enough = [one for one in made if enough is not None and one.memory <= enough]
    if small_enough:
        return min(small_enough, key=lambda one: one.cycles).program
    return min(made[1:] or made, key=lambda one: one.memory if enough is not None else one.product).program


def _limits(least: int, enough: int | None) -> list[int]:
    """The estimates to try."""
    if enough is None:
        return [round(least * factor) for factor in _LIMITS]
    most = max(least, enough)
    return [round(least + (most - least) * share) for share in (1.0, 0.9, 0.8, 0.6, 0.3, 0.0)]
