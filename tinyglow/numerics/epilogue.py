"""Epilogues: how a kernel takes an int32 sum to the integer that it stores.

A convolution kernel is a loop, a layout of its weights, and an epilogue. The loop calls the epilogue and knows nothing
else of rounding. An :class:`Epilogue` is the rounding rule of one numerics, such as Glow's. It holds the numpy
function, the constants for a scale, the C text, and what must be proven of a layer's sums. Each is a module of
:mod:`tinyglow.numerics.epilogues`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tinyglow.numerics.glow import INT32_MAX, Requant

Int32Array = npt.NDArray[np.int32]
SumBounds = Iterable[tuple[int, int]]


class Epilogue(ABC):
    """The rounding rule of one numerics.

    Its constants are a ``Requant``: a multiplier, a shift before and one after the multiplication, and the output's
    offset. What it computes of them is its own. A kernel with this epilogue has the text of the kernel's C file, which
    is written with ``tg_epilogue_glow.h``: only the name differs. ``c_header`` defines
    ``int32_t tg_epilogue_<name>(int32_t x, const tg_requant *r)`` and what else ``tg_epilogue_glow.h`` lists.

    Attributes:
        name: As users name the numerics, and as symbols of kernels have it: ``tg_conv2d_<name>_s8``.
        c_header: The header of ``runtime_c/include`` with its C text.
        summary: What it does, in a few words.
        narrow_bits: Of an epilogue for sums of 20 bits (``Narrow``), how far the upper word lies above their product's
            bit 20; else 0. Its C text is for loops in the instructions of ARMv6-M alone.
    """

    name: str
    summary: str
    narrow_bits: int = 0

    @property
    def c_header(self) -> str:
        """The header of ``runtime_c/include`` with its C text."""
        return f"tg_epilogue_{self.name}.h"

    @abstractmethod
    def constants(self, scale: float, offset: int = 0) -> Requant:
        """The constants that stand for a scale.

        Args:
            scale: Of the sums, over that of the output; above 0.
            offset: Of the output.

        Returns:
            The constants.

        Raises:
            ValueError: The scale is not a positive finite number, or too large.
        """

    @abstractmethod
    def requantize(self, sums: Int32Array, constants: Requant) -> Int32Array:
        """The numpy definition of ``tg_epilogue_<name>``.

        Args:
            sums: int32 of any shape.
            constants: One for all sums.

        Returns:
            int32 of the same shape, with the offset, not yet saturated to int8.
        """

    def requantize_channels(self, sums: Int32Array, constants: Sequence[Requant]) -> Int32Array:
        """Requantize int32 sums [..., channels], each channel by its own constants. Otherwise as ``requantize``."""
        out = np.empty_like(sums)
        for channel, own in enumerate(constants):
            out[..., channel] = self.requantize(sums[..., channel], own)
        return out

    @property
    def high(self) -> ChannelWords:
        """A channel's constants as words for loops of DSP instructions: ``TG_EPILOGUE_<NAME>_HIGH`` in C."""
        return TwoWords(self)

    @property
    def folded(self) -> ChannelWords:
        """A channel's constants as words for other loops: ``TG_EPILOGUE_<NAME>_FOLDED`` in C."""
        return TwoWords(self)

    @property
    def narrow(self) -> Epilogue | None:
        """One that computes the same of sums that meet its ``folded`` form's obligation, faster on ARMv6-M; or None."""
        return None

    def serves(self, in_armv6m: bool) -> bool:
        """Whether there are kernels of a loop with it. in_armv6m: the loop is one in the instructions of ARMv6-M."""
        return in_armv6m or not self.narrow_bits

    @abstractmethod
    def holds(self, total: int, constants: Requant) -> bool:
        """The proof obligation: whether ``tg_epilogue_<name>`` may get this sum.

        It is monotone in ``|total|``: where it holds for the least and the largest sum, it holds for all between them.
        """

    def rises(self, bound: int, constants: Requant) -> bool:
        """Whether results never fall while sums rise from ``-bound`` to ``bound``: nothing wraps between them."""
        return self.holds(bound, constants) and self.holds(-bound, constants)

    def inside(self, total: int, constants: Requant) -> tuple[int, int]:
        """The magnitude of what is multiplied for this sum, and the most that it may be."""
        return abs(total) << constants.pre, INT32_MAX

    def holds_for(self, bounds: SumBounds, constants: Sequence[Requant]) -> bool:
        """Whether ``holds`` is true of all sums, by the least and the largest sum of each channel."""
        return all(self.holds(total, own) for pair, own in zip(bounds, constants, strict=True) for total in pair)


class ChannelWords(ABC):
    """An epilogue's constants as words of each channel, which kernels read beside its weights.

    Attributes:
        c_function: Name of the inline function that computes it in C.
        c_header: The header of ``runtime_c/include`` that defines this function.
    """

    c_function: str
    c_header: str

    @abstractmethod
    def words(self, constants: Sequence[Requant]) -> Int32Array | None:
        """The constants of each channel as kernels read them.

        Args:
            constants: Of each channel. The offset of the output is not part of the words.

        Returns:
            int32 [channels], or [channels, words] of more than one; None where this form cannot stand for one of them.
        """

    @abstractmethod
    def apply(self, sums: Int32Array, words: Int32Array, offset: int) -> Int32Array:
        """The numpy definition of ``c_function``.

        Args:
            sums: int32 [..., channels].
            words: What ``words`` made, in any shape.
            offset: Of the output.

        Returns:
            int32 [..., channels], not yet saturated.
        """

    @abstractmethod
    def holds(self, total: int, constants: Requant) -> bool:
        """The proof obligation: whether the words give for this sum what the epilogue itself does.

        It is monotone in ``|total|``, as that of an epilogue is.
        """

    def holds_for(self, bounds: SumBounds, constants: Sequence[Requant]) -> bool:
        """Whether ``holds`` is true of all sums, by the least and the largest sum of each channel."""
        return all(self.holds(total, own) for pair, own in zip(bounds, constants, strict=True) for total in pair)


class TwoWords(ChannelWords):
    """The constants as they are, which every epilogue has: the multiplier; the shifts ``pre + (post << 8)``."""

    def __init__(self, epilogue: Epilogue) -> None:
        self._epilogue = epilogue
        self.c_function = f"tg_epilogue_{epilogue.name}_by"
        self.c_header = epilogue.c_header

    def words(self, constants: Sequence[Requant]) -> Int32Array:
        """There is always one."""
        return np.array([(c.multiplier, c.pre + (c.post << 8)) for c in constants], np.int32).reshape(-1, 2)

    def apply(self, sums: Int32Array, words: Int32Array, offset: int) -> Int32Array:
        """What the epilogue does with these constants."""
        pairs = words.reshape(-1, 2).tolist()
        own = [Requant(shifts & 0xFF, shifts >> 8 & 0xFF, multiplier, offset) for multiplier, shifts in pairs]
        return self._epilogue.requantize_channels(sums, own)

    def holds(self, total: int, constants: Requant) -> bool:
        """As of the epilogue."""
        return self._epilogue.holds(total, constants)


class LastShift(ChannelWords):
    """The multiplier, and one less than the last shift: a rounding that has the output's offset in it.

    Half of the last shift and the offset before it are one number: ``(2 * offset + 1) << word``, the word being the
    last shift less one. Only constants with the same shift before the multiplication have this form.
    """

    def __init__(self, epilogue: Epilogue, pre: int) -> None:
        self._epilogue = epilogue
        self.c_function = f"tg_epilogue_{epilogue.name}_last"
        self.c_header = epilogue.c_header
        self._pre = pre

    def words(self, constants: Sequence[Requant]) -> Int32Array | None:
        """None where one has another first shift, or no last shift."""
        if not all(c.pre == self._pre and c.post >= 1 for c in constants):
            return None
        return np.array([(c.multiplier, c.post - 1) for c in constants], np.int32).reshape(-1, 2)

    def apply(self, sums: Int32Array, words: Int32Array, offset: int) -> Int32Array:
        """What the epilogue does with the constants that the words hold."""
        pairs = words.reshape(-1, 2).tolist()
        own = [Requant(self._pre, shift + 1, multiplier, offset) for multiplier, shift in pairs]
        return self._epilogue.requantize_channels(sums, own)

    def holds(self, total: int, constants: Requant) -> bool:
        """As of the epilogue; and with half and offset before the last shift, the product stays within 32 bits."""
        product = (abs(total) << constants.pre) * constants.multiplier >> 32
        center = (2 * abs(constants.offset) + 1) << max(constants.post - 1, 0)
        return self._epilogue.holds(total, constants) and product + center + 2 < 1 << 31


MOST_NARROW = (1 << 20) - 1  # of the sums of a ``Narrow`` form


class Narrow(LastShift):
    """As ``LastShift``, for sums of 20 bits: the multiplier in three parts, whose products with a sum fit 32 bits.

    ARMv6-M multiplies to a lower word alone. ``sum * multiplier >> 20`` is exact by parts of 11, 10 and 10 bits:
    ``sum * high + ((sum * middle + (sum * low >> 10)) >> 10)``.
    """

    def __init__(self, epilogue: Epilogue, pre: int, bits: int) -> None:
        super().__init__(epilogue, pre)
        self._bits = bits

    def holds(self, total: int, constants: Requant) -> bool:
        """The sum has 20 bits, and its product and what is added before the one shift fit 32 bits."""
        product = abs(total) * constants.multiplier >> 20
        center = (2 * abs(constants.offset) + 1) << (max(constants.post - 1, 0) + self._bits)
        fits = product + center + (1 << 10) + 2 < 1 << 31 and constants.post + self._bits < 32
        return super().holds(total, constants) and abs(total) <= MOST_NARROW and fits
