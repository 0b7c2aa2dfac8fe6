"""``tinyglow crosscheck``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from tinyglow.cli.options import AddCommand, add_compiler, add_json
from tinyglow.cli.reading import defines
from tinyglow.errors import InputError, Problem

if TYPE_CHECKING:
    from tinyglow.targets.boards import Board


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "crosscheck",
        run,
        "compare with recordings of the real Glow (exit status 1 on any difference)",
        "tinyglow crosscheck golden/mnist/asymmetric --model mnist.onnx",
    )
    parser.add_argument("golden", metavar="GOLDEN_DIR", nargs="?", help="one configuration's folder of a recording")
    parser.add_argument("--model", metavar="MODEL", help="the network, an ONNX or TFLite file")
    parser.add_argument("--profile", metavar="FILE", help="ranges (default: those recorded with it)")
    parser.add_argument("--define", metavar="N=1", action="append", default=[], help="size of a symbolic dimension")
    parser.add_argument("--board", metavar="BOARD", action="append", default=[], help="also run it there")
    parser.add_argument("--layers", action="store_true", help="list every value, not the differing ones alone")
    parser.add_argument(
        "--all",
        metavar="DIR",
        dest="tree",
        help="all recordings below this folder, each with the model beside it: how many agree, and why others do not",
    )
    parser.add_argument(
        "--models", metavar="DIR", help="with --all: CASE.onnx or CASE.tflite of recordings that have none beside them"
    )
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare with one recording of the real Glow, or with all of a tree; 1 on any difference."""
    from tinyglow.pipeline.crosscheck import crosscheck as compare
    from tinyglow.report.tables import print_crosscheck
    from tinyglow.targets.boards import load_board

    _require_one_form(arguments)
    boards = {load_board(name): arguments.cc for name in arguments.board}
    if arguments.tree is not None:
        return _run_all(arguments, boards)
    result = compare(arguments.golden, arguments.model, arguments.profile, defines(arguments), boards)
    if arguments.json:
        print(json.dumps(result.as_json(), indent=1))
    else:
        print_crosscheck(result, arguments.layers)
    return 0 if result.equal else 1


def _run_all(arguments: argparse.Namespace, boards: dict[Board, str | None]) -> int:
    from tinyglow.pipeline.crosscheck_tree import as_json, crosscheck_all, recordings
    from tinyglow.report.console import progress
    from tinyglow.report.recordings import print_rows

    found = recordings(arguments.tree, arguments.models)
    with progress("comparing", len(found)) as advance:
        rows = list(crosscheck_all(found, boards, advance))
    if arguments.json:
        print(json.dumps(as_json(rows), indent=1))
    else:
        print_rows(rows)
    return 0 if all(row.outcome == "strict" for row in rows) else 1


def _require_one_form(arguments: argparse.Namespace) -> None:
    """Raises InputError unless it is one recording with its model, or a tree without what only one recording has."""
    problems = []
    if arguments.tree is None:
        missing = {"GOLDEN_DIR": arguments.golden, "--model": arguments.model}
        problems += [
            Problem(name, "is missing", "a recording and its model, or --all DIR")
            for name in missing
            if missing[name] is None
        ]
        if arguments.models is not None:
            problems.append(Problem("--models", "goes with --all only", "--model FILE"))
    else:
        single = {
            "GOLDEN_DIR": arguments.golden,
            "--model": arguments.model,
            "--profile": arguments.profile,
            "--define": arguments.define,
            "--layers": arguments.layers,
        }
        problems += [
            Problem(name, "is for one recording", "--all DIR without it", "recordings have their own")
            for name, given in single.items()
            if given
        ]
    if problems:
        raise InputError("the options of crosscheck are not understood", problems)
