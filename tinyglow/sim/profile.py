"""Where the cycles of one call went: to which kernel call, which function, which instruction."""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

from tinyglow.sim.bound import Bounds
from tinyglow.sim.memory import BlockWaits, Waits
from tinyglow.sim.trace import CallStats, Code, Step, Trace, block_address

# A network has a call for each layer. What enters its function more often is no such function.
_MOST_CALLS = 5_000


@dataclass
class Cost:
    """Cycles of the core, instructions, and cycles waited for memories."""

    cycles: int = 0
    instructions: int = 0
    waits: int = 0

    @property
    def total(self) -> int:
        """Cycles with waiting."""
        return self.cycles + self.waits


@dataclass(frozen=True)
class CallCost:
    """One call that the network's function made, with what it took to make it.

    Attributes:
        function: The function that was called; "" after the last call.
        cost: Its cost.
        by_function: The costs of all functions that ran meanwhile.
        most_cycles: What it may take at most, whatever the data; None if that is not known.
    """

    function: str
    cost: Cost
    by_function: Mapping[str, Cost]
    most_cycles: int | None


@dataclass(frozen=True)
class CallProfile:
    """A call of the network's function, in parts that add up to ``stats``.

    Attributes:
        stats: The whole.
        before: What ran until the network's function was entered.
        calls: The calls that it made.
        by_address: Costs of single instructions. A branch's cycles are its own; a block's waiting is that of its first
            instruction.
    """

    stats: CallStats
    before: CallCost
    calls: tuple[CallCost, ...]
    by_address: Mapping[int, Cost]


@dataclass
class _Snapshot:
    """Counts of steps, and what blocks waited, up to a moment."""

    steps: dict[Step, int] = field(default_factory=dict)
    waits: dict[int, int] = field(default_factory=dict)


class Recorder:
    """Notes the counts of a call whenever the watched function is entered or returned to."""

    def __init__(self, code: Code, trace: Trace, starts: Container[int], bounds: Bounds) -> None:
        """Follow a trace. ``starts``: the addresses at which functions begin."""
        self.waits: Waits | None = None
        self._bounds = bounds
        self._exits: frozenset[int] = frozenset()  # the blocks that may have ended the last call
        self._starts = starts
        self._code = code
        self._trace = trace
        self._snapshots: list[_Snapshot] = []
        trace.on_entry = self._note

    def _note(self) -> None:
        if len(self._snapshots) < _MOST_CALLS:
            self._snapshots.append(self._now())

    def _now(self) -> _Snapshot:
        blocks = self.waits.blocks() if self.waits else []
        return _Snapshot(dict(self._trace.taken()), {block.key: _waited(block) for block in blocks})

    def profile(self, stats: CallStats, end: int) -> CallProfile:
        """The parts of the call that just returned to ``end`` with these figures."""
        moments = [_Snapshot(), *self._snapshots, self._now()]
        parts = [self._part(before, after) for before, after in itertools.pairwise(moments)]
        last = self._trace.last_key
        leaving = self._code.leaving(last, end)
        for cost in (parts[-1].cost, parts[-1].by_function[self._code.function(last)]):
            cost.cycles += leaving
        if parts[-1].most_cycles is not None:
            parts[-1] = replace(parts[-1], most_cycles=parts[-1].most_cycles + leaving)
        by_address = self._by_address(moments[-1])
        by_address[self._code.last_instruction(last)].cycles += leaving
        return CallProfile(stats, parts[0], tuple(parts[1:]), by_address)

    def _part(self, before: _Snapshot, after: _Snapshot) -> CallCost:
        """What was done between two moments."""
        total, called = Cost(), ""
        functions: dict[str, Cost] = {}
        for step, count in after.steps.items():
            times = count - before.steps.get(step, 0)
            if not times:
                continue
            branch, body = self._code.price(step)
            here = functions.setdefault(self._code.function(step[1]), Cost())
            here.cycles += times * body
            here.instructions += times * self._code.length(step[1])
            if branch:
                functions.setdefault(self._code.function(step[0]), Cost()).cycles += times * branch
            leaves = self._trace.is_watched(step[0]) and not self._trace.is_watched(step[1])
            if leaves and block_address(step[1]) in self._starts:  # elsewhere it returns to its own caller
                called = self._code.function(step[1])
        for key, waited in after.waits.items():
            more = waited - before.waits.get(key, 0)
            if more:
                functions.setdefault(self._code.function(key), Cost()).waits += more
        for cost in functions.values():
            total.cycles += cost.cycles
            total.instructions += cost.instructions
            total.waits += cost.waits
        return CallCost(called, total, functions, self._most(before, after))

    def _most(self, before: _Snapshot, after: _Snapshot) -> int | None:
        """What a part may take at most: the network's own steps, which are always the same, and the call's bound."""
        done = {step: times for step, count in after.steps.items() if (times := count - before.steps.get(step, 0))}
        most, called = 0, None
        for step, times in done.items():
            if self._trace.is_watched(step[1]):
                returned = (
                    [step] if self._trace.is_watched(step[0]) else [(end, step[1]) for end in self._exits] or [step]
                )
                most += times * max(self._bounds.price(one) for one in (step, *returned))
            elif self._trace.is_watched(step[0]) and block_address(step[1]) in self._starts:
                called = step
        self._exits = frozenset()
        inside = {step: times for step, times in done.items() if not self._trace.is_watched(step[1])}
        if called is None:  # before the network, or after its last call
            return most + sum(times * self._bounds.price(step) for step, times in inside.items())
        found = self._bounds.most(called, inside)
        if found is None:
            return None
        self._exits = found[1]
        return most + found[0]

    def _by_address(self, whole: _Snapshot) -> dict[int, Cost]:
        costs: dict[int, Cost] = {}
        for step, count in whole.steps.items():
            for address, cycles in self._code.parts(step):
                cost = costs.setdefault(address, Cost())
                cost.cycles += count * cycles
                cost.instructions += count
            branch = self._code.price(step)[0]
            if branch:
                costs[self._code.last_instruction(step[0])].cycles += count * branch
        for key, waited in whole.waits.items():
            costs[block_address(key)].waits += waited
        return costs


def _waited(block: BlockWaits) -> int:
    return block.fetch + block.data
