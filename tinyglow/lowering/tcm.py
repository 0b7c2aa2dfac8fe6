"""Which activations go into the fast memory that an application lends: those with the most traffic that fit together.

Constants stay where they are. A copy before the calls that read them most would save little, because kernels read a
filter's byte once for several pixels, and caches do the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tinyglow.errors import InputError, Problem
from tinyglow.ir.program import Program, Region
from tinyglow.ir.record import Record
from tinyglow.lowering.plan import Block, Overlaps, activation_blocks, overlaps_of, place
from tinyglow.lowering.traffic import buffer_traffic


class Candidate(Record):
    """A block that may go into the fast memory; ``gain``: bytes of traffic that slow memories are spared."""

    block: Block
    gain: int


def _size(candidate: Candidate) -> int:
    """Bytes, at least one."""
    return max(1, candidate.block.size)


_ORDERS: tuple[Callable[[Candidate], float], ...] = (
    lambda c: c.gain / _size(c),
    lambda c: c.gain / (_size(c) * (c.block.last - c.block.first + 1)),
    lambda c: c.gain,
    lambda c: -c.block.size,
)


def choose(
    candidates: Sequence[Candidate], capacity: int, alignment: int, overlaps: Overlaps | None = None
) -> frozenset[str]:
    """Names of blocks that fit ``capacity`` bytes together, by ``place``, with as much gain as could be found.

    Best of several greedy orders: the exact answer is a knapsack on top of storage allocation, both NP-hard.
    """
    best: frozenset[str] = frozenset()
    best_gain = 0
    for order in _ORDERS:
        chosen: list[Candidate] = []
        for candidate in sorted(candidates, key=lambda c: (-order(c), c.block.name)):
            with_it = [c.block for c in (*chosen, candidate)]
            if candidate.gain > 0 and place(with_it, alignment, overlaps)[1] <= capacity:
                chosen.append(candidate)
        gain = sum(c.gain for c in chosen)
        if gain > best_gain:
            best, best_gain = frozenset(c.block.name for c in chosen), gain
    return best


def use_tcm(program: Program, capacity: int) -> Program:
    """``program``, still without addresses, with the hottest activations in ``Region.TCM`` as ``capacity`` bytes allow.

    Raises InputError for a capacity below 0.
    """
    if capacity < 0:
        raise InputError("there is no such fast memory", [Problem("tcm size", f"is {capacity}", "0 bytes or more")])
    if capacity == 0:
        return program
    traffic = buffer_traffic(program)
    blocks, owner = activation_blocks(program)
    members: dict[str, list[str]] = {}
    for buffer in program.buffers.values():
        if buffer.region is Region.ACTIVATION:
            members.setdefault(owner.get(buffer.name, buffer.name), []).append(buffer.name)
    candidates = [Candidate(block, sum(traffic[name] for name in members[block.name])) for block in blocks]
    chosen = choose(candidates, capacity, program.alignment, overlaps_of(program, blocks, owner))
    moved = {name for block in chosen for name in members[block]}
    buffers = {
        name: replace(buffer, region=Region.TCM) if name in moved else buffer
        for name, buffer in program.buffers.items()
    }
    return replace(program, buffers=buffers)
