"""What each command does: read its files, call the API, hand the result to ``report``.

Modules that take long to import are imported by the command that needs them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.errors import InputError, Problem

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array, Graph
    from tinyglow.ir.program import Program


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    """NAME=VALUE options as a dict."""
    pairs: dict[str, str] = {}
    problems = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            problems.append(Problem(f"{option} {text}", "is not of the form NAME=VALUE"))
        elif name in pairs:
            problems.append(Problem(f"{option} {text}", f"gives {name} a second time"))
        pairs[name] = value
    if problems:
        raise InputError(f"the option {option} is not understood", problems)
    return pairs


def _defines(arguments: argparse.Namespace) -> dict[str, int]:
    pairs = _pairs("--define", arguments.define)
    bad = [name for name, value in pairs.items() if not value.isascii() or not value.isdigit() or int(value) < 1]
    if bad:
        expected = "an integer of at least 1"
        problems = [Problem(f"--define {name}={pairs[name]}", "is not a size", expected) for name in bad]
        raise InputError("the option --define is not understood", problems)
    return {name: int(value) for name, value in pairs.items()}


def _load_array(path: str) -> Array:
    import numpy as np

    try:
        # Mapped, so that a header that promises more than the file holds is an error and not an allocation.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except (ValueError, EOFError, SyntaxError, zipfile.BadZipFile) as error:
        raise ValueError(f"is not a .npy array of numbers ({error})") from error
    if not isinstance(array, np.ndarray):
        raise ValueError("holds several arrays, expected one .npy array")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"holds elements of type {array.dtype}, expected numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("holds NaN or infinite values")
    return np.asarray(array)


def _inputs(arguments: argparse.Namespace) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    problems = []
    for name, path in _pairs("--input", arguments.input).items():
        try:
            arrays[name] = _load_array(path)
        except ValueError as error:
            problems.append(Problem(f"--input {name}={path}", str(error)))
    if problems:
        raise InputError("the inputs cannot be read", problems)
    return arrays


def _graph(arguments: argparse.Namespace, name: str | None = None) -> Graph:
    from tinyglow.pipeline.stations import load

    return load(arguments.model, name, _defines(arguments), _dump(arguments))


def _dump(arguments: argparse.Namespace):  # type: ignore[no-untyped-def]  # the type would import the pipeline
    from tinyglow.pipeline.stations import Dump

    return Dump(Path(arguments.dump) if arguments.dump else None)


def _program(arguments: argparse.Namespace, name: str | None = None) -> Program:
    """Stations 1 to 7 as the options say."""
    from tinyglow.pipeline.stations import lower, quantize
    from tinyglow.quant.profile import load_profile

    dump = _dump(arguments)
    graph = _graph(arguments, name)
    quantized = quantize(graph, load_profile(arguments.profile), float_io=arguments.float_io, dump=dump)
    return lower(quantized, dump)


def profile(arguments: argparse.Namespace) -> int:
    """Write a profile."""
    from tinyglow.interp import sample_count
    from tinyglow.pipeline.stations import profile as profile_graph
    from tinyglow.quant.profile import save_profile
    from tinyglow.report.console import progress

    graph, inputs = _graph(arguments), _inputs(arguments)
    with progress("profiling", sample_count(inputs)) as advance:
        result = profile_graph(graph, inputs, advance, _dump(arguments))
    save_profile(result, arguments.output)
    print(f"{arguments.output}: ranges of {len(result.ranges)} values over {sample_count(inputs)} samples")
    return 0


def compile_(arguments: argparse.Namespace) -> int:
    """Write a bundle."""
    from tinyglow.boards import load_board
    from tinyglow.pipeline.stations import emit
    from tinyglow.report.tables import print_bundle

    board = load_board(arguments.board)
    program = _program(arguments, arguments.name)
    files = emit(program, arguments.output, board, _dump(arguments))
    print_bundle(program, board, Path(arguments.output), files)
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Run a bundle and print or write what came of it."""
    import numpy as np

    from tinyglow.boards import load_board
    from tinyglow.interp import sample_count
    from tinyglow.pipeline.execute import as_json, simulate
    from tinyglow.report.console import progress
    from tinyglow.report.tables import print_execution

    board, inputs = load_board(arguments.board), _inputs(arguments)
    with progress(f"running on {board.name}", sample_count(inputs)) as advance:
        execution = simulate(arguments.bundle, board, inputs, arguments.cc, advance)
    if arguments.output:
        try:
            with Path(arguments.output).open("wb") as file:
                np.savez(file, allow_pickle=False, **execution.outputs)
        except OSError as error:
            raise InputError(f"cannot write {arguments.output}", [Problem("", error.strerror or str(error))]) from error
    if arguments.json:
        print(json.dumps(as_json(execution), indent=1))
    else:
        print_execution(execution)
    return 0


def verify(arguments: argparse.Namespace) -> int:
    """Compare all targets; 1 if any differs."""
    from dataclasses import asdict

    from tinyglow.boards import load_board
    from tinyglow.interp import sample_count
    from tinyglow.pipeline.compare import verify as compare
    from tinyglow.report.console import progress
    from tinyglow.report.tables import print_comparisons

    board, inputs = load_board(arguments.board), _inputs(arguments)
    program = _program(arguments)
    targets = 1 if board.is_host else 2
    with progress(f"verifying on {board.name}", targets * sample_count(inputs)) as advance:
        comparisons = compare(program, board, inputs, arguments.cc, advance)
    equal = all(comparison.equal for comparison in comparisons)
    if arguments.json:
        print(json.dumps({"equal": equal, "targets": [asdict(comparison) for comparison in comparisons]}, indent=1))
    else:
        print_comparisons(comparisons)
    return 0 if equal else 1


def boards(arguments: argparse.Namespace) -> int:
    """List the boards."""
    from dataclasses import asdict

    from tinyglow.boards import board_names, load_board
    from tinyglow.report.tables import print_boards

    found = [load_board(name) for name in board_names()]
    if arguments.json:
        print(json.dumps([asdict(board) for board in found], indent=1))
    else:
        print_boards(found)
    return 0


def demo(arguments: argparse.Namespace) -> int:
    """The guided tour."""
    from tinyglow.demo.tour import run_demo

    return run_demo(Path(arguments.output) if arguments.output else None, arguments.cc)
