"""What only some bundles have: the table of the dynamic interface, the weights in assembly, an input by rows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from tinyglow.checker.findings import BrokenError, Findings
from tinyglow.checker.grammar import Lines
from tinyglow.checker.memory import Area
from tinyglow.checker.source import ROWS, Source, without_comments


def interface_files(net: str) -> tuple[str, str]:
    """Their names."""
    return f"{net}_config.c", f"{net}.weights.S"


def check_interface(net: str, name: str, text: str, areas: Mapping[str, Area], weights: int) -> None:
    """Check one of these files.

    Args:
        net: The network's name.
        name: The file's.
        text: Its text.
        areas: The network's buffers.
        weights: Bytes of its constants.

    Raises:
        BrokenError: It says something else than the network's C does.
    """
    lines = Lines(name, without_comments(text))
    if name.endswith(".c"):
        _check_table(net, lines, areas)
    else:
        _check_assembly(net, lines, weights)
    lines.end()


def _check_table(net: str, lines: Lines, areas: Mapping[str, Area]) -> None:
    """Placeholders with their places and elements; sizes of memories by the header's macros."""
    big = net.upper()
    count = lines.need(
        rf'#include "{net}\.h"', rf"static const SymbolTableEntry {net}SymbolTable\[(\d{{1,6}})\] = \{{"
    )[1]
    entries = lines.many(r'    \{"(\w+)", (\d{1,10}), (\d{1,10}), 1\},')
    for name, offset, elements in ((entry[1], int(entry[2]), int(entry[3])) for entry in entries):
        area = areas.get(name)
        if area is None or area.memory != "mutableWeight" or area.offset != offset or not 0 < elements <= area.size:
            raise BrokenError(lines.name, f"has {name[:60]} at {offset}, {elements} elements", "what the network has")
    lines.need(
        r"\};",
        rf"BundleConfig {net}_config = \{{",
        rf"    {big}_CONSTANT_MEM_SIZE, {big}_MUTABLE_MEM_SIZE, {big}_ACTIVATIONS_MEM_SIZE,",
        rf"    {big}_MEM_ALIGN,",
        rf"    {len(entries)},",
        rf"    {net}SymbolTable,",
        r"\};",
    )
    if int(count) != len(entries):
        raise BrokenError(lines.name, f"has {len(entries)} entries in a table of {count}")


def _check_assembly(net: str, lines: Lines, weights: int) -> None:
    """The bytes of ``weights.bin``, at a multiple of 4."""
    section = r"    \.section [-\w,.%\" ]+"
    name = rf"#define SYMBOL _?{net}_weights"
    lines.need(r"#if defined\(__APPLE__\)", name, section, r"#elif defined\(_WIN32\)", r"#if defined\(__i386__\)", name)
    lines.need("#else", name, "#endif", section, "#else", name, section, r"    \.type SYMBOL, %object")
    lines.need(rf"    \.size SYMBOL, {weights}", "#endif")
    alignment = int(lines.need(r"    \.balign (\d{1,6})")[1])
    if alignment < 4 or alignment % 4:
        raise BrokenError(lines.name, f"aligns the weights to {alignment} bytes", "a multiple of 4")
    lines.need(r"    \.globl SYMBOL", "SYMBOL:", rf'    \.incbin "{net}\.weights\.bin"')
    lines.need(r"#if defined\(__ELF__\)", section, "#endif")


def check_rows(net: str, source: Source, areas: Mapping[str, Area], found: Findings) -> None:
    """Pushes take the input from its first byte on, and none beside it; what else lies in mutableWeight lies before it.

    So it stays inside of the memory that the header asks for where the input has no place.
    """
    if source.pushed is None:
        return
    (pushes, label, nbytes), where, big = source.pushed, f"{net}_push_rows", net.upper()
    area, macros = areas.get(label.removeprefix(f"{net}_at_")), source.macros
    if not found.require(area is not None and area.memory == "mutableWeight", where, f"takes {label[:80]}", "an input"):
        return
    assert area is not None
    readers = [call for call in source.calls if any(argument.memory == ROWS for argument in call.arguments)]
    found.require(len(readers) == pushes, where, f"has {len(readers)} calls that read rows", f"{pushes}")
    for number, call in enumerate(readers):
        count, left = call.get("count", 0), area.size - number * nbytes
        copies = call.kernel == "tg_copy_s8" and count == min(nbytes, left)
        found.require(copies, call.where, f"takes {count} bytes of push {number}", f"a copy of {min(nbytes, left)}")
    stated = {"PUSHES": pushes, "ROWS_MEM_SIZE": nbytes, "PUSH_MUTABLE_MEM_SIZE": area.offset}
    # A row is the largest part of the input, along one of its dimensions, of which a push takes whole ones.
    shape = [int(size) for size in re.findall(r"[1-9]\d*", macros.get(f"{big}_{area.name}_SHAPE", ""))]
    parts = (area.size // math.prod(shape[: axis + 1]) for axis in range(len(shape)))
    row = next((part for part in parts if part and nbytes % part == 0), None)
    if row is not None:
        whole = math.prod(shape) in (area.size, area.size // 2, area.size // 4)
        found.require(whole, f"{net}.h", f"says a shape of {math.prod(shape)} numbers", f"those of {area.size} bytes")
        stated["PUSH_ROWS"] = nbytes // row
    else:  # names of a header may meet, and then it says no shape
        rows = macros.get(f"{big}_PUSH_ROWS", "")
        divides = rows.isdecimal() and 0 < int(rows) <= nbytes and nbytes % int(rows) == 0
        found.require(divides, f"{net}.h", f"says {rows[:20] or 'nothing'} for PUSH_ROWS", f"a part of {nbytes}")
    for name, value in stated.items():
        text = macros.get(f"{big}_{name}", "nothing")
        found.require(text == str(value), f"{net}.h", f"says {text[:20]} for {name}", f"{value}")
    for other in areas.values():
        before = other.memory != "mutableWeight" or other.end <= area.offset or other.name == area.name
        found.require(
            before, f"buffer {other.name}", f"ends at byte {other.end}", f"before the input, at {area.offset}"
        )
