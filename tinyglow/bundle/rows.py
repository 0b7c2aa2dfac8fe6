"""A bundle whose input may be handed in a few rows at a time: what a call of ``<net>_push_rows`` takes and computes."""

from __future__ import annotations

import itertools
from dataclasses import replace

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


def rows_of(program: Program) -> Rows | None:
    """What a call takes of the input of a program with addresses; None if it takes its input as a whole."""
    calls = program.row_calls
    if not calls:
        return None
    source = program.buffers[program.rows]
    nbytes = program.buffers[program.calls[calls[0]].operands[0]].type.nbytes
    axis = next(index for index, size in enumerate(source.type.shape) if size > 1)
    row = source.type.nbytes // source.type.shape[axis]
    return Rows(program.rows, nbytes // row, len(calls), nbytes, source.offset)


def steps_of(program: Program) -> list[range]:
    """The calls, by index, that each push makes; all of them in one range of a program that takes its input whole."""
    begins = program.row_calls or [0]
    return [range(begin, end) for begin, end in itertools.pairwise([*begins, len(program.calls)])]


def with_rows_apart(program: Program) -> Program:
    """The program as its C has it: the calls that take rows of the input read them where the caller has them."""
    rows = rows_of(program)
    if rows is None:
        return program
    names = (f"{rows.input}_rows{number or ''}" for number in itertools.count())
    name = next(name for name in names if name not in program.buffers)
    taken = {program.calls[index].operands[0] for index in program.row_calls}
    first = program.buffers[program.calls[program.row_calls[0]].operands[0]]
    buffers = {key: buffer for key, buffer in program.buffers.items() if key not in taken}
    buffers[name] = Buffer(name, first.type, Region.ROWS, 0)
    calls = tuple(
        replace(call, operands=tuple(name if operand in taken else operand for operand in call.operands))
        for call in program.calls
    )
    return replace(program, buffers=buffers, calls=calls, sizes={**program.sizes, Region.ROWS: rows.nbytes})
