"""Damage: of the fields of messages, so that most of a model stays what it was, and of bytes."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

from tests.mutations.corpus import Good

_NUMBERS = (0, 1, -1, 2, 3, 5, 7, 13, 64, 127, 128, 255, 1 << 16, 1 << 20, 1 << 30, 2**31 - 1, -(2**31), 2**63 - 1)
_REALS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, 3.4e38, float("nan"), float("inf"), float("-inf"))
_TEXTS = (
    *("", "x", "y", "SAME_UPPER", "NHWC", "../../etc/passwd", "/etc/passwd", "/dev/zero", "/proc/self/mem", "\x00"),
    *("a" * 5000, "Conv", "Reshape", "If", "com.microsoft", "ai.onnx.ml", "é\n"),
)


def mutated(good: Good, rng: random.Random) -> dict[str, bytes]:
    """The files of a model with one to four faults, most of them in the file that is given to the reader."""
    files = dict(good.files)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        name = rng.choice(list(files)) if rng.random() < 0.3 else next(iter(files))
        message = good.messages.get(name)
        if message is not None and rng.random() < 0.85:
            files[name] = _in_message(files[name], message, rng)
        elif name.endswith((".prototxt", ".yaml")) and rng.random() < 0.85:
            files[name] = _in_text(files[name], rng)
        else:
            files[name] = _in_bytes(files[name], rng, name.endswith(".tflite"))
    return files


def _in_bytes(data: bytes, rng: random.Random, keeps_places: bool = False) -> bytes:
    """Bytes exchanged, taken out, put in; keeps_places: mostly exchanged, where the file is full of offsets."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2) if keeps_places else (1, 2, 8))):
        place = rng.randrange(len(changed) + 1)
        kind = rng.choice((0, 0, 0, 3)) if keeps_places and rng.random() < 0.9 else rng.randrange(5)
        if kind == 0:
            changed[place : place + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del changed[place : place + rng.choice((1, 4, 100))]
        elif kind == 2:
            changed[place:place] = rng.randbytes(rng.choice((1, 4, 30)))
        elif kind == 3:
            changed[place : place + 4] = rng.choice((0, 1, 2**31 - 1, 2**32 - 1, 2**16)).to_bytes(4, "little")
        else:
            changed = changed[: place or 1]
    return bytes(changed)


def _in_text(data: bytes, rng: random.Random) -> bytes:
    """Numbers and words of a text exchanged, lines removed or repeated."""
    text = data.decode("utf-8", "replace")
    kind = rng.randrange(4)
    if kind < 2:
        found = list(re.finditer(r"-?\d[\d.e+-]*" if kind else r"[A-Za-z_]\w+", text))
        if found:
            match = rng.choice(found)
            other = str(rng.choice(_NUMBERS + _REALS)) if kind else rng.choice(found)[0]
            text = text[: match.start()] + other + text[match.end() :]
    else:
        lines = text.splitlines(keepends=True) or [""]
        place = rng.randrange(len(lines))
        lines[place : place + 1] = [] if kind == 2 else [lines[place], rng.choice(lines)]
        text = "".join(lines)
    return text.encode("utf-8")


def _in_message(data: bytes, message: Any, rng: random.Random) -> bytes:
    try:
        whole = message.FromString(data)
    except Exception:  # damaged before
        return _in_bytes(data, rng)
    fields = list(_fields(whole))
    if not fields:
        return data
    # Weights are many and alike: fields by their message, so that each kind of message has its share.
    kinds = sorted({type(owner).__name__ for owner, _ in fields})
    kind = rng.choice(kinds)
    owner, field = rng.choice([item for item in fields if type(item[0]).__name__ == kind])
    try:
        _change(owner, field, rng)
        return bytes(whole.SerializeToString())
    except (ValueError, TypeError, OverflowError):  # not every value fits every field
        return _in_bytes(data, rng)


def _fields(message: Any) -> Iterator[tuple[Any, Any]]:
    for field, value in message.ListFields():
        yield message, field
        if field.type == field.TYPE_MESSAGE:
            for part in value if _is_list(value) else (value,):
                yield from _fields(part)


def _is_list(value: Any) -> bool:
    return hasattr(value, "append") or hasattr(value, "add")


def _change(owner: Any, field: Any, rng: random.Random) -> None:
    value = getattr(owner, field.name)
    if rng.random() < 0.15:
        owner.ClearField(field.name)
    elif _is_list(value):
        _change_list(value, field, rng)
    elif field.type != field.TYPE_MESSAGE:
        setattr(owner, field.name, _other(field, value, rng))


def _change_list(values: Any, field: Any, rng: random.Random) -> None:
    place = rng.randrange(len(values))
    kind = rng.randrange(4)
    if kind == 0:
        del values[place]
    elif kind == 1:
        values.append(values[rng.randrange(len(values))])
    elif field.type == field.TYPE_MESSAGE:
        other = type(values[place])()
        other.CopyFrom(values[rng.randrange(len(values))])
        values[place].CopyFrom(other)
    else:
        values[place] = values[rng.randrange(len(values))] if kind == 2 else _other(field, values[place], rng)


def _other(field: Any, value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((*_NUMBERS, value + 1, value - 1, -value))
    if isinstance(value, float):
        return rng.choice(_REALS)
    if isinstance(value, str):
        return rng.choice(_TEXTS)
    return rng.choice((b"", value[: len(value) // 2], value + b"0000", rng.randbytes(len(value) % 5000)))
