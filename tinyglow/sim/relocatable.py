"""Make symbols of relocatable objects (ELF) local, if no other object needs them.

A bundle's object may be linked with another bundle's that has kernels of the same names. Linkers keep them apart if
they are local. GNU objcopy can do the same, but comes with few of the compilers we use.

Layouts: System V ABI, edition 4.1, chapter 4, "Symbol Table" and "Relocation"; ELF-64 Object File Format, version 1.5.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass

from tinyglow.errors import Problem, ToolError

_SYMTAB, _RELA, _REL, _GROUP = 2, 4, 9, 17
# Clang's table of symbols whose addresses matter refers to symbols by number; linkers only use it to fold functions.
_ADDRSIG, _NULL = 0x6FFF4C03, 0
_LOCAL, _GLOBAL, _WEAK = 0, 1, 2
_RELOCATABLE = 1  # e_type ET_REL


@dataclass(frozen=True)
class _Layout:
    """Where the fields are that differ between 32 and 64 bits: (struct format, offset)."""

    section_offset: tuple[str, int]  # e_shoff
    section_count: int  # offset of e_shentsize, e_shnum
    section: str  # sh_name to sh_entsize
    symbol: str
    info: int  # index of st_info among the symbol's fields
    shndx: int
    symbol_shift: int  # r_info >> symbol_shift is the symbol
    word: str  # r_info's type; it is the second field of a relocation


_32 = _Layout(("I", 32), 46, "10I", "3I2BH", 3, 5, 8, "I")
_64 = _Layout(("Q", 40), 58, "2I4Q2I2Q", "I2BH2Q", 1, 3, 32, "Q")
# Section header fields, by index.
_NAME_TYPE, _OFFSET, _SIZE, _LINK, _INFO, _ENTSIZE = 1, 4, 5, 6, 7, 9


class _Object:
    def __init__(self, data: bytes, where: str) -> None:
        self.data = bytearray(data)
        self.where = where
        if data[:4] != b"\x7fELF" or len(data) < 64 or data[4] not in (1, 2) or data[5] not in (1, 2):
            raise self.error("is no ELF object")
        self.layout = _32 if data[4] == 1 else _64
        self.order = "<" if data[5] == 1 else ">"
        if self.read("H", 16)[0] != _RELOCATABLE:
            raise self.error("is no relocatable object")
        form, at = self.layout.section_offset
        self.table = int(self.read(form, at)[0])
        self.entry, self.count = self.read("2H", self.layout.section_count)
        self.sections = [list(self.read(self.layout.section, self.table + i * self.entry)) for i in range(self.count)]

    def error(self, found: str) -> ToolError:
        return ToolError("the object cannot be finished", [Problem(self.where, found, "what a C compiler makes")])

    def read(self, form: str, offset: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self.order + form, self.data, offset)
        except struct.error:
            raise self.error("is truncated") from None

    def write(self, form: str, offset: int, *values: int) -> None:
        struct.pack_into(self.order + form, self.data, offset, *values)

    def write_section(self, index: int) -> None:
        self.write(self.layout.section, self.table + index * self.entry, *self.sections[index])


def keep_global(data: bytes, names: Collection[str], where: str) -> bytes:
    """The object ``data`` with every symbol it defines local but ``names``; what it needs of others stays as it is.

    where: what to call the object in errors. Raises ToolError if it is no relocatable ELF object.
    """
    elf = _Object(data, where)
    tables = [index for index, section in enumerate(elf.sections) if section[_NAME_TYPE] == _SYMTAB]
    if len(tables) != 1:
        raise elf.error(f"has {len(tables)} symbol tables")
    _renumber(elf, tables[0], _localize(elf, tables[0], names))
    return bytes(elf.data)


def _name(elf: _Object, strings: list[int], offset: int) -> str:
    start = strings[_OFFSET] + offset
    end = elf.data.find(b"\0", start, strings[_OFFSET] + strings[_SIZE])
    if end < 0:
        raise elf.error("is truncated")
    return elf.data[start:end].decode("utf-8", "replace")


def _localize(elf: _Object, index: int, names: Collection[str]) -> list[int]:
    """Rewrite the symbol table, local symbols first as they must be; returns each old symbol's new number."""
    table, layout = elf.sections[index], elf.layout
    size = struct.calcsize(elf.order + layout.symbol)
    if table[_LINK] >= elf.count or table[_ENTSIZE] != size:
        raise elf.error("has a symbol table of an unknown form")
    strings = elf.sections[table[_LINK]]
    symbols = [list(elf.read(layout.symbol, table[_OFFSET] + i * size)) for i in range(table[_SIZE] // size)]
    for symbol in symbols:
        binding, kind = symbol[layout.info] >> 4, symbol[layout.info] & 0xF
        defined = symbol[layout.shndx] != 0
        if defined and binding in (_GLOBAL, _WEAK) and _name(elf, strings, symbol[0]) not in names:
            symbol[layout.info] = _LOCAL << 4 | kind
    order = sorted(range(len(symbols)), key=lambda i: symbols[i][layout.info] >> 4 != _LOCAL)
    for place, old in enumerate(order):
        elf.write(layout.symbol, table[_OFFSET] + place * size, *symbols[old])
    table[_INFO] = sum(symbol[layout.info] >> 4 == _LOCAL for symbol in symbols)  # the first that is not local
    elf.write_section(index)
    numbers = [0] * len(symbols)
    for place, old in enumerate(order):
        numbers[old] = place
    return numbers


def _renumber(elf: _Object, table: int, numbers: list[int]) -> None:
    """Give everything that refers to a symbol its new number."""
    layout = elf.layout
    width = struct.calcsize(elf.order + layout.word)
    for index, section in enumerate(elf.sections):
        if section[_NAME_TYPE] in (_REL, _RELA) and section[_LINK] == table:
            for offset in range(section[_OFFSET], section[_OFFSET] + section[_SIZE], max(section[_ENTSIZE], 2 * width)):
                (info,) = elf.read(layout.word, offset + width)
                old, kind = info >> layout.symbol_shift, info & (1 << layout.symbol_shift) - 1
                if old >= len(numbers):
                    raise elf.error("has a relocation without a symbol")
                elf.write(layout.word, offset + width, numbers[old] << layout.symbol_shift | kind)
        elif section[_NAME_TYPE] == _GROUP and section[_LINK] == table and section[_INFO] < len(numbers):
            section[_INFO] = numbers[section[_INFO]]
            elf.write_section(index)
        elif section[_NAME_TYPE] == _ADDRSIG:
            section[_NAME_TYPE], section[_SIZE] = _NULL, 0
            elf.write_section(index)
