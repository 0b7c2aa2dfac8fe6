"""``tinyglow fit``."""

from __future__ import annotations

import argparse
import json

from tinyglow.cli.options import (
    AddCommand,
    add_compiler,
    add_inputs,
    add_json,
    add_model,
    add_profile,
    add_scheme,
    add_target,
)
from tinyglow.cli.reading import quantized_of, read_inputs, target_of_options


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "fit",
        run,
        "flash, RAM and time of a network on every board, with its weights in flash and in RAM",
        "tinyglow fit mnist.onnx --define N=1",
    )
    add_model(parser)
    add_profile(parser)
    parser.add_argument(
        "--board", metavar="BOARD", action="append", default=[], help="only this board, or board file; may be repeated"
    )
    add_inputs(parser, required=False, role="of which the first is run (default: made up; times hardly depend on it)")
    add_scheme(parser)
    add_target(parser)
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compile for all boards, run there, and print the table."""
    from tinyglow.errors import InputError, Problem
    from tinyglow.pipeline.fit import PLACEMENTS, as_json, fit, made_up_profile, real_boards
    from tinyglow.report.boards import print_fits
    from tinyglow.report.console import progress
    from tinyglow.targets.boards import load_board

    boards = [load_board(name) for name in arguments.board] or real_boards()
    if any(board.is_host for board in boards):
        raise InputError("this machine is no board to fit", [Problem("--board host", "has no memories to fill")])
    inputs = read_inputs(arguments)
    quantized = quantized_of(arguments, made_up=made_up_profile).quantized
    with progress("fitting", len(boards) * len(PLACEMENTS)) as advance:
        fits = fit(quantized, boards, inputs, arguments.cc, advance, lambda board: target_of_options(arguments, board))
    if arguments.json:
        print(json.dumps(as_json(fits), indent=1))
    else:
        print_fits(fits)
    return 0
