"""Cycles of the Cortex-M7: an estimate, in order and dual issue, good to about 10 %.

Arm publishes no timings for this core. The model, from what LLVM's scheduling model (ARMScheduleM7.td) and public
measurements on silicon agree on:

* Instructions issue in order, at most two a cycle; the second only if it needs nothing the first produces.
* In one cycle at most one store, one multiply, one branch, one floating-point operation. Two loads may pair (the TCM
  and the cache have two banks; bank conflicts are not modelled).
* A result can be used in the next cycle; that of a load or a multiply one cycle later. An accumulator may be handed
  from one multiply-add to the next every cycle.
* Loads and stores of several registers (LDM, STM, PUSH, POP, LDRD, STRD) issue alone and move two registers a cycle.
  A division issues alone and takes 7 cycles, though its time depends on the operands. Barriers and special registers:
  alone, 3 cycles.
* Branches are predicted and wait for nothing. A taken branch costs no cycle of its own, but its target cannot share
  one with it. Mispredictions are not modelled, nor are cache misses.
* A skipped instruction of an IT block, and IT itself, take an issue slot like any other.
"""

from __future__ import annotations

from collections.abc import Iterable

from tinyglow.sim.cycles.block import Block
from tinyglow.sim.decode import Instruction, Kind

DIVIDE_CYCLES = 7
FLOAT_DIVIDE_CYCLES = 14
SPECIAL_CYCLES = 3
ISSUE_WIDTH = 2

# Cycles until the result can be used, where it is not the next one.
_LATENCY = {
    Kind.LOAD: 2,
    Kind.LOAD_MANY: 2,
    Kind.MULTIPLY: 2,
    Kind.FLOAT: 3,
    Kind.FLOAT_MULTIPLY_ADD: 5,
    Kind.FLOAT_DIVIDE: FLOAT_DIVIDE_CYCLES,
}
# The accumulator is added last: a multiply-add may wait for it this much longer than for its factors.
_ACCUMULATE_LATE = {Kind.MULTIPLY: 1, Kind.FLOAT_MULTIPLY_ADD: 2}
# Of each of these pipes there is one.
_PIPES = {
    Kind.STORE: "store",
    Kind.MULTIPLY: "multiply",
    Kind.BRANCH: "branch",
    Kind.BRANCH_IF: "branch",
    Kind.CALL: "branch",
    Kind.BRANCH_REGISTER: "branch",
    Kind.TABLE_BRANCH: "branch",
    Kind.FLOAT: "float",
    Kind.FLOAT_MULTIPLY_ADD: "float",
    Kind.FLOAT_DIVIDE: "float",
}


class Pipeline:
    """The issue stage. ``cycles``: how many have begun; instructions issue in the last of them."""

    def __init__(self) -> None:
        self.cycles = 0
        self._issued = ISSUE_WIDTH  # in the current cycle; full: the first instruction opens a cycle
        self._pipes: set[str] = set()
        self._ready: dict[int, int] = {}

    def run(self, instructions: Iterable[Instruction]) -> None:
        """Issue instructions one after the other."""
        for instruction in instructions:
            self._issue(instruction)

    def close(self) -> None:
        """Nothing more shares the current cycle: a branch was taken."""
        self._issued = ISSUE_WIDTH

    def _issue(self, instruction: Instruction) -> None:
        alone, busy = _occupancy(instruction)
        pipe = _PIPES.get(instruction.kind)
        earliest = self._earliest(instruction)
        if alone or self._issued == ISSUE_WIDTH or pipe in self._pipes or earliest >= self.cycles:
            self.cycles = max(self.cycles + 1, earliest + 1)
            self._issued = 0
            self._pipes = set()
        self._issued = ISSUE_WIDTH if alone else self._issued + 1
        if pipe:
            self._pipes.add(pipe)
        self.cycles += busy - 1
        latency = _LATENCY.get(instruction.kind, 1)
        for register in instruction.writes:
            self._ready[register] = self.cycles - 1 + latency

    def _earliest(self, instruction: Instruction) -> int:
        """The number, from 0, of the first cycle in which all that the instruction reads is there."""
        if instruction.kind in (Kind.BRANCH, Kind.BRANCH_IF, Kind.CALL, Kind.BRANCH_REGISTER, Kind.TABLE_BRANCH):
            return 0
        late = _ACCUMULATE_LATE.get(instruction.kind, 0)
        return max(
            (
                self._ready.get(register, 0) - (late if register in instruction.accumulates else 0)
                for register in instruction.reads
            ),
            default=0,
        )


def _occupancy(instruction: Instruction) -> tuple[bool, int]:
    """Whether an instruction issues alone, and for how many cycles it keeps the next from issuing (1: none extra)."""
    kind = instruction.kind
    if kind in (Kind.LOAD_MANY, Kind.STORE_MANY):
        return True, max(1, (instruction.registers + 1) // 2)
    if kind is Kind.DIVIDE:
        return True, DIVIDE_CYCLES
    if kind in (Kind.SPECIAL_REGISTER, Kind.BARRIER):
        return True, SPECIAL_CYCLES
    return False, 1


class CortexM7:
    """See the module."""

    def body(self, block: Block, before: Block | None, jumped: bool) -> int:
        """Cycles that ``block`` adds to those of ``before``, whose last results and last cycle it shares."""
        pipeline = Pipeline()
        if before is not None:
            pipeline.run((*before.lead, *before.instructions))
            if jumped:
                pipeline.close()
        begun = pipeline.cycles
        pipeline.run(block.instructions)
        return pipeline.cycles - begun

    def taken(self, block: Block) -> int:
        """0: a predicted branch costs nothing but the rest of its cycle, which ``body`` of the target knows."""
        return 0


MODEL = CortexM7
