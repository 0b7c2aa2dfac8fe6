"""What code is made for: a core, and what counts most. Kernels are portable; a target only chooses among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

# Cores whose instruction set has the multiply-adds of two 16-bit products (SMLAD and its kin).
_DSP_CORES = frozenset({"cortex-m4", "cortex-m7", "cortex-m33"})
_ARMV6M_CORES = frozenset({"cortex-m0plus", "cortex-m0"})


class Optimize(Enum):
    """What to choose kernels by."""

    SPEED = "speed"
    BALANCED = "balanced"
    SIZE = "size"


@dataclass(frozen=True)
class Target:
    """core: as boards name it, "" for none in particular (kernels are then chosen for their simplicity)."""

    core: str = ""
    optimize: Optimize = Optimize.SPEED

    @property
    def dsp(self) -> bool:
        """Whether two 16-bit products are one instruction."""
        return self.core in _DSP_CORES

    @property
    def armv6m(self) -> bool:
        """Whether the core has ARMv6-M's 56 instructions only: eight registers for arithmetic, no SIMD."""
        return self.core in _ARMV6M_CORES


ANY = Target()


@dataclass(frozen=True)
class Variant:
    """One way to compute a node. cycles: predicted, of one inference; constants: bytes; kernels: symbols it calls.

    ``emit`` makes the calls. All variants of a node compute the same bits.
    """

    name: str
    cycles: int
    constants: int
    emit: Callable[[], None]


Chooser = Callable[[Sequence[Variant]], Variant]


def choose_for(target: Target) -> Chooser:
    """The chooser by predicted figures: the fewest cycles, the fewest bytes, or the least product of both.

    Ties and targets without a core: the first variant, which is the simplest.
    """
    keys: dict[Optimize, Callable[[Variant], float]] = {
        Optimize.SPEED: lambda variant: variant.cycles,
        Optimize.SIZE: lambda variant: variant.constants,
        Optimize.BALANCED: lambda variant: float(variant.cycles) * (variant.constants + 1),
    }

    def choose(variants: Sequence[Variant]) -> Variant:
        return min(variants, key=keys[target.optimize]) if target.core else variants[0]

    return choose
