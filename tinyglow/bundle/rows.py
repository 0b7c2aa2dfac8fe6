"""A bundle whose input may be handed in a few rows at a time: what a call of ``<net>_push_rows`` takes and computes."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

from tinyglow.ir.namer import numbered
from tinyglow.ir.program import Buffer, Program, Region
from tinyglow.ir.record import Record


class Rows(Record):
    """The input of a bundle by rows.

    Attributes:
        input: Name of the input.
        count: Rows that a call takes; the last one takes those that are left.
        pushes: Calls that take the whole input.
        nbytes: Bytes of the rows that a call takes.
        mutable: Bytes of mutableWeight that are in use then: the input has no place there.
    """

    input: str
    count: int
    pushes: int
    nbytes: int
    mutable: int

    @property
    def ram(self) -> int:
        """Bytes that placeholders, states and the rows of a call take together."""
        return self.mutable + self.nbytes


def rows_of(program: Program) -> Rows | None:
    """What a call takes of the input of a program with addresses; None if it takes its input as a whole."""
    pushes, nbytes = len(program.row_calls), program.rows_bytes
    if not pushes:
        return None
    source = program.buffers[program.rows]
    # A row is the largest part of the input, along one of its dimensions, of which a call takes whole ones.
    shape = source.type.shape
    parts = (source.type.nbytes // math.prod(shape[: axis + 1]) for axis in range(len(shape)))
    row = next(part for part in parts if nbytes % part == 0)
    return Rows(program.rows, nbytes // row, pushes, nbytes, source.offset)


def steps_of(program: Program) -> list[range]:
    """The calls, by index, that each push makes; all of them in one range of a program that takes its input whole."""
    begins = [0, *program.row_calls[1:]]  # what needs no input comes before its first rows
    return [range(begin, end) for begin, end in itertools.pairwise([*begins, len(program.calls)])]


def with_rows_apart(program: Program) -> Program:
    """The program as its C has it: the calls that take rows of the input read them where the caller has them."""
    rows = rows_of(program)
    if rows is None:
        return program
    name = next(name for name in numbered(f"{rows.input}_rows") if name not in program.buffers)
    taken = {program.calls[index].operands[0] for index in program.row_calls}
    first = program.buffers[program.calls[program.row_calls[0]].operands[0]]
    buffers = {key: buffer for key, buffer in program.buffers.items() if key not in taken}
    buffers[name] = Buffer(name, first.type, Region.ROWS, 0)
    calls = tuple(
        replace(call, operands=tuple(name if operand in taken else operand for operand in call.operands))
        for call in program.calls
    )
    return replace(program, buffers=buffers, calls=calls, sizes={**program.sizes, Region.ROWS: rows.nbytes})
