"""A case laid out in memory between guard bytes: what is written to a core, and what may have changed afterwards."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

from tinyglow.ir.c_struct import struct_fields
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import REQUANT_CTYPE, Kernel, Operand, Params, Role
from tinyglow.numerics.glow import Requant
from tinyglow.testing.case import Case

_GUARD_BYTES = 32
# Every piece starts here modulo 16: the 4 bytes that a bundle promises, and not more by chance.
_START = 4
FRAME_ALIGNMENT = 16
_SCRATCH = "scratch"


class DamageError(AssertionError):
    """A kernel wrote where it must not: outside of its outputs."""


class _RequantStruct(ctypes.LittleEndianStructure):
    """``tg_requant`` of tg_numerics.h."""

    _fields_ = (
        ("multiplier", ctypes.c_int32),
        ("offset", ctypes.c_int32),
        ("pre", ctypes.c_uint8),
        ("post", ctypes.c_uint8),
    )


_CTYPES: dict[str, type] = {
    **{f"int{bits}_t": getattr(ctypes, f"c_int{bits}") for bits in (8, 16, 32)},
    **{f"uint{bits}_t": getattr(ctypes, f"c_uint{bits}") for bits in (8, 16, 32)},
    "float": ctypes.c_float,
    REQUANT_CTYPE: _RequantStruct,
}


def struct_class(kernel: Kernel) -> type[ctypes.LittleEndianStructure]:
    """The C struct of a kernel's parameters, laid out as the compilers of all targets do (natural alignment)."""
    fields = [(name, _CTYPES[ctype]) for name, ctype in struct_fields(kernel)]
    return type(kernel.params_ctype, (ctypes.LittleEndianStructure,), {"_fields_": fields})


def params_bytes(kernel: Kernel, params: Params) -> bytes:
    """``params`` as the C struct of ``kernel`` has them in memory; padding is zero."""
    struct = struct_class(kernel)()
    for name, _ in struct_fields(kernel):
        value = getattr(params, name)
        if isinstance(value, Requant):
            value = _RequantStruct(value.multiplier, value.offset, value.pre, value.post)
        setattr(struct, name, value)
    return bytes(struct)


def _guards(size: int) -> Array:
    """Bytes that differ from place to place, so that a copied or shifted guard is seen."""
    return (np.arange(size) * 37 + 11).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Frame:
    """The memory of one call, to be put at a multiple of FRAME_ALIGNMENT.

    Before the call, outputs hold the complement of their expected values: an element that the kernel leaves out is
    never right by chance.

    Attributes:
        case: The call.
        image: The bytes before the call.
        after: The bytes as they must be afterwards, but for those of ``free``.
        params: Offset of the struct.
        operands: Offset of each operand, in the kernel's order.
        free: Where the working memory begins and ends.
    """

    case: Case
    image: bytes
    after: bytes
    params: int
    operands: tuple[int, ...]
    free: tuple[int, int] = (0, 0)

    def check(self, memory: bytes) -> None:
        """Compare the bytes after the call. Raises DamageError for a stray write, AssertionError for a wrong result."""
        expected, actual = (np.frombuffer(data, np.uint8) for data in (self.after, memory))
        differs = expected != actual
        differs[slice(*self.free)] = False
        wrong = np.flatnonzero(differs)
        if not wrong.size:
            return
        places = [(self._place(int(index)), index) for index in wrong]
        for operand, start in zip(self.case.kernel.operands, self.operands, strict=False):
            if operand.role is not Role.OUT:
                continue
            dtype, count = np.dtype(operand.dtype), self.case.elements(operand)
            inside = slice(start, start + count * dtype.itemsize)
            places = [(name, index) for name, index in places if not inside.start <= index < inside.stop]
            if places:
                name, index = places[0]
                raise DamageError(f"{self.case.kernel.symbol} wrote to {name} (byte {index} of {len(memory)})")
            got, want = (data[inside].view(dtype) for data in (actual, expected))
            first = int(np.flatnonzero(_bits(got) != _bits(want))[0])
            differ = int((_bits(got) != _bits(want)).sum())
            raise AssertionError(
                f"{self.case.kernel.symbol}: {differ} of {count} elements of {operand.name} differ, "
                f"the first is [{first}]: {got[first]}, numpy: {want[first]}"
            )

    def _place(self, index: int) -> str:
        pieces = [(self.params, "its parameters", len(params_bytes(self.case.kernel, self.case.params)))]
        for operand, start in zip(self.case.kernel.operands, self.operands, strict=False):
            size = self.case.elements(operand) * np.dtype(operand.dtype).itemsize
            pieces.append((start, f"operand {operand.name}", size))
        for start, name, size in pieces:
            if start <= index < start + size:
                return name
        start, name, _ = max((piece for piece in pieces if piece[0] <= index), default=pieces[0])
        return f"memory {index - start} bytes from the start of {name}, outside of all operands"


def _bits(array: Array) -> Array:
    """Floats as integers: equal bits, not equal values."""
    return array.view(np.uint32) if array.dtype == np.float32 else array


def frame(case: Case, in_place: bool = False) -> Frame:
    """Lay out ``case``; ``in_place``: outputs that may alias or overlap an input are put over it."""
    overlap = case.overlap if in_place else None
    if overlap is not None:
        return _overlapping(case, overlap)
    aliases = case.aliases if in_place else {}
    expected = case.expected(in_place)
    contents: list[tuple[str, bytes, bytes]] = []
    struct = params_bytes(case.kernel, case.params)
    contents.append(("", struct, struct))
    for operand in case.kernel.operands:
        if operand.role is Role.CODE:
            contents.append((operand.name, *_number(case, operand)))
        elif operand.role is not Role.OUT:
            before = after = case.inputs[operand.name].tobytes()
            for output, source in aliases.items():
                if source == operand.name:
                    after = expected[output].tobytes() + before[expected[output].nbytes :]
            contents.append((operand.name, before, after))
        elif operand.name not in aliases:
            after = expected[operand.name].tobytes()
            contents.append((operand.name, bytes(byte ^ 0xFF for byte in after), after))
    starts, memory, after = _side_by_side(contents, case.scratch)
    operands = [starts[aliases.get(operand.name, operand.name)] for operand in case.kernel.operands]
    return _frame(case, memory, after, starts, operands)


def _number(case: Case, operand: Operand) -> tuple[bytes, bytes]:
    """What stands in memory for a function, before and after the call: its number."""
    number = case.functions[operand.name].to_bytes(4, "little")
    return number, number


def _overlapping(case: Case, overlap: int) -> Frame:
    """The first operand and, ``overlap`` bytes from its start, the output, in one piece."""
    source, target = case.kernel.operands[0], next(o for o in case.kernel.operands if o.role is Role.OUT)
    data, result = case.inputs[source.name].tobytes(), case.expected()[target.name].tobytes()
    first, second = max(0, -overlap), max(0, overlap)
    before = bytearray(_guards(max(first + len(data), second + len(result))).tobytes())
    before[first : first + len(data)] = data
    after = before.copy()
    after[second : second + len(result)] = result
    struct = params_bytes(case.kernel, case.params)
    contents = [("", struct, struct), (source.name, bytes(before), bytes(after))]
    for operand in case.kernel.operands[1:]:
        if operand.role is Role.CODE:
            contents.append((operand.name, *_number(case, operand)))
        elif operand is not target:
            constant = case.inputs[operand.name].tobytes()
            contents.append((operand.name, constant, constant))
    starts, memory, expected = _side_by_side(contents, case.scratch)
    starts[target.name] = starts[source.name] + second
    starts[source.name] += first
    return _frame(case, memory, expected, starts, [starts[operand.name] for operand in case.kernel.operands])


def _frame(case: Case, image: bytes, after: bytes, starts: dict[str, int], operands: list[int]) -> Frame:
    if case.scratch is None:
        return Frame(case, image, after, starts[""], tuple(operands))
    start = starts[_SCRATCH]
    return Frame(case, image, after, starts[""], (*operands, start), (start, start + case.scratch))


def _side_by_side(contents: list[tuple[str, bytes, bytes]], scratch: int | None) -> tuple[dict[str, int], bytes, bytes]:
    """Where each piece starts, and the memory before and after the call."""
    if scratch is not None:
        contents = [*contents, (_SCRATCH, bytes(scratch), bytes(scratch))]
    starts: dict[str, int] = {}
    offset = 0
    for name, before, _ in contents:
        offset += _GUARD_BYTES
        offset += (_START - offset) % FRAME_ALIGNMENT
        starts[name] = offset
        offset += len(before)
    image = _guards(offset + _GUARD_BYTES)
    result = image.copy()
    for name, before, after in contents:
        span = slice(starts[name], starts[name] + len(before))
        image[span] = np.frombuffer(before, np.uint8)
        result[span] = np.frombuffer(after, np.uint8)
    return starts, image.tobytes(), result.tobytes()
