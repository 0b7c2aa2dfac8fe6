"""Where the last part of a result may lie over the buffer of which its call reads a part for the last time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.test_plan import COPY, MIX, TURN, Builder
from tinyglow.ir.program import Region
from tinyglow.lowering.parts import overlaps_of_parts
from tinyglow.lowering.plan import activation_blocks

OVER = replace(TURN, symbol="over", overlap=lambda p: p.output - p.inputs)
OVER_TWO = replace(MIX, symbol="over two", overlap=lambda p: p.output - p.inputs)
NEVER = replace(TURN, symbol="never", overlap=lambda _: None)


class _Parts(Builder):
    """A source of 40 bytes and a result of 30, of which calls read and write parts."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer("in", 40, Region.MUTABLE)
        for name, size in (("source", 40), ("result", 30)):
            self.buffer(name, size, Region.ACTIVATION)
        self.call(COPY, "in", into="source")

    def part(self, whole: str, begin: int, size: int) -> str:
        name = self.buffer(f"{whole}.{begin}.{size}", size, Region.ACTIVATION)
        self.buffers[name] = replace(self.buffers[name], part_of=whole, begin=begin)
        return name

    def found(self) -> dict[tuple[str, str], int]:
        program = self.program()
        blocks, owner = activation_blocks(program)
        return overlaps_of_parts(program, {block.name: block for block in blocks}, owner)


@pytest.mark.parametrize(
    ("read", "written", "due"),
    [
        ((12, 20), (10, 20), -10),  # the kernel allows 12 bytes after, but what was written before has to come before
        ((12, 25), (10, 20), -10),
        ((0, 25), (10, 20), -15),
        ((4, 25), (10, 20), -11),
        ((0, 15), (10, 20), -10),
        ((0, 40), (0, 30), -10),
    ],
)
def test_how_far(read: tuple[int, int], written: tuple[int, int], due: int) -> None:
    """The part that is written begins no later than what its call reads, as its kernel says, and than the source."""
    builder = _Parts()
    if written[0]:
        builder.call(OVER, builder.part("source", 0, 8), into=builder.part("result", 0, written[0]))
    builder.call(OVER, builder.part("source", *read), into=builder.part("result", *written))
    assert builder.found() == {("result", "source"): due}


@pytest.mark.parametrize(
    "case",
    ["read again", "not the last part", "twice", "no overlap", "whole", "of itself", "a constant", "a placeholder"],
)
def test_where_not(case: str) -> None:
    """What is read later, or written before in the same bytes, and what the kernel does not allow."""
    builder = _Parts()
    builder.call(COPY, builder.part("source", 0, 12), into=builder.part("result", 0, 12))
    read, last = builder.part("source", 8, 20), builder.part("result", 12, 18)
    if case == "read again":
        builder.call(OVER, read, into=last)
        builder.call(COPY, builder.part("source", 3, 4), into=builder.part("result", 0, 4))
    elif case == "not the last part":  # two bytes of it were written before
        builder.call(OVER, read, into=builder.part("result", 10, 20))
    elif case == "twice":
        builder.call(OVER_TWO, read, builder.part("source", 9, 20), into=last)
    elif case == "no overlap":
        builder.call(NEVER, read, into=last)
    elif case == "whole":
        builder.call(OVER, read, into=builder.buffer("other", 18, Region.ACTIVATION))
    elif case == "of itself":
        builder.call(OVER, builder.part("result", 0, 12), into=last)
    elif case == "a constant":
        builder.call(OVER, builder.buffer("c", 9, Region.CONSTANT), into=last)
    else:
        builder.call(OVER, builder.buffer("in2", 9, Region.MUTABLE), into=last)
    assert builder.found() == {}


def test_the_second_operand_is_another_buffer() -> None:
    """A call with two operands: where the first one's part lies counts."""
    builder = _Parts()
    builder.buffer("in2", 60, Region.MUTABLE)
    builder.call(COPY, "in2", into=builder.buffer("other", 60, Region.ACTIVATION))
    builder.call(OVER, builder.part("source", 0, 8), into=builder.part("result", 0, 10))
    second = builder.part("other", 7, 25)
    builder.call(OVER_TWO, builder.part("source", 2, 25), second, into=builder.part("result", 10, 20))
    assert builder.found() == {("result", "source"): -13}
