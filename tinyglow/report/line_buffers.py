"""What line buffers bring: which layers are computed a few rows at a time, and what that saves and costs."""

from __future__ import annotations

from tinyglow.bundle.rows import rows_of
from tinyglow.ir.program import Program, Region
from tinyglow.lowering.cost import call_cycles


def line_buffer_lines(program: Program, plain: Program, core: str) -> list[str]:
    """Sentences about a program with line buffers.

    Args:
        program: The program, with addresses.
        plain: The same network without line buffers.
        core: What both were made for; "" for no core, of which no cycles are known.

    Returns:
        One line for each chain of layers, and what all of them change; one for the input that may come by rows.
    """
    lines = [f"line buffers: {_named(chain)}" for chain in program.chains]
    before, after = (_ram(one) for one in (plain, program))
    text = f"RAM {after:,} bytes instead of {before:,}, {len(program.calls)} calls instead of {len(plain.calls)}"
    if core:
        before, after = (_cycles(one, core) for one in (plain, program))
        text += f", about {after:,} cycles instead of {before:,} ({after / max(1, before) - 1:+.1%}, predicted)"
    lines.append(f"with line buffers: {text}")
    rows = rows_of(program)
    if rows is not None:
        least = rows.ram + program.sizes[Region.ACTIVATION]
        calls = f"{program.name}_push_rows {rows.pushes} times, {rows.count} rows ({rows.nbytes:,} bytes) each"
        fast = program.sizes[Region.TCM]
        ram = f"RAM {least:,} bytes" + (f" and {fast:,} in fast memory" if fast else "")
        lines.append(f"input by rows: {calls}; {ram}, those of one call's rows among them")
    return lines


def _named(chain: tuple[str, ...]) -> str:
    return f"{len(chain)} layers a few rows at a time, {chain[0]} to {chain[-1]}"


def _ram(program: Program) -> int:
    return program.sizes[Region.MUTABLE] + program.sizes[Region.ACTIVATION]


def _cycles(program: Program, core: str) -> int:
    return sum(call_cycles(program, call, core) or 0 for call in program.calls)
