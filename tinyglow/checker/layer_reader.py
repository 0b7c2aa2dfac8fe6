"""What a layer computes its sums of, and how a call's operands are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.checker.findings import BrokenError
from tinyglow.checker.source import Call

Array = npt.NDArray[Any]
Data = Callable[[str], bytes]


@dataclass(frozen=True)
class Layer:
    """The sums of a layer.

    Attributes:
        weights: int64 [units, terms].
        start: int64 [units]: what sums begin with.
        offset: What is taken off each input, -128 to 127 (int16: -32768 to 32767), before it is multiplied.
        words: int64 [units, n]: the constants of each unit's scale, as they lie beside its weights; or None.
        limits: The largest number that another intermediate can be, and the most that it may be, by its name.
    """

    weights: Array
    start: Array
    offset: int = 0
    words: Array | None = None
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class Reader:
    """The operands of one call as arrays."""

    def __init__(self, call: Call, data: Data, bytes_of: Mapping[str, int], scale: int) -> None:
        self.call, self.whole, self.scale = call, call.whole, scale
        self._data, self._bytes = data, bytes_of

    def array(self, name: str, dtype: str) -> Array:
        """An operand's elements as int64, flat."""
        raw = self.raw(name)
        return np.frombuffer(raw, dtype).astype(np.int64)

    def raw(self, name: str) -> bytes:
        """An operand's bytes."""
        size = self._bytes[name]
        raw = self._data(name)[:size]
        if len(raw) < size:
            raise BrokenError(self.call.where, f"its {name} ends after {len(raw)} bytes", f"{size} bytes")
        return raw

    def words(self, name: str) -> Array:
        """An operand of 32-bit words as int64."""
        return self.array(name, "<i4")

    def biases(self, columns: int = 1) -> tuple[Array, Array | None]:
        """Biases [units] and the words of scales that stand after each; ``columns`` of it are biases."""
        rows = self.words("bias").reshape(-1, columns + self.scale)
        return rows[:, columns - 1], rows[:, columns:] if self.scale else None


def halves(words: Array) -> tuple[Array, Array]:
    """The lower and the upper halves of words, signed."""
    low = ((words & 0xFFFF) ^ 0x8000) - 0x8000
    return low, (((words >> 16) & 0xFFFF) ^ 0x8000) - 0x8000


def folded(weights: Array, start: Array, words: Array | None = None, **limits: tuple[int, int]) -> Layer:
    """A layer whose input's offset is part of what its sums begin with."""
    return Layer(weights, start, 0, words, limits)
