"""Boards: what a program may use of the hardware, read from ``boards/<name>.toml`` or from a file of the user's own.

A board file holds ``title``, ``cpu``, ``clock_hz``, ``code_memory``, ``data_memory``, ``stack_bytes``, ``float_abi``,
one ``[memory.<name>]`` table per memory (``start``, ``size``, ``kind``, ``wait_states``), if the memories need it one
``[cache.<name>]`` table per cache, and any number of ``[[facts]]`` with ``name``, ``value`` and ``source``. It may hold
``qemu``, the board's name in qemu-system-arm; ``[uart]`` with ``kind``, ``address`` and ``source``; and
``[flash_config]`` with ``address``, ``words`` and ``source``: what the part wants to find in its flash.

What ``wait_states`` and the other keys of time mean is in :mod:`tinyglow.targets.memories`; the cycle models of the
cores know nothing of them: ``sim.memory`` counts them apart. Cores are in :data:`tinyglow.targets.cores.CPUS`.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from tinyglow import resources
from tinyglow.errors import BoardError, Problem, reason
from tinyglow.resources import read_bounded
from tinyglow.targets.cores import CORES, CPUS, NO_EMULATOR, Cpu
from tinyglow.targets.memories import PAGE_BYTES, Cache, Memory
from tinyglow.targets.peripherals import (
    PERIPHERAL_KEYS,
    FlashConfig,
    Uart,
    flash_config_of,
    peripheral_problems,
    uart_of,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["CPUS", "HOST", "PAGE_BYTES", "PRIVATE_PERIPHERALS"]
__all__ += ["Board", "Cache", "Cpu", "Fact", "Memory", "board_names", "load_board"]

FloatAbi = Literal["soft", "hard"]

_MEMORY_STEP = 256
_MOST_CACHE = 1 << 20
_MOST_MEMORY = 1 << 29
_MOST_WAITS = 100_000
_MOST_TEXT, _MOST_DEPTH, _MOST_NUMBER = 1 << 20, 8, 1 << 63  # of a file: bytes; nesting; of a number
# Above it every Cortex-M has its own registers (ARMv6-M and ARMv7-M Architecture Reference Manuals, B3.1, memory map).
PRIVATE_PERIPHERALS = 0xE000_0000


@dataclass(frozen=True)
class Fact:
    """Something worth knowing about a board, and where it is written."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Board:
    """A board, or this machine (``cpu == "host"``, no memories).

    code_memory holds vectors, code and constants; data_memory holds variables, and at its end the stack of stack_bytes.
    """

    name: str
    title: str
    cpu: str
    clock_hz: int
    memories: tuple[Memory, ...]
    code_memory: str
    data_memory: str
    stack_bytes: int
    float_abi: FloatAbi
    facts: tuple[Fact, ...] = ()
    caches: tuple[Cache, ...] = ()
    qemu: str = ""
    uart: Uart | None = None
    flash_config: FlashConfig | None = None

    @property
    def is_host(self) -> bool:
        """Whether this is the machine tinyglow runs on, not an emulated board."""
        return self.cpu == "host"

    @property
    def core(self) -> Cpu:
        """What is known of the board's core; the host has none."""
        if self.is_host:
            raise BoardError("the host has no emulated core", [Problem("host", "is this machine", "a board")])
        return CORES[self.cpu]

    @property
    def waits(self) -> bool:
        """Whether any memory makes the core wait."""
        return any(memory.wait_states for memory in self.memories)

    @property
    def code(self) -> Memory:
        """The memory of the code."""
        return self.memory(self.code_memory)

    @property
    def data(self) -> Memory:
        """The memory of the variables and the stack."""
        return self.memory(self.data_memory)

    @property
    def tcm(self) -> Memory | None:
        """The fast memory beside that of the variables; None if there is none, or the variables are in it.

        Of two it is the upper: ARMv7-M cores have the ITCM at 0 and the DTCM at 0x20000000 (Cortex-M7 Technical
        Reference Manual, 2.1, memory map).
        """
        if self.is_host or self.data.kind == "tcm":
            return None
        return max((m for m in self.memories if m.kind == "tcm"), key=lambda m: m.start, default=None)

    def memory(self, name: str) -> Memory:
        """The memory of that name; BoardError if there is none."""
        for memory in self.memories:
            if memory.name == name:
                return memory
        known = ", ".join(memory.name for memory in self.memories) or "no memories"
        raise BoardError(f"board {self.name} has no memory {name!r}", [Problem(self.name, f"has {known}")])

    def seconds(self, cycles: int) -> float:
        """How long ``cycles`` take at the board's clock."""
        return cycles / self.clock_hz if self.clock_hz else float("nan")


HOST = Board(
    name="host",
    title="this machine",
    cpu="host",
    clock_hz=0,
    memories=(),
    code_memory="",
    data_memory="",
    stack_bytes=0,
    float_abi="hard",
)


def board_names() -> list[str]:
    """The boards that come with tinyglow, sorted, ``host`` last."""
    return [*sorted(path.stem for path in resources.BOARDS.glob("*.toml")), "host"]


def load_board(name_or_path: str | Path) -> Board:
    """Load a board by name, or from a file.

    Args:
        name_or_path: One of ``board_names()``, the path of a ``.toml`` file, or "host" for this machine.

    Returns:
        The board.

    Raises:
        BoardError: With every problem of the file: unknown, missing and ill-typed keys, an unknown core, memories that
            overlap or are unaligned, memories referred to but not described.
    """
    name = str(name_or_path)
    if name == "host":
        return HOST
    is_path = isinstance(name_or_path, Path) or name.endswith(".toml") or "/" in name or "\\" in name
    path = Path(name) if is_path else resources.BOARDS / f"{name}.toml"
    if not path.is_file():
        expected = "a board file (.toml)" if is_path else f"one of {', '.join(board_names())}, or a .toml file"
        raise BoardError(f"no board {name!r}", [Problem(name, "not found", expected)])
    try:
        table = tomllib.loads(read_bounded(path, _MOST_TEXT).decode("utf-8"))
        _require_shallow(table)
    except (ValueError, RecursionError, OSError) as error:  # TOMLDecodeError is a ValueError
        found = "has lists or tables too far inside each other" if isinstance(error, RecursionError) else reason(error)
        found = "has a number of too many digits" if "integer string conversion" in found else found
        raise BoardError(f"cannot read board file {path}", [Problem(str(path), found[:200], "a TOML file")]) from error
    return _board_of(path.stem, str(path), table)


def _require_shallow(value: object, depth: int = 0) -> None:
    """Raise ValueError for what no board file has, and messages about it could not show."""
    if depth > _MOST_DEPTH:
        raise ValueError("has lists or tables too far inside each other")
    if isinstance(value, int) and abs(value) > _MOST_NUMBER:
        raise ValueError(f"has an integer of {value.bit_length()} bits")
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        _require_shallow(part, depth + 1)


_TEXT = ("title", "cpu", "code_memory", "data_memory", "float_abi")
_NUMBERS = ("clock_hz", "stack_bytes")
_MEMORY_NUMBERS = ("start", "size", "wait_states")
_MEMORY_EXTRAS: dict[str, type] = {"line": int, "prefetch": bool, "code_cache": str, "data_cache": str, "source": str}
_CACHE_NUMBERS = ("size", "line", "ways")


def _board_of(name: str, where: str, table: dict[str, Any]) -> Board:
    problems = list(_key_problems(where, table))
    memory_tables, cache_tables = _sub_tables(table, "memory"), _sub_tables(table, "cache")
    for key, value in memory_tables.items():
        problems += _memory_key_problems(f"{where}, memory {key}", key, value)
    for key, value in cache_tables.items():
        at = f"{where}, cache {key}"
        problems += [*_name_problems(at, key), *_keys(at, value, (), _CACHE_NUMBERS, {"source": str})]
    problems += _fact_problems(where, table.get("facts", []))
    problems += peripheral_problems(where, table)
    if problems:  # the checks below need every key to be there and of its type
        raise BoardError(f"board {name} is invalid", problems)
    board = Board(
        name=name,
        title=table["title"],
        cpu=table["cpu"],
        clock_hz=table["clock_hz"],
        memories=tuple(Memory(name=key, **value) for key, value in memory_tables.items()),
        code_memory=table["code_memory"],
        data_memory=table["data_memory"],
        stack_bytes=table["stack_bytes"],
        float_abi=table["float_abi"],
        facts=tuple(Fact(fact["name"], fact["value"], fact["source"]) for fact in table.get("facts", [])),
        caches=tuple(Cache(name=key, **value) for key, value in cache_tables.items()),
        qemu=table.get("qemu", ""),
        uart=uart_of(table),
        flash_config=flash_config_of(table),
    )
    problems = [*_board_problems(where, board), *_layout_problems(where, board.memories), *_use_problems(where, board)]
    problems += _time_problems(where, board)
    if problems:
        raise BoardError(f"board {name} is invalid", problems)
    return board


def _sub_tables(table: dict[str, Any], name: str) -> dict[str, Any]:
    """The tables ``[name.<key>]``, without what is none."""
    tables = table.get(name)
    return {key: value for key, value in tables.items() if isinstance(value, dict)} if isinstance(tables, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _keys(
    where: str,
    table: dict[str, Any],
    text: tuple[str, ...],
    numbers: tuple[str, ...],
    extras: Mapping[str, type] = MappingProxyType({}),
) -> Iterator[Problem]:
    """Missing and ill-typed keys of one table, and unknown ones. extras: keys that may be missing."""
    known = (*text, *numbers, *extras)
    for key in text:
        if not isinstance(table.get(key), str):
            yield _key_problem(where, table, key, "a text")
    for key in numbers:
        if not _is_number(table.get(key)):
            yield _key_problem(where, table, key, "a whole number, not negative")
    words = {int: "a whole number, not negative", bool: "true or false", str: "a text"}
    for key in extras.keys() & table.keys():
        if not (_is_number(table[key]) if extras[key] is int else isinstance(table[key], extras[key])):
            yield _key_problem(where, table, key, words[extras[key]])
    for key in sorted(table.keys() - set(known)):
        yield Problem(where, f"unknown key {key!r}", f"one of {', '.join(known)}")


def _key_problem(where: str, table: dict[str, Any], key: str, expected: str) -> Problem:
    return Problem(where, f"{key} is {table[key]!r}" if key in table else f"key {key!r} is missing", expected)


def _key_problems(where: str, table: dict[str, Any]) -> Iterator[Problem]:
    plain = {key: value for key, value in table.items() if key not in ("memory", "cache", "facts", *PERIPHERAL_KEYS)}
    yield from _keys(where, plain, _TEXT, _NUMBERS)
    memories = table.get("memory")
    if not isinstance(memories, dict) or not memories:
        yield Problem(where, "no memories", "a table [memory.<name>] for each")
        return
    caches = table.get("cache", {})
    if not isinstance(caches, dict):
        yield Problem(where, f"cache is {caches!r}", "a table [cache.<name>] for each")
        return
    for name, tables in (("memory", memories), ("cache", caches)):
        for key, value in tables.items():
            if not isinstance(value, dict):
                yield Problem(where, f"{name}.{key} is {value!r}", f"a table [{name}.{key}]")


def _name_problems(where: str, name: str) -> Iterator[Problem]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        yield Problem(where, f"name {name!r}", "lower-case letters, digits and _")


def _memory_key_problems(where: str, name: str, table: dict[str, Any]) -> Iterator[Problem]:
    yield from _name_problems(where, name)
    yield from _keys(where, table, ("kind",), _MEMORY_NUMBERS, _MEMORY_EXTRAS)
    if isinstance(table.get("kind"), str) and table["kind"] not in ("flash", "ram", "tcm"):
        yield Problem(where, f"kind {table['kind']!r}", "flash, ram or tcm")


def _fact_problems(where: str, facts: object) -> Iterator[Problem]:
    if not isinstance(facts, list) or not all(isinstance(fact, dict) for fact in facts):
        yield Problem(where, "facts are not tables", "[[facts]] with name, value and source")
        return
    for number, fact in enumerate(facts, start=1):
        yield from _keys(f"{where}, fact {number}", fact, ("name", "value", "source"), ())


def _board_problems(where: str, board: Board) -> Iterator[Problem]:
    if board.cpu not in CPUS:
        hint = NO_EMULATOR.get(board.cpu, "")
        yield Problem(where, f"unknown cpu {board.cpu!r}", f"one of {', '.join(CPUS)}", hint)
    if board.float_abi not in ("soft", "hard"):
        yield Problem(where, f"float_abi {board.float_abi!r}", "soft or hard")
    elif board.float_abi == "hard" and board.cpu in CPUS and not CPUS[board.cpu].fpu:
        yield Problem(where, f"float_abi hard on {board.cpu}", "soft: the core has no FPU")
    if board.clock_hz == 0:
        yield Problem(where, "clock_hz is 0", "the core's clock")


def _layout_problems(where: str, memories: tuple[Memory, ...]) -> Iterator[Problem]:
    for memory in memories:
        at = f"{where}, memory {memory.name}"
        if memory.start % _MEMORY_STEP or memory.size % _MEMORY_STEP or not memory.size:
            found = f"unaligned: start {memory.start:#010x}, size {memory.size:#x}"
            yield Problem(at, found, f"start and size in whole blocks of {_MEMORY_STEP} bytes")
        if memory.end > PRIVATE_PERIPHERALS:
            yield Problem(at, f"ends at {memory.end:#010x}", f"at most {PRIVATE_PERIPHERALS:#010x}, the core's own")
    total = sum(memory.size for memory in memories)
    if total > _MOST_MEMORY:
        yield Problem(
            where, f"the memories hold {total:,} bytes", f"at most {_MOST_MEMORY:,}: they are emulated in RAM"
        )
    ordered = sorted(memories, key=lambda memory: memory.start)
    for low, high in itertools.combinations(ordered, 2):
        if low.pages[0] + low.pages[1] > high.pages[0]:
            found = f"overlaps {high.name}: ends at {low.end:#010x}, {high.name} starts at {high.start:#010x}"
            expected = f"memories apart from each other, by blocks of {PAGE_BYTES} bytes"
            yield Problem(f"{where}, memory {low.name}", found, expected)


def _time_problems(where: str, board: Board) -> Iterator[Problem]:
    """Caches that are no whole number of sets, and memories that name caches which are not there."""
    for cache in board.caches:
        at = f"{where}, cache {cache.name}"
        yield from _line_problems(at, cache.line)
        if not 0 < cache.ways * cache.line <= cache.size <= _MOST_CACHE or cache.size % max(1, cache.ways * cache.line):
            found = f"size {cache.size}, line {cache.line}, ways {cache.ways}"
            yield Problem(at, found, f"size a multiple of line x ways, at most {_MOST_CACHE:,} bytes")
    names = [cache.name for cache in board.caches]
    for memory in board.memories:
        at = f"{where}, memory {memory.name}"
        yield from _line_problems(at, memory.line)
        if memory.wait_states > _MOST_WAITS:
            yield Problem(at, f"wait_states is {memory.wait_states}", f"at most {_MOST_WAITS:,}")
        for key in ("code_cache", "data_cache"):
            if (name := getattr(memory, key)) and name not in names:
                yield Problem(at, f"{key} is {name!r}", f"one of {', '.join(names) or 'none: the board has no caches'}")


def _line_problems(where: str, line: int) -> Iterator[Problem]:
    if line not in (2, 4, 8, 16, 32, 64, 128):
        yield Problem(where, f"line is {line}", "a power of two, 2 to 128 bytes")


def _use_problems(where: str, board: Board) -> Iterator[Problem]:
    memories = {memory.name: memory for memory in board.memories}
    for key in ("code_memory", "data_memory"):
        if getattr(board, key) not in memories:
            yield Problem(where, f"{key} is {getattr(board, key)!r}", f"one of {', '.join(memories)}")
    if board.code_memory == board.data_memory:
        yield Problem(where, "code_memory and data_memory are the same", "two memories")
    data = memories.get(board.data_memory)
    if data is None:
        return
    if data.kind == "flash":
        yield Problem(where, f"data_memory {data.name} is flash", "a ram or tcm memory")
    if board.stack_bytes % 8 or not 0 < board.stack_bytes <= data.size:
        yield Problem(where, f"stack_bytes is {board.stack_bytes}", f"a multiple of 8, 8 to {data.size}")
