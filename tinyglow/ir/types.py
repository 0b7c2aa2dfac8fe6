"""Types of values: shape, element type, and how integers stand for real numbers."""

from __future__ import annotations

import math
from dataclasses import replace

from tinyglow.ir.record import Record

# Integers without quantization are numbers by themselves.
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
DTYPE_BYTES = {"float32": 4, "bool": 1, **{name: int(name.strip("uint")) // 8 for name in INTEGERS}}
_GLOW_NAMES = {"float32": "float", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "index64", "bool": "bool"}
_GLOW_NAMES |= {"uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64"}
_QUANTIZED_RANGE = {"int8": (-128, 127), "int16": (-(2**15), 2**15 - 1), "int32": (-(2**31), 2**31 - 1)}
MAX_RANK = 16  # of what a file may ask for: numpy's own limit is 32 dimensions, samples included

Shape = tuple[int, ...]


class QuantParams(Record):
    """How integers stand for reals: ``real = scale * (q - offset)``.

    Attributes:
        scale: Positive, and exactly a float32.
        offset: The integer that stands for 0.

    Raises:
        ValueError: The scale is not a positive finite number.
    """

    scale: float
    offset: int

    def __post_init__(self) -> None:
        if not (self.scale > 0 and math.isfinite(self.scale)):
            raise ValueError(f"quantization scale {self.scale!r} is not a positive finite number")


class ChannelParams(Record):
    """A scale and an offset for each index along one dimension.

    Attributes:
        scales: One for each index.
        offsets: One for each index.
        axis: The dimension: the first one of filters and biases, the last one of a fully connected layer's weights.
    """

    scales: tuple[float, ...]
    offsets: tuple[int, ...]
    axis: int = 0

    def channels(self) -> list[QuantParams]:
        """The parameters of each channel. Raises ValueError if a scale is not a positive finite number."""
        return [QuantParams(scale, offset) for scale, offset in zip(self.scales, self.offsets, strict=True)]


class TensorType(Record):
    """The type of a value.

    Attributes:
        shape: Dimensions, each >= 0; () is a scalar.
        dtype: A key of ``DTYPE_BYTES``.
        quant: Parameters of the whole tensor; None if it is not quantized, or by channel.
        channel_quant: Parameters along one dimension; None if there are none.

    Raises:
        ValueError: An unknown dtype, or a negative dimension.
    """

    shape: Shape
    dtype: str = "float32"
    quant: QuantParams | None = None
    channel_quant: ChannelParams | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPE_BYTES:
            raise ValueError(f"unknown element type {self.dtype!r}")
        if any(dim < 0 for dim in self.shape):
            raise ValueError(f"negative dimension in shape {self.shape}")

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.elements * DTYPE_BYTES[self.dtype]

    def reshaped(self, shape: Shape) -> TensorType:
        """The same element type and parameters with another shape."""
        return replace(self, shape=shape)

    def quantized(self, quant: QuantParams, dtype: str = "int8") -> TensorType:
        """The same shape as integers with ``quant``."""
        return TensorType(self.shape, dtype, quant)

    def channel_params(self) -> list[QuantParams]:
        """The parameters of each index of the first dimension, be they its own or the tensor's."""
        if self.channel_quant is not None:
            return self.channel_quant.channels()
        return [self.quant] * self.shape[0] if self.quant is not None else []

    def ends(self) -> tuple[float, float]:
        """The smallest and the largest real number that a type with ``quant`` holds."""
        assert self.quant is not None
        low, high = (self.quant.scale * (q - self.quant.offset) for q in _QUANTIZED_RANGE[self.dtype])
        return low, high

    def __str__(self) -> str:
        """As Glow prints it: ``i8[S:0.015625000 O:0][-2.000,1.984]<1 x 14 x 14 x 1>`` (Glow, lib/Base/Type.cpp)."""
        is_index = self.dtype == "int32" and self.quant is None and self.channel_quant is None
        text = "index32" if is_index else _GLOW_NAMES[self.dtype]
        if self.quant is not None:
            low, high = self.ends()
            text += f"[S:{self.quant.scale:.9f} O:{self.quant.offset}][{low:.3f},{high:.3f}]"
        return f"{text}<{' x '.join(str(dim) for dim in self.shape)}>"
