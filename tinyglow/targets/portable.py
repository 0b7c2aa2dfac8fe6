"""Cores without a cycle model: each as a board with ample memory, for there is no board file of one.

The addresses are those of qemu's machines, as ``info mtree`` lists them: ``virt`` of qemu-system-riscv32; ``sim`` of
qemu-system-xtensa with the core lx106, where code is read-only and reset begins at its first word; ``mps3-an547`` of
qemu-system-arm, whose secure DDR memory has room for code and data, and whose vectors lie in the ITCM.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow.errors import BoardError, Problem
from tinyglow.targets.boards import Board
from tinyglow.targets.cores import NO_EMULATOR, PORTABLE
from tinyglow.targets.memories import Memory

VECTORS = "vectors"  # the memory that reset and exceptions are looked up in, where that is one of its own
_SIZE = 1 << 24  # bytes of each memory
_STACK_BYTES = 1 << 16
_STARTS: Mapping[str, tuple[int, int]] = {
    "riscv32": (0x8000_0000, 0x8100_0000),
    "xtensa": (0x5000_0000, 0x6000_0000),
    "cortex-m55": (0x7000_0000, 0x7100_0000),
}
_VECTORS: Mapping[str, int] = {"cortex-m55": 0x1000_0000}
_VECTORS_SIZE = 1 << 10  # bytes


def portable_board(name: str) -> Board:
    """The core of that name, with memory for code and memory for data; BoardError if there is none."""
    if name not in PORTABLE:
        known = f"one of {', '.join(PORTABLE)}; for other Arm cores --board"
        raise BoardError(
            f"no target {name!r}", [Problem(f"--target {name}", "unknown", known, NO_EMULATOR.get(name, ""))]
        )
    code, data = _STARTS[name]
    memories = [Memory("code", code, _SIZE, "flash", 0), Memory("data", data, _SIZE, "ram", 0)]
    if name in _VECTORS:
        memories.append(Memory(VECTORS, _VECTORS[name], _VECTORS_SIZE, "flash", 0))
    return Board(
        name=name,
        title=PORTABLE[name].title,
        cpu=name,
        clock_hz=0,
        memories=tuple(memories),
        code_memory="code",
        data_memory="data",
        stack_bytes=_STACK_BYTES,
        float_abi="hard" if PORTABLE[name].fpu else "soft",
    )
