"""Which kernels could compute each layer, and what each of them costs: predicted, and measured on an emulated board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinyglow.errors import InputError, Problem
from tinyglow.ir import show
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.program import Program
from tinyglow.ir.target import Chooser, Target, Variant
from tinyglow.lowering.graph_to_program import lower
from tinyglow.lowering.plan import plan
from tinyglow.passes.fuse import fuse
from tinyglow.pipeline.cycle_profile import profile_cycles
from tinyglow.pipeline.fit import sample_inputs
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import Board


@dataclass(frozen=True)
class VariantCost:
    """One way to compute a layer.

    Attributes:
        layer: Name of the node.
        operator: Kind of the node.
        name: Name of the variant, that of its kernel.
        chosen: Whether the compiler takes it.
        cycles: Predicted, of one inference.
        measured: Cycles of one inference on the emulated board; None if that was not asked for.
        constants: Bytes of weights and tables, with the layer's own code.
        code: Bytes of that code alone, where weights become instructions.
        scratch: Bytes of working memory.
    """

    layer: str
    operator: str
    name: str
    chosen: bool
    cycles: int
    measured: int | None
    constants: int
    code: int
    scratch: int


_COLUMNS = ("layer", "operator", "kernel", "chosen", "cycles", "measured", "constants", "code", "scratch")


class VariantTable(tuple[VariantCost, ...]):
    """The variants of all layers, in the layers' order: a tuple that prints as a table."""

    def _rows(self) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for one in self:
            measured = "" if one.measured is None else one.measured
            sizes = (one.cycles, measured, one.constants, one.code, one.scratch)
            rows.append((one.layer, one.operator, one.name, "*" if one.chosen else "", *sizes))
        return rows

    def __repr__(self) -> str:
        return show.text_table(_COLUMNS, self._rows())

    def _repr_html_(self) -> str:
        return show.html_table("Kernels that could compute each layer", _COLUMNS, self._rows())


@dataclass
class _Choices:
    """What was offered for each node, in order, and what was taken."""

    offers: list[tuple[Node, tuple[Variant, ...], Variant]]

    def note(self, node: Node, variants: Sequence[Variant], chosen: Variant) -> None:
        self.offers.append((node, tuple(variants), chosen))


def variants(
    quantized: Graph,
    board: Board,
    target: Target | None = None,
    measured: bool = False,
    inputs: Mapping[str, Array] | None = None,
    compiler: str | None = None,
) -> VariantTable:
    """List the kernels that could compute each layer of a quantized graph on a board, with their cost.

    Layers that one kernel alone can compute are not listed. Layers that are computed together are one layer.

    Args:
        quantized: What ``quantize`` made.
        board: The board, for its core.
        target: What the compiler chooses by (default: ``target_of(board)``, the fewest cycles).
        measured: Whether to run every variant on the emulated board: one build for each variant of the layer that has
            the most.
        inputs: Arrays [samples, *shape] by input name, of which the first sample is run (default: made up).
        compiler: Which C compiler: see ``sim.toolchain.find_compiler``.

    Returns:
        One row for each variant of each layer.

    Raises:
        InputError: The board is this machine, where nothing is counted; or an input does not fit.
        ModelError: A node has no kernel.
    """
    if board.is_host:
        raise InputError("nothing is counted on this machine", [Problem(board.name, "has no core", "a board")])
    target = target or target_of(board)
    graph = fuse(quantized, target)
    choices = _Choices([])
    lower(graph, target, watch=choices.note)
    found = _measure(graph, target, board, inputs, compiler) if measured else {}
    return VariantTable(
        VariantCost(
            node.name,
            node.op.kind,
            variant.name,
            variant is chosen,
            variant.cycles,
            found.get((number, index)),
            variant.constants,
            variant.code,
            variant.scratch,
        )
        for number, (node, offered, chosen) in enumerate(choices.offers)
        for index, variant in enumerate(offered)
    )


def _nth(number: int) -> Chooser:
    """Takes each node's variant of that number, or its last."""
    return lambda offered: offered[min(number, len(offered) - 1)]


def _measure(
    graph: Graph, target: Target, board: Board, inputs: Mapping[str, Array] | None, compiler: str | None
) -> dict[tuple[int, int], int]:
    """Cycles by number of the layer and number of its variant.

    One program has the first variants of all layers, the next one the second ones, and so on.
    """
    found: dict[tuple[int, int], int] = {}
    round_, most = 0, 1
    while round_ < most:
        choices = _Choices([])
        program = plan(lower(graph, target, _nth(round_), choices.note))
        most = max((len(offered) for _, offered, _ in choices.offers), default=0)
        if most:
            costs = _cycles(program, board, inputs, compiler)
            for number, (node, offered, _) in enumerate(choices.offers):
                found[number, min(round_, len(offered) - 1)] = costs[node.name]
        round_ += 1
    return found


def _cycles(program: Program, board: Board, inputs: Mapping[str, Array] | None, compiler: str | None) -> dict[str, int]:
    """Cycles of one inference by the node that they are spent for."""
    numbered = [replace(call, origin=f"call {number}") for number, call in enumerate(program.calls)]
    given = inputs if inputs is not None else sample_inputs(program)
    layers = profile_cycles(replace(program, calls=tuple(numbered)), board, given, compiler).layers
    cycles = {layer.whole.name: layer.whole.cycles for layer in layers}
    sums: dict[str, int] = {}
    for number, call in enumerate(program.calls):
        sums[call.origin] = sums.get(call.origin, 0) + cycles[f"call {number}"]
    return sums
