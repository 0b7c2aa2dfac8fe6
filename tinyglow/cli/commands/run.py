"""``tinyglow run``."""

from __future__ import annotations

import argparse
import json

from tinyglow.cli.options import (
    AddCommand,
    add_board_or_core,
    add_compiler,
    add_inputs,
    add_json,
    add_placement,
    add_sequence,
    add_trust,
)
from tinyglow.cli.reading import board_of, read_inputs
from tinyglow.cli.writing import write_outputs


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "run",
        run,
        "run a bundle on this machine or an emulated board",
        "tinyglow run bundle --board frdm-ke16z --input image=digits.npy -o answers.npz --json",
    )
    parser.add_argument("bundle", metavar="DIR", help="the bundle's folder")
    add_board_or_core(parser)
    add_inputs(parser)
    add_sequence(parser)
    parser.add_argument("-o", "--output", metavar="OUT.npz", help="write the outputs there, by placeholder name")
    add_placement(parser)
    add_trust(parser)
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run a bundle and print or write what came of it."""
    from tinyglow.interp import sample_count
    from tinyglow.pipeline.execute import simulate
    from tinyglow.pipeline.execution import Options, as_json
    from tinyglow.report.console import progress
    from tinyglow.report.tables import print_execution

    board, inputs = board_of(arguments), read_inputs(arguments)
    with progress(f"running on {board.name}", sample_count(inputs)) as advance:
        options = Options(arguments.weights, arguments.waits, arguments.trust)
        execution = simulate(arguments.bundle, board, inputs, arguments.cc, advance, options, arguments.sequence)
    if arguments.output:
        write_outputs(arguments.output, execution.outputs)
    if arguments.json:
        print(json.dumps(as_json(execution), indent=1))
    else:
        print_execution(execution)
    return 0
