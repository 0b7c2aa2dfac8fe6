"""Which constants lie in which memory, as ``compile --place`` says."""

from __future__ import annotations

from tinyglow.ir.program import CONSTANTS, Program, Region
from tinyglow.lowering.traffic import buffer_traffic
from tinyglow.report.console import stdout
from tinyglow.report.tables import table
from tinyglow.targets.boards import Board


def print_near(program: Program, board: Board) -> None:
    """Each constant, where it lies and how much of it is read; nothing if none was placed."""
    if not program.near:
        return
    memories = {Region.CONSTANT: board.code, **{region: board.memory(name) for region, name in program.near.items()}}
    traffic = buffer_traffic(program)
    constants = [buffer for buffer in program.buffers.values() if buffer.region in CONSTANTS]
    total = max(1, sum(traffic[buffer.name] for buffer in constants))
    rows: list[tuple[object, ...]] = []
    for region, memory in sorted(memories.items(), key=lambda item: (item[0] is Region.CONSTANT, item[0].value)):
        own = sorted((b for b in constants if b.region is region), key=lambda b: (-traffic[b.name], b.name))
        where, waits = memory.name, memory.wait_states
        for buffer in own:
            read = traffic[buffer.name]
            rows.append((buffer.name, where, waits, buffer.type.nbytes, read, f"{read / total:.1%}"))
        size = sum(buffer.type.nbytes for buffer in own)
        read = sum(traffic[buffer.name] for buffer in own)
        rows.append((f"(all in {where})", "", "", size, read, f"{read / total:.1%}"))
    stdout().print(table(("constant", "memory", ">wait states", ">bytes", ">read", ">of all"), rows))
