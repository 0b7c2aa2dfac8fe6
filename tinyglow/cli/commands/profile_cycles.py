"""``tinyglow profile-cycles``."""

from __future__ import annotations

import argparse
import json

from tinyglow.cli.options import AddCommand, add_board, add_compiler, add_inputs, add_json, add_trust
from tinyglow.cli.reading import read_inputs
from tinyglow.cli.writing import write_result


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "profile-cycles",
        run,
        "cycles of an inference on a board by layer, function and source line",
        "tinyglow profile-cycles bundle --board frdm-ke16z --input image=digits.npy --svg cycles.svg",
    )
    parser.add_argument("bundle", metavar="DIR", help="the bundle's folder")
    add_board(parser)
    add_inputs(parser)
    parser.add_argument("--weights", choices=("flash", "ram"), default="flash", help="default: %(default)s")
    parser.add_argument(
        "--lines", metavar="N", type=int, default=12, help="source lines to list (default: %(default)s)"
    )
    parser.add_argument("--svg", metavar="OUT.svg", help="draw a picture there")
    add_trust(parser)
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Follow one inference and print where its cycles went."""
    from tinyglow.pipeline.cycle_profile import as_json, profile_cycles
    from tinyglow.report.boards import print_cycles
    from tinyglow.report.flame import flame_svg
    from tinyglow.targets.boards import load_board

    board, inputs = load_board(arguments.board), read_inputs(arguments)
    found = profile_cycles(arguments.bundle, board, inputs, arguments.cc, arguments.weights, arguments.trust)
    if arguments.svg:
        write_result(arguments.svg, flame_svg(found).encode("utf-8"))
    if arguments.json:
        print(json.dumps(as_json(found), indent=1))
    else:
        print_cycles(found, max(0, arguments.lines))
    return 0
