"""``tinyglow run``."""

from __future__ import annotations

import argparse
import io
import json

from tinyglow.cli.options import AddCommand, add_board, add_compiler, add_inputs, add_json, add_placement
from tinyglow.cli.reading import read_inputs
from tinyglow.errors import InputError, Problem
from tinyglow.resources import write_file


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "run",
        run,
        "run a bundle on this machine or an emulated board",
        "tinyglow run bundle --board frdm-ke16z --input image=digits.npy -o answers.npz --json",
    )
    parser.add_argument("bundle", metavar="DIR", help="the bundle's folder")
    add_board(parser)
    add_inputs(parser)
    parser.add_argument("-o", "--output", metavar="OUT.npz", help="write the outputs there, by placeholder name")
    add_placement(parser)
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run a bundle and print or write what came of it."""
    import numpy as np

    from tinyglow.boards import load_board
    from tinyglow.interp import sample_count
    from tinyglow.pipeline.execute import Options, as_json, simulate
    from tinyglow.report.console import progress
    from tinyglow.report.tables import print_execution

    board, inputs = load_board(arguments.board), read_inputs(arguments)
    with progress(f"running on {board.name}", sample_count(inputs)) as advance:
        options = Options(arguments.weights, arguments.waits)
        execution = simulate(arguments.bundle, board, inputs, arguments.cc, advance, options)
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
