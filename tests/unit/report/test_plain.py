"""Tables in files are those that rich writes there."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tinyglow.report.plain import WIDTH_OF_A_FILE, plain_table, print_table
from tinyglow.report.tables import table

_Table = tuple[tuple[str, ...], list[tuple[object, ...]]]

_TABLES: tuple[_Table, ...] = (
    (("memory", ">bytes"), [("constantWeight", 2160), ("a", 0), ("", 1234567)]),
    (("a", ">b", "c"), [("x" * 60, "y y", 1.5), ("", None, True), ("p(q)*", "-1,5;", "{}/")]),
    (("one",), []),
    ((">right", ""), [("x" * 10, "z" * (WIDTH_OF_A_FILE - 15))]),
)
_NOT_PLAIN: tuple[_Table, ...] = (
    (("a",), [("x" * WIDTH_OF_A_FILE,)]),
    (("a", "b"), [("[bold]", ":smile:")]),
    (("a",), [("é",)]),
    (("a",), [(" a",)]),
    (("a",), [("a\nb",)]),
)


def _by_rich(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    stream = io.StringIO()
    Console(highlight=False, width=WIDTH_OF_A_FILE, file=stream).print(table(columns, rows))
    return stream.getvalue()


@pytest.mark.parametrize(("columns", "rows"), _TABLES)
def test_a_plain_table_is_that_of_rich(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Line by line, blanks at their ends included."""
    assert plain_table(columns, rows).splitlines() == _by_rich(columns, rows).splitlines()


@pytest.mark.parametrize(("columns", "rows"), (*_TABLES, *_NOT_PLAIN))
def test_a_file_gets_what_rich_writes(
    columns: tuple[str, ...], rows: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the table holds, and whether this module or rich writes it."""
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdout", stream)
    print_table(columns, rows)
    stream.flush()
    assert stream.buffer.getvalue().decode() == _by_rich(columns, rows)


@pytest.mark.parametrize(("columns", "rows"), _NOT_PLAIN)
def test_other_tables_are_left_to_rich(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Too wide, markup, other letters, blanks that count, more than one line."""
    assert plain_table(columns, rows) == ""


def test_where_other_characters_fail_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream in ASCII, which rich draws with other lines."""
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", newline="\n")
    monkeypatch.setattr("sys.stdout", stream)
    print_table(("a",), [(1,)])
    stream.flush()
    assert stream.buffer.getvalue().isascii()
