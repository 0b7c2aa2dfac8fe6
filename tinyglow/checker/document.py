"""The proof file: what it says, read with no trust in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyglow.checker.findings import BrokenError, shown
from tinyglow.checker.memory import Area
from tinyglow.checker.source import MEMORIES, MOST_BYTES

ENDING = ".proof.json"
FORMAT = "tinyglow proof"
VERSION = 1
_MOST_NUMBER = 1 << 80
_MOST_BUFFERS = 10_000
_KEYS = frozenset(("format", "version", "network", "files", "memories", "buffers", "calls", "overlaps", "stack"))
_NAME = re.compile(r"\w{1,400}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"\w[\w.-]{0,199}")

Json = dict[str, Any]


@dataclass(frozen=True)
class Document:
    """A proof.

    Attributes:
        network: The network's name.
        files: SHA-256 of the bundle's other files, by name.
        memories: Bytes of each memory.
        buffers: All buffers, by name.
        calls: What is said of each call.
        overlaps: Stated distances, by call, output and input.
        stack: What is said of the stack; None if nothing.
    """

    network: str
    files: Mapping[str, str]
    memories: Mapping[str, int]
    buffers: Mapping[str, Area]
    calls: tuple[Json, ...]
    overlaps: Mapping[tuple[int, str, str], int]
    stack: Json | None


def read_document(name: str, data: bytes) -> Document:
    """Read a proof file.

    Args:
        name: Of the file.
        data: Its bytes.

    Raises:
        BrokenError: It is no proof, or one of another version.
    """
    try:
        root = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError, MemoryError) as error:
        raise BrokenError(name, f"is no JSON: {str(error)[:100]}") from None
    read = _Reader(name)
    root = read.mapping(root, "the file")
    if root.get("format") != FORMAT:
        raise BrokenError(name, f"has the format {shown(root.get('format'))}", repr(FORMAT))
    if root.get("version") != VERSION or isinstance(root.get("version"), bool):
        raise BrokenError(name, f"has version {shown(root.get('version'))}", str(VERSION))
    if root.keys() - _KEYS:
        raise BrokenError(name, "has parts that are unknown", ", ".join(sorted(_KEYS)))
    files = read.mapping(root.get("files"), "files")
    for file, digest in files.items():
        if not _FILE.fullmatch(file) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise BrokenError(name, f"has no digest of {file[:60]!r}")
    memories = {key: read.size(value, key) for key, value in read.mapping(root.get("memories"), "memories").items()}
    if not set(memories) <= set(MEMORIES):
        raise BrokenError(name, "names unknown memories", ", ".join(MEMORIES))
    buffers = {}
    for entry in read.sequence(root.get("buffers"), "buffers"):
        area = _area(read, entry)
        if area.name in buffers:
            raise BrokenError(name, f"has two buffers {area.name}")
        buffers[area.name] = area
    if len(buffers) > _MOST_BUFFERS:
        raise BrokenError(name, f"has {len(buffers)} buffers", f"at most {_MOST_BUFFERS}")
    calls = tuple(read.mapping(call, "a call") for call in read.sequence(root.get("calls"), "calls"))
    overlaps = {}
    for entry in read.sequence(root.get("overlaps"), "overlaps"):
        one = read.mapping(entry, "an overlap")
        number, distance = read.number(one.get("call"), "call"), read.number(one.get("distance"), "distance")
        overlaps[number, read.text(one.get("output"), "output"), read.text(one.get("input"), "input")] = distance
    stack = root.get("stack")
    return Document(
        network=read.text(root.get("network"), "network"),
        files=files,
        memories=memories,
        buffers=buffers,
        calls=calls,
        overlaps=overlaps,
        stack=None if stack is None else read.mapping(stack, "stack"),
    )


def _once(pairs: list[tuple[str, Any]]) -> Json:
    """An object, in which no key is there twice. Raises ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _area(read: _Reader, entry: Any) -> Area:
    one = read.mapping(entry, "a buffer")
    memory = read.text(one.get("memory"), "memory")
    if memory not in MEMORIES:
        raise BrokenError(read.name, f"has a buffer in {memory}", ", ".join(MEMORIES))
    name = read.text(one.get("name"), "name")
    offset, size, first, last = (read.size(one.get(what), what) for what in ("offset", "bytes", "first", "last"))
    part_of = read.text(one["part_of"], "part_of") if "part_of" in one else ""
    return Area(name, memory, offset, size, first, last, part_of)


class _Reader:
    """Parts of the document, of the types that they must have."""

    def __init__(self, name: str) -> None:
        self.name = name

    def mapping(self, value: Any, what: str) -> Json:
        """An object."""
        if not isinstance(value, dict):
            raise BrokenError(self.name, f"{what} is no object")
        return value

    def sequence(self, value: Any, what: str) -> list[Any]:
        """A list."""
        if not isinstance(value, list):
            raise BrokenError(self.name, f"{what} is no list")
        return value

    def number(self, value: Any, what: str) -> int:
        """A whole number."""
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MOST_NUMBER:
            raise BrokenError(self.name, f"{what} is no whole number")
        return value

    def size(self, value: Any, what: str) -> int:
        """A number of bytes."""
        number = self.number(value, what)
        if not 0 <= number <= MOST_BYTES:
            raise BrokenError(self.name, f"{what} is {number}", f"0 to {MOST_BYTES}")
        return number

    def text(self, value: Any, what: str) -> str:
        """A name."""
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise BrokenError(self.name, f"{what} is no name")
        return value
