"""Tables of TensorFlow Lite's schema, as the package tflite has them. Nothing else imports that package."""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Mapping
from typing import Any

from tinyglow.errors import Problem, ToolError
from tinyglow.ir.op import Attribute

# Attributes that are numbers of an enumeration.
_ENUMERATIONS = {
    "padding": "Padding",
    "fused_activation_function": "ActivationFunctionType",
    "weights_format": "FullyConnectedOptionsWeightsFormat",
    "mode": "MirrorPadMode",
}
_TEXTS = ("container", "shared_name")


def schema() -> Any:
    """The package tflite. Raises ToolError where it is not installed."""
    try:
        import tflite
    except ImportError as error:
        problem = Problem("Python package tflite", "is not installed", "", "pip install 'tinyglow[tflite]'")
        raise ToolError("reading TFLite models needs an optional package", [problem]) from error
    return tflite


@functools.cache
def names(enumeration: str) -> Mapping[int, str]:
    """The names of an enumeration's numbers."""
    members = vars(getattr(schema(), enumeration))
    return {number: name for name, number in members.items() if isinstance(number, int)}


@functools.cache
def fields(options: str) -> Mapping[str, tuple[str, bool]]:
    """The fields of an options table by the schema's names: its reading method, and whether it is a list."""
    kind = getattr(schema(), options)
    methods = [name for name in vars(kind) if name[0].isupper() and not re.match("GetRootAs|Init$", name)]
    lists = {name.removesuffix("Length") for name in methods if f"{name.removesuffix('Length')}IsNone" in methods}
    scalars = [name for name in methods if not re.search("Length$|IsNone$|AsNumpy$|BufferHasIdentifier$", name)]
    return {re.sub("(?<!^)(?=[A-Z])", "_", name).lower(): (name, name in lists) for name in scalars}


def plain(field: str, value: Any) -> Attribute:
    """A field's value as an attribute: a number, or the name of an enumeration's number."""
    if field in _ENUMERATIONS:
        return names(_ENUMERATIONS[field]).get(value, f"number {value}")
    if field in _TEXTS:
        return (value or b"").decode("utf-8")
    return value if isinstance(value, int | float) else None


@functools.cache
def defaults(options: str) -> Mapping[str, Attribute]:
    """What each field of an options table is where a file does not give it; lists are empty."""
    table = getattr(schema(), options)()
    table.Init(_EMPTY, len(_EMPTY) - 4)
    return {
        field: [] if is_list else plain(field, getattr(table, method)())
        for field, (method, is_list) in fields(options).items()
    }


# A flatbuffer's table without fields, from byte 4 on: before it its list of fields, which holds two sizes alone.
_EMPTY = bytes([4, 0, 4, 0, 4, 0, 0, 0])


class _Slots:
    """Stands for a flatbuffers builder, and hears how many fields a table has."""

    count = 0

    def StartObject(self, count: int) -> None:
        self.count = count


@functools.cache
def field_count(options: str) -> int:
    """How many fields the schema's table has; those of newer schemas have more."""
    slots = _Slots()
    getattr(schema(), f"{options}Start")(slots)
    return slots.count


def newer_fields(options: str, table: Any) -> list[int]:
    """The numbers of fields that a file's table has and this schema does not know.

    table: the flatbuffers Table. Its list of fields begins with its own size in bytes and the table's; each field's
    offset follows, 0 where the file does not give it (flatbuffers, "Internals"). Raises struct.error if damaged.
    """
    (distance,) = struct.unpack_from("<i", table.Bytes, table.Pos)
    start = table.Pos - distance
    if start < 0:
        raise struct.error("a list of fields before the file's begin")
    size, *_ = struct.unpack_from("<H", table.Bytes, start)
    offsets = struct.unpack_from(f"<{max(0, size // 2 - 2)}H", table.Bytes, start + 4)
    return [number for number, offset in enumerate(offsets) if offset and number >= field_count(options)]
