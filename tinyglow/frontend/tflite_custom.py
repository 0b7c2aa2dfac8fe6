"""Options of custom operators: a flexbuffer, whose map has the values in the order of their names."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tinyglow.ir.op import Attribute

# The options that are read, by operator, in alphabetical order.
CUSTOM_FIELDS = {"CUSTOM CIRCULAR_BUFFER": ("cycles_max",)}
_MOST_BYTES = 2**10


def custom_attributes(raw: bytes, names: Sequence[str]) -> tuple[str, dict[str, Attribute]]:
    """The integers of an operator's options.

    Args:
        raw: The flexbuffer.
        names: Of the options, as many as there must be.

    Returns:
        What is wrong with them, or ""; and the options.
    """
    from flatbuffers import flexbuffers  # with the package tflite

    damaged = "has options that cannot be read"
    if len(raw) > _MOST_BYTES:
        return damaged, {}
    try:
        values = flexbuffers.GetRoot(bytearray(raw)).AsVector
        if len(values) != len(names):
            return f"has {len(values)} options", {}
        return "", {name: int(values[index].AsInt) for index, name in enumerate(names)}
    except (struct.error, ValueError, TypeError, IndexError, OverflowError, AttributeError, KeyError):
        return damaged, {}
