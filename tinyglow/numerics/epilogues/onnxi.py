"""The ``onnx`` epilogue by integers: the same results, for scales of ordinary size and sums that a float32 holds.

A float32 has a mantissa of 24 bits: a scale of 2**-12 to 2**-4 is an integer over 2**35, and a sum times that integer
is exact. The product decides the result unless it lies so close to half way between two integers that float32 rounds
it there. C tests for that: about one result of 256 is looked at more closely.
"""

from __future__ import annotations

import math

from tinyglow.numerics.epilogue import ChannelWords, Epilogue, Int32Array, LastShift
from tinyglow.numerics.epilogues.onnx import ONNX
from tinyglow.numerics.glow import INT32_MAX, Requant

_POINT = 35  # bits of the multiplier below 1
LEFT = 5  # by which C shifts sums to the left, so that the product's upper word has 8 bits below 1
_SUM_BITS = 24  # of integers that float32 holds exactly
SUM_BITS = _SUM_BITS + 1  # with their sign


class OnnxIntegers(Epilogue):
    """A float32 scale as an integer over 2**35.

    ``pre`` and ``post`` are the same for all scales: they are where C's product has its point (``LastShift``).
    """

    name = "onnxi"
    summary = "onnxruntime's, by integers"

    def constants(self, scale: float, offset: int = 0) -> Requant:
        """The scale as float32, times 2**35; scales for which that is no integer of 31 bits are refused."""
        made = self.form_of(ONNX.constants(scale, offset))
        if made is None:
            raise ValueError(f"scale {scale!r} times 2**{_POINT} is no integer of 31 bits")
        return made

    def form_of(self, constants: Requant) -> Requant | None:
        """What stands for constants of the ``onnx`` epilogue here; None if nothing does."""
        multiplier = math.ldexp(float(ONNX.scale_of(constants)), _POINT)
        fits = multiplier.is_integer() and 0 < multiplier <= INT32_MAX
        return Requant(LEFT, 1, int(multiplier), constants.offset) if fits else None

    def requantize(self, sums: Int32Array, constants: Requant) -> Int32Array:
        """As the ``onnx`` epilogue with this scale."""
        scale = math.ldexp(constants.multiplier, -_POINT)
        return ONNX.requantize(sums, ONNX.constants(scale, constants.offset))

    @property
    def high(self) -> ChannelWords:
        """See ``LastShift``."""
        return LastShift(self, LEFT)

    @property
    def folded(self) -> ChannelWords:
        """See ``LastShift``."""
        return self.high

    @property
    def narrow(self) -> Epilogue | None:
        """See ``epilogues.onnxi20``."""
        from tinyglow.numerics.epilogues.onnxi20 import ONNXI20  # which is made of this one

        return ONNXI20

    def inside(self, total: int, constants: Requant) -> tuple[int, int]:
        """The sum as float32 would hold it."""
        return abs(total), (1 << _SUM_BITS) - 1

    def holds(self, total: int, constants: Requant) -> bool:
        """Float32 holds the sum."""
        return abs(total) < 1 << _SUM_BITS


ONNXI = OnnxIntegers()
