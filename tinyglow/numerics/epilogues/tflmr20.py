"""The ``tflmr`` epilogue for sums of 20 bits, which ARMv6-M computes without products of 64 bits."""

from __future__ import annotations

from tinyglow.numerics.epilogue import MOST_NARROW, ChannelWords, Epilogue, Narrow
from tinyglow.numerics.epilogues.tflmr import TFLiteMicroReLU
from tinyglow.numerics.glow import Requant


class TFLiteMicroReLU20(TFLiteMicroReLU):
    """The same numbers."""

    name = "tflmr20"
    narrow_bits = 11

    def inside(self, total: int, constants: Requant) -> tuple[int, int]:
        """A sum of 20 bits."""
        return abs(total), MOST_NARROW

    @property
    def folded(self) -> ChannelWords:
        """See ``Narrow``."""
        return Narrow(self, 1, self.narrow_bits)

    @property
    def narrow(self) -> Epilogue | None:
        """None: it is one."""
        return None


TFLMR20 = TFLiteMicroReLU20()
