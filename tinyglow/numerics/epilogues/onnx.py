"""onnxruntime's requantization: a sum as float32 times a float32, to the nearest integer, ties to even.

Source of the facts: onnxruntime, onnxruntime/core/mlas/lib/quantize.cpp (``MlasRequantizeOutput``). The multiplier of a
``Requant`` holds the float's bits.
"""

from __future__ import annotations

import math

import numpy as np

from tinyglow.numerics.epilogue import Epilogue, Int32Array
from tinyglow.numerics.glow import Requant
from tinyglow.numerics.onnx import scaled


class Onnx(Epilogue):
    """One product of floats, and one rounding to an integer."""

    name = "onnx"
    summary = "onnxruntime's, by a float"

    def constants(self, scale: float, offset: int = 0) -> Requant:
        """The bits of the scale as float32."""
        if not (scale > 0 and math.isfinite(np.float32(scale))):
            raise ValueError(f"scale {scale!r} is not a positive finite float")
        return Requant(0, 0, int(np.array([scale], np.float32).view(np.int32)[0]), offset)

    def scale_of(self, constants: Requant) -> np.float32:
        """The scale that the constants stand for."""
        scale: np.float32 = np.array([constants.multiplier], np.int32).view(np.float32)[0]
        return scale

    def requantize(self, sums: Int32Array, constants: Requant) -> Int32Array:
        """See ``numerics.onnx.scaled``."""
        result: Int32Array = scaled(sums, self.scale_of(constants)).astype(np.int32) + np.int32(constants.offset)
        return result

    def holds(self, total: int, constants: Requant) -> bool:
        """Always: far results are saturated."""
        return True


ONNX = Onnx()
