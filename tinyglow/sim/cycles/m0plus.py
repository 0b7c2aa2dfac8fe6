"""Cycles of the Cortex-M0+: exact, for memories without wait states.

Source: Cortex-M0+ Technical Reference Manual, ARM DDI 0484C, table 3-1, with the single-cycle multiplier. Loads and
stores take 2 cycles; the 1 cycle of accesses to the single-cycle I/O port does not apply to memory. The core has no
caches, does not overlap instructions and predicts nothing, so that a block costs the same wherever it is come from.
"""

from __future__ import annotations

from tinyglow.sim.cycles.block import Block
from tinyglow.sim.decode import Instruction, Kind

_FIXED = {
    Kind.ALU: 1,
    Kind.MULTIPLY: 1,
    Kind.LOAD: 2,
    Kind.STORE: 2,
    Kind.BRANCH: 2,
    Kind.BRANCH_IF: 1,  # not taken; taken() adds the rest
    Kind.CALL: 3,
    Kind.BRANCH_REGISTER: 2,
    Kind.SPECIAL_REGISTER: 3,
    Kind.BARRIER: 3,
    Kind.WAIT: 2,  # and then however long it sleeps
}


class CortexM0Plus:
    """See the module."""

    def body(self, block: Block, before: Block | None, jumped: bool) -> int:
        """Cycles of ``block``, its closing conditional branch not taken."""
        return sum(map(instruction_cycles, block.instructions))

    def taken(self, block: Block) -> int:
        """1: B<cond> takes 2 cycles if taken, 1 if not; the other branches are always taken."""
        return int(block.instructions[-1].kind is Kind.BRANCH_IF)


def instruction_cycles(instruction: Instruction) -> int:
    """Cycles of one instruction; B<cond> not taken.

    N registers, PC and LR counted: LDM, STM, PUSH, POP take 1 + N, POP with PC 3 + N; MOV and ADD to PC take 2.
    """
    kind = instruction.kind
    if kind in (Kind.LOAD_MANY, Kind.STORE_MANY):
        return (3 if instruction.ends else 1) + instruction.registers
    if kind is Kind.ALU and instruction.ends:
        return 2
    # What ARMv6-M lacks cannot run here; a trap stops the emulation and is never charged.
    return _FIXED.get(kind, 1)


MODEL = CortexM0Plus
