"""Message classes of protobuf from tables of fields: of formats whose own packages are large, or gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "uint32": _Field.TYPE_UINT32,
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
}
# Numbers of fields, and their types: a scalar, an enumeration or a message; with "*" repeated, with "+" packed too.
Fields = Mapping[str, tuple[int, str]]


def message_classes(
    package: str, messages: Mapping[str, Fields], enums: Mapping[str, Mapping[str, int]] | None = None
) -> dict[str, Any]:
    """The classes of messages.

    Args:
        package: Name of the protobuf package.
        messages: For each message its fields: the number and the type of each.
        enums: For each enumeration its names and numbers.

    Returns:
        The classes by the names of the messages.
    """
    enums = enums or {}
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    for name, numbers in enums.items():
        # Each in a message of its own: the names of values are those of the room that an enumeration is in.
        enum = file.message_type.add(name=f"Of{name}").enum_type.add(name=name)
        for value, number in numbers.items():
            enum.value.add(name=value, number=number)
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, (number, type_) in fields.items():
            _add_field(message, field, number, type_, package, enums)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}


def _add_field(message: Any, name: str, number: int, type_: str, package: str, enums: Mapping[str, object]) -> None:
    kind = type_.rstrip("*+")
    field = message.field.add(name=name, number=number)
    field.label = _Field.LABEL_REPEATED if kind != type_ else _Field.LABEL_OPTIONAL
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        field.options.packed = type_.endswith("+")
    else:
        field.type = _Field.TYPE_ENUM if kind in enums else _Field.TYPE_MESSAGE
        field.type_name = f".{package}.Of{kind}.{kind}" if kind in enums else f".{package}.{kind}"


def numbered(*names: str, first: int = 0) -> dict[str, int]:
    """An enumeration, its numbers from ``first`` on."""
    return {name: number for number, name in enumerate(names, first)}
