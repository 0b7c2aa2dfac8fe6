"""Firmware projects: a program with its bundle, a few inputs and everything that a board needs to run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tinyglow.bundle.emit import bundle_files
from tinyglow.bundle.header import bundle_info
from tinyglow.bundle.manifest import MANIFEST, with_manifest
from tinyglow.bundle.project import SEMIHOSTING, Samples, fingerprints, plain, project_files, write_project
from tinyglow.bundle.provenance import record
from tinyglow.bundle.shared_arena import shared_sizes
from tinyglow.errors import BoardError, InputError, Problem
from tinyglow.interp import quantized_input
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.binding import bind_inputs
from tinyglow.pipeline.placing import near_sizes, places_of
from tinyglow.pipeline.shared_library import shared_library
from tinyglow.pipeline.stations import allocation_efficiency, check_fit, interpret
from tinyglow.sim.toolchain import Compiler
from tinyglow.targets.boards import Board
from tinyglow.targets.memory_map import memory_map

MAX_SAMPLES = 1_000
_LONGEST_NAME = 80  # characters of a class's name


def deploy(
    program: Program,
    board: Board,
    folder: Path,
    inputs: Mapping[str, Array],
    labels: Array | None = None,
    console: str | None = None,
    class_names: Sequence[str] = (),
) -> dict[str, bytes]:
    """Write a firmware project.

    Args:
        program: What ``lower`` made, or ``place_constants``.
        board: The board.
        folder: A new folder.
        inputs: Arrays [samples, *shape] by input name, as for ``tinyglow.interpret``.
        labels: The right class of each sample.
        console: "semihosting" or "uart" (default: the UART, if the board's file describes one).
        class_names: A name for each element of the first output, which the firmware prints; () for numbers.

    Returns:
        The contents by path inside the project.

    Raises:
        InputError: An input or the names of the classes do not fit, or the folder exists.
        BoardError: The program does not fit the board, or that cannot print.
    """
    _require_board(board)
    check_fit(program, board)
    samples = samples_of(program, inputs, labels)
    _check_class_names(class_names, program.buffers[program.outputs[0]].type.elements, samples.labels)
    _check_room(samples, board, class_names)
    efficiency = allocation_efficiency(program)
    flags, info, chosen = _flags(board), bundle_info(program), _console(board, console)
    percent = program.outputs[0] in program.probabilities
    bundle = with_manifest(bundle_files(program, efficiency))
    places = places_of(board, info.needs(), near_sizes(board, info))
    files = project_files(info, bundle, samples, board, chosen, flags, percent, places, (), class_names)
    write_project(files, folder)
    record(bundle[MANIFEST])
    return files


def deploy_shared(
    networks: Sequence[Program | str | Path],
    board: Board,
    folder: Path,
    project: str = "networks",
    console: str | None = None,
) -> dict[str, bytes]:
    """``deploy``, of several networks with a shared arena: the firmware runs them in turn, on made-up inputs.

    Args:
        networks: Programs, and folders of bundles that ``emit`` wrote.
        board: The board. Bundles run there to know the right answers.
        folder: A new folder.
        project: What they are called together in C.
        console: "semihosting" or "uart" (default: the UART, if the board's file describes one).

    Returns:
        The contents by path inside the project.

    Raises:
        InputError: As ``emit_shared``; or the folder exists, or a network wants fast memory.
        BoardError: The networks do not fit the board together, need another core, or it cannot print.
        ToolError: There is no compiler or emulator for a bundle, or it fails.
        SimulationError: A bundle faults or does not end.
    """
    _require_board(board)
    made = shared_library(networks, project, board)
    if made.info.tcm:
        problem = Problem("fast memory", f"{made.info.tcm:,} bytes are wanted", "networks without --tcm-size")
        raise InputError("the project has no memory to lend", [problem])
    _check_room(made.samples, board)
    places = memory_map(board, shared_sizes(made.networks).needs())
    flags, chosen = _flags(board), _console(board, console)
    files = project_files(made.info, made.files, made.samples, board, chosen, flags, False, places, made.networks)
    write_project(files, folder)
    if made.ours:
        record(made.files[MANIFEST])
    return files


def _require_board(board: Board) -> None:
    if board.is_host:
        raise BoardError("this machine needs no firmware", [Problem("--board host", "has no start-up code", "a board")])


def _flags(board: Board) -> dict[str, list[str]]:
    return {kind: Compiler(kind, (kind,), (kind,)).project_flags(board) for kind in ("zig", "gcc")}


def _console(board: Board, wanted: str | None) -> str:
    if wanted == "uart" and board.uart is None:
        hint = "--console semihosting, or a [uart] in the board file"
        raise BoardError(f"{board.name} has no UART", [Problem(board.name, "its file describes none", hint=hint)])
    return board.uart.kind if board.uart and wanted != SEMIHOSTING else SEMIHOSTING


def _check_class_names(names: Sequence[str], classes: int, labels: Sequence[int]) -> None:
    """Whether there is a name that can be printed for each class. Raises InputError with all that is wrong."""
    if not names:
        return
    problems = [
        Problem(
            f"class {number}", f"is called {name[:40]!r}", f"1 to {_LONGEST_NAME} characters, some of them in ASCII"
        )
        for number, name in enumerate(names)
        if len(name) > _LONGEST_NAME or not plain(name).strip()
    ]
    if len(names) != classes:
        found = f"are {len(names):,}"
        problems.insert(
            0, Problem("--class-names", found, f"{classes:,}: the network's first output has so many elements")
        )
    elif labels and max(labels) >= classes:
        problems.append(Problem("--labels", f"name class {max(labels):,}", f"0 to {classes - 1:,}"))
    if problems:
        raise InputError("the names of the classes do not fit the network", problems)


def _check_room(samples: Samples, board: Board, names: Sequence[str] = ()) -> None:
    nbytes = samples.nbytes + sum(len(name) + 5 for name in names)  # a zero after each, and where it is
    if nbytes > board.code.size:
        named = f" and the names of {len(names):,} classes" if names else ""
        found = f"{len(samples.fingerprints)} samples{named} take {nbytes:,} bytes"
        raise InputError(
            "the samples do not fit", [Problem(f"memory {board.code.name}", found, f"{board.code.size:,}")]
        )


def samples_of(program: Program, inputs: Mapping[str, Array], labels: Array | None = None) -> Samples:
    """The inputs as bytes, with what the numpy interpreter answers to them. Raises InputError."""
    types = {name: program.buffers[name].type for name in program.inputs}
    bound = bind_inputs(
        {name: type_.shape for name, type_ in types.items()}, program.source_names, inputs, program.pixels
    )
    count = len(next(iter(bound.values())))
    if not 0 < count <= MAX_SAMPLES:
        problem = Problem("--input", f"holds {count:,} samples", f"1 to {MAX_SAMPLES:,}", "a project carries a few")
        raise InputError("the samples cannot be deployed", [problem])
    rows = {
        name: [np.ascontiguousarray(row).tobytes() for row in quantized_input(array, types[name])]
        for name, array in bound.items()
    }
    prints = fingerprints(interpret(program, inputs), program.outputs)
    return Samples(rows, prints, _labels(labels, count))


def _labels(labels: Array | None, count: int) -> list[int]:
    if labels is None:
        return []
    flat = labels.ravel()
    if (
        flat.size != count
        or flat.dtype.kind not in "iu"
        or (flat.size and not 0 <= int(flat.min()) <= flat.max() < 1 << 31)
    ):
        problem = Problem("--labels", f"{labels.dtype} {list(labels.shape)}", f"{count} numbers of classes")
        raise InputError("the labels do not fit the samples", [problem])
    return [int(label) for label in flat]
