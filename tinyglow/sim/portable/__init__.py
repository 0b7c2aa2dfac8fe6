"""Run a bundle on an emulated core without a cycle model: RISC-V in unicorn, Xtensa and Cortex-M55 in qemu.

Instructions are counted, cycles are not: there is no cycle model of these cores.
"""

from __future__ import annotations

from tinyglow.sim.image import Image
from tinyglow.sim.portable.machine import PortableMachine
from tinyglow.targets.boards import Board


def open_machine(image: Image, board: Board) -> PortableMachine:
    """The core of ``board`` (``targets.portable``) with a program loaded. Raises ToolError without its emulator."""
    if board.core.emulator == "unicorn":
        from tinyglow.sim.portable.riscv import RiscvMachine

        return RiscvMachine(image, board)
    from tinyglow.sim.portable.qemu import QemuMachine

    return QemuMachine(image, board)
