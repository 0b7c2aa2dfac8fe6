"""The memory planner: what is in use at once never overlaps, and nothing is wasted that need not be."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinyglow.interp import run_program
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params, Role
from tinyglow.ir.program import PLANNED, Buffer, KernelCall, Program, Region
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.lowering.plan import Block, activation_blocks, align, lower_bound, place, plan
from tinyglow.testing import alignments, blocks, budget, overlaps

# place


@budget(300)
@given(given=blocks(), alignment=alignments())
@example([], 4)
@example([Block("a", 0, 0, 3)], 4)
@example([Block("a", 5, 0, 1), Block("b", 7, 1, 2)], 4)
def test_blocks_in_use_at_once_do_not_overlap(given: list[Block], alignment: int) -> None:
    """Two blocks that are in use at some step have no byte in common, and each starts at an aligned offset."""
    offsets, size = place(given, alignment)
    assert offsets.keys() == {block.name for block in given}
    for block in given:
        assert offsets[block.name] >= 0 and offsets[block.name] % alignment == 0
        assert offsets[block.name] + block.size <= size
    for a, b in itertools.combinations(given, 2):
        if a.first <= b.last and b.first <= a.last:
            low, high = sorted((a, b), key=lambda block: (offsets[block.name], block.size))
            assert offsets[low.name] + low.size <= offsets[high.name]


@pytest.mark.parametrize("steps", [400, 3200])
def test_blocks_meet_only_their_neighbours(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of a chain is compared with those of about its time: work grows with the number of layers."""
    compared = 0
    meets = Block.meets

    def counted(block: Block, other: Block) -> bool:
        nonlocal compared
        compared += 1
        return meets(block, other)

    monkeypatch.setattr(Block, "meets", counted)
    place([Block(f"b{step}", 16, step, step + 1) for step in range(steps)])
    assert 0 < compared < 250 * steps


@budget(300)
@given(data=st.data(), given=blocks(), alignment=alignments())
def test_outputs_overlap_their_inputs_as_far_as_they_may(
    data: st.DataObject, given: list[Block], alignment: int
) -> None:
    """Blocks that meet share bytes only where one overlaps the other, and then from the distance that is said."""
    allowed = data.draw(overlaps(given))
    offsets, size = place(given, alignment, allowed)
    assert lower_bound(given, allowed) <= size <= sum(align(block.size, alignment) for block in given)
    for a, b in itertools.permutations(given, 2):
        start, other = offsets[a.name], offsets[b.name]
        apart = start + a.size <= other or other + b.size <= start
        if a.meets(b) and not apart:
            over, under = allowed.get((a.name, b.name)), allowed.get((b.name, a.name))
            trailing = over is not None and start <= other + over
            assert trailing or (under is not None and other <= start + under)


def test_an_output_that_overlaps_its_input_takes_no_memory_of_its_own() -> None:
    """A chain of images of one size, each of which may start where the last does, needs one image."""
    chain = [Block(f"b{i}", 100, i, i + 1) for i in range(6)]
    allowed = {(f"b{i + 1}", f"b{i}"): 0 for i in range(5)}
    assert place(chain, 4, allowed)[1] == lower_bound(chain, allowed) == 100
    assert place(chain, 4)[1] == 200
    # 8 bytes before it: the last one is where the first begins, less 5 times 8.
    assert place(chain, 4, dict.fromkeys(allowed, -8))[1] == 140


@budget(300)
@given(given=blocks(), alignment=alignments())
def test_the_arena_is_within_its_bounds(given: list[Block], alignment: int) -> None:
    """The arena holds what is in use at the fullest step, and takes no more than all blocks side by side."""
    _, size = place(given, alignment)
    fullest = max((sum(b.size for b in given if b.first <= step <= b.last) for step in range(10)), default=0)
    assert lower_bound(given) == fullest
    assert fullest <= size <= sum(align(block.size, alignment) for block in given)
    assert size % alignment == 0


@budget(150)
@given(given=blocks(), alignment=alignments(), seed=st.integers(0, 2**32 - 1))
def test_placement_does_not_depend_on_the_order_of_blocks(given: list[Block], alignment: int, seed: int) -> None:
    """The same blocks in another order get the same offsets."""
    shuffled = random.Random(seed).sample(given, len(given))
    assert place(shuffled, alignment) == place(given, alignment)


@budget(150)
@given(given=blocks(), alignment=alignments())
def test_blocks_that_never_meet_share_one_place(given: list[Block], alignment: int) -> None:
    """Blocks used one after the other take the room of the largest."""
    apart = [replace(block, first=index, last=index) for index, block in enumerate(given)]
    assert place(apart, alignment)[1] == max((align(block.size, alignment) for block in apart), default=0)


def test_the_classic_network_is_placed_without_waste() -> None:
    """A chain of layers whose results shrink takes no more than the fullest step."""
    chain = [Block(f"layer{step}", size, step, step + 1) for step, size in enumerate((784, 600, 400, 300, 100, 10))]
    assert place(chain)[1] == lower_bound(chain) == 784 + 600


@given(size=st.integers(0, 10**9), alignment=alignments())
def test_align_rounds_up_to_the_next_multiple(size: int, alignment: int) -> None:
    """The result is the smallest multiple that is not below the size."""
    result = align(size, alignment)
    assert result % alignment == 0
    assert size <= result < size + alignment


# Programs of small kernels made for the purpose: they run in numpy alone.


@dataclass(frozen=True)
class Sizes(Params):
    """Elements of the inputs and of the output."""

    inputs: U32
    output: U32


def _mix(p: Sizes, a: Array, b: Array, out: Array) -> None:
    out[...] = (3 * a.astype(np.int32) + b + np.arange(p.output)).astype(np.int8)


def _turn(p: Sizes, a: Array, out: Array) -> None:
    out[...] = np.resize(a[:, ::-1], (len(a), p.output)) + np.int8(1)


def _step(p: Sizes, a: Array, out: Array) -> None:
    out[...] = a[:, : p.output] * np.int8(5) + np.int8(7)


MIX = Kernel("mix", "", Sizes, (In("a", "int8"), In("b", "int8"), Out("out", "int8", may_alias="a")), _mix)
TURN = Kernel("turn", "", Sizes, (In("a", "int8"), Out("out", "int8")), _turn)
STEP = Kernel("step", "", Sizes, (In("a", "int8"), Out("out", "int8", may_alias="a")), _step)
COPY = Kernel("copy", "", Sizes, (In("a", "int8"), Out("out", "int8")), lambda p, a, out: np.copyto(out, a))


class Builder:
    """Makes a program call by call."""

    def __init__(self, alignment: int = 4) -> None:
        self.buffers: dict[str, Buffer] = {}
        self.calls: list[KernelCall] = []
        self.alignment = alignment

    def buffer(self, name: str, size: int, region: Region, data: Array | None = None) -> str:
        """Add a buffer of ``size`` bytes."""
        self.buffers[name] = Buffer(name, TensorType((size,), "int8", QuantParams(1.0, 0)), region, data=data)
        return name

    def size(self, name: str) -> int:
        """Bytes of a buffer."""
        return self.buffers[name].type.nbytes

    def call(self, kernel: Kernel, *sources: str, size: int = 0, into: str = "") -> str:
        """Add a call; its result is a new buffer (of the first source's size unless given), or the buffer ``into``."""
        size = size or self.size(into or sources[0])
        result = into or self.buffer(f"v{len(self.calls)}", size, Region.ACTIVATION)
        params = Sizes(self.size(sources[0]), size)
        self.calls.append(KernelCall(kernel, (*sources, result), params, f"node{len(self.calls)}"))
        return result

    def program(self) -> Program:
        """The program; buffers called in... and out... are the placeholders."""
        names = {prefix: tuple(name for name in self.buffers if name.startswith(prefix)) for prefix in ("in", "out")}
        sizes = dict.fromkeys(PLANNED, 0)
        calls = tuple(self.calls)
        return Program("net", self.buffers, calls, names["in"], names["out"], {}, sizes, self.alignment)


def _with_nothing() -> Program:
    """A program with a value of no elements."""
    builder = Builder()
    source = builder.buffer("in0", 4, Region.MUTABLE)
    builder.buffer("nothing", 0, Region.ACTIVATION)
    builder.call(COPY, source, into=builder.buffer("out0", 4, Region.MUTABLE))
    return builder.program()


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Up to ten calls over buffers of several sizes and regions; values are used once, often or never."""
    builder = Builder(draw(alignments()))
    sizes = st.integers(1, 40)
    values = [builder.buffer(f"in{index}", draw(sizes), Region.MUTABLE) for index in range(draw(st.integers(1, 2)))]
    constant = np.arange(draw(sizes)).astype(np.int8)
    values.append(builder.buffer("constant", constant.size, Region.CONSTANT, constant))
    for _ in range(draw(st.integers(0, 8))):
        # The latest values are the likeliest: chains are what networks are, and what dies is what can be shared.
        source = draw(st.one_of(st.just(values[-1]), st.sampled_from(values)))
        kernel = draw(st.sampled_from((MIX, TURN, STEP, COPY)))
        if kernel is MIX:
            fitting = [name for name in values if builder.size(name) == builder.size(source)]
            values.append(builder.call(MIX, source, draw(st.sampled_from(fitting))))
        elif kernel is COPY:
            values.append(builder.call(COPY, source))
        else:
            most = builder.size(source) if kernel is STEP else 40
            values.append(builder.call(kernel, source, size=draw(st.integers(1, most))))
    for index in range(draw(st.integers(1, 2))):
        source = draw(st.sampled_from(values))
        output = builder.buffer(f"out{index}", builder.size(source), Region.MUTABLE)
        builder.call(COPY, source, into=output)
    return builder.program()


@budget(50)
@given(programs())
@example(_with_nothing())
def test_a_block_is_as_large_as_the_largest_buffer_in_it(program: Program) -> None:
    """One without elements takes nothing."""
    found, owner = activation_blocks(program)
    for block in found:
        inside = [name for name in program.buffers if owner.get(name, name) == block.name]
        assert block.size == max(program.buffers[name].type.nbytes for name in inside)


def _lives(program: Program) -> dict[str, tuple[int, int]]:
    """First and last step at which each buffer holds something that matters."""
    lives = {}
    for name, buffer in program.buffers.items():
        steps = [step for step, call in enumerate(program.calls) if name in call.operands]
        always = buffer.region is not Region.ACTIVATION
        lives[name] = (-1, len(program.calls)) if always else (min(steps), max(steps))
    return lives


def _apart(program: Program) -> Program:
    """The program with every buffer at a place of its own."""
    offsets = dict.fromkeys(PLANNED, 0)
    buffers = {}
    for name, buffer in program.buffers.items():
        buffers[name] = buffer.at(offsets[buffer.region])
        offsets[buffer.region] += buffer.type.nbytes
    return replace(program, buffers=buffers, sizes=offsets)


@budget(200)
@given(program=programs(), seed=st.integers(0, 2**32 - 1))
def test_sharing_memory_changes_no_result(program: Program, seed: int) -> None:
    """A planned program computes what it computes with every buffer at a place of its own."""
    generator = np.random.default_rng(seed)
    inputs = {
        name: generator.integers(-128, 128, (2, program.buffers[name].type.nbytes)).astype(np.int8)
        for name in program.inputs
    }
    expected, actual = run_program(_apart(program), inputs), run_program(plan(program), inputs)
    assert actual.keys() == expected.keys() == set(program.outputs)
    for name, array in expected.items():
        assert np.array_equal(actual[name], array)


@budget(200)
@given(program=programs())
def test_live_buffers_of_a_program_do_not_overlap(program: Program) -> None:
    """Buffers of one region that live at once overlap only as the input and the result of one in-place call."""
    planned, lives = plan(program), _lives(program)
    allowed = set()
    for step, call in enumerate(planned.calls):
        for operand, result in zip(call.kernel.operands, call.operands, strict=True):
            for name, source in call.named(Role.IN):
                if operand.may_alias == name and lives[source][1] == step == lives[result][0]:
                    allowed.add((source, result))
    for a, b in itertools.combinations(planned.buffers.values(), 2):
        together = lives[a.name][0] <= lives[b.name][1] and lives[b.name][0] <= lives[a.name][1]
        if a.region is b.region and together and a.offset < b.end and b.offset < a.end:
            assert (a.name, b.name) in allowed or (b.name, a.name) in allowed
            assert a.offset == b.offset


@budget(200)
@given(program=programs())
def test_regions_hold_their_buffers(program: Program) -> None:
    """Every buffer is aligned and inside its region, and no region is larger than its buffers side by side."""
    planned = plan(program)
    assert planned.buffers.keys() == program.buffers.keys()
    for region in PLANNED:
        members = [buffer for buffer in planned.buffers.values() if buffer.region is region]
        for buffer in members:
            assert buffer.offset >= 0 and buffer.offset % program.alignment == 0
            assert buffer.end <= planned.sizes[region]
        most = sum(align(buffer.type.nbytes, program.alignment) for buffer in members)
        assert planned.sizes[region] <= most
        if region in (Region.CONSTANT, Region.MUTABLE):
            assert planned.sizes[region] == most
    assert planned.sizes[Region.ACTIVATION] >= lower_bound(activation_blocks(program)[0])


@budget(100)
@given(program=programs())
def test_planning_is_deterministic(program: Program) -> None:
    """The order in which buffers were made does not move any activation."""
    turned = replace(program, buffers=dict(reversed(program.buffers.items())))
    first, second = plan(program), plan(turned)
    assert first.sizes == second.sizes
    for name, buffer in first.buffers.items():
        if buffer.region is Region.ACTIVATION:
            assert buffer.offset == second.buffers[name].offset


def _chain(kernel: Kernel, size: int = 0, again: bool = False) -> tuple[Program, str, str]:
    """input -> copy -> ``kernel`` -> output; ``again``: the kernel's source is used once more afterwards."""
    builder = Builder()
    first = builder.call(COPY, builder.buffer("in0", 20, Region.MUTABLE))
    second = builder.call(kernel, *[first] * (len(kernel.operands) - 1), size=size)
    if again:
        builder.call(COPY, first)
    builder.call(COPY, second, into=builder.buffer("out0", builder.size(second), Region.MUTABLE))
    return plan(builder.program()), first, second


@pytest.mark.parametrize(("kernel", "size"), [(STEP, 20), (STEP, 7), (MIX, 20)])
def test_a_dying_input_is_overwritten(kernel: Kernel, size: int) -> None:
    """A kernel that may work in place does so when its input is not needed any more."""
    planned, first, second = _chain(kernel, size)
    assert planned.buffers[first].offset == planned.buffers[second].offset == 0
    assert planned.sizes[Region.ACTIVATION] == 20


def test_a_chain_of_in_place_calls_takes_one_place() -> None:
    """Results that overwrite each other one after the other stay in the place of the first."""
    builder = Builder()
    name = builder.call(COPY, builder.buffer("in0", 20, Region.MUTABLE))
    for size in (20, 18, 18, 3):
        name = builder.call(STEP, name, size=size)
    builder.call(COPY, name, into=builder.buffer("out0", 3, Region.MUTABLE))
    assert plan(builder.program()).sizes[Region.ACTIVATION] == 20


@pytest.mark.parametrize(
    ("kernel", "size", "again", "why"),
    [
        (TURN, 20, False, "the kernel does not allow it"),
        (STEP, 20, True, "the input is used again"),
    ],
)
def test_what_is_needed_is_not_overwritten(kernel: Kernel, size: int, again: bool, why: str) -> None:
    """A result gets a place of its own where the kernel cannot work in place or its input is still needed."""
    planned, first, second = _chain(kernel, size, again)
    a, b = planned.buffers[first], planned.buffers[second]
    assert a.end <= b.offset or b.end <= a.offset, why


def test_a_larger_result_is_not_put_into_a_smaller_input() -> None:
    """A kernel that may work in place but whose result is larger than its input gets a second place."""
    grow = replace(TURN, operands=(In("a", "int8"), Out("out", "int8", may_alias="a")))
    planned, first, second = _chain(grow, size=30)
    a, b = planned.buffers[first], planned.buffers[second]
    assert a.end <= b.offset or b.end <= a.offset


def test_placeholders_are_never_overwritten() -> None:
    """The input placeholder keeps its content, even if a call that may work in place is the last to use it."""
    builder = Builder()
    result = builder.call(STEP, builder.buffer("in0", 20, Region.MUTABLE))
    builder.call(STEP, result, into=builder.buffer("out0", 20, Region.MUTABLE))
    planned = plan(builder.program())
    assert {buffer.region for name, buffer in planned.buffers.items() if name != result} == {Region.MUTABLE}
    assert planned.buffers["in0"].end <= planned.buffers["out0"].offset
    assert planned.sizes == {**dict.fromkeys(PLANNED, 0), Region.MUTABLE: 40, Region.ACTIVATION: 20}


def test_a_program_without_activations_needs_no_arena() -> None:
    """A program that copies its input to its output has activations of no bytes."""
    builder = Builder()
    builder.call(COPY, builder.buffer("in0", 9, Region.MUTABLE), into=builder.buffer("out0", 9, Region.MUTABLE))
    assert plan(builder.program()).sizes == {**dict.fromkeys(PLANNED, 0), Region.MUTABLE: 24}


@budget(200, full=5_000)
@given(sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=20), alignment=st.sampled_from([1, 4, 8]))
def test_chains_are_placed_optimally(sizes: list[int], alignment: int) -> None:
    """Where each block meets only the one before and the one after, no placement takes less."""
    blocks = [Block(f"b{i}", size, i, i + 1) for i, size in enumerate(sizes)]
    _, arena = place(blocks, alignment)
    assert arena == lower_bound([Block(b.name, align(b.size, alignment), b.first, b.last) for b in blocks])
