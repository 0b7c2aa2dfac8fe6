"""The program around a bundle on a core without a cycle model: ``main.c``, start-up code, monitor and linker script.

The monitor reads and writes memory and calls functions at the command of ``sim.portable.qemu``; ``sim.portable.riscv``
does without it, and calls functions itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyglow.bundle.render import render
from tinyglow.resources import TEMPLATES
from tinyglow.targets.boards import Board

FOLDER = TEMPLATES / "sim" / "portable"
_STARTS: Mapping[str, tuple[str, ...]] = {
    "riscv32": ("start_riscv32.c", "io_semihosting.c"),
    "xtensa": ("start_xtensa.S", "io_xtensa.c"),
    "cortex-m55": ("start_cortex_m55.c", "io_semihosting.c"),
}
_UNCHANGED = ("monitor.c", "monitor.h")


@dataclass(frozen=True)
class PortableHarness:
    """The files written: C and assembly to compile beside the bundle's, and the linker script."""

    sources: tuple[Path, ...]
    linker_script: Path

    nothing = "tg_nothing"  # a function that does nothing
    stack_end = "tg_stack_end"
    stack_top = "tg_stack_top"


def write_portable_harness(folder: Path, net: str, board: Board) -> PortableHarness:
    """Write the program around the bundle ``net`` for a core of ``targets.portable``.

    The compiler must be given the bundle's folder as an include directory.
    """
    starts = _STARTS[board.cpu]
    texts = {name: (FOLDER / name).read_text(encoding="utf-8") for name in (*starts, *_UNCHANGED)}
    texts["main.c"] = render("sim/main.c.j2", net=net, NET=net.upper(), weights_in_ram=False, monitored=True)
    texts["link.ld"] = render("sim/portable/link.ld.j2", board=board)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    sources = ("main.c", "monitor.c", *starts)
    return PortableHarness(tuple(folder / name for name in sources), folder / "link.ld")
