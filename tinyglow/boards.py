"""Boards: what a program may use of the hardware, read from ``boards/<name>.toml`` or from a file of the user's own.

A board file holds ``title``, ``cpu``, ``clock_hz``, ``code_memory``, ``data_memory``, ``stack_bytes``, ``float_abi``,
one ``[memory.<name>]`` table per memory and any number of ``[[facts]]`` with ``name``, ``value`` and ``source``.
It may hold ``qemu``, the board's name in qemu-system-arm; ``[uart]`` with ``kind``, ``address`` and ``source``; and
``[flash_config]`` with ``address``, ``words`` and ``source``: what the part wants to find in its flash.
All that is to be known of a core is in the table :data:`CPUS`.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tinyglow import resources
from tinyglow.errors import BoardError, Problem
from tinyglow.peripherals import PERIPHERAL_KEYS, FlashConfig, Uart, flash_config_of, peripheral_problems, uart_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MemoryKind = Literal["flash", "ram", "tcm"]
FloatAbi = Literal["soft", "hard"]

# The emulator maps whole pages of its smallest page size.
PAGE_BYTES = 1024
# Above it every Cortex-M has its own registers (ARMv6-M and ARMv7-M Architecture Reference Manuals, B3.1, memory map).
PRIVATE_PERIPHERALS = 0xE000_0000


@dataclass(frozen=True)
class Cpu:
    """One core: compiler flags, emulator model, cycle model, abilities.

    zig, gcc: flags that select the core; zig_fpu, gcc_fpu: what a hard-float build has instead or in addition.
    emulator: the emulator's name of the nearest core that runs the same code.
    cycles: the module of ``tinyglow.sim.cycles`` that counts for it; "" where there is none yet.
    unaligned: single loads and stores of 2 and 4 bytes work at any address.
    """

    name: str
    title: str
    zig: str
    zig_fpu: str
    gcc: tuple[str, ...]
    gcc_fpu: tuple[str, ...]
    emulator: str
    cycles: str
    unaligned: bool

    @property
    def fpu(self) -> bool:
        """Whether hard-float code can be built for the core."""
        return bool(self.zig_fpu)


def _cortex_m(
    core: str, fpu: tuple[str, str] = ("", ""), *, emulator: str, cycles: str, unaligned: bool, zig_extra: str = ""
) -> Cpu:
    """Cortex-``core``; ``fpu``: zig's name of the FPU feature and gcc's; zig_extra: features zig must be told of."""
    name = f"cortex-{core.lower().replace('+', 'plus')}"
    zig_feature, gcc_fpu = fpu
    zig = name.replace("-", "_") + zig_extra
    return Cpu(
        name=name,
        title=f"Cortex-{core}",
        zig=zig,
        zig_fpu=f"{zig}+{zig_feature}" if zig_feature else "",
        gcc=(f"-mcpu={name}", "-mthumb"),
        gcc_fpu=("-mfloat-abi=hard", f"-mfpu={gcc_fpu}") if gcc_fpu else (),
        emulator=emulator,
        cycles=cycles,
        unaligned=unaligned,
    )


# Single precision everywhere: the emulator's M7 has no double-precision FPU, and int8 networks do not ask for one.
# The M33 is taken with its DSP extension, as gcc takes it. An M55 (MVE) could not be run: the emulator has none.
# The emulator has no M0+; its M0 runs the same instruction set (ARMv6-M).
CPUS: Mapping[str, Cpu] = {
    cpu.name: cpu
    for cpu in (
        _cortex_m("M0+", emulator="M0", cycles="m0plus", unaligned=False),
        _cortex_m("M4", ("vfp4d16sp", "fpv4-sp-d16"), emulator="M4", cycles="m4", unaligned=True),
        _cortex_m("M7", ("fp_armv8d16sp", "fpv5-sp-d16"), emulator="M7", cycles="m7", unaligned=True),
        _cortex_m(
            "M33", ("fp_armv8d16sp", "fpv5-sp-d16"), emulator="M33", cycles="m33", unaligned=True, zig_extra="+dsp"
        ),
        _cortex_m("M0", emulator="M0", cycles="m0", unaligned=False),
        _cortex_m("M3", emulator="M3", cycles="m3", unaligned=True),
    )
}


@dataclass(frozen=True)
class Memory:
    """A range of addresses: ``size`` bytes from ``start``; ``wait_states`` extra cycles an access costs the core."""

    name: str
    start: int
    size: int
    kind: MemoryKind
    wait_states: int

    @property
    def end(self) -> int:
        """The first address behind the memory."""
        return self.start + self.size


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
        return CPUS[self.cpu]

    @property
    def code(self) -> Memory:
        """The memory of the code."""
        return self.memory(self.code_memory)

    @property
    def data(self) -> Memory:
        """The memory of the variables and the stack."""
        return self.memory(self.data_memory)

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
    """The board of that name, or of that ``.toml`` file; ``host`` is this machine.

    Raises BoardError with every problem of the file: unknown, missing and ill-typed keys, unknown core, memories that
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
        with path.open("rb") as file:
            table = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BoardError(f"cannot read board file {path}", [Problem(str(path), str(error), "a TOML file")]) from error
    return _board_of(path.stem, str(path), table)


_TEXT = ("title", "cpu", "code_memory", "data_memory", "float_abi")
_NUMBERS = ("clock_hz", "stack_bytes")
_MEMORY_NUMBERS = ("start", "size", "wait_states")


def _board_of(name: str, where: str, table: dict[str, Any]) -> Board:
    problems = list(_key_problems(where, table))
    memory_tables = {key: value for key, value in _sub_tables(table).items() if isinstance(value, dict)}
    for key, value in memory_tables.items():
        problems += _memory_key_problems(f"{where}, memory {key}", key, value)
    problems += _fact_problems(where, table.get("facts", []))
    problems += peripheral_problems(where, table)
    if problems:  # the checks below need every key to be there and of its type
        raise BoardError(f"board {name} is invalid", problems)
    board = Board(
        name=name,
        title=table["title"],
        cpu=table["cpu"],
        clock_hz=table["clock_hz"],
        memories=tuple(
            Memory(key, value["start"], value["size"], value["kind"], value["wait_states"])
            for key, value in memory_tables.items()
        ),
        code_memory=table["code_memory"],
        data_memory=table["data_memory"],
        stack_bytes=table["stack_bytes"],
        float_abi=table["float_abi"],
        facts=tuple(Fact(fact["name"], fact["value"], fact["source"]) for fact in table.get("facts", [])),
        qemu=table.get("qemu", ""),
        uart=uart_of(table),
        flash_config=flash_config_of(table),
    )
    problems = [*_board_problems(where, board), *_layout_problems(where, board.memories), *_use_problems(where, board)]
    if problems:
        raise BoardError(f"board {name} is invalid", problems)
    return board


def _sub_tables(table: dict[str, Any]) -> dict[str, Any]:
    memories = table.get("memory")
    return memories if isinstance(memories, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _keys(where: str, table: dict[str, Any], text: tuple[str, ...], numbers: tuple[str, ...]) -> Iterator[Problem]:
    """Missing and ill-typed keys of one table, and unknown ones."""
    known = (*text, *numbers)
    for key in text:
        if not isinstance(table.get(key), str):
            yield _key_problem(where, table, key, "a text")
    for key in numbers:
        if not _is_number(table.get(key)):
            yield _key_problem(where, table, key, "a whole number, not negative")
    for key in sorted(table.keys() - set(known)):
        yield Problem(where, f"unknown key {key!r}", f"one of {', '.join(known)}")


def _key_problem(where: str, table: dict[str, Any], key: str, expected: str) -> Problem:
    return Problem(where, f"{key} is {table[key]!r}" if key in table else f"key {key!r} is missing", expected)


def _key_problems(where: str, table: dict[str, Any]) -> Iterator[Problem]:
    plain = {key: value for key, value in table.items() if key not in ("memory", "facts", *PERIPHERAL_KEYS)}
    yield from _keys(where, plain, _TEXT, _NUMBERS)
    memories = table.get("memory")
    if not isinstance(memories, dict) or not memories:
        yield Problem(where, "no memories", "a table [memory.<name>] for each")
        return
    for key, value in memories.items():
        if not isinstance(value, dict):
            yield Problem(where, f"memory.{key} is {value!r}", f"a table [memory.{key}]")


def _memory_key_problems(where: str, name: str, table: dict[str, Any]) -> Iterator[Problem]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        yield Problem(where, f"name {name!r}", "lower-case letters, digits and _")
    yield from _keys(where, table, ("kind",), _MEMORY_NUMBERS)
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
        yield Problem(where, f"unknown cpu {board.cpu!r}", f"one of {', '.join(CPUS)}")
    if board.float_abi not in ("soft", "hard"):
        yield Problem(where, f"float_abi {board.float_abi!r}", "soft or hard")
    elif board.float_abi == "hard" and board.cpu in CPUS and not CPUS[board.cpu].fpu:
        yield Problem(where, f"float_abi hard on {board.cpu}", "soft: the core has no FPU")
    if board.clock_hz == 0:
        yield Problem(where, "clock_hz is 0", "the core's clock")


def _layout_problems(where: str, memories: tuple[Memory, ...]) -> Iterator[Problem]:
    for memory in memories:
        at = f"{where}, memory {memory.name}"
        if memory.start % PAGE_BYTES or memory.size % PAGE_BYTES or not memory.size:
            found = f"unaligned: start {memory.start:#010x}, size {memory.size:#x}"
            yield Problem(at, found, f"start and size in whole blocks of {PAGE_BYTES} bytes")
        if memory.end > PRIVATE_PERIPHERALS:
            yield Problem(at, f"ends at {memory.end:#010x}", f"at most {PRIVATE_PERIPHERALS:#010x}, the core's own")
    ordered = sorted(memories, key=lambda memory: memory.start)
    for low, high in itertools.combinations(ordered, 2):
        if low.end > high.start:
            found = f"overlaps {high.name}: ends at {low.end:#010x}, {high.name} starts at {high.start:#010x}"
            yield Problem(f"{where}, memory {low.name}", found, "memories apart from each other")


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
