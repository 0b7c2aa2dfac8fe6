"""Cycles of the Cortex-M0, for memories without wait states.

Source: Cortex-M0 Technical Reference Manual, ARM DDI 0432C, table 3-1, with the single-cycle multiplier. Its pipeline
has three stages where the Cortex-M0+ has two: whatever writes PC takes one cycle more, and so do MRS, MSR and barriers.
"""

from __future__ import annotations

from tinyglow.sim.cycles.block import Block
from tinyglow.sim.cycles.m0plus import instruction_cycles as cycles_of_m0plus
from tinyglow.sim.decode import Instruction, Kind


class CortexM0:
    """See the module."""

    def body(self, block: Block, before: Block | None, jumped: bool) -> int:
        """Cycles of ``block``, its closing conditional branch not taken."""
        return sum(map(instruction_cycles, block.instructions))

    def taken(self, block: Block) -> int:
        """2: B<cond> takes 3 cycles if taken, 1 if not; the other branches are always taken."""
        return 2 * int(block.instructions[-1].kind is Kind.BRANCH_IF)


def instruction_cycles(instruction: Instruction) -> int:
    """Cycles of one instruction; B<cond> not taken.

    B, BX, BLX, MOV and ADD to PC 3; BL 4; POP with PC 4 + N (PC counted); MRS, MSR, DMB, DSB, ISB 4.
    """
    writes_pc = instruction.ends and instruction.kind not in (Kind.BRANCH_IF, Kind.TRAP, Kind.WAIT)
    slower = writes_pc or instruction.kind in (Kind.SPECIAL_REGISTER, Kind.BARRIER)
    return cycles_of_m0plus(instruction) + int(slower)


MODEL = CortexM0
