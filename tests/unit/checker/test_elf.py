"""Damaged objects are refused as such."""

from __future__ import annotations

import struct

import pytest

from tinyglow.checker.elf import read_object
from tinyglow.checker.findings import BrokenError

_STRINGS, _SYMBOLS, _REL = 3, 2, 9


def _object(text: bytes = b"\0f\0", symbol: int = 0, tables: int = 1) -> bytes:
    """An object with one symbol, named by the string at 1, and a relocation by the symbol of a number."""
    symbols, relocation = struct.pack("<3I2BH", 1, 0, 0, 0x12, 0, 0), struct.pack("<2I", 0, symbol << 8 | 10)
    parts = [(_STRINGS, text, 0), *[(_SYMBOLS, symbols, 1)] * tables, (_REL, relocation, 2)]
    sections, content = [struct.pack("<10I", *[0] * 10)], b""
    for kind, data, link in parts:
        sections.append(struct.pack("<10I", 0, kind, 0, 0, 52 + len(content), len(data), link, 0, 0, 0))
        content += data
    header = b"\x7fELF\x01\x01".ljust(16, b"\0") + struct.pack("<2H3I", 1, 40, 1, 0, 0)
    header += struct.pack("<2I6H", 52 + len(content), 0, 52, 0, 0, 40, len(sections), 0)
    return header + content + b"".join(sections)


def test_the_sound_object_is_read() -> None:
    """What the damaged ones are made from."""
    found = read_object("net.o", _object())
    assert (found.needs, found.jumps) == ({"f"}, {0: {0: "f"}})


@pytest.mark.parametrize(
    "data",
    [_object(text=b"\0f"), _object(symbol=7), _object(tables=2), _object()[:-40]],
    ids=["a name without an end", "a relocation by no symbol", "two symbol tables", "cut off"],
)
def test_a_damaged_object_is_refused(data: bytes) -> None:
    """With the checker's own error, not one of Python's."""
    with pytest.raises(BrokenError, match="is damaged"):
        read_object("net.o", data)
