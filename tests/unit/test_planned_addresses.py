"""Whole programs keep their addresses: with fast memory, with activations in the input's place, and without."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest

from tests.unit.test_plan import COPY, MIX, STEP, TURN, Builder
from tinyglow.ir.kernel import In, Out
from tinyglow.ir.program import NEAR, Program, Region
from tinyglow.lowering.near import use_near
from tinyglow.lowering.plan import activation_blocks, overlaps_of, plan
from tinyglow.lowering.reuse import reuse_inputs
from tinyglow.lowering.tcm import use_tcm

OVER = replace(TURN, symbol="over", overlap=lambda p: p.output - p.inputs if p.output % 3 else None)
CHOOSY = replace(STEP, symbol="choosy", aliases=lambda p: p.output % 2 == 0)


def _program(seed: int) -> Program:
    """A dozen calls over a few values, the latest the likeliest: with several inputs, constants and outputs."""
    draw = random.Random(seed)
    builder = Builder(draw.choice((1, 4, 8)))
    values = [builder.buffer(f"in{index}", draw.randint(1, 90), Region.MUTABLE) for index in range(1 + seed % 2)]
    for index in range(seed % 3):
        builder.buffer(f"in{5 + index}", draw.randint(1, 90), Region.MUTABLE)
    if seed % 4 == 0:
        builder.buffer("unused", draw.randint(1, 90), Region.ACTIVATION)
    for _ in range(draw.randint(3, 14)):
        source = draw.choice((values[-1], draw.choice(values)))
        kernel = draw.choice((MIX, TURN, STEP, COPY, OVER, CHOOSY))
        if kernel is MIX:
            fitting = [name for name in values if builder.size(name) == builder.size(source)]
            values.append(builder.call(MIX, source, draw.choice(fitting)))
        else:
            most = builder.size(source) if kernel in (STEP, CHOOSY) else 80
            size = builder.size(source) if kernel is COPY else draw.randint(1, most)
            values.append(builder.call(kernel, source, size=size))
    for index in range(draw.randint(1, 2)):
        source = draw.choice(values[-3:])
        builder.call(COPY, source, into=builder.buffer(f"out{index}", builder.size(source), Region.MUTABLE))
    return builder.program()


WAYS: dict[str, Callable[[Program], Program]] = {
    "plain": lambda program: program,
    "fast memory": lambda program: use_tcm(program, 100),
    "in the input": reuse_inputs,
    "both": lambda program: use_tcm(reuse_inputs(program), 60),
}
PLACED = {
    "plain": (11958, 1750545259),
    "fast memory": (12453, 696701672),
    "in the input": (10758, 749509689),
    "both": (11547, 802339666),
}


def test_constants_go_to_the_first_memory_with_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are read most for a byte first, then those that are read most, then by name; what nothing reads, last.

    A constant takes whole multiples of the alignment, and fits where just as many bytes are left.
    """
    traffic = {"dense": 40, "large": 60, "alike2": 30, "alike1": 30, "rare": 1, "never": 0, "empty": 5}
    sizes = {"dense": 5, "large": 20, "alike1": 10, "alike2": 10, "rare": 4, "never": 4, "empty": 0}
    monkeypatch.setattr("tinyglow.lowering.near.buffer_traffic", lambda _: traffic)
    builder = Builder()
    for name, size in sizes.items():
        builder.buffer(name, size, Region.CONSTANT, np.zeros(size, np.int8))
    program = builder.program()

    def near(*rooms: int) -> list[str]:
        found = use_near(program, {f"memory{index}": room for index, room in enumerate(rooms)})
        names = {region: [n for n, b in found.buffers.items() if b.region is region] for region in NEAR}
        return [f"{found.near.get(region)}: {' '.join(sorted(names[region]))}" for region in NEAR if names[region]]

    assert near(8) == ["memory0: dense"]
    assert near(7, 8) == ["memory0: rare", "memory1: dense"]
    assert near(28, 12) == ["memory0: dense large", "memory1: alike1"]
    assert near(27, 24) == ["memory0: alike1 dense rare", "memory1: large"]
    assert near(19, 23) == ["memory0: dense rare", "memory1: large"]
    assert near(100) == ["memory0: alike1 alike2 dense large rare"]
    assert near(0, 0) == near() == []


def placed(way: Callable[[Program], Program], programs: int) -> tuple[int, int]:
    """Bytes of all regions together, and a check sum of regions and addresses."""
    total, found = 0, []
    for seed in range(programs):
        planned = plan(way(_program(seed)))
        total += sum(planned.sizes.values())
        found.append([(b.name, b.region.name, b.offset) for b in planned.buffers.values()])
    return total, crc32(repr(found).encode())


@pytest.mark.parametrize("way", WAYS)
def test_addresses_stay_as_they_are(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same network has the same addresses in every release; who finds better ones changes these figures."""
    monkeypatch.setattr("tinyglow.lowering.plan._MOST_TRIALS", 0)
    assert placed(WAYS[way], 40) == PLACED[way]


@pytest.mark.parametrize(
    ("reads", "due"),
    [
        (["in0"], 3),
        (["in0", "w"], 3),
        (["in0", "w", "w"], 3),
        (["in0", "in0"], None),
        (["w", "in0"], None),
        (["in0", "w", "in0"], None),
    ],
)
def test_what_an_output_may_overlap(reads: list[str], due: int | None) -> None:
    """The first operand, if nothing else is it, and it is read for the last time."""
    operands = tuple(In(f"x{index}", "int8") for index in range(len(reads)))
    kernel = replace(TURN, operands=(*operands, Out("out", "int8")), overlap=lambda _: 3)
    builder = Builder()
    builder.buffer("in0", 8, Region.ACTIVATION)
    builder.buffer("w", 8, Region.CONSTANT, np.zeros(8, np.int8))
    result = builder.call(kernel, *reads)
    for later in (False, True):
        program = builder.program()
        blocks, owner = activation_blocks(program)
        assert overlaps_of(program, blocks, owner) == ({} if due is None or later else {(result, "in0"): due})
        builder.call(COPY, "in0")
