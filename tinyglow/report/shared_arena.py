"""What several networks with a shared arena take, as a table for people."""

from __future__ import annotations

import sys
from pathlib import Path

from tinyglow.pipeline.shared_arena import SharedArena
from tinyglow.report.console import stdout
from tinyglow.report.tables import table
from tinyglow.targets.boards import Board


def print_shared(made: SharedArena, folder: Path, board: Board) -> None:
    """The sizes of each network, of all by themselves, and of all together; how much of the kernels is shared."""
    print(f"{folder}: {len(made.infos)} networks '{made.project}' for {board.title}")
    has_tcm = any(info.tcm for info in made.infos)
    sizes, infos = made.sizes, made.infos
    rows = [(info.name, info.constant, info.mutable, info.activations, info.tcm) for info in infos]
    activations, tcm = sum(info.activations for info in infos), sum(info.tcm for info in infos)
    rows.append(("by themselves", sizes.constant, sizes.mutable, activations, tcm))
    rows.append(("together", sizes.constant, sizes.mutable, sizes.activations, sizes.tcm))
    columns = ["bytes", ">weights", ">placeholders and states", ">activations", *([">tcm"] if has_tcm else [])]
    stdout().print(table(columns, [row[: len(columns)] for row in rows]))
    saved = activations + tcm - sizes.activations - sizes.tcm
    print(f"RAM: {sizes.ram:,} bytes, {saved:,} fewer than with a buffer for each network")
    every = [name for kernels in made.kernels for name in kernels]
    print(f"kernels: {len(set(every))} files, where the networks by themselves have {len(every)}")
    print(f"{made.project}.h has the table of networks; build every .c file of the folder")
    for note in made.notes:
        print(f"note: {note}", file=sys.stderr)
