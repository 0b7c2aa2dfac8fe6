"""Verification: numpy against host C against a board, bit for bit, down to the first call that differs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyglow.bundle.emit import bundle_files
from tinyglow.bundle.header import bundle_info
from tinyglow.bundle.write import write_files
from tinyglow.interp import ProgramState, before_sample
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program, Region
from tinyglow.pipeline.binding import bind_inputs
from tinyglow.pipeline.execute import Target, open_target, simulate
from tinyglow.pipeline.execution import Execution
from tinyglow.pipeline.stations import allocation_efficiency, check_fit, interpret
from tinyglow.targets.boards import HOST, Board


@dataclass(frozen=True)
class Comparison:
    """One target against numpy, over all vectors.

    Attributes:
        target: Name of the board, or "host".
        vectors: Number of samples.
        elements: Number of output elements of all.
        mismatches: Of these, those that differ.
        largest: Their largest difference; in steps for integers.
        first_vector: The first sample with a difference; None if there is none.
        first_layer: The graph node of the first kernel call whose memory differs, in that sample.
        cycles: Of the slowest inference; None on the host.
    """

    target: str
    vectors: int
    elements: int
    mismatches: int
    largest: float
    first_vector: int | None = None
    first_layer: str | None = None
    cycles: int | None = None

    @property
    def equal(self) -> bool:
        """Whether every element of every vector is equal."""
        return self.mismatches == 0


def _difference(expected: Array, actual: Array) -> Array:
    """Elementwise |expected - actual|, with differing bits of equal-looking floats (and NaN) counted as different."""
    width = expected.dtype.itemsize
    differs = expected.view(f"u{width}") != actual.view(f"u{width}")
    distance = np.abs(expected.astype(np.float64) - actual.astype(np.float64))
    return np.where(differs, np.where(np.isnan(distance), np.inf, np.maximum(distance, np.finfo(float).tiny)), 0.0)


def _first_difference(program: Program, target: Target, state: ProgramState) -> str | None:
    """Name of the node of the first call after which a target's memory is not the interpreter's, on one sample.

    state: the interpreter's memory before the first call, with the sample in place.

    Binary search: the target is run anew up to a call, and its memory compared with the interpreter's at that point.
    """
    snapshots: list[tuple[bytes, bytes]] = []
    names = (*program.inputs, *program.states)
    given = {program.buffers[name].offset: state.view(program.buffers[name])[0].tobytes() for name in names}
    for step, call in enumerate(program.calls):
        state.run(call)
        snapshots.append(_known(program, step, _memory_of(state)))
    low, high = 0, len(program.calls) - 1
    if _run_to(target, program, given, len(program.calls)) == snapshots[-1]:
        return None
    while low < high:
        middle = (low + high) // 2
        if _run_to(target, program, given, middle + 1) == snapshots[middle]:
            low = middle + 1
        else:
            high = middle
    return program.calls[low].origin


def _known(program: Program, step: int, memory: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Memory after a call, with zeros where a kernel's working memory may have left anything."""
    known = [np.ones(len(part), bool) for part in memory]
    # Fast memory stands after the activations.
    places = {Region.MUTABLE: (0, 0), Region.ACTIVATION: (1, 0), Region.TCM: (1, program.sizes[Region.ACTIVATION])}
    for call in program.calls[: step + 1]:
        for name in [*call.writes, *([call.scratch] if call.scratch else [])]:
            buffer = program.buffers[name]
            part, base = places[buffer.region]
            known[part][base + buffer.offset : base + buffer.end] = name != call.scratch
    mutable, activations = ((np.frombuffer(p, np.uint8) * k).tobytes() for p, k in zip(memory, known, strict=True))
    return mutable, activations


def _memory_of(state: ProgramState) -> tuple[bytes, bytes]:
    arenas = (state.memory[region].tobytes() for region in (Region.ACTIVATION, Region.TCM))
    return state.memory[Region.MUTABLE].tobytes(), b"".join(arenas)


def _run_to(target: Target, program: Program, given: Mapping[int, bytes], calls: int) -> tuple[bytes, bytes]:
    target.clear()
    target.set_steps(f"{program.name}_trace_steps", calls)
    for offset, data in given.items():
        target.write(offset, data)
    target.infer()
    return _known(program, calls - 1, target.memory())


def verify(
    program: Program,
    board: Board,
    inputs: Mapping[str, Array],
    compiler: str | None = None,
    progress: Callable[[int], None] | None = None,
    sequence: int | None = None,
) -> list[Comparison]:
    """Run a program in numpy, as C on this machine and as C on a board, and compare every output element.

    Args:
        program: What ``lower`` made.
        board: The board; this machine alone for "host".
        inputs: Arrays [samples, *shape] by input name, as for ``interpret``.
        compiler: The C compiler for the board: see ``sim.toolchain.find_compiler``.
        progress: Is called with 1 after each sample.
        sequence: Of a program with states, how many samples come one after the other before a reset (default: all).

    Returns:
        One comparison for this machine and, unless that is the board, one for the board. Where outputs differ, it names
        the first layer that does.

    Raises:
        InputError: An input does not fit.
        BoardError: The program does not fit the board.
        ToolError: There is no compiler or emulator, or it fails.
        SimulationError: The program faults or does not end.
    """
    return [comparison for comparison, _ in verified_runs(program, board, inputs, compiler, progress, sequence)]


def verified_runs(
    program: Program,
    board: Board,
    inputs: Mapping[str, Array],
    compiler: str | None = None,
    progress: Callable[[int], None] | None = None,
    sequence: int | None = None,
) -> list[tuple[Comparison, Execution]]:
    """``verify``, with the runs that were compared."""
    check_fit(program, board)
    shapes = {name: program.buffers[name].type.shape for name in program.inputs}
    bound = bind_inputs(shapes, program.source_names, inputs, program.pixels)
    expected = interpret(program, bound, sequence=sequence)
    # The compiler asked for is the board's.
    targets = [(board, compiler)] if board.is_host else [(HOST, None), (board, compiler)]
    return [
        _compare(program, each, bound, expected, compiler=chosen, progress=progress, sequence=sequence)
        for each, chosen in targets
    ]


def _compare(
    program: Program,
    board: Board,
    inputs: Mapping[str, Array],
    expected: Mapping[str, Array],
    *,
    compiler: str | None,
    progress: Callable[[int], None] | None,
    sequence: int | None,
) -> tuple[Comparison, Execution]:
    efficiency = allocation_efficiency(program)
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as work:
        folder = Path(work) / "bundle"
        write_files(bundle_files(program, efficiency), folder)
        execution = simulate(folder, board, inputs, compiler, progress, sequence=sequence)
        differences = [_difference(expected[name], execution.outputs[name]) for name in program.outputs]
        wrong = [diff.reshape(len(diff), -1).any(axis=1) for diff in differences]
        bad_vectors = np.flatnonzero(np.any(wrong, axis=0))
        first_vector = int(bad_vectors[0]) if len(bad_vectors) else None
        layer = None
        if first_vector is not None:
            traced = Path(work) / "traced"
            write_files(bundle_files(program, efficiency, traced=True), traced)
            state = before_sample(program, inputs, first_vector, sequence)
            with open_target(traced, bundle_info(program), board, compiler) as target:
                layer = _first_difference(program, target, state)
    comparison = Comparison(
        target=board.name,
        vectors=len(differences[0]),
        elements=sum(diff.size for diff in differences),
        mismatches=sum(int(np.count_nonzero(diff)) for diff in differences),
        largest=max(float(diff.max(initial=0)) for diff in differences),
        first_vector=first_vector,
        first_layer=layer,
        cycles=execution.most("cycles"),
    )
    return comparison, execution
