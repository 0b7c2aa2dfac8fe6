"""Reads CMSIS-NN's unit-test data: C headers with sizes as macros, and arrays of integers.

A data set is a folder. Its ``test_data.h`` includes the headers that count; others in the folder may be old. The names
of macros and arrays begin with that of the folder, which is left out here. An array may be a pointer to another one, or
NULL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_INCLUDE = re.compile(r'#include\s+"([^"/]+)"')
_DEFINE = re.compile(r"^#define[ \t]+(\w+)[ \t]+(.+)$", re.MULTILINE)
_ARRAY = re.compile(r"const\s+(u?int\d+)_t\s+(\w+)\s*\[[^\]]*\]\s*=\s*\{([^}]*)\}\s*;")
_POINTER = re.compile(r"const\s+(u?int\d+)_t\s*\*\s*(?:const\s+)?(\w+)\s*=\s*(\w+)\s*;")


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set.

    Attributes:
        name: Of its folder.
        numbers: Macros by name: an integer, a list of integers, or a word.
        arrays: Arrays by name; that of a NULL pointer is empty.
    """

    name: str
    numbers: dict[str, int | list[int] | str]
    arrays: dict[str, Array]

    def number(self, *names: str, default: int | None = None) -> int:
        """The first of some macros that the set has. Raises KeyError without one and a default."""
        for name in names:
            found = self.numbers.get(name)
            if isinstance(found, int):
                return found
        if default is None:
            raise KeyError(f"{self.name} has none of {', '.join(names)}")
        return default

    def array(self, *names: str) -> Array:
        """The first of some arrays that the set has. Raises KeyError without one."""
        for name in names:
            found = self.arrays.get(name)
            if found is not None and found.size:
                return found
        raise KeyError(f"{self.name} has none of {', '.join(names)}")


def read(folder: Path) -> DataSet:
    """The data set in a folder. Raises ValueError if an array has another text than integers."""
    name = folder.name
    text = "\n".join(_text(folder / header) for header in _INCLUDE.findall(_text(folder / "test_data.h")))
    text = re.sub(r"\\\s*\n", " ", text)
    numbers = {_short(key, name.upper()): _number(value) for key, value in _DEFINE.findall(text)}
    arrays: dict[str, Array] = {}
    for dtype, key, body in _ARRAY.findall(text):
        whole = np.array([int(item, 0) for item in body.replace(",", " ").split()], np.int64)
        arrays[_short(key, name)] = whole.astype(dtype)  # bytes of two weights may be written without a sign
    for dtype, key, source in _POINTER.findall(text):
        arrays[_short(key, name)] = arrays.get(_short(source, name), np.zeros(0, dtype))
    return DataSet(name, numbers, arrays)


def _text(path: Path) -> str:
    return _COMMENT.sub("", path.read_text(encoding="utf-8"))


def _short(key: str, prefix: str) -> str:
    return key.removeprefix(f"{prefix}_")


def _number(text: str) -> int | list[int] | str:
    text = text.strip().strip("()")
    if text.startswith("{"):
        return [int(item, 0) for item in re.findall(r"-?\w+", text)]
    return int(text, 0) if re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)", text) else text


def unpacked(packed: Array, count: int) -> Array:
    """Weights of 4 bits, two in a byte, the lower half first, as int8."""
    halves = np.stack([packed.astype(np.int8) << 4 >> 4, packed.astype(np.int8) >> 4], axis=1)
    return np.ascontiguousarray(halves.reshape(-1)[:count].astype(np.int8))
