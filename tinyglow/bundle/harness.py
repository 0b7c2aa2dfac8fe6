"""The firmware around a bundle: a ``main.c`` that calls it, the start-up code and the linker script of a board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tinyglow.bundle.render import render
from tinyglow.ir.record import Record
from tinyglow.targets.boards import PRIVATE_PERIPHERALS, Board, Memory
from tinyglow.targets.memory_map import Places, elsewhere, in_data_memory, near_memories, regions

if TYPE_CHECKING:
    from tinyglow.bundle.foreign import AreaSizes

Placement = Literal["flash", "ram"]


class Harness(Record):
    """The files written, and the names under which the firmware's parts are found in its symbol table."""

    main: Path
    startup: Path
    linker_script: Path

    infer = "tg_infer"
    reset = "tg_reset"  # only where the bundle has states
    constant_weight = "tg_constant_weight"
    mutable_weight = "tg_mutable_weight"
    activations = "tg_activations"
    tcm = "tg_tcm"  # only where the bundle wants it

    @property
    def sources(self) -> tuple[Path, Path]:
        """The C files to compile beside the bundle's."""
        return (self.main, self.startup)


_SYMBOLS = {"activations": Harness.activations, "mutable": Harness.mutable_weight}


def write_harness(
    folder: Path,
    net: str,
    board: Board,
    weights: Placement = "flash",
    debug: bool = False,
    places: Places | None = None,
    near: Sequence[str] = (),
) -> Harness:
    """Write ``main.c``, ``startup.c`` and ``link.ld`` for a bundle on a board.

    The compiler must be given the bundle's folder as an include directory: ``main.c`` includes ``<net>.h`` and
    ``<net>.weights.txt``.

    Args:
        folder: Where to write them.
        net: Name of the bundle.
        board: The board.
        weights: Where the weights lie when the network runs: in flash, or in RAM, where start-up code copies them.
        debug: Whether to keep the compiler's table of source lines.
        places: The memory of each area (default: all in the data memory).
        near: The memory of each array of near constants (``BundleInfo.near``); those that the board has not are left
            with the code.

    Returns:
        The files.

    Raises:
        BoardError: The board is the host, which has no memories to link for.
    """
    harness = Harness(folder / "main.c", folder / "startup.c", folder / "link.ld")
    places = places or in_data_memory(board)
    apart = elsewhere(places)
    weights_memory = places.get("weights") if any("weights" in areas for areas in apart.values()) else None
    cleared = {
        name: [_SYMBOLS[area] for area in areas if area != "weights"]
        for name, areas in apart.items()
        if areas != ["weights"]
    }
    apart_constants = near_memories(board, near)
    used = regions(board, places, apart_constants)
    texts = {
        harness.main: render(
            "sim/main.c.j2", net=net, NET=net.upper(), weights_in_ram=weights == "ram", monitored=False
        ),
        harness.startup: render(
            "sim/startup.c.j2",
            board=board,
            hard_float=board.float_abi == "hard",
            cleared=list(cleared),
            weights=weights_memory,
            near=[number for number, memory in apart_constants if memory.kind != "flash"],
        ),
        harness.linker_script: render(
            "sim/link.ld.j2",
            board=board,
            debug=debug,
            code_length=_room_behind(board, board.code),
            regions=[(m, _room_behind(board, m)) for m in used if m.name != board.code_memory],
            net=net,
            near=apart_constants,
            stack=places["stack"],
            tcm=places["tcm"] if places.get("tcm", places["stack"]) != places["stack"] else None,
            weights=weights_memory,
            elsewhere=list(cleared.items()),
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return harness


def write_foreign_harness(
    folder: Path,
    entry: str,
    weights: bytes,
    sizes: AreaSizes,
    board: Board,
    address: int = 0,
    assignments: str = "",
    placement: Placement = "flash",
    places: Places | None = None,
) -> tuple[Harness, Path]:
    """Write a harness around machine code: nothing of the bundle is compiled, and its header is not included.

    Args:
        folder: Where to write it.
        entry: Name of the bundle's function, or "" if ``address`` says where it is.
        weights: The weights.
        sizes: Bytes of each area.
        board: The board.
        address: Of the bundle's function.
        assignments: Commands for the linker.
        placement: Where the weights lie when the network runs.
        places: The memory of each area.

    Returns:
        The files; and the assembly file with the weights.
    """
    harness = write_harness(folder, "net", board, places=places)
    values = {"alignment": sizes.alignment, "mutable": sizes.mutable, "activations": sizes.activations}
    values["tcm"] = sizes.tcm
    main = render("sim/foreign_main.c.j2", entry=entry, address=address and address | 1, **values)
    harness.main.write_text(main, encoding="utf-8", newline="\n")
    with harness.linker_script.open("a", encoding="utf-8", newline="\n") as script:
        script.write(assignments)
    (folder / "weights.bin").write_bytes(weights)
    assembly = folder / "weights.s"
    text = render("sim/foreign_weights.s.j2", alignment=sizes.alignment, in_ram=placement == "ram")
    assembly.write_text(text, encoding="utf-8", newline="\n")
    return harness, assembly


def _room_behind(board: Board, memory: Memory) -> int:
    """Bytes from a memory's start to the next memory: where a program that does not fit may still be linked."""
    limits = [other.start for other in board.memories if other.start > memory.start]
    return min([*limits, PRIVATE_PERIPHERALS]) - memory.start
