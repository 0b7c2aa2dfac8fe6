"""Cycles of the Cortex-M4, by its manual, for memories without wait states; and an upper bound of the Cortex-M33's.

Source: Cortex-M4 Technical Reference Manual, ARM DDI 0439 (r0p1): table 3-1 (Cortex-M4 instructions), table 3-2 (DSP
instructions, all 1 cycle), section 3.3.2 (load/store timings), table 7-1 (FPU instructions) and its notes.

* Most instructions take 1 cycle, multiplications and multiply-adds of every width among them.
* A load takes 2 cycles, or 1 right after another load whose result is no part of its address: loads are pipelined. A
  store to register + constant takes 1 cycle; a store to register + register 2, or 1 right after a load. Nothing is
  pipelined after a store. LDM, STM, PUSH, POP, LDRD, STRD and their floating-point kin: 1 + N for N words.
* A load or store waits 1 cycle if the instruction before it computed a part of its address.
* A taken branch takes 1 + P. Floating-point multiply-adds take 3, divisions and square roots 14, a move of two core
  registers 2; arithmetic takes 1 more if the very next instruction uses the result.

Where the manual gives a range, and what is assumed here:

* P is 1 to 3 "depending on the alignment and width of the target instruction, and whether the processor manages to
  speculate the address early": 1 for B, BL, CBZ; 2 for BX and BLX, whose address is in a register; 3 where it comes
  from memory or arithmetic (POP and LDR to PC, TBB, MOV PC), as section 3.3.2 has it. One more if the target is a
  32-bit instruction across a word boundary, which takes two fetches, up to the 3 that are the most.
* SDIV and UDIV take 2 to 12 by their operands: 7. DSB and DMB: 1, ISB: 1 + 3; MRS and MSR: 2.
* IT takes 1 (it may be folded into the instruction before it); skipped instructions take 1. A load from the literal
  pool does not wait for the fetch unit. Unaligned accesses, 1 or 2 cycles more by their address, are not priced.

Arm publishes no timings of the Cortex-M33. Its pipeline has three stages too and issues some pairs of 16-bit
instructions together; compilers schedule for it as for the M4 (LLVM: CortexM4Model). It is counted by the rules above,
without pairs: an upper bound, to be read as an estimate.
"""

from __future__ import annotations

from tinyglow.sim.cycles.block import Block
from tinyglow.sim.decode import Instruction, Kind

DIVIDE_CYCLES = 7
FLOAT_DIVIDE_CYCLES = 14
MULTIPLY_ADD_CYCLES = 3
MOST_REFILL = 3

_FIXED = {
    Kind.DIVIDE: DIVIDE_CYCLES,
    Kind.FLOAT_MULTIPLY_ADD: MULTIPLY_ADD_CYCLES,
    Kind.FLOAT_DIVIDE: FLOAT_DIVIDE_CYCLES,
    Kind.SPECIAL_REGISTER: 2,
    Kind.TABLE_BRANCH: 3,  # the load and the addition; the refill comes with the branch
}
# P of a taken branch to an aligned target, by kind; of anything else that writes PC: the most.
_REFILL = {Kind.BRANCH: 1, Kind.BRANCH_IF: 1, Kind.CALL: 1, Kind.BRANCH_REGISTER: 2}
_MEMORY = (Kind.LOAD, Kind.STORE, Kind.LOAD_MANY, Kind.STORE_MANY, Kind.TABLE_BRANCH)
_COMPUTES = (Kind.ALU, Kind.MULTIPLY, Kind.DIVIDE)
_FLOAT_COMPUTES = (Kind.FLOAT, Kind.FLOAT_MULTIPLY_ADD, Kind.FLOAT_DIVIDE)
# Floating-point instructions that merely move: their result is there at once.
_FLOAT_MOVES = ("vmov", "vmrs", "vmsr", "fmstat")


class CortexM4:
    """See the module."""

    def body(self, block: Block, before: Block | None, jumped: bool) -> int:
        """Cycles of ``block`` after ``before``; with those that fetching an awkward branch target takes."""
        last = before.instructions[-1] if before is not None and before.instructions else None
        cycles = 0
        if jumped and last is not None:
            cycles = _awkward_target(block, refill(last))
            last = None  # nothing is pipelined across a branch
        for instruction in block.instructions:
            cycles += instruction_cycles(instruction, last)
            last = instruction
        return cycles

    def taken(self, block: Block) -> int:
        """P of the branch that closes ``block``, to an aligned target."""
        return refill(block.instructions[-1])


def refill(branch: Instruction) -> int:
    """P, the cycles to refill the pipeline, of a taken branch to an aligned target; 0 if it is no branch."""
    return _REFILL.get(branch.kind, MOST_REFILL) if branch.ends else 0


def _awkward_target(block: Block, already: int) -> int:
    crosses = bool(block.instructions) and block.instructions[0].size == 4 and block.address % 4 == 2
    return int(crosses and 0 < already < MOST_REFILL)


def instruction_cycles(instruction: Instruction, before: Instruction | None) -> int:
    """Cycles of one instruction right after ``before`` (None: after a branch), without those of a taken branch."""
    return _own_cycles(instruction, before) + _waiting(instruction, before)


def _own_cycles(instruction: Instruction, before: Instruction | None) -> int:
    kind = instruction.kind
    if kind in (Kind.LOAD_MANY, Kind.STORE_MANY):
        return 1 + instruction.words
    if kind is Kind.LOAD:
        pipelined = _follows_load(instruction, before) and instruction.words == 1 and not instruction.ends
        return instruction.words if pipelined else 1 + instruction.words
    if kind is Kind.STORE:
        if instruction.name.startswith("v"):
            return 1 + instruction.words
        # Base and constant: "always one cycle".
        return 1 if len(instruction.bases) == 1 or _follows_load(instruction, before) else 2
    if kind is Kind.FLOAT and instruction.name == "vmov":
        return max(1, len(instruction.reads), len(instruction.writes))  # between core and two float registers: 2
    if instruction.name == "isb":
        return 1 + MOST_REFILL
    return _FIXED.get(kind, 1)


def _follows_load(instruction: Instruction, before: Instruction | None) -> bool:
    """Whether the address is there while the load before is under way."""
    return before is not None and before.kind is Kind.LOAD and not before.writes & set(instruction.bases)


def _waiting(instruction: Instruction, before: Instruction | None) -> int:
    """Cycles until what the instruction before computed can be used."""
    if before is None:
        return 0
    if instruction.kind in _MEMORY and before.kind in _COMPUTES:
        return int(bool(before.writes & set(instruction.bases)))
    if before.kind in _FLOAT_COMPUTES and before.name not in _FLOAT_MOVES:
        return int(bool(before.writes & instruction.reads))
    return 0


MODEL = CortexM4
