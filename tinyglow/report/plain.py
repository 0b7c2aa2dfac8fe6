"""A table in a file: it needs its columns' widths alone. rich, which draws all other tables, takes long to start."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

WIDTH_OF_A_FILE = 120  # where there is no terminal to tell its width
_BETWEEN = 3
_MARKS = frozenset("[\\:")  # with which rich's markup and emoji begin
_ASKED_FOR = ("FORCE_COLOR", "TTY_COMPATIBLE", "JUPYTER_COLUMNS", "JUPYTER_LINES")  # as if it were a terminal


def cells_of(row: Iterable[object]) -> list[str]:
    """What a table shows of a row: integers with separators."""
    return [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row]


def plain_table(columns: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    """The lines of ``report.tables.table`` without a title, as rich writes them to a file.

    Args:
        columns: Their names; those that begin with ">" are aligned to the right.
        rows: Their cells.

    Returns:
        The text; "" where it is not that simple: too wide, or of characters that may mean something else.
    """
    right = [column.startswith(">") for column in columns]
    lines = [[column.removeprefix(">") for column in columns], *map(cells_of, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    inner = sum(widths) + _BETWEEN * (len(widths) - 1)
    if inner + 2 > WIDTH_OF_A_FILE or not all(_is_plain(cell) for line in lines for cell in line):
        return ""
    shown = []
    for line in lines:
        aligned = zip(line, widths, right, strict=True)
        shown.append((" " * _BETWEEN).join(c.rjust(w) if to_right else c.ljust(w) for c, w, to_right in aligned))
    empty = " " * inner
    return "".join(f" {line} \n" for line in (empty, shown[0], "─" * inner, *shown[1:], empty))


def _is_plain(cell: str) -> bool:
    return cell.isascii() and cell.isprintable() and cell == cell.strip() and not _MARKS & set(cell)


def may_be_terminal(stream: TextIO) -> bool:
    """Whether rich may take a stream for a terminal: one is, and some variables say so of any."""
    return stream.isatty() or any(name in os.environ for name in _ASKED_FOR)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print ``table(columns, rows)``."""
    stream, kept = sys.stdout, list(rows)
    unicode = (stream.encoding or "").lower().startswith("utf")
    if unicode and not may_be_terminal(stream) and (text := plain_table(columns, kept)):
        print(text, end="")
        return
    from tinyglow.report.console import stdout
    from tinyglow.report.tables import table

    stdout().print(table(columns, kept))
