"""Weights of a bundle: raw bytes, Glow's C text, or an array in a C file."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import require_file

MAX_BYTES = 1 << 28  # of a file; as text a weight takes five

_MAX_BRACES = 10_000
_COMMENT = re.compile(r"/\*|//")
# What comes before the brace of an array's values; looked for in the text right before it, which bounds the search.
_DECLARATION = re.compile(r"([\w \t]+)\[[^\]\n]*\][^={};]*=\s*\Z")
_BEFORE = 400
_NUMBER = re.compile(r"\s*(-?(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}))[uUlL]{0,3}\s*(?:,|\Z)")
_BYTE_TYPES = {"char", "uint8_t", "int8_t"}


def read_weights(path: Path, expected: int | None = None) -> bytes:
    """The bytes of a weights file: ``.bin`` as it is, anything else as C text.

    expected: how many there should be; of several arrays in a C file the one of that size is taken.
    Raises InputError if the file cannot be read, is too large, or holds no (or several) arrays of bytes.
    """
    try:
        require_file(path)
        if path.stat().st_size > MAX_BYTES:
            raise _bad(path, f"has {path.stat().st_size:,} bytes", f"at most {MAX_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise _bad(path, reason(error)) from error
    if path.suffix == ".bin":
        return data
    text = _without_comments(data.decode("utf-8", "replace"))
    arrays = _arrays(path, text)
    fitting = [array for array in arrays if len(array) == expected]
    if len(fitting) == 1 or (fitting and len(set(fitting)) == 1):
        return fitting[0]
    if len(arrays) != 1:
        found = f"holds {len(arrays)} arrays of bytes" + (
            "" if expected is None else f", {len(fitting)} of {expected:,}"
        )
        raise _bad(path, found, "the weights alone")
    return arrays[0]


def _without_comments(text: str) -> str:
    """C text with a blank for each comment; in one go, whatever is not closed."""
    kept, at = [], 0
    while (match := _COMMENT.search(text, at)) is not None:
        kept.append(text[at : match.start()])
        end = text.find("*/" if match.group() == "/*" else "\n", match.end())
        at = len(text) if end < 0 else end + 2 if match.group() == "/*" else end
    return " ".join([*kept, text[at:]])


def _arrays(path: Path, text: str) -> list[bytes]:
    """Every array of bytes in C text; text without braces is one."""
    if "{" not in text:
        return [_bytes(path, text)]
    found = []
    if text.count("{") > _MAX_BRACES:
        raise _bad(path, f"holds more than {_MAX_BRACES:,} braces", "an array of bytes")
    pieces = text.split("{")
    for before, inside in itertools.pairwise(pieces):
        match = _DECLARATION.search(before[-_BEFORE:])
        if match and _BYTE_TYPES & set(match[1].split()):
            found.append(_bytes(path, inside.partition("}")[0]))
    return found


def _bytes(path: Path, text: str) -> bytes:
    values = bytearray()
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _NUMBER.match(text, at)
        if match is None:
            found = text[at:].split(",", maxsplit=1)[0].strip()[:40]
            raise _bad(path, f"number {len(values) + 1} is {found!r}", "numbers of one byte, separated by commas")
        number = match.group(1)
        value = int(number, 16 if "x" in number.lower() else 10)
        if not -128 <= value <= 255:
            raise _bad(path, f"number {len(values) + 1} is {value}", "numbers of one byte")
        values.append(value & 0xFF)
        at = match.end()
    return bytes(values)


def _bad(path: Path, found: str, expected: str = "") -> InputError:
    return InputError("cannot read the weights", [Problem(path.name, found, expected)])
