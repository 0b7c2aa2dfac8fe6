"""``tinyglow run-bundle``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.golden_file import golden_arrays
from tinyglow.cli.options import AddCommand, add_compiler, add_inputs, add_json, add_placement, add_trust
from tinyglow.cli.reading import read_inputs
from tinyglow.cli.writing import write_outputs
from tinyglow.errors import InputError, Problem

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array
    from tinyglow.targets.boards import Board


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "run-bundle",
        run,
        "inspect and run any Glow bundle of machine code on an emulated core",
        "tinyglow run-bundle glow_bundle --cpu cortex-m7 --input image=digits.npy",
        "tinyglow run-bundle glow_bundle --board mimxrt1060-evk --golden io.npz --with my_bundle",
    )
    parser.add_argument("bundle", metavar="DIR", nargs="?", help="folder with the object, the header and the weights")
    parser.add_argument("--object", metavar="FILE", help="the code: an object, an archive or a linked program")
    parser.add_argument("--header", metavar="FILE", help="the header that Glow wrote")
    parser.add_argument("--weights-file", metavar="FILE", help="the weights: .bin, .txt or a C file with an array")
    parser.add_argument("--entry", metavar="NAME", help="the function to call, if the header declares several")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--board", metavar="BOARD", help="a board ('tinyglow boards' lists them), or a board file")
    where.add_argument("--cpu", metavar="CPU", help="a core with ample memory, such as cortex-m7")
    add_inputs(parser, required=False, by_name=True)
    parser.add_argument(
        "--golden", metavar="IO.npz", help="inputs and right answers: arrays 'input.NAME', 'output.NAME' or 'NAME'"
    )
    parser.add_argument(
        "--key", metavar="NAME=ARRAY", action="append", default=[], help="the golden file's array for a placeholder"
    )
    parser.add_argument("--vectors", metavar="N", type=int, help="run the first N samples only")
    parser.add_argument("--with", dest="other", metavar="DIR", help="tinyglow's bundle of the same model, to compare")
    parser.add_argument(
        "--disassemble",
        metavar="FUNCTION",
        nargs="?",
        const="all",
        help="list the machine code of a function, or of all",
    )
    parser.add_argument(
        "--max-instructions", metavar="N", type=int, default=2_000_000_000, help="stop after (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", metavar="OUT.npz", help="write the outputs there, by placeholder name")
    add_placement(parser)
    add_trust(parser)
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run it; 1 if its answers differ from the golden ones."""
    from tinyglow.pipeline.execution import Options
    from tinyglow.pipeline.foreign import find_bundle
    from tinyglow.pipeline.foreign_run import run_bundle
    from tinyglow.report.console import progress
    from tinyglow.report.foreign import foreign_json, print_foreign

    board = _board(arguments)
    folder, *parts = (
        Path(name) if name else None
        for name in (arguments.bundle, arguments.object, arguments.header, arguments.weights_file)
    )
    files = find_bundle(folder, *parts)
    for name in ("vectors", "max_instructions"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            raise InputError("the options are not understood", [Problem(f"--{name.replace('_', '-')}", "is below 1")])
    inputs, expected = _samples(arguments, files.header)
    total = len(next(iter(inputs.values()))) if inputs else 1
    with progress(f"running on {board.name}", total) as advance:
        result = run_bundle(
            files,
            board,
            inputs,
            expected,
            entry=arguments.entry,
            compiler=arguments.cc,
            max_instructions=arguments.max_instructions,
            other=Path(arguments.other) if arguments.other else None,
            listed=arguments.disassemble,
            progress=advance,
            options=Options(arguments.weights, arguments.waits, arguments.trust),
        )
    if arguments.output:
        write_outputs(arguments.output, result.execution.outputs)
    if arguments.json:
        print(json.dumps(foreign_json(result), indent=1))
    else:
        print_foreign(result)
    return 0 if all(like.equal for like in result.likenesses if like.against == "golden") else 1


def _board(arguments: argparse.Namespace) -> Board:
    from tinyglow.pipeline.foreign import study_board
    from tinyglow.targets.boards import load_board

    if arguments.cpu:
        return study_board(arguments.cpu)
    board = load_board(arguments.board)
    if board.is_host:
        problem = Problem("--board host", "runs untrusted code on this machine", "an emulated board")
        raise InputError("a bundle of machine code runs in the emulator only", [problem])
    return board


def _samples(arguments: argparse.Namespace, header: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    """Inputs and right answers, from --input and --golden."""
    inputs = dict(read_inputs(arguments, by_name=True))
    expected: dict[str, Array] = {}
    if arguments.golden:
        for name, (array, is_input) in golden_arrays(arguments.golden, arguments.key, header).items():
            (inputs if is_input else expected).setdefault(name, array)
    elif arguments.key:
        raise InputError("the option --key is not understood", [Problem("--key", "without --golden")])
    if arguments.vectors:
        inputs = {name: array[: arguments.vectors] for name, array in inputs.items()}
        expected = {name: array[: arguments.vectors] for name, array in expected.items()}
    return inputs, expected
