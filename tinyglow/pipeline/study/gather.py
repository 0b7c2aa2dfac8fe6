"""One compilation looked at from all sides: stations, tensors, errors, memory, time, proofs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyglow.bundle.harness import Placement
from tinyglow.errors import BoardError, InputError, Problem, StackError
from tinyglow.interp import sample_count
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.ir.target import Target
from tinyglow.passes.fuse import fuse
from tinyglow.pipeline.binding import bind_inputs
from tinyglow.pipeline.compare import Comparison, verified_runs
from tinyglow.pipeline.cycle_profile import CycleProfile, profile_cycles
from tinyglow.pipeline.fit import Fit, fit, fit_of
from tinyglow.pipeline.stations import interpret, lower
from tinyglow.pipeline.study.memory import Needs, memory_needs
from tinyglow.pipeline.study.steps import Step, steps_of
from tinyglow.pipeline.study.sums import SumBound, sum_bounds
from tinyglow.pipeline.study.tensors import Tensor, samples_shown, tensors_of
from tinyglow.pipeline.validate import Validation, validate
from tinyglow.pipeline.variants import VariantTable, variants
from tinyglow.quant.profile import Profile
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import Board


@dataclass(frozen=True)
class Made:
    """What was compiled, and how.

    Attributes:
        source: The graph as the model file holds it.
        graph: The graph after station 2.
        profile: The ranges; None for a graph that came quantized.
        scheme: How it was quantized.
        quantized: The graph after station 5.
        float_io: Whether inputs and outputs stay float32.
        target: What kernels are chosen for on a board.
    """

    source: Graph
    graph: Graph
    profile: Profile | None
    scheme: Scheme
    quantized: Graph
    float_io: bool
    target: Callable[[Board], Target]


@dataclass(frozen=True)
class OnBoard:
    """The network on one board.

    Attributes:
        board: The board.
        target: What kernels were chosen for.
        program: What runs there.
        fused: The graph that it was made of.
        fit: What it takes of the board, with its weights in flash.
        comparisons: numpy against this machine and the board; () if it does not fit.
        profile: Where the cycles of the first sample go; None if it does not fit.
        variants: The kernels that could compute each layer.
        needs: Its memory with the options given, and with others.
    """

    board: Board
    target: Target
    program: Program
    fused: Graph
    fit: Fit
    comparisons: tuple[Comparison, ...]
    profile: CycleProfile | None
    variants: VariantTable
    needs: tuple[Needs, ...]

    @property
    def equal(self) -> bool:
        """Whether numpy, this machine and the board give the same bits."""
        return bool(self.comparisons) and all(one.equal for one in self.comparisons)


@dataclass(frozen=True, eq=False)
class Study:
    """All that a report shows.

    Attributes:
        made: What was compiled, and how.
        steps: The stations pass by pass, up to the first board's fused graph.
        validation: The quantized network beside the float one.
        tensors: The values of the first samples.
        sums: Bounds of each layer's sums.
        boards: The boards, in the order asked for.
        checked: How many samples were compared bit for bit.
        input_crc: CRC-32 of those samples' input bytes, in the order of the inputs.
        output_crc: Likewise of the interpreter's answers.
    """

    made: Made
    steps: tuple[Step, ...]
    validation: Validation
    tensors: tuple[Tensor, ...]
    sums: tuple[SumBound, ...]
    boards: tuple[OnBoard, ...]
    checked: int
    input_crc: int
    output_crc: int


def crc_of(arrays: Mapping[str, Array], names: Sequence[str]) -> int:
    """CRC-32 of the bytes of arrays, one after the other."""
    crc = 0
    for name in names:
        crc = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), crc)
    return crc


def _first(program: Program, inputs: Mapping[str, Array], count: int) -> dict[str, Array]:
    shapes = {name: program.buffers[name].type.shape for name in program.inputs}
    bound = bind_inputs(shapes, program.source_names, inputs, program.pixels)
    return {name: array[:count] for name, array in bound.items()}


def study(
    made: Made,
    boards: Sequence[Board],
    inputs: Mapping[str, Array],
    *,
    labels: Array | None = None,
    vectors: int = 2,
    shown: int = 3,
    advise: bool = True,
    measured: bool = False,
    compiler: str | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> Study:
    """Look at one compilation from all sides.

    Args:
        made: What was compiled.
        boards: Emulated boards, at least one.
        inputs: float32 arrays [samples, *shape] by input name.
        labels: integers [samples], the right class of each.
        vectors: How many samples to compare bit for bit on each board.
        shown: At most so many samples' tensors are kept.
        advise: Whether to try what would bring the network closer to float.
        measured: Whether to run every kernel that could compute a layer on the boards: see ``variants``.
        compiler: Which C compiler: see ``sim.toolchain.find_compiler``.
        progress: Is called before each part, with what it is.

    Returns:
        All of it.

    Raises:
        InputError: A board is this machine, or an input does not fit.
        ModelError: A node has no kernel.
        ToolError: There is no compiler or emulator, or it fails.
        SimulationError: The program faults or does not end.
    """
    if not boards or any(board.is_host for board in boards):
        raise InputError("a report needs emulated boards", [Problem("--board", "names none", "such as frdm-ke16z")])
    progress("stations")
    steps = steps_of(made.source, made.profile, made.scheme, made.float_io, made.target(boards[0]))
    progress("validating")
    validation = validate(
        made.graph,
        made.profile,
        inputs,
        made.scheme,
        made.float_io,
        labels=labels,
        advise=advise,
    )
    progress("tensors")
    reference = made.quantized if made.graph.is_quantized else made.graph
    program = lower(made.quantized)
    bound = _first(program, inputs, sample_count(inputs))
    few = {name: array[: samples_shown(reference, len(array), shown)] for name, array in bound.items()}
    tensors = tensors_of(reference, made.quantized, few)
    checked = {name: array[:vectors] for name, array in bound.items()}
    answers = interpret(program, checked)
    found = [_on_board(made, board, bound, vectors, measured, compiler, progress) for board in boards]
    return Study(
        made=made,
        steps=steps,
        validation=validation,
        tensors=tensors,
        sums=sum_bounds(made.quantized),
        boards=tuple(found),
        checked=sample_count(checked),
        input_crc=crc_of(checked, program.inputs),
        output_crc=crc_of(answers, program.outputs),
    )


def _on_board(
    made: Made,
    board: Board,
    inputs: Mapping[str, Array],
    vectors: int,
    measured: bool,
    compiler: str | None,
    progress: Callable[[str], None],
) -> OnBoard:
    target = made.target(board)
    program = lower(made.quantized, target=target)
    progress(f"{board.name}: kernels")
    offered = variants(made.quantized, board, target, measured, inputs, compiler)
    fused, needs = fuse(made.quantized, target), memory_needs(made.quantized, target, program)
    progress(f"{board.name}: comparing bit for bit")
    try:
        runs = verified_runs(program, board, {name: array[:vectors] for name, array in inputs.items()}, compiler)
    except (BoardError, StackError):
        only: list[Placement] = ["flash"]
        (placed,) = fit(made.quantized, [board], inputs, compiler, target=made.target, placements=only, timed=False)
        return OnBoard(board, target, program, fused, placed, (), None, offered, needs)
    progress(f"{board.name}: counting cycles")
    cycles = profile_cycles(program, board, inputs, compiler, listings=True)
    time = 1000 * board.seconds(cycles.whole.total)
    placed = replace(fit_of(runs[-1][1]), waits=cycles.whole.waits, milliseconds=time)
    comparisons = tuple(comparison for comparison, _ in runs)
    return OnBoard(board, target, program, fused, placed, comparisons, cycles, offered, needs)
