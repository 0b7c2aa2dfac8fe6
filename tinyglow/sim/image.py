"""A linked firmware (ELF): what to load where, its symbols, its sizes, and whether it fits a board."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tinyglow.errors import BoardError, Problem, SimulationError, ToolError, reason
from tinyglow.resources import require_file
from tinyglow.sim import missing_package
from tinyglow.targets.boards import Board, Memory

try:
    from elftools.common.exceptions import ELFError
    from elftools.elf.constants import SH_FLAGS
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection
except ImportError as error:
    raise missing_package("pyelftools") from error


@dataclass(frozen=True)
class Segment:
    """Bytes to be written to ``address`` before the program starts."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Section:
    """An output section. ``load``: where its bytes come from (flash, for initial values); ``stored``: it has bytes."""

    name: str
    address: int
    load: int
    size: int
    executable: bool
    writable: bool
    stored: bool

    @property
    def end(self) -> int:
        """The first address after the section."""
        return self.address + self.size

    def holds(self, address: int) -> bool:
        """Whether an address lies in the section."""
        return self.address <= address < self.end


@dataclass(frozen=True)
class Symbol:
    """A name in the program; the address of a function is without the Thumb bit."""

    name: str
    address: int
    size: int
    is_function: bool


@dataclass(frozen=True)
class Sizes:
    """Bytes by kind. ``data``: variables with initial values, which take flash and RAM."""

    text: int
    rodata: int
    data: int
    bss: int

    @property
    def flash(self) -> int:
        """Bytes stored in flash."""
        return self.text + self.rodata + self.data

    @property
    def ram(self) -> int:
        """Bytes of static RAM, without the stack."""
        return self.data + self.bss


@dataclass(frozen=True)
class Image:
    """A program as the linker left it."""

    path: Path
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]

    @cached_property
    def sizes(self) -> Sizes:
        """Bytes by kind, of whole sections with the padding inside them."""

        def total(*, executable: bool, writable: bool, stored: bool) -> int:
            wanted = (executable, writable, stored)
            return sum(part.size for part in self.sections if (part.executable, part.writable, part.stored) == wanted)

        return Sizes(
            text=sum(part.size for part in self.sections if part.executable),
            rodata=total(executable=False, writable=False, stored=True),
            data=total(executable=False, writable=True, stored=True),
            bss=sum(part.size for part in self.sections if not part.stored),
        )

    @cached_property
    def _by_name(self) -> dict[str, Symbol]:
        return {symbol.name: symbol for symbol in self.symbols}

    @cached_property
    def functions(self) -> tuple[Symbol, ...]:
        """All functions by address, one for each address."""
        by_address = {symbol.address: symbol for symbol in self.symbols if symbol.is_function}
        return tuple(by_address[address] for address in sorted(by_address))

    @cached_property
    def _function_ranges(self) -> tuple[list[int], list[int]]:
        """Starts and ends. Hand-written assembly often gives no size: its functions end where the next ones start."""
        starts = [function.address for function in self.functions]
        ends = []
        for function, behind in zip(self.functions, [*starts[1:], 1 << 32], strict=False):  # there may be none
            section_end = max((part.end for part in self.sections if part.holds(function.address)), default=behind)
            ends.append(function.address + function.size if function.size else min(behind, section_end))
        return starts, ends

    @cached_property
    def code_ranges(self) -> tuple[tuple[int, int], ...]:
        """Start and end of the stretches of instructions: literal pools and tables lie between them.

        By the mapping symbols $t (Thumb code) and $d (data) that every assembler writes (ELF for the Arm Architecture,
        ARM IHI 0044, 4.5.5).
        """
        ranges = []
        for section in self.sections:
            if not section.executable:
                continue
            inside = (symbol for symbol in self.symbols if section.holds(symbol.address))
            marks = {mark.address: mark.name[:2] for mark in inside if mark.name[:2] in ("$t", "$d")}
            borders = [*sorted(marks), section.end]
            ranges += [(low, high) for low, high in itertools.pairwise(borders) if marks[low] == "$t"]
        return tuple(ranges)

    def symbol(self, name: str) -> Symbol:
        """The symbol of that name; SimulationError if the program has none."""
        try:
            return self._by_name[name]
        except KeyError:
            raise SimulationError(
                f"{self.path.name} has no symbol {name!r}",
                [Problem(name, "not in the symbol table", hint="a function nobody calls is dropped by the linker")],
            ) from None

    def size_of(self, function: Symbol) -> int:
        """Bytes of a function: as its symbol says, or up to the next function."""
        starts, ends = self._function_ranges
        return ends[bisect.bisect_left(starts, function.address)] - function.address

    def bytes_at(self, address: int, size: int) -> bytes:
        """Stored bytes, wherever the program has them; ValueError if it has none there."""
        for section in self.sections:
            if section.stored and section.address <= address and address + size <= section.end:
                load = section.load + address - section.address
                for segment in self.segments:
                    if segment.address <= load and load + size <= segment.address + len(segment.data):
                        return segment.data[load - segment.address : load - segment.address + size]
        raise ValueError(f"nothing is stored at {address:#010x}")

    def text_at(self, address: int, longest: int) -> str:
        """The C string at an address; ValueError if it is longer than ``longest`` or not there."""
        text = b""
        while len(text) <= longest:
            byte = self.bytes_at(address + len(text), 1)
            if byte == b"\0":
                return text.decode("utf-8", "backslashreplace")
            text += byte
        raise ValueError(f"the text at {address:#010x} has more than {longest} characters")

    def function_at(self, address: int) -> Symbol | None:
        """The function that holds ``address``; None outside of all functions."""
        starts, ends = self._function_ranges
        index = bisect.bisect_right(starts, address) - 1
        return self.functions[index] if index >= 0 and address < ends[index] else None

    def end_of(self, function: Symbol) -> int:
        """The first address after a function."""
        starts, ends = self._function_ranges
        return ends[bisect.bisect_left(starts, function.address)]

    def place(self, address: int) -> str:
        """``address`` in words: ``function+0x12``, or the bare address outside of all functions."""
        function = self.function_at(address)
        if function is None:
            return f"{address:#010x}"
        offset = address - function.address
        return f"{function.name}+{offset:#x}" if offset else function.name


def load_image(path: Path, machine: str = "EM_ARM") -> Image:
    """Read a little-endian 32-bit ELF file for ``machine`` (``Cpu.elf``); ToolError if it is something else."""
    try:
        require_file(path)
        with path.open("rb") as file:
            elf = ELFFile(file)
            _require_machine(path, elf, machine)
            loads = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
            sections = tuple(_sections(elf, loads))
            return Image(
                path=path,
                segments=tuple(part for load in loads if (part := _stored(load, sections)).data),
                sections=sections,
                symbols=tuple(sorted(_symbols(elf), key=_preference)),
            )
    except (OSError, ELFError) as error:
        raise ToolError(f"cannot read firmware {path}", [Problem(str(path), reason(error), "an ELF file")]) from error


def _stored(load: Any, sections: Sequence[Section]) -> Segment:
    """The bytes of a loadable segment from its first section on: linkers may put the file's own headers in front."""
    start, data = load["p_paddr"], load.data()
    inside = [part.load for part in sections if part.stored and start <= part.load < start + len(data)]
    skipped = min(inside, default=start + len(data)) - start
    return Segment(start + skipped, data[skipped:])


def _require_machine(path: Path, elf: Any, machine: str) -> None:
    found = (elf.elfclass, elf.little_endian, elf["e_machine"])
    if found != (32, True, machine):
        order = "little" if found[1] else "big"
        expected = f"{machine}, 32 bits, little-endian"
        problem = Problem(str(path), f"{found[2]}, {found[0]} bits, {order}-endian", expected)
        core = "a Cortex-M" if machine == "EM_ARM" else "this core"
        raise ToolError(f"{path.name} is no firmware for {core}", [problem])


def _sections(elf: Any, loads: list[Any]) -> Iterator[Section]:
    for section in elf.iter_sections():
        flags, address, size = section["sh_flags"], section["sh_addr"], section["sh_size"]
        if not flags & SH_FLAGS.SHF_ALLOC or not size:
            continue
        load = address
        for segment in loads:
            if segment["p_vaddr"] <= address < segment["p_vaddr"] + segment["p_memsz"]:
                load = segment["p_paddr"] + address - segment["p_vaddr"]
        yield Section(
            name=section.name,
            address=address,
            load=load,
            size=size,
            executable=bool(flags & SH_FLAGS.SHF_EXECINSTR),
            writable=bool(flags & SH_FLAGS.SHF_WRITE),
            stored=section["sh_type"] != "SHT_NOBITS",
        )


def _symbols(elf: Any) -> Iterator[Symbol]:
    for table in elf.iter_sections():
        if not isinstance(table, SymbolTableSection):
            continue
        for entry in table.iter_symbols():
            is_function = entry["st_info"]["type"] == "STT_FUNC"
            if entry.name and entry["st_shndx"] != "SHN_UNDEF" and entry["st_info"]["type"] != "STT_FILE":
                address = entry["st_value"] & ~1 if is_function else entry["st_value"]
                yield Symbol(entry.name, address, entry["st_size"], is_function)


def _preference(symbol: Symbol) -> tuple[int, int, str]:
    """Order by address; of several names for one address the plainest comes last, and so is the one that is kept."""
    return (symbol.address, -symbol.name.count("."), symbol.name)


def check_fits(image: Image, board: Board) -> None:
    """Raise BoardError, naming memory, need and room, if the program and its stack do not fit the board."""
    problems = list(_strays(image, board))
    with_stack = stack_memory(image, board)
    for memory in board.memories:
        ends = [end for start, end in _ranges(image) if _memory_of(board, start) == memory]
        if not ends and memory != with_stack:
            continue
        need = max([*ends, memory.start]) - memory.start
        parts = f"{need:,} bytes"
        if memory == with_stack:
            need += board.stack_bytes
            parts = f"{need:,} bytes ({board.stack_bytes:,} of them for the stack)"
        if need > memory.size:
            problems.append(Problem(f"memory {memory.name}", f"needs {parts}", f"at most {memory.size:,} bytes"))
    if problems:
        raise BoardError(f"the program does not fit {board.name}", problems)


def stack_memory(image: Image, board: Board) -> Memory:
    """The memory that the stack ends with, by the vector table's first word; the board's data memory if none does."""
    try:
        stack = int.from_bytes(image.bytes_at(board.code.start, 4), "little")
    except ValueError:
        return board.data
    return next((m for m in board.memories if m.kind != "flash" and m.start < stack <= m.end), board.data)


def _ranges(image: Image) -> Iterator[tuple[int, int]]:
    """Start and end of all that occupies memory: every section, and the stored initial values."""
    for section in image.sections:
        yield section.address, section.end
        if section.load != section.address and section.stored:
            yield section.load, section.load + section.size


def _memory_of(board: Board, address: int) -> Memory | None:
    """The memory that an address was meant for: the last that starts at or below it."""
    below = [memory for memory in board.memories if memory.start <= address]
    return max(below, key=lambda memory: memory.start, default=None)


def _strays(image: Image, board: Board) -> Iterator[Problem]:
    for section in image.sections:
        if _memory_of(board, section.address) is None:
            yield Problem(
                f"section {section.name}", f"at {section.address:#010x}", "an address in a memory of the board"
            )
