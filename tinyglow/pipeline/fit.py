"""One network on many boards: what it takes of each, how long it takes there, and whether it fits."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow.bundle.harness import Placement
from tinyglow.bundle.header import read_bundle
from tinyglow.errors import BoardError, InputError, StackError
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.ir.target import Target
from tinyglow.ir.types import TensorType
from tinyglow.pipeline.binding import bind_inputs
from tinyglow.pipeline.built import bundle_sizes
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.execution import Execution, Options, Sizes
from tinyglow.pipeline.stations import emit, lower, profile, target_of
from tinyglow.quant.profile import Profile
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board, board_names, load_board

PLACEMENTS: tuple[Placement, ...] = ("flash", "ram")


@dataclass(frozen=True)
class Fit:
    """A network on a board with its weights in flash or in RAM.

    Attributes:
        board: Name of the board.
        weights: Where the weights lie.
        flash: Bytes that the bundle takes, as ``Sizes`` counts them.
        ram: Bytes without the stack.
        problem: Why the network does not fit; "" if it does. What only a run can tell is None then.
        stack: Bytes that one inference took.
        cycles: Of the core.
        instructions: That one inference took.
        waits: Cycles more that the core waits for memories.
        milliseconds: At the board's clock, with waiting.
        places: The memory of each area in RAM, by name.
        waits_by_memory: ``waits`` by memory, of those with wait states.
    """

    board: str
    weights: Placement
    flash: int
    ram: int
    problem: str = ""
    stack: int | None = None
    cycles: int | None = None
    instructions: int | None = None
    waits: int | None = None
    milliseconds: float | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    waits_by_memory: Mapping[str, int] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether it runs there."""
        return not self.problem


_SAMPLES = 4  # of made-up data

# Board files that are no boards: bare cores, and Arm's FPGA images, which stand for cores too.
_CORES = ("cortex-", "mps2-")


def real_boards() -> list[Board]:
    """The boards that come with tinyglow and hold one part with its own memories."""
    boards = [load_board(name) for name in board_names()]
    return [board for board in boards if not board.is_host and not board.name.startswith(_CORES)]


def sample_inputs(program: Program) -> dict[str, Array]:
    """One sample for every input, the same each time: any bytes for integers, -1 to 1 for floats."""
    return made_up({name: program.buffers[name].type for name in program.inputs})


def made_up(types: Mapping[str, TensorType], count: int = 1) -> dict[str, Array]:
    """Samples for each of some inputs, as ``sample_inputs`` has one: arrays [count, *shape] in their dtypes."""
    random = np.random.default_rng(0)
    inputs: dict[str, Array] = {}
    for name, type_ in types.items():
        dtype = np.dtype(type_.dtype)
        shape = (count, *type_.shape)
        if dtype.kind == "f":
            inputs[name] = random.uniform(-1, 1, shape).astype(dtype)
        elif dtype == np.int8:
            inputs[name] = random.integers(-128, 128, shape, dtype)
        else:  # indices, for instance: nothing but 0 is sure to be meant
            inputs[name] = np.zeros(shape, dtype)
    return inputs


def made_up_profile(graph: Graph) -> Profile:
    """Ranges of a float network on made-up samples: sizes and cycles hardly depend on them. Raises InputError."""
    random = np.random.default_rng(0)
    shapes = {name: (_SAMPLES, *graph.type_of(name).shape) for name in graph.given}
    try:
        return profile(graph, {name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()})
    except InputError:  # as of a logarithm of what is negative
        positive = {name: random.uniform(0.1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
        return profile(graph, positive)


def fit(
    quantized: Graph,
    boards: Sequence[Board],
    inputs: Mapping[str, Array] | None = None,
    compiler: str | None = None,
    progress: Callable[[int], None] | None = None,
    target: Callable[[Board], Target] = target_of,
    placements: Sequence[Placement] = PLACEMENTS,
    timed: bool = True,
) -> list[Fit]:
    """Compile a quantized graph for each board's core, and run it with its weights in flash and in RAM.

    Args:
        quantized: What ``quantize`` made.
        boards: The boards.
        inputs: Arrays [samples, *shape] by input name, of which the first sample is run (default: made up; times hardly
            depend on data).
        compiler: Which C compiler: see ``sim.toolchain.find_compiler``.
        progress: Is called with 1 after every run, of which there is one for each board and placement.
        target: What kernels are chosen for on a board, the same for all boards of a core.
        placements: Where the weights are to lie.
        timed: Whether to count what the memories make the core wait, which takes most of the time.

    Returns:
        A result for each board and placement. That a network does not fit is a result.

    Raises:
        ModelError: A node has no kernel.
        ToolError: There is no compiler or emulator, or it fails.
        SimulationError: The program faults or does not end.
    """
    fits: list[Fit] = []
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as work:
        for number, board in enumerate(boards):
            folder = Path(work) / board.cpu
            program = lower(quantized, target=target(board))
            if not folder.exists():
                emit(program, folder)
            given = _first(program, inputs) if inputs else sample_inputs(program)
            for weights in placements:
                fits.append(
                    _fit_one(folder, board, weights, given, compiler, Path(work) / f"{number}_{weights}", timed)
                )
                if progress:
                    progress(1)
    return fits


def _first(program: Program, inputs: Mapping[str, Array]) -> dict[str, Array]:
    shapes = {name: program.buffers[name].type.shape for name in program.inputs}
    return {
        name: array[:1] for name, array in bind_inputs(shapes, program.source_names, inputs, program.pixels).items()
    }


def _fit_one(
    folder: Path,
    board: Board,
    weights: Placement,
    inputs: Mapping[str, Array],
    compiler: str | None,
    work: Path,
    timed: bool,
) -> Fit:
    try:
        execution = simulate(folder, board, inputs, compiler, options=Options(weights, timed=timed))
    except (BoardError, StackError) as error:
        work.mkdir()
        sizes = bundle_sizes(folder, read_bundle(folder), board, find_compiler(compiler, board), work, weights)
        return Fit(board.name, weights, sizes.flash, sizes.ram, _why_not(error))
    return fit_of(execution)


def _why_not(error: BoardError | StackError) -> str:
    if isinstance(error, StackError):
        return error.problems[0].found
    return "; ".join(map(str, error.problems))


def fit_of(execution: Execution) -> Fit:
    """What a run of a bundle on a board says: sizes, and what its first sample took."""
    sizes = execution.sizes
    assert isinstance(sizes, Sizes)  # a board has them
    first = execution.costs[0]
    return Fit(
        board=execution.board.name,
        weights=execution.weights,
        flash=sizes.flash,
        ram=sizes.ram,
        stack=first.stack,
        cycles=first.cycles,
        instructions=first.instructions,
        waits=execution.waits,
        milliseconds=execution.board_milliseconds,
        places=execution.places,
        waits_by_memory=execution.waits_by_memory,
    )


def as_json(fits: Sequence[Fit]) -> list[dict[str, Any]]:
    """The table as plain data."""
    names = [name for name in Fit.__dataclass_fields__ if name not in ("places", "waits_by_memory")]
    return [
        {
            "fits": fit.fits,
            **{name: getattr(fit, name) for name in names},
            "places": dict(fit.places),
            "waits_by_memory": dict(fit.waits_by_memory),
        }
        for fit in fits
    ]
