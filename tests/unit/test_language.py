"""Comments and docstrings are in the field's words: none that only this project would use."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

# Each with the words that a reader knows.
PRIVATE = {
    r"lanes?": "packed dual MAC",
    r"planes?": "image of one channel",
    r"quads?": "four units, or the words of four units' weights",
    r"squares? of (pixels|outputs)|2x2 squares?": "2x2 block",
    r"guests?": "activation in the input's memory",
    r"trails?": "in-place overlap",
    r"leaks?": "leaky activation",
    r"halves (upwards|to even|away)": "ties",
    r"spell(ed|s)? out": "as simpler operators",
}


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every comment and of every string that stands alone, as docstrings do."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        for match in re.finditer(r"/\*.*?\*/", source, re.DOTALL):
            yield from enumerate(match[0].split("\n"), source.count("\n", 0, match.start()) + 1)
        return
    begins = True  # a statement
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and begins):
            yield from enumerate(token.string.split("\n"), token.start[0])
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def private_words(path: Path) -> list[str]:
    """Every private word in a file's comments and docstrings, with the words to use."""
    found = []
    for line, text in _texts(path):
        for word, better in PRIVATE.items():
            if re.search(rf"(?<![\w./]){word}(?!\w|\.\w)", text, re.IGNORECASE):
                found.append(f"{path.name}:{line}: {text.strip()[:80]!r}: say {better}")
    return found


@pytest.mark.parametrize("folder", ["tinyglow", "runtime_c"])
def test_no_private_words(checkout: Path, folder: str) -> None:
    """Neither in Python nor in the runtime's C."""
    paths = [path for path in (checkout / folder).rglob("*") if path.suffix in (".py", ".c", ".h")]
    assert len(paths) > 50
    assert [fault for path in sorted(paths) for fault in private_words(path)] == []


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("a.py", '"""A row of 2x2 squares."""\n\nlanes = 1  # no comment on names\n', 1),
        ("a.py", "x = 'trails'  # an output that trails its input\n", 1),
        ("a.py", 'def f():\n    """Rounds halves upwards, and spelled out."""\n', 2),
        ("a.c", "/* One quad. */\nint lanes; /* tg_lanes.h has it */\n", 1),
    ],
)
def test_a_private_word_is_found(tmp_path: Path, name: str, text: str, count: int) -> None:
    """In comments and docstrings, not in names and other strings."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert len(private_words(tmp_path / name)) == count
