"""The ``tflite`` epilogue for sums of 20 bits, which ARMv6-M computes without products of 64 bits."""

from __future__ import annotations

from tinyglow.numerics.epilogue import MOST_NARROW, ChannelWords, Epilogue, Narrow
from tinyglow.numerics.epilogues.tflite import TFLite
from tinyglow.numerics.glow import Requant


class TFLite20(TFLite):
    """The same numbers."""

    name = "tflite20"
    narrow_bits = 12

    def inside(self, total: int, constants: Requant) -> tuple[int, int]:
        """A sum of 20 bits."""
        return abs(total), MOST_NARROW

    @property
    def folded(self) -> ChannelWords:
        """See ``Narrow``."""
        return Narrow(self, 0, self.narrow_bits)

    @property
    def narrow(self) -> Epilogue | None:
        """None: it is one."""
        return None


TFLITE20 = TFLite20()
