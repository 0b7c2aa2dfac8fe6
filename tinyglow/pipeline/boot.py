"""Boot a firmware from a file on an emulated board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.errors import BoardError, Problem
from tinyglow.targets.boards import Board

if TYPE_CHECKING:
    from tinyglow.sim.firmware import Boot


def boot(path: Path, board: Board, max_instructions: int, echo: Callable[[str], None] | None = None) -> Boot:
    """Run a firmware from reset to its end.

    Args:
        path: The linked program.
        board: The emulated board.
        max_instructions: A limit.
        echo: Is called with what it prints, as it prints it.

    Returns:
        What it printed and how it ended.

    Raises:
        ToolError: The file is no firmware.
        BoardError: It does not fit the board.
        SimulationError: It faults, or does not end.
    """
    from tinyglow.sim.firmware import Firmware
    from tinyglow.sim.objects import load_program

    if board.is_host:
        raise BoardError("this machine boots no firmware", [Problem("--board host", "is no board", "a board")])
    return Firmware(load_program(path, board), board, echo).run(max_instructions)
