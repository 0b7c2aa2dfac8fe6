"""Which buffers go into the fast memory an application lends: those that take most traffic away from the slow ones.

Activations are simply placed there. A constant that is read over and over, as filters are, is copied there in front of
the call that reads it; that costs reading it once, and pays where each byte is read many times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tinyglow.errors import InputError, Problem
from tinyglow.ir.program import Buffer, KernelCall, Program, Region
from tinyglow.lowering.plan import Block, Trails, activation_blocks, place, trails_of
from tinyglow.lowering.traffic import buffer_traffic
from tinyglow.ops.copy import COPY, CopyParams

# Reads of each byte by the traffic's count, of which a kernel may save three in four by working on four pixels at once:
# then at least 16 slow reads are spared for a copy of about five cycles a byte (simulated, Cortex-M7). Our choice, on
# the safe side even if the slow memory takes only a cycle more than the fast one.
_READS_WORTH_A_COPY = 64


@dataclass(frozen=True)
class Candidate:
    """A block that may go into the fast memory; ``gain``: bytes of traffic that slow memories are spared."""

    block: Block
    gain: int


_ORDERS: tuple[Callable[[Candidate], float], ...] = (
    lambda c: c.gain / max(1, c.block.size),
    lambda c: c.gain / (max(1, c.block.size) * (c.block.last - c.block.first + 1)),
    lambda c: c.gain,
    lambda c: -c.block.size,
)


def choose(
    candidates: Sequence[Candidate], capacity: int, alignment: int, trails: Trails | None = None
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
            if candidate.gain > 0 and place(with_it, alignment, trails)[1] <= capacity:
                chosen.append(candidate)
        gain = sum(c.gain for c in chosen)
        if gain > best_gain:
            best, best_gain = frozenset(c.block.name for c in chosen), gain
    return best


def _copied(program: Program, traffic: Counter[str]) -> tuple[Program, dict[str, str]]:
    """The program with a copy of each constant that is worth one, and the constants by their copies' names.

    A constant that several calls read is left alone: its copy would have to live from the first to the last.
    """
    users = Counter(name for call in program.calls for name in call.operands)
    buffers, calls, sources = dict(program.buffers), list[KernelCall](), dict[str, str]()
    for call in program.calls:
        operands = list(call.operands)
        for position, name in enumerate(call.operands):
            buffer = program.buffers[name]
            once = buffer.region is Region.CONSTANT and users[name] == 1
            if once and traffic[name] >= _READS_WORTH_A_COPY * buffer.type.nbytes:
                copy = _free_name(f"{name}__tcm", buffers)
                buffers[copy] = Buffer(copy, buffer.type, Region.ACTIVATION, is_copy=True)
                sources[copy] = name
                operands[position] = copy
                calls.append(KernelCall(COPY, (name, copy), CopyParams(buffer.type.nbytes), call.origin))
        calls.append(replace(call, operands=tuple(operands)))
    return replace(program, buffers=buffers, calls=tuple(calls)), sources


def _free_name(name: str, taken: dict[str, Buffer]) -> str:
    while name in taken:
        name += "_"
    return name


def _without_copies(program: Program, unused: dict[str, str]) -> Program:
    """The program without the copies ``unused``: calls read the constants themselves."""
    calls = [
        replace(call, operands=tuple(unused.get(name, name) for name in call.operands))
        for call in program.calls
        if not (call.kernel is COPY and call.operands[1] in unused)
    ]
    buffers = {name: buffer for name, buffer in program.buffers.items() if name not in unused}
    return replace(program, buffers=buffers, calls=tuple(calls))


def use_tcm(program: Program, capacity: int) -> Program:
    """``program``, still without addresses, with the hottest activations in ``Region.TCM`` as ``capacity`` bytes allow.

    Raises InputError for a capacity below 0.
    """
    if capacity < 0:
        raise InputError("there is no such fast memory", [Problem("tcm size", f"is {capacity}", "0 bytes or more")])
    if capacity == 0:
        return program
    widened, sources = _copied(program, buffer_traffic(program))
    traffic = buffer_traffic(widened)
    blocks, owner = activation_blocks(widened)
    members: dict[str, list[str]] = {}
    for buffer in widened.buffers.values():
        if buffer.region is Region.ACTIVATION:
            members.setdefault(owner.get(buffer.name, buffer.name), []).append(buffer.name)
    candidates = []
    for block in blocks:
        gain = sum(traffic[name] for name in members[block.name])
        if block.name in sources:  # the copy itself writes it once and reads the constant once
            gain -= 2 * block.size
        candidates.append(Candidate(block, gain))
    chosen = choose(candidates, capacity, program.alignment, trails_of(widened, blocks, owner))
    moved = {name for block in chosen for name in members[block]}
    result = _without_copies(widened, {copy: name for copy, name in sources.items() if copy not in moved})
    buffers = {
        name: replace(buffer, region=Region.TCM) if name in moved else buffer for name, buffer in result.buffers.items()
    }
    return replace(result, buffers=buffers)
