"""Cores that run the bundle's portable C: each as a board with ample memory, for there is no board file of one.

The addresses are those of qemu's machines, as ``info mtree`` lists them: ``virt`` of qemu-system-riscv32; ``sim`` of
qemu-system-xtensa with the core lx106, where code is read-only and reset begins at its first word.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow.errors import BoardError, Problem
from tinyglow.targets.boards import Board
from tinyglow.targets.cores import NO_EMULATOR, PORTABLE
from tinyglow.targets.memories import Memory

_SIZE = 1 << 24  # bytes of each memory
_STACK_BYTES = 1 << 16
_STARTS: Mapping[str, tuple[int, int]] = {
    "riscv32": (0x8000_0000, 0x8100_0000),
    "xtensa": (0x5000_0000, 0x6000_0000),
}


def portable_board(name: str) -> Board:
    """The core of that name, with memory for code and memory for data; BoardError if there is none."""
    if name not in PORTABLE:
        known = f"one of {', '.join(PORTABLE)}; for Arm cores --board"
        raise BoardError(
            f"no target {name!r}", [Problem(f"--target {name}", "unknown", known, NO_EMULATOR.get(name, ""))]
        )
    code, data = _STARTS[name]
    return Board(
        name=name,
        title=PORTABLE[name].title,
        cpu=name,
        clock_hz=0,
        memories=(Memory("code", code, _SIZE, "flash", 0), Memory("data", data, _SIZE, "ram", 0)),
        code_memory="code",
        data_memory="data",
        stack_bytes=_STACK_BYTES,
        float_abi="soft",
    )
