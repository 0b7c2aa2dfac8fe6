"""A bound of the stack that a bundle's object takes: its call graph, and each function's depth by its instructions.

Compilers' own figures (``-fstack-usage``) leave out what assembly pushes, and calls that assembly makes. So depths are
followed through the instructions, as a disassembler reads them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tinyglow.errors import Problem, ToolError
from tinyglow.sim import missing_package

try:
    import capstone
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
except ImportError as error:
    raise missing_package("capstone and pyelftools") from error

# Stack that a function of the compiler's library may take: division, float arithmetic, copies of blocks.
LIBRARY_BYTES = 64
_THUMB_CALLS = {10, 30, 51, 102, 103}
_ADDRESS = 2  # R_ARM_ABS32
_REGISTERS = re.compile(r"\{(.*)\}")
_IMMEDIATE = re.compile(r"#(-?(?:0x)?[0-9a-f]+)")


@dataclass(frozen=True)
class StackBound:
    """The most stack of a network.

    Attributes:
        nbytes: From the stack pointer at the call of the network's function to the lowest point.
        path: The functions on the deepest path.
        library: Functions of the compiler's library that the object needs, each of which counts ``LIBRARY_BYTES``.
    """

    nbytes: int
    path: tuple[str, ...]
    library: tuple[str, ...]


@dataclass
class _Function:
    """A function's code, and where its relocated branches go, by offset from its begin."""

    code: bytes
    pools: list[tuple[int, int]]
    branches: dict[int, str] = field(default_factory=dict)


def stack_bound(net: str, data: bytes) -> StackBound:
    """The bound for the network's function in its object.

    Args:
        net: The network's name.
        data: A relocatable object for a Cortex-M, with a section for each function.

    Returns:
        The bound.

    Raises:
        ToolError: A function moves its stack pointer by an amount that its instructions do not say, or calls itself.
    """
    try:
        functions, taken, needed = _read(data)
    except (ELFError, KeyError, ValueError) as error:
        raise ToolError("cannot read the object", [Problem(f"{net}.o", str(error)[:100])]) from None
    depths = {name: _Walk(name, function, taken).run() for name, function in functions.items()}
    nbytes, path = _deepest(net, depths, ())
    return StackBound(nbytes, path, tuple(sorted(needed - {"glow_tcm_addr"})))


def _read(data: bytes) -> tuple[dict[str, _Function], frozenset[str], frozenset[str]]:
    """Functions by name; those whose address is data; names that others define."""
    elf = ELFFile(io.BytesIO(data))
    symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
    functions: dict[str, _Function] = {}
    homes: dict[int, list[tuple[int, str]]] = {}
    for symbol in symbols:
        section = symbol["st_shndx"]
        if symbol["st_info"]["type"] == "STT_FUNC" and isinstance(section, int):
            begin, size = symbol["st_value"] & ~1, symbol["st_size"]
            marks = sorted(
                (s["st_value"], s.name[1]) for s in symbols if s["st_shndx"] == section and s.name[:1] == "$"
            )
            ends = [at for at, _ in marks[1:]] + [begin + size]
            pools = [(at - begin, end - begin) for (at, kind), end in zip(marks, ends, strict=False) if kind == "d"]
            functions[symbol.name] = _Function(elf.get_section(section).data()[begin : begin + size], pools)
            homes.setdefault(section, []).append((begin, symbol.name))
    taken = set()
    for section in elf.iter_sections():
        if section["sh_type"] not in ("SHT_REL", "SHT_RELA"):
            continue
        for relocation in section.iter_relocations():
            symbol, kind = symbols[relocation["r_info_sym"]], relocation["r_info_type"]
            name = symbol.name
            if symbol["st_info"]["type"] == "STT_SECTION":
                name = next((found for _, found in homes.get(symbol["st_shndx"], ())), "")
            if kind == _ADDRESS and name in functions:
                taken.add(name)
            if kind in _THUMB_CALLS:
                place = relocation["r_offset"]
                begin, home = max(pair for pair in homes[section["sh_info"]] if pair[0] <= place)
                functions[home].branches[place - begin] = name
    needed = {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF" and s.name}
    return functions, frozenset(taken), frozenset(needed)


class _Walk:
    """The depths of one function's stack."""

    def __init__(self, name: str, function: _Function, taken: frozenset[str]) -> None:
        self._name, self._function, self._taken = name, function, taken
        decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self._instructions: dict[int, capstone.CsInsn] = {}
        at = 0
        while at < len(function.code):
            pool = next((end for begin, end in function.pools if begin <= at < end), None)
            decoded = None if pool else next(decoder.disasm(function.code[at : at + 4], at), None)
            if decoded is not None:
                self._instructions[at] = decoded
            at = pool or at + (decoded.size if decoded is not None else 2)
        self._depth: dict[int, int] = {}
        self._calls: dict[tuple[str, int], None] = {}
        self._deepest = self._jumped = 0
        self._jumps = False

    def run(self) -> tuple[int, list[tuple[str, int]]]:
        """The deepest point; names that are called, with the depth there."""
        pending = [(0, 0)]
        while pending:
            at, depth = pending.pop()
            if at in self._instructions and self._depth.get(at, -1) < depth:
                if at in self._depth:
                    raise self._error("its stack grows in a loop")
                self._depth[at] = depth
                pending += self._step(at, depth)
            if not pending and self._jumps:  # where a computed jump may lead
                pending += [(other, self._jumped) for other in self._instructions if other not in self._depth][:1]
        return self._deepest, list(self._calls)

    def _error(self, found: str) -> ToolError:
        return ToolError("the stack has no bound", [Problem(self._name, found, "steps of a known size")])

    def _step(self, at: int, depth: int) -> list[tuple[int, int]]:
        """What comes after an instruction, with the depth there."""
        one = self._instructions[at]
        mnemonic, operands = one.mnemonic.removesuffix(".w").removesuffix(".n"), one.op_str
        depth += self._grows(mnemonic, operands)
        self._deepest = max(self._deepest, depth)
        after, target = (at + one.size, depth), self._function.branches.get(at)
        if target is not None:
            self._calls[target, depth] = None
            return [] if mnemonic == "b" else [after]
        if mnemonic == "blx":
            self._calls |= {(name, depth): None for name in self._taken}
        elif mnemonic in ("tbb", "tbh") or (operands.startswith("pc,") and mnemonic in ("add", "mov", "ldr")):
            self._jumps, self._jumped = True, max(self._jumped, depth)
        elif mnemonic == "bx" or (mnemonic.startswith(("pop", "ldm")) and "pc" in operands):
            return []
        place = _IMMEDIATE.search(operands)
        if place and re.fullmatch(r"b|bl|cbn?z|b(?:eq|ne|hs|lo|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)", mnemonic):
            goal = int(place[1], 0)
            if mnemonic == "bl" and goal == 0:
                raise self._error("it calls itself")
            return [(goal, depth)] if mnemonic == "b" else [after, (goal, depth)]
        return [after]

    def _grows(self, mnemonic: str, operands: str) -> int:
        """Bytes by which an instruction moves the stack pointer down."""
        registers, number = _REGISTERS.search(operands), _IMMEDIATE.findall(operands)
        if mnemonic in ("push", "pop", "vpush", "vpop") and registers:
            size = 4 * _count(registers[1])
            return size if "push" in mnemonic else -size
        if mnemonic.startswith(("stm", "ldm")) and operands.startswith("sp!") and registers:
            return (4 if mnemonic.startswith("stm") else -4) * _count(registers[1])
        if mnemonic in ("sub", "subw", "add", "addw") and re.match(r"sp, (?:sp, )?#", operands):
            return int(number[-1], 0) * (1 if mnemonic.startswith("sub") else -1)
        if re.search(r"\[sp, #-?[0-9a-fx]+\]!|\[sp\], #", operands):
            return -int(number[-1], 0)
        if operands.startswith("sp,") and not mnemonic.startswith(("cmp", "ldm", "stm", "str", "tst")):
            raise self._error(f"'{mnemonic} {operands}' sets its stack pointer")
        return 0


def _count(registers: str) -> int:
    """Words of a list of registers."""
    words = 0
    for part in registers.split(","):
        ends = re.fullmatch(r"\s*([rsd])(\d+)-[rsd](\d+)\s*", part)
        single = 2 if part.strip().startswith("d") else 1
        words += single * (int(ends[3]) - int(ends[2]) + 1 if ends else 1)
    return words


def _deepest(
    name: str, depths: Mapping[str, tuple[int, list[tuple[str, int]]]], above: tuple[str, ...]
) -> tuple[int, tuple[str, ...]]:
    """The most stack of a function with all that it calls, and the path there."""
    if name in above:
        raise ToolError("the stack has no bound", [Problem(name, f"recursion: {' -> '.join((*above, name))}", "none")])
    if name not in depths:
        return LIBRARY_BYTES, (name,)
    own, calls = depths[name]
    best: tuple[int, tuple[str, ...]] = own, (name,)
    for called, depth in sorted(calls):
        below, rest = _deepest(called, depths, (*above, name))
        best = (depth + below, (name, *rest)) if depth + below > best[0] else best
    return best
