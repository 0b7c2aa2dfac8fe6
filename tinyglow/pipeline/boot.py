"""Boot a firmware from a file on an emulated board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.boards import Board
from tinyglow.errors import BoardError, Problem, ToolError

if TYPE_CHECKING:
    from tinyglow.sim.firmware import Boot


def boot(path: Path, board: Board, max_instructions: int, echo: Callable[[str], None] | None = None) -> Boot:
    """Run the firmware in ``path`` from reset to its end. echo: told of what it prints, as it prints it.

    Raises ToolError for what is no firmware, BoardError if it does not fit, SimulationError for what goes wrong.
    """
    from tinyglow.sim.elf import EXECUTABLE
    from tinyglow.sim.firmware import Firmware
    from tinyglow.sim.image import load_image
    from tinyglow.sim.objects import load_code

    if board.is_host:
        raise BoardError("this machine boots no firmware", [Problem("--board host", "is no board", "a board")])
    code = load_code(path)  # reads warily, and knows what other machines' files are
    if len(code.objects) != 1 or code.objects[0].kind != EXECUTABLE:
        raise ToolError(f"{path.name} is no firmware", [Problem(str(path), "is not linked", "a linked program")])
    return Firmware(load_image(path), board, echo).run(max_instructions)
