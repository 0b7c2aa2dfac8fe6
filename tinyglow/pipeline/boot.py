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
    """Run the firmware in ``path`` from reset to its end. echo: told of what it prints, as it prints it.

    Raises ToolError for what is no firmware, BoardError if it does not fit, SimulationError for what goes wrong.
    """
    from tinyglow.sim.firmware import Firmware
    from tinyglow.sim.objects import load_program

    if board.is_host:
        raise BoardError("this machine boots no firmware", [Problem("--board host", "is no board", "a board")])
    return Firmware(load_program(path, board), board, echo).run(max_instructions)
