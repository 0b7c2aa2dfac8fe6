"""``tinyglow boards``."""

from __future__ import annotations

import argparse
import json

from tinyglow.cli.options import AddCommand, add_json


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "boards", run, "list the boards, or explain one", "tinyglow boards", "tinyglow boards show frdm-ke16z"
    )
    parser.add_argument("action", nargs="?", choices=("list", "show"), default="list", help="default: %(default)s")
    parser.add_argument("board", metavar="BOARD", nargs="?", help="show: a board's name, or a board file")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List the boards, or show all that is known of one."""
    from dataclasses import asdict

    from tinyglow.errors import InputError, Problem
    from tinyglow.report.boards import print_board
    from tinyglow.report.tables import print_boards
    from tinyglow.targets.boards import board_names, load_board

    if (arguments.action == "show") != bool(arguments.board):
        problem = Problem("boards", f"{arguments.action} {arguments.board or 'and no board'}", "'boards show BOARD'")
        raise InputError("the command is not understood", [problem])
    if arguments.action == "show":
        board = load_board(arguments.board)
        if arguments.json:
            print(json.dumps(asdict(board), indent=1))
        else:
            print_board(board)
        return 0
    found = [load_board(name) for name in board_names()]
    if arguments.json:
        print(json.dumps([asdict(board) for board in found], indent=1))
    else:
        print_boards(found)
    return 0
