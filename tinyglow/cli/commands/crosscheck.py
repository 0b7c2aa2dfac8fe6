"""``tinyglow crosscheck``."""

from __future__ import annotations

import argparse
import json

from tinyglow.cli.options import AddCommand, add_compiler, add_json
from tinyglow.cli.reading import defines


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "crosscheck",
        run,
        "compare with a recording of the real Glow (exit status 1 on any difference)",
        "tinyglow crosscheck golden/mnist/asymmetric --model mnist.onnx",
    )
    parser.add_argument("golden", metavar="GOLDEN_DIR", help="one configuration's folder of the recording")
    parser.add_argument("--model", metavar="MODEL", required=True, help="the network, an ONNX or TFLite file")
    parser.add_argument("--profile", metavar="FILE", help="ranges (default: those recorded with it)")
    parser.add_argument("--define", metavar="N=1", action="append", default=[], help="size of a symbolic dimension")
    parser.add_argument("--board", metavar="BOARD", action="append", default=[], help="also run it there")
    parser.add_argument("--layers", action="store_true", help="list every value, not the differing ones alone")
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare with a recording of the real Glow; 1 on any difference."""
    from tinyglow.pipeline.crosscheck import crosscheck as compare
    from tinyglow.report.tables import print_crosscheck
    from tinyglow.targets.boards import load_board

    boards_ = {load_board(name): arguments.cc for name in arguments.board}
    result = compare(arguments.golden, arguments.model, arguments.profile, defines(arguments), boards_)
    if arguments.json:
        print(json.dumps(result.as_json(), indent=1))
    else:
        print_crosscheck(result, arguments.layers)
    return 0 if result.equal else 1
