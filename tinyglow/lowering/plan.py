"""Station 8: addresses. Constants and placeholders lie side by side; activations share memory by their lifetimes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random

from tinyglow.ir.kernel import Role
from tinyglow.ir.program import CONSTANTS, Buffer, Program, Region
from tinyglow.ir.record import Record
from tinyglow.lowering.parts import overlaps_of_parts


class Block(Record):
    """A piece of memory that is in use from step ``first`` to step ``last``, both included. ``size`` is in bytes."""

    name: str
    size: int
    first: int
    last: int

    def meets(self, other: Block) -> bool:
        """Whether both are in use at some step."""
        return self.first <= other.last and other.first <= self.last


def align(size: int, alignment: int) -> int:
    """``size`` rounded up to a multiple of ``alignment``."""
    return -(-size // alignment) * alignment


def aligned(blocks: Iterable[Block], alignment: int) -> list[Block]:
    """Blocks of whole multiples of ``alignment``."""
    return [replace(block, size=align(block.size, alignment)) for block in blocks]


# (name of an output's block, name of its input's block) -> where the output may start over the input: at most so many
# bytes from the input's start, because the call that reads the one and writes the other has then done with what it
# overwrites. Both blocks are in use during that call.
Overlaps = Mapping[tuple[str, str], int]


class _Neighbours:
    """Which blocks are in use at the same time, and where they may overlap.

    Attributes:
        of: By a block's name its neighbours, each with two distances: at most so far after the neighbour's start the
            block may start over it, and at most so far before; None if not at all.
        refused: Orders of blocks that took too much.
    """

    def __init__(self, blocks: Iterable[Block], overlaps: Overlaps) -> None:
        self.of: dict[str, list[tuple[Block, int | None, int | None]]] = {}
        self.refused: set[tuple[str, ...]] = set()
        alive: list[Block] = []
        for block in sorted(blocks, key=lambda block: block.first):
            alive = [other for other in alive if other.meets(block)]
            own = self.of[block.name] = []
            for other in alive:
                after, before = overlaps.get((block.name, other.name)), overlaps.get((other.name, block.name))
                own.append((other, after, before))
                self.of[other.name].append((block, before, after))
            alive.append(block)


def _first_fit(
    blocks: Sequence[Block], alignment: int, near: _Neighbours, most: float = math.inf
) -> dict[str, int] | None:
    """Each block at the lowest offset that is free during its whole life; None once they take more than ``most``.

    near: of the blocks, with distances that are multiples of the alignment. From call to call ``most`` never rises.
    """
    order = tuple(block.name for block in blocks)
    if order in near.refused:
        return None
    offsets: dict[str, int] = {}
    for block in blocks:
        taken = []  # between which numbers, both left out, it may not start
        for other, after, before in near.of[block.name]:
            if (start := offsets.get(other.name)) is not None:
                low = start - block.size if after is None else start + max(-block.size, after)
                high = start + other.size if before is None else start + min(other.size, -before)
                taken.append((low, high))
        offset = 0
        for low, high in sorted(taken):
            if low < offset < high:
                offset = align(high, alignment)
        if offset + block.size > most:
            near.refused.add(order)
            return None
        offsets[block.name] = offset
    return offsets


_ORDERS: tuple[Callable[[Block], tuple[int, ...]], ...] = (
    lambda block: (-block.size, block.first),
    lambda block: (-block.size * (block.last - block.first + 1), -block.size),
    lambda block: (block.first, -block.size),
    lambda block: (-block.last, -block.size),
    lambda block: (block.first - block.last, -block.size),
)


def _from_both_ends(blocks: Sequence[Block], alignment: int, near: _Neighbours) -> dict[str, int] | None:
    """Blocks in the order of their lives, by turns at the bottom and at the top of the least memory they can need.

    Optimal for a chain of layers, where each result meets only its neighbours; None where blocks would overlap.
    """
    ordered = sorted(blocks, key=lambda block: (block.first, block.last, block.name))
    size = lower_bound(aligned(ordered, alignment))
    offsets: dict[str, int] = {}
    for index, block in enumerate(ordered):
        offset = size - align(block.size, alignment) if index % 2 else 0
        for other, _, _ in near.of[block.name]:
            start = offsets.get(other.name)
            if start is not None and offset < start + other.size and start < offset + block.size:
                return None
        offsets[block.name] = offset
    return offsets


def _extent(blocks: Iterable[Block], offsets: Mapping[str, int], alignment: int) -> int:
    return max((align(offsets[block.name] + block.size, alignment) for block in blocks), default=0)


# First fits that are tried in all, times the square of the number of blocks, which is what one takes at most.
_SEARCH = 400_000
_MOST_TRIALS = 1500


def _search(
    start: Sequence[Block], best: tuple[dict[str, int], int], bound: int, alignment: int, near: _Neighbours
) -> tuple[dict[str, int], int]:
    """First fit in orders that differ from the best so far by two exchanged blocks; the same ones in every run."""
    order, random = list(start), Random(0)
    if len(order) < 2:
        return best
    for _ in range(min(_MOST_TRIALS, _SEARCH // len(order) ** 2)):
        if best[1] <= bound:
            break
        a, b = random.sample(range(len(order)), 2)
        order[a], order[b] = order[b], order[a]
        offsets = _first_fit(order, alignment, near, best[1])
        if offsets is None:
            order[a], order[b] = order[b], order[a]
        else:
            best = offsets, _extent(order, offsets, alignment)
    return best


def place(blocks: Sequence[Block], alignment: int = 1, overlaps: Overlaps | None = None) -> tuple[dict[str, int], int]:
    """Give blocks their offsets.

    Chains of layers, which is what most networks are, are placed optimally. For the rest the problem (dynamic storage
    allocation) is NP-hard: first fit is tried in several orders, and in others near the best of them, as long as the
    result is above the bound that no placement can do without.

    Args:
        blocks: The blocks.
        alignment: Of every offset, in bytes.
        overlaps: Where blocks that are in use at once may overlap; see ``Overlaps``.

    Returns:
        The offset of each block, by name, and the bytes that all take together.
    """
    # Offsets are multiples of the alignment, so that distances between them are too.
    overlaps = {pair: distance // alignment * alignment for pair, distance in (overlaps or {}).items()}
    near = _Neighbours(blocks, overlaps)
    chain, best = _from_both_ends(blocks, alignment, near), None
    if chain is not None:
        best = chain, _extent(blocks, chain, alignment)
    first: list[Block] = list(blocks)
    for key in _ORDERS:
        order = sorted(blocks, key=lambda block, key=key: (*key(block), block.name))  # type: ignore[misc]
        offsets = _first_fit(order, alignment, near)
        assert offsets is not None
        size = _extent(order, offsets, alignment)
        if best is None or size < best[1]:
            best, first = (offsets, size), order
    assert best is not None
    return _search(first, best, lower_bound(aligned(blocks, alignment), overlaps), alignment, near)


def _saved(block: Block, near: Mapping[str, Block], sources: Sequence[tuple[str, int]]) -> int:
    """The most bytes that ``block``, when it is first in use, can share with an input that it overlaps.

    sources: the inputs' blocks, with the distances.
    """
    best = 0
    for source, distance in sources:
        other = near.get(source)
        if other is not None and block.first == other.last:
            best = max(best, _shared(block, other, distance))
    return best


def _shared(target: Block, source: Block, distance: int) -> int:
    """The most bytes that both have where the one may start ``distance`` bytes from the other's start, or before."""
    return target.size + source.size - max(target.size, source.size + max(0, -distance))


def lower_bound(blocks: Sequence[Block], overlaps: Overlaps | None = None) -> int:
    """Bytes that no placement can do without: the most that are in use at one step, less what outputs may share."""
    return max(needs(blocks, overlaps).values(), default=0)


def needs(blocks: Sequence[Block], overlaps: Overlaps | None = None) -> dict[int, int]:
    """Bytes that are in use, less what outputs may share, at each step at which a block's use begins."""
    found, used = {}, 0
    sources: dict[str, list[tuple[str, int]]] = {}
    for (target, source), distance in (overlaps or {}).items():
        sources.setdefault(target, []).append((source, distance))
    by_name = {block.name: block for block in blocks}
    long = [
        (target, source, _shared(by_name[target], by_name[source], distance))
        for (target, source), distance in (overlaps or {}).items()
        if target in by_name and source in by_name and by_name[target].first < by_name[source].last
    ]
    ending = sorted(blocks, key=lambda block: block.last, reverse=True)
    near: dict[str, Block] = {}
    for step, group in itertools.groupby(sorted(blocks, key=lambda block: block.first), lambda block: block.first):
        while ending and ending[-1].last < step:
            used -= near.pop(ending.pop().name).size
        beginning = {block.name: block for block in group}
        near |= beginning
        used += sum(block.size for block in beginning.values())
        shared = sum(_saved(block, near, sources.get(name, ())) for name, block in beginning.items())
        shared += sum(saved for target, source, saved in long if target in near and source in near)
        found[step] = max(0, used - shared)
    return found


def lifetimes(program: Program) -> dict[str, tuple[int, int]]:
    """First and last call that touches each buffer, or a part of it."""
    spans: dict[str, tuple[int, int]] = {}
    for step, call in enumerate(program.calls):
        for name in map(program.whole, call.buffers):
            spans[name] = (spans.get(name, (step, step))[0], step)
    return spans


def _share_in_place(program: Program, spans: dict[str, tuple[int, int]], members: Collection[str]) -> dict[str, str]:
    """Output buffers that take the place of an input which dies in the same call, where the kernel allows it."""
    owner: dict[str, str] = {}
    for step, call in enumerate(program.calls):
        inputs = dict(call.named(Role.IN))
        for operand, name in zip(call.kernel.operands, call.operands, strict=True):
            source = inputs.get(operand.may_alias)
            if source is None or source == name or source not in members or name not in members:
                continue
            if call.kernel.aliases and not call.kernel.aliases(call.params):
                continue
            old, new = program.buffers[source], program.buffers[name]
            handed_over = spans[source][1] == step == spans[name][0]
            if handed_over and old.type.nbytes >= new.type.nbytes:
                owner[name] = owner.get(source, source)
    return owner


def blocks_of(program: Program, members: Collection[str]) -> tuple[list[Block], dict[str, str]]:
    """The blocks in which some buffers are placed together. A placeholder of an input is in use from the start.

    Args:
        program: The program.
        members: Names of the buffers. Parts of others are where those are.

    Returns:
        The blocks; and for each buffer that shares another's block, the name of that.
    """
    members = {name for name in members if not program.buffers[name].part_of}
    spans = lifetimes(program)
    owner = _share_in_place(program, spans, members)
    parts: dict[str, list[Block]] = {}
    for buffer in program.buffers.values():
        if buffer.name not in members:
            continue
        first, last = spans.get(buffer.name, (0, 0))
        first = 0 if buffer.name in program.inputs else first
        part = Block(buffer.name, buffer.type.nbytes, first, last)
        parts.setdefault(owner.get(buffer.name, buffer.name), []).append(part)
    return [_together(name, own) for name, own in parts.items()], owner


def _together(name: str, parts: Sequence[Block]) -> Block:
    """The block in which ``parts`` share one place."""
    size = max(part.size for part in parts)
    return Block(name, size, min(part.first for part in parts), max(part.last for part in parts))


def activation_blocks(program: Program, region: Region = Region.ACTIVATION) -> tuple[list[Block], dict[str, str]]:
    """``blocks_of`` all buffers in ``region``."""
    return blocks_of(program, {buffer.name for buffer in program.buffers.values() if buffer.region is region})


def overlaps_of(program: Program, blocks: Sequence[Block], owner: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """Where calls may write their output over their first operand while they read it for the last time."""
    known = {block.name: block for block in blocks}
    found = overlaps_of_parts(program, known, owner) if program.chains else {}
    for step, call in enumerate(program.calls):
        distance = call.kernel.overlap(call.params) if call.kernel.overlap else None
        source, target = (known.get(owner.get(name, name)) for name in (call.operands[0], call.writes[0]))
        if distance is None or source is None or target is None or source is target:
            continue
        if source.last == step == target.first and call.operands.count(call.operands[0]) == len(call.writes) == 1:
            found[target.name, source.name] = distance
    return found


def _placed(
    program: Program, region: Region, blocks: Sequence[Block], owner: Mapping[str, str]
) -> tuple[dict[str, int], int]:
    """``place`` for one region. What is in fast memory may leave a gap instead: without it the rest takes no more."""
    alone = place(blocks, program.alignment, overlaps_of(program, blocks, owner))
    if region is Region.TCM:
        return alone
    if not any(buffer.region is Region.TCM for buffer in program.buffers.values()):
        return alone
    together = replace(program, buffers={name: _at_home(buffer) for name, buffer in program.buffers.items()})
    everything, owner = activation_blocks(together)
    offsets, _ = place(everything, program.alignment, overlaps_of(together, everything, owner))
    size = _extent(blocks, offsets, program.alignment)
    return alone if alone[1] <= size else (offsets, size)


def _at_home(buffer: Buffer) -> Buffer:
    return replace(buffer, region=Region.ACTIVATION) if buffer.region is Region.TCM else buffer


def _side_by_side(buffers: Iterable[Buffer], alignment: int) -> tuple[list[Buffer], int]:
    placed, offset = [], 0
    for buffer in buffers:
        placed.append(buffer.at(offset))
        offset = align(offset + buffer.type.nbytes, alignment)
    return placed, offset


def roomiest_input(program: Program) -> str:
    """The input with the largest placeholder. Activations may lie there, if they may lie in an input at all."""
    return max(program.inputs, key=lambda name: program.buffers[name].type.nbytes)


def _placed_in_input(program: Program, buffers: dict[str, Buffer]) -> dict[str, Buffer]:
    """Activations in an input's memory (``lowering.reuse``), with addresses. buffers: those placed, the input's too."""
    names = [buffer.name for buffer in program.in_input_memory]
    if not names:
        return {}
    host = buffers[roomiest_input(program)]
    blocks, owner = blocks_of(program, {host.name, *names})
    offsets, _ = place(blocks, program.alignment, overlaps_of(program, blocks, owner))
    return {name: program.buffers[name].at(host.offset + offsets[owner.get(name, name)]) for name in names}


def _in_mutable(program: Program) -> tuple[str, ...]:
    """What lies in mutable memory, in order: last an input that may be handed in by rows, which needs no place then."""
    names = (*program.placeholders, *program.states)
    return tuple(sorted(names, key=lambda name: name == program.rows))


def plan(program: Program) -> Program:
    """Give every buffer an offset, and every region its size in bytes.

    Args:
        program: What ``lower`` made; its offsets are ignored.

    Returns:
        The same program with addresses.
    """
    buffers: dict[str, Buffer] = {}
    sizes: dict[Region, int] = {}
    fixed = {
        **{region: [b for b in program.buffers.values() if b.region is region] for region in (*CONSTANTS, Region.CODE)},
        Region.MUTABLE: [program.buffers[name] for name in _in_mutable(program)],
    }
    for region, members in fixed.items():
        placed, sizes[region] = _side_by_side(members, program.alignment)
        buffers.update({buffer.name: buffer for buffer in placed})
    buffers.update(_placed_in_input(program, buffers))
    for region in (Region.ACTIVATION, Region.TCM):
        blocks, owner = activation_blocks(program, region)
        offsets, sizes[region] = _placed(program, region, blocks, owner)
        for buffer in program.buffers.values():
            if buffer.region is region and not buffer.part_of:
                buffers[buffer.name] = buffer.at(offsets[owner.get(buffer.name, buffer.name)])
    for buffer in program.buffers.values():
        if buffer.part_of:
            whole = buffers[buffer.part_of]
            buffers[buffer.name] = replace(buffer, region=whole.region, offset=whole.offset + buffer.begin)
    return replace(program, buffers=buffers, sizes=sizes)
