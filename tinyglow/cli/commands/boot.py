"""``tinyglow boot``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tinyglow.cli.options import AddCommand, add_board, add_json
from tinyglow.errors import InputError, Problem


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "boot",
        run,
        "boot a firmware on an emulated board and show what it prints",
        "tinyglow boot firmware/build/firmware.elf --board mps2-an500",
    )
    parser.add_argument("firmware", metavar="ELF", help="the linked program, for example of 'tinyglow deploy'")
    add_board(parser)
    parser.add_argument(
        "--max-instructions", metavar="N", type=int, default=2_000_000_000, help="stop after (default: %(default)s)"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Boot it; 1 if it says that it failed."""
    from tinyglow.pipeline.boot import boot
    from tinyglow.targets.boards import load_board

    board = load_board(arguments.board)
    if arguments.max_instructions < 1:
        raise InputError("the options are not understood", [Problem("--max-instructions", "is below 1")])

    def show(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    result = boot(Path(arguments.firmware), board, arguments.max_instructions, None if arguments.json else show)
    figures = {"status": result.status, "cycles": result.cycles, "instructions": result.instructions}
    if arguments.json:
        print(json.dumps({"output": result.output, **figures}, indent=1))
    else:
        end = "went to sleep" if result.status is None else f"ended with status {result.status}"
        times = f"{result.cycles:,} cycles, {result.instructions:,} instructions, {board.seconds(result.cycles):.3f} s"
        print(f"\n{board.title}: {end} after {times}")
    return 1 if result.status else 0
