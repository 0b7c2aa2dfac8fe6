"""Markdown for the guide's generated parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyglow.demo.exercises import EXERCISES


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; columns whose name begins with ">" are aligned to the right. Integers get thousands' commas."""
    lines = [
        "| " + " | ".join(column.removeprefix(">") for column in columns) + " |",
        "|" + "|".join("--:" if column.startswith(">") else "---" for column in columns) + "|",
    ]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    return "\n".join(lines)


def cell(value: object) -> str:
    """A value as it stands in a table."""
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def code(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def shape(dims: Sequence[int]) -> str:
    """Dimensions as the pages write them."""
    return " x ".join(map(str, dims))


def short(name: str) -> str:
    """A value's name without what all names of the network begin with."""
    return name.removeprefix("sequential_").removeprefix("sequential/").removesuffix(":0")


def exercises(chapter: int) -> str:
    """The questions at the end of a chapter."""
    found = [one for one in EXERCISES if one.chapter == chapter]
    parts = []
    for one in found:
        task = one.make()
        parts.append(
            f"**{one.number}. {one.title[:1].upper()}{one.title[1:]}.** {task.question}\n\n"
            f"`tinyglow exercise {one.number} {' '.join(task.form)}`"
        )
    return "\n\n".join(parts)
