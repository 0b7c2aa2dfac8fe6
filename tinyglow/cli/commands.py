"""What each command does: read its files, call the API, hand the result to ``report``.

Modules that take long to import are imported by the command that needs them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.errors import InputError, Problem
from tinyglow.resources import write_file

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array, Graph
    from tinyglow.ir.program import Program
    from tinyglow.quant.profile import Profile
    from tinyglow.quant.quantizer import Scheme


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
    bad = [name for name, value in pairs.items() if not re.fullmatch(r"0*[1-9][0-9]{0,8}", value)]
    if bad:
        expected = "an integer from 1 to 999999999"
        problems = [Problem(f"--define {name}={pairs[name][:80]}", "is not a size", expected) for name in bad]
        raise InputError("the option --define is not understood", problems)
    return {name: int(value) for name, value in pairs.items()}


def _mapped(path: str) -> Array:
    """A .npy file, mapped: a header that promises more than the file holds is an error and not an allocation."""
    import numpy as np

    try:
        with np.errstate(all="ignore"):
            array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a damaged header raises whatever Python's own parser does
        raise ValueError(f"is damaged, or no array of numbers: {error}") from error
    return array


def _load_array(path: str) -> Array:
    import numpy as np

    try:
        with open(path, "rb") as file:
            magic = file.read(len(np.lib.format.MAGIC_PREFIX))
        if magic != np.lib.format.MAGIC_PREFIX:
            raise ValueError("is not a .npy file")
        array = _mapped(path)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    if array.dtype.kind not in "fiu":
        raise ValueError(f"holds elements of type {array.dtype}, expected numbers")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            if not np.isfinite(array.astype(np.float32)).all():
                raise ValueError("holds NaN, or values beyond float32")
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

    return load(arguments.model, name, _defines(arguments), arguments.graph == "glow", _dump(arguments))


def _dump(arguments: argparse.Namespace):  # type: ignore[no-untyped-def]  # the type would import the pipeline
    from tinyglow.pipeline.stations import Dump

    return Dump(Path(arguments.dump) if arguments.dump else None)


def _scheme(arguments: argparse.Namespace) -> Scheme:
    from tinyglow.quant.quantizer import Scheme
    from tinyglow.quant.schema import Schema

    return Scheme(
        schema=Schema(arguments.schema),
        bias_dtype=arguments.bias.lower(),
        channelwise=arguments.channelwise,
        calibrate=arguments.calibration.upper() == "KL",
        calibrate_constants=arguments.calibrate_constants,
        keep_float=frozenset(name for name in arguments.keep_float.split(",") if name),
        like_glow=arguments.graph == "glow",
    )


@dataclass(frozen=True)
class _Compiled:
    """Stations 1 to 7, and what they were given."""

    graph: Graph
    profile: Profile
    scheme: Scheme
    quantized: Graph
    program: Program


def _compiled(arguments: argparse.Namespace, name: str | None = None) -> _Compiled:
    from tinyglow.pipeline.stations import lower, quantize
    from tinyglow.quant.profile import load_profile

    dump, scheme = _dump(arguments), _scheme(arguments)
    graph = _graph(arguments, name)
    recorded = load_profile(arguments.profile)
    quantized = quantize(graph, recorded, scheme, arguments.float_io, dump)
    return _Compiled(graph, recorded, scheme, quantized, lower(quantized, dump))


def profile(arguments: argparse.Namespace) -> int:
    """Write a profile."""
    from tinyglow.interp import sample_count
    from tinyglow.pipeline.stations import profile as profile_graph
    from tinyglow.quant.profile import save_profile
    from tinyglow.report.console import progress

    graph, inputs = _graph(arguments), _inputs(arguments)
    with progress("profiling", sample_count(inputs)) as advance:
        result = profile_graph(graph, inputs, arguments.bins, advance, _dump(arguments))
    save_profile(result, arguments.output)
    print(f"{arguments.output}: ranges of {len(result.ranges)} values over {sample_count(inputs)} samples")
    return 0


def compile_(arguments: argparse.Namespace) -> int:
    """Write a bundle."""
    from tinyglow.boards import load_board
    from tinyglow.pipeline.stations import emit
    from tinyglow.report.tables import print_bundle

    board = load_board(arguments.board)
    compiled = _compiled(arguments, arguments.name)
    program = compiled.program
    files = emit(program, arguments.output, board, _dump(arguments))
    print_bundle(program, board, Path(arguments.output), files)
    if arguments.explain_quantization:
        from tinyglow.report.explain import explain
        from tinyglow.report.tables import print_decisions

        print_decisions(explain(compiled.graph, compiled.profile, compiled.scheme, compiled.quantized, program))
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
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **execution.outputs)
        try:
            write_file(arguments.output, content.getvalue())
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
    program = _compiled(arguments).program
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


def crosscheck(arguments: argparse.Namespace) -> int:
    """Compare with a recording of the real Glow; 1 on any difference."""
    from tinyglow.boards import load_board
    from tinyglow.pipeline.crosscheck import crosscheck as compare
    from tinyglow.report.tables import print_crosscheck

    boards_ = {load_board(name): arguments.cc for name in arguments.board}
    result = compare(arguments.golden, arguments.model, arguments.profile, _defines(arguments), boards_)
    if arguments.json:
        print(json.dumps(result.as_json(), indent=1))
    else:
        print_crosscheck(result, arguments.layers)
    return 0 if result.equal else 1
