"""Epilogues: how a kernel takes an int32 sum to the integer that it stores.

One object holds everything about one: the constants as words that a kernel reads, the numpy function, the C function,
and what must be proven of a layer's sums before a kernel may use it. A kernel's loop ends in an epilogue and knows
nothing else of rounding. Those of Glow are in :mod:`tinyglow.numerics.glow_epilogue`; another numerics has a module of
its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]
Constants = TypeVar("Constants")


class Epilogue(ABC, Generic[Constants]):
    """One way from a sum to a stored integer, for constants of one numerics.

    Attributes:
        c_function: Name of the inline function that computes it in C.
        c_header: The header of ``runtime_c/include`` that defines this function.
    """

    c_function: str
    c_header: str

    @abstractmethod
    def words(self, constants: Sequence[Constants]) -> Int32Array | None:
        """The constants of each channel as kernels read them.

        Args:
            constants: Of each channel. The offset of the output is not part of the words.

        Returns:
            int32 [channels]; None where this epilogue cannot stand for one of them.
        """

    @abstractmethod
    def apply(self, sums: Int32Array, words: Int32Array, offset: int) -> Int32Array:
        """The numpy definition of ``c_function``.

        Args:
            sums: int32 [..., channels].
            words: What ``words`` made, int32 with ``channels`` elements.
            offset: Of the output.

        Returns:
            int32 [..., channels], not yet saturated.
        """

    @abstractmethod
    def holds(self, total: int, constants: Constants) -> bool:
        """The proof obligation: whether the epilogue gives for this sum what the numerics itself does.

        It is monotone in ``|total|``: where it holds for the least and the largest sum, it holds for all between them.
        """

    def holds_for(self, bounds: Iterable[tuple[int, int]], constants: Sequence[Constants]) -> bool:
        """Whether ``holds`` is true of all sums.

        Args:
            bounds: The least and the largest sum of each channel.
            constants: Of each channel.
        """
        return all(
            self.holds(total, own) for pair, own in zip(bounds, constants, strict=True) for total in (pair[0], pair[1])
        )
