"""Object files from anywhere: a small ELF reader that trusts nothing and stops at bounds.

It reads what is needed to decide whether a linker may see a file at all, and no more. Layout of the structures: Tool
Interface Standard, ELF 1.2; for Arm: ELF for the Arm Architecture (ARM IHI 0044), Addenda to the ABI (ARM IHI 0045).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tinyglow.errors import Problem, ToolError

MAX_SECTIONS = 20_000
MAX_SYMBOLS = 500_000
MAX_ALIGNMENT = 4096
MAX_MEMORY = 1 << 26  # bytes of memory that one object may ask for

RELOCATABLE, EXECUTABLE = 1, 2
NO_BITS, SYMBOL_TABLE, ARM_ATTRIBUTES = 8, 2, 0x7000_0003
_ALLOCATED, _EXECUTABLE_CODE = 2, 4
_FUNCTION, _FILE, _GLOBAL, _WEAK = 2, 4, 1, 2
_ARM = 40
_MACHINES = {3: "x86", 8: "MIPS", 20: "PowerPC", 62: "x86-64", 94: "Xtensa", 183: "AArch64", 243: "RISC-V"}
_OTHER_FORMATS = {
    b"BC\xc0\xde": "LLVM bitcode",
    b"\xcf\xfa\xed\xfe": "a Mach-O object",
    b"\xce\xfa\xed\xfe": "a Mach-O object",
    b"\x64\x86": "a COFF object for x86-64",
    b"\x4c\x01": "a COFF object for x86",
    b"MZ": "a Windows program",
}
# Sections by which an object tells the linker to load other files, or to run a compiler.
_LINKER_ORDERS = {0x6FFF_4C01: "linker options", 0x6FFF_4C04: "dependent libraries", 0x6FFF_4C0C: "LLVM bitcode"}


@dataclass(frozen=True)
class Section:
    """A section as its header has it; ``data`` is empty where the file holds none."""

    name: str
    kind: int
    flags: int
    address: int
    size: int
    alignment: int
    link: int
    data: bytes

    @property
    def allocated(self) -> bool:
        """Whether it takes memory in the program."""
        return bool(self.flags & _ALLOCATED)

    @property
    def executable(self) -> bool:
        """Whether it holds code."""
        return bool(self.flags & _EXECUTABLE_CODE)


@dataclass(frozen=True)
class ObjectSymbol:
    """A name of an object file; ``section`` 0: it is needed, not defined."""

    name: str
    value: int
    size: int
    section: int
    is_function: bool
    is_global: bool
    is_weak: bool


@dataclass(frozen=True)
class ObjectFile:
    """A relocatable object or an executable for an Arm core; ``name``: of the file or the archive's member.

    attributes: build attributes by tag (Addenda to the ABI, 2.5), numbers and texts.
    """

    name: str
    data: bytes
    kind: int
    sections: tuple[Section, ...]
    symbols: tuple[ObjectSymbol, ...]
    attributes: dict[int, int | str]

    @property
    def defined(self) -> frozenset[str]:
        """Names that other objects may refer to."""
        return frozenset(s.name for s in self.symbols if s.section and s.is_global)

    @property
    def undefined(self) -> frozenset[str]:
        """Names that others must define; weak ones may stay without."""
        return frozenset(s.name for s in self.symbols if not s.section and s.is_global and not s.is_weak)

    @property
    def hard_float(self) -> bool:
        """Whether floats are passed in FPU registers (Tag_ABI_VFP_args is 1)."""
        return self.attributes.get(28) == 1


def parse_object(name: str, data: bytes) -> ObjectFile:
    """Read an ELF file for a 32-bit little-endian Arm core. Raises ToolError naming what is wrong with it."""
    _require_arm(name, data)
    try:
        kind, sections = _sections(data)
        symbols = tuple(_symbols(data, sections))
        attributes = _attributes(sections)
    except (struct.error, IndexError, ValueError) as error:
        found = (
            f"is damaged: {error}" if isinstance(error, ValueError) else "is damaged: a table reaches beyond its end"
        )
        raise ToolError(f"cannot read object {name}", [Problem(name, found, "an ELF file")]) from None
    problems = list(_hazards(name, kind, sections))
    if problems:
        raise ToolError(f"{name} is not a plain object file", problems)
    return ObjectFile(name, data, kind, sections, symbols, attributes)


def _require_arm(name: str, data: bytes) -> None:
    expected = "an object for Arm Cortex-M: ELF, 32 bits, little-endian"
    if data[:4] != b"\x7fELF":
        known = next((text for magic, text in _OTHER_FORMATS.items() if data.startswith(magic)), "no ELF file")
        raise ToolError(f"{name} is no object for a Cortex-M", [Problem(name, f"is {known}", expected)])
    if len(data) < 52:
        raise ToolError(f"cannot read object {name}", [Problem(name, f"ends after {len(data)} bytes", expected)])
    order = {1: "little", 2: "big"}.get(data[5], "?")
    machine = struct.unpack_from(">H" if order == "big" else "<H", data, 18)[0]
    if (data[4], data[5], machine) != (1, 1, _ARM):
        bits = {1: "32 bits", 2: "64 bits"}.get(data[4], f"class {data[4]}")
        core = "Arm" if machine == _ARM else _MACHINES.get(machine, f"machine {machine}")
        hint = "compile the bundle with Glow's -target=arm -mcpu=cortex-m..." if machine != _ARM else ""
        problem = Problem(name, f"is for {core}, {bits}, {order}-endian", expected, hint)
        raise ToolError(f"{name} is no object for a Cortex-M", [problem])


def _part(data: bytes, offset: int, size: int, what: str) -> bytes:
    if offset + size > len(data):
        raise ValueError(f"{what} reaches beyond its end")
    return data[offset : offset + size]


def _text(table: bytes, offset: int) -> str:
    if offset >= len(table) > 0:
        raise ValueError("a name lies outside of its table")
    raw = table[offset : table.find(b"\0", offset) if b"\0" in table[offset : offset + 4096] else offset + 4096]
    return raw.decode("utf-8", "backslashreplace")


def _sections(data: bytes) -> tuple[int, tuple[Section, ...]]:
    kind = struct.unpack_from("<H", data, 16)[0]
    table, entry_size, count, names = struct.unpack_from("<I", data, 32) + struct.unpack_from("<HHH", data, 46)
    if kind not in (RELOCATABLE, EXECUTABLE):
        raise ValueError(f"type {kind}, neither relocatable (1) nor executable (2)")
    if not count or entry_size != 40:
        raise ValueError("it has no section table")
    if count > MAX_SECTIONS:
        raise ValueError(f"it has {count} sections, more than {MAX_SECTIONS}")
    headers = [struct.unpack_from("<10I", data, table + 40 * index) for index in range(count)]
    contents = [
        b"" if h[1] in (0, NO_BITS) else _part(data, h[4], h[5], f"section {index}") for index, h in enumerate(headers)
    ]
    texts = contents[names]
    return kind, tuple(
        Section(_text(texts, h[0]), h[1], h[2], h[3], h[5], h[8], h[6], content)
        for h, content in zip(headers, contents, strict=True)
    )


def _symbols(data: bytes, sections: tuple[Section, ...]) -> Iterator[ObjectSymbol]:
    for table in sections:
        if table.kind != SYMBOL_TABLE:
            continue
        if len(table.data) // 16 > MAX_SYMBOLS:
            raise ValueError(f"it has more than {MAX_SYMBOLS} symbols")
        names = sections[table.link].data
        for entry in range(16, len(table.data) - 15, 16):  # the first entry is empty
            name, value, size, info, _, section = struct.unpack_from("<IIIBBH", table.data, entry)
            kind, binding = info & 15, info >> 4
            text = _text(names, name) if name else ""
            if text and kind != _FILE:
                is_global = binding in (_GLOBAL, _WEAK)
                address = value & ~1 if kind == _FUNCTION else value
                yield ObjectSymbol(text, address, size, section, kind == _FUNCTION, is_global, binding == _WEAK)


def _hazards(name: str, kind: int, sections: tuple[Section, ...]) -> Iterator[Problem]:
    """What would make a linker read other files, run other programs or write without end."""
    memory = 0
    for section in sections:
        where = f"{name}, section {section.name}"
        if section.kind in _LINKER_ORDERS:
            yield Problem(where, f"holds {_LINKER_ORDERS[section.kind]}", "code and data alone")
        if section.name.startswith(".gnu.lto_"):
            yield Problem(where, "holds code that a compiler must finish (LTO)", "machine code")
        if section.name == ".vectors" and kind == RELOCATABLE:
            yield Problem(where, "is a vector table", "a bundle: the firmware around it brings that")
        if section.allocated and section.alignment > MAX_ALIGNMENT:
            yield Problem(where, f"wants to be aligned to {section.alignment:,} bytes", f"at most {MAX_ALIGNMENT:,}")
        memory += section.size if section.allocated else 0
    if memory > MAX_MEMORY:
        yield Problem(name, f"asks for {memory:,} bytes of memory", f"at most {MAX_MEMORY:,}")


def _attributes(sections: tuple[Section, ...]) -> dict[int, int | str]:
    """The file's build attributes; {} if it has none. Raises ValueError or IndexError for damaged ones."""
    data = next((section.data for section in sections if section.kind == ARM_ATTRIBUTES), b"")
    found: dict[int, int | str] = {}
    if data[:1] != b"A" or data[5:11] != b"aeabi\0":
        return found
    end = min(len(data), 1 + struct.unpack_from("<I", data, 1)[0])
    at = 11
    while at < end:
        scope, size = data[at], struct.unpack_from("<I", data, at + 1)[0]
        if size < 5:
            raise ValueError("its build attributes are of no size")
        if scope == 1:  # of the whole file
            found.update(_file_attributes(data[at + 5 : min(end, at + size)]))
        at += size
    return found


def _file_attributes(data: bytes) -> dict[int, int | str]:
    found: dict[int, int | str] = {}
    at = 0
    while at < len(data):
        tag, at = _uleb(data, at)
        # Texts: the two CPU names, and odd tags above 32; 32 itself is a number and a text.
        if tag == 32:
            _, at = _uleb(data, at)
        if tag in (4, 5, 32) or (tag > 32 and tag & 1):
            stop = data.index(b"\0", at)
            found[tag] = data[at:stop].decode("utf-8", "backslashreplace")
            at = stop + 1
        else:
            found[tag], at = _uleb(data, at)
    return found


def _uleb(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 35:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a number in its build attributes does not end")
