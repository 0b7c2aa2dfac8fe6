"""Cycles of the Cortex-M3, for memories without wait states: those of the Cortex-M4 but for multiplications.

Source: Cortex-M3 Technical Reference Manual, ARM DDI 0337I (r2p1), table 3-1 and section 3.3.2. Multiplications end
early for small operands; the middle of the range is assumed: SMULL, UMULL 3 to 5, SMLAL, UMLAL 4 to 7. MLA and MLS
take 2.
"""

from __future__ import annotations

from tinyglow.sim.cycles.block import Block
from tinyglow.sim.cycles.m4 import CortexM4

# Cycles beyond the M4's single one.
_LONGER = {"mla": 1, "mls": 1, "smull": 3, "umull": 3, "smlal": 5, "umlal": 5}


class CortexM3(CortexM4):
    """See the module."""

    def body(self, block: Block, before: Block | None, jumped: bool) -> int:
        """Cycles of ``block`` after ``before``."""
        longer = sum(_LONGER.get(instruction.name, 0) for instruction in block.instructions)
        return super().body(block, before, jumped) + longer


MODEL = CortexM3
