"""``tinyglow boards``."""

from __future__ import annotations

import argparse
import json

from tinyglow.cli.options import AddCommand, add_json


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command("boards", run, "list the boards", "tinyglow boards")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
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
