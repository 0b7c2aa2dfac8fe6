"""The ``tflm`` epilogue where no result may lie below the output's offset, as after a ReLU: both roundings upwards.

The second rounding of ``tflm`` has ties away from zero. They differ from ties upwards for negative numbers alone, which
give at most the offset with either.
"""

from __future__ import annotations

import numpy as np

from tinyglow.numerics import tflite
from tinyglow.numerics.epilogue import Epilogue, Int32Array
from tinyglow.numerics.epilogues.tflite import multiplier
from tinyglow.numerics.epilogues.tflm import TFLiteMicro
from tinyglow.numerics.glow import Requant


class TFLiteMicroReLU(TFLiteMicro):
    """Two roundings, ties upwards; the same constants."""

    name = "tflmr"
    summary = "TensorFlow Lite Micro's rule with CMSIS-NN, below a ReLU"

    @property
    def narrow(self) -> Epilogue | None:
        """See ``epilogues.tflmr20``."""
        from tinyglow.numerics.epilogues.tflmr20 import TFLMR20  # which is made of this one

        return TFLMR20

    def requantize(self, sums: Int32Array, constants: Requant) -> Int32Array:
        """The upper word of the doubled product, and a shift that rounds ties upwards."""
        high = tflite.shifted_high_product(sums.astype(np.int64), multiplier(constants))
        half = (1 << constants.post) >> 1
        result: Int32Array = ((high + half) >> constants.post).astype(np.int32) + np.int32(constants.offset)
        return result


TFLMR = TFLiteMicroReLU()
