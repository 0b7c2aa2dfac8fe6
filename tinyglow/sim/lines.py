"""Which line of which source file an instruction comes from, by the table that a compiler writes on demand (DWARF)."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyglow.errors import Problem, ToolError
from tinyglow.sim import missing_package
from tinyglow.sim.image import Image

try:
    from elftools.common.exceptions import DWARFError, ELFError
    from elftools.elf.elffile import ELFFile
except ImportError as error:
    raise missing_package("pyelftools") from error


@dataclass(frozen=True, order=True)
class Line:
    """A line of a source file, counted from 1; the file without its folder."""

    file: str
    number: int


class LineTable:
    """Looks up addresses."""

    def __init__(self, rows: list[tuple[int, int, Line]]) -> None:
        """Take rows of (first address, first address after it, line)."""
        self._rows = sorted(rows)
        self._starts = [row[0] for row in self._rows]

    def at(self, address: int) -> Line | None:
        """The line of an instruction, None if the table does not say."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        _, end, line = self._rows[index]
        return line if address < end else None


def read_lines(image: Image) -> LineTable:
    """The table of a firmware that was built with it, empty otherwise. Raises ToolError if it is damaged."""
    starts = {function.address for function in image.functions}
    try:
        with image.path.open("rb") as file:
            elf = ELFFile(file)
            if not elf.has_dwarf_info():
                return LineTable([])
            dwarf = elf.get_dwarf_info()
            rows: list[tuple[int, int, Line]] = []
            for unit in dwarf.iter_CUs():
                program = dwarf.line_program_for_CU(unit)
                for run in _runs(program) if program is not None else ():
                    # Functions that the linker dropped stay in the table, as if they lay at 0.
                    rows += run if run and run[0][0] in starts else []
            return LineTable(rows)
    except (OSError, ELFError, DWARFError, KeyError, IndexError, ValueError) as error:
        problem = Problem(str(image.path), f"{type(error).__name__}: {error}")
        raise ToolError("cannot read the table of source lines", [problem]) from error


def _runs(program: Any) -> Iterator[list[tuple[int, int, Line]]]:
    """Stretches of consecutive instructions; each function is one, as each has a section of its own."""
    run: list[tuple[int, int, Line]] = []
    last = None
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if last is not None and state.address > last.address:
            # Line 0: the compiler cannot tell. What it put before it is the best guess.
            line = _line(program, last) if last.line or not run else run[-1][2]
            run.append((last.address, state.address, line))
        last = state
        if state.end_sequence:
            yield run
            run, last = [], None


def _line(program: Any, state: Any) -> Line:
    header = program.header
    names = header["file_entry"]
    number = state.file - (0 if header["version"] >= 5 else 1)
    name = names[number].name.decode("utf-8", "replace") if 0 <= number < len(names) else "?"
    return Line(Path(name.replace("\\", "/")).name, int(state.line))
