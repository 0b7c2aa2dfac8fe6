"""The ``tflite`` epilogue for sums of 20 bits, which ARMv6-M computes without products of 64 bits."""

from __future__ import annotations

from tinyglow.numerics.epilogue import ChannelWords, Epilogue, Narrow
from tinyglow.numerics.epilogues.tflite import TFLite


class TFLite20(TFLite):
    """The same numbers."""

    name = "tflite20"

    @property
    def folded(self) -> ChannelWords:
        """See ``Narrow``."""
        return Narrow(self, 0, 12)

    @property
    def narrow(self) -> Epilogue | None:
        """None: it is one."""
        return None

    def serves(self, in_armv6m: bool) -> bool:
        """Loops of ARMv6-M alone."""
        return in_armv6m


TFLITE20 = TFLite20()
