"""What a cycle model is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tinyglow.sim.decode import Instruction


@dataclass(frozen=True, eq=False)
class Block:
    """Instructions that run one after the other, entered only at the first.

    Attributes:
        address: Of the first.
        size: Bytes of all.
        instructions: The instructions.
        lead: Those just before them, where the emulator ends a block without a branch: at the end of a page.
    """

    address: int
    size: int
    instructions: tuple[Instruction, ...]
    lead: tuple[Instruction, ...] = ()


class CycleModel(Protocol):
    """Prices the steps of a program."""

    def body(self, block: Block, before: Block | None, jumped: bool) -> int:
        """Cycles of a block, its closing branch not taken.

        Args:
            block: The block.
            before: The block that ran just before it; None at the start.
            jumped: Whether the closing branch of that was taken.

        Returns:
            Cycles.
        """
        ...

    def taken(self, block: Block) -> int:
        """Cycles that the closing branch of ``block`` costs more when it is taken."""
        ...
