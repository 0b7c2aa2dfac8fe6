"""TensorFlow Lite's requantization, rounded once: ``x * multiplier`` in 64 bits, one rounding shift, ties upwards.

LiteRT's reference kernels of fully connected layers have it, and with ``TFLITE_SINGLE_ROUNDING`` all others. See
:mod:`tinyglow.numerics.tflite` for the sources.
"""

from __future__ import annotations

import numpy as np

from tinyglow.numerics import tflite
from tinyglow.numerics.epilogue import ChannelWords, Epilogue, Int32Array, LastShift
from tinyglow.numerics.glow import INT32_MAX, INT32_MIN, Requant


class TFLite(Epilogue):
    """One rounding.

    ``pre`` shifts to the left, as far as the shift after the product's upper word, ``post``, needs to be 1 at least:
    ``x * m`` shifted by ``31 - shift`` is the upper word of ``(x << pre) * m`` shifted by ``post``, where
    ``shift == pre - 1 - post``.
    """

    name = "tflite"
    summary = "TensorFlow Lite's rule, rounded once"

    def constants(self, scale: float, offset: int = 0) -> Requant:
        """See ``tflite.multiplier_of``; scales of 2**29 and more are refused too."""
        found = tflite.multiplier_of(scale)
        pre = max(0, found.shift + 2)
        return Requant(pre, pre - 1 - found.shift, found.multiplier, offset)

    def requantize(self, sums: Int32Array, constants: Requant) -> Int32Array:
        """See ``tflite.scaled_once``."""
        scaled = tflite.scaled_once(sums.astype(np.int64), multiplier(constants))
        result: Int32Array = scaled.astype(np.int32) + np.int32(constants.offset)
        return result

    @property
    def high(self) -> ChannelWords:
        """See ``LastShift``."""
        return LastShift(self, 0)

    @property
    def folded(self) -> ChannelWords:
        """See ``LastShift``."""
        return self.high

    @property
    def narrow(self) -> Epilogue | None:
        """See ``epilogues.tflite20``."""
        from tinyglow.numerics.epilogues.tflite20 import TFLITE20  # which is made of this one

        return TFLITE20

    def holds(self, total: int, constants: Requant) -> bool:
        """The sum leaves room for the shift to the left."""
        return INT32_MIN <= total << constants.pre <= INT32_MAX


def multiplier(constants: Requant) -> tflite.Multiplier:
    """The multiplier that the constants of one of TensorFlow Lite's epilogues stand for."""
    return tflite.Multiplier(constants.multiplier, constants.pre - 1 - constants.post)


TFLITE = TFLite()
