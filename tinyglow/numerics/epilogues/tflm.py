"""TensorFlow Lite Micro's requantization with CMSIS-NN, rounded twice.

The upper word of the doubled product is rounded with ties upwards, a shift after it with ties away from zero. LiteRT's
reference convolutions round the same way. See :mod:`tinyglow.numerics.tflite` for the sources; CMSIS-NN has it in
Include/arm_nnsupportfunctions.h (``arm_nn_requantize``).
"""

from __future__ import annotations

import numpy as np

from tinyglow.numerics import tflite
from tinyglow.numerics.epilogue import ChannelWords, Epilogue, Int32Array, LastShift
from tinyglow.numerics.epilogues.tflite import multiplier
from tinyglow.numerics.glow import INT32_MAX, INT32_MIN, Requant


class TFLiteMicro(Epilogue):
    """Two roundings.

    ``pre`` shifts to the left: by the multiplier's shift, if that is positive, and by one more, which doubles. ``post``
    is the second rounding's shift.
    """

    name = "tflm"
    summary = "TensorFlow Lite Micro's rule with CMSIS-NN, rounded twice"

    def constants(self, scale: float, offset: int = 0) -> Requant:
        """See ``tflite.multiplier_of``."""
        found = tflite.multiplier_of(scale)
        return Requant(1 + max(found.shift, 0), max(-found.shift, 0), found.multiplier, offset)

    def requantize(self, sums: Int32Array, constants: Requant) -> Int32Array:
        """See ``tflite.scaled_twice``."""
        scaled = tflite.scaled_twice(sums.astype(np.int64), multiplier(constants))
        result: Int32Array = scaled.astype(np.int32) + np.int32(constants.offset)
        return result

    @property
    def high(self) -> ChannelWords:
        """See ``LastShift``."""
        return LastShift(self, 1)

    @property
    def folded(self) -> ChannelWords:
        """See ``LastShift``."""
        return self.high

    def holds(self, total: int, constants: Requant) -> bool:
        """The sum leaves room for the shift to the left."""
        return INT32_MIN <= total << constants.pre <= INT32_MAX


TFLM = TFLiteMicro()
