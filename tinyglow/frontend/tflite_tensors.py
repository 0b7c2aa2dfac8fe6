"""Tensors of a TFLite file: the types that it gives them, and the data of constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.frontend.declared import declared_constant
from tinyglow.frontend.tflite_file import FileTensor
from tinyglow.ir.graph import Array, Declared
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import ChannelParams, QuantParams, TensorType

# The element type in the graph, and in the file, of what is not quantized; integers are shapes and axes.
_PLAIN = {
    "FLOAT32": ("float32", "<f4"),
    "FLOAT16": ("float32", "<f2"),
    "INT32": ("int64", "<i4"),
    "INT64": ("int64", "<i8"),
    "BOOL": ("bool", "?"),
}
# The same, and what is taken off each element and offset, of what is quantized (Glow's -tflite-uint8-to-int8).
QUANTIZED = {"INT8": ("int8", "<i1", 0), "UINT8": ("int8", "<u1", 128), "INT16": ("int16", "<i2", 0)}
QUANTIZED |= {"INT4": ("int8", "<i1", 0)}  # weights, two in a byte
QUANTIZED |= {"INT32": ("int32", "<i4", 0), "INT64": ("int64", "<i8", 0)}  # biases of int8 and of int16 layers

# Of scales: with these, no product or ratio of them leaves float32. Weights of dead channels have tiny ones.
_LEAST_SCALE, _LEAST_CONSTANT, _LARGEST_SCALE = 2.0**-30, 2.0**-60, 2.0**30


def is_integer(tensor: FileTensor) -> bool:
    """Whether a tensor holds integers that stand for reals."""
    return tensor.quantization is not None and tensor.dtype in QUANTIZED


def constant_data(tensor: FileTensor, name: str) -> tuple[Array, Declared | None]:
    """The data of a constant as the file has it; of integers that stand for reals these, and what is declared of them.

    Raises UnsupportedError for data that do not fit the shape, or types that are not known.
    """
    type_ = type_of(tensor, name)
    stored, less = QUANTIZED[tensor.dtype][1:] if is_integer(tensor) else (_PLAIN[tensor.dtype][1], 0)
    raw = tensor.data if tensor.data is not None else np.zeros(0, np.uint8)
    count = int(np.prod(tensor.shape, dtype=object))
    needed = -(-count // 2) if tensor.dtype == "INT4" else np.dtype(stored).itemsize * count
    if needed != len(raw):
        found = f"has {len(raw)} bytes of data for shape {list(tensor.shape)} of {tensor.dtype}"
        raise UnsupportedError(found, str(needed))
    if is_integer(tensor) and not needed:
        raise UnsupportedError(f"is empty: its shape is {list(tensor.shape)}", "weights")
    data = (_halves(raw, count) if tensor.dtype == "INT4" else raw.view(stored)).reshape(tensor.shape)
    if not is_integer(tensor):
        return data, None
    whole = (data.astype(np.int64) - less).astype(type_.dtype)
    return declared_constant(whole, replace(type_, shape=tensor.shape))


def _halves(raw: Array, count: int) -> Array:
    """Numbers of 4 bits as int8: two in a byte, the lower half first."""
    halves: Array = np.stack([raw.view(np.int8) << 4, raw.view(np.int8)], axis=1).reshape(-1)[:count] >> 4
    return halves


def type_of(tensor: FileTensor, name: str) -> TensorType:
    """The type that the file gives a tensor. Raises UnsupportedError for what there is no type for here."""
    shape = tensor.shape if min(tensor.shape, default=1) >= 1 else ()
    given = tensor.quantization
    if given is None or tensor.dtype not in QUANTIZED:
        if tensor.dtype not in _PLAIN:
            kind = "quantized " if given else "not quantized and "
            expected = "float32, or int8, uint8, int16 and int32 with scales"
            raise UnsupportedError(f"tensor {name!r} is {kind}of type {tensor.dtype}", expected)
        return TensorType(shape, _PLAIN[tensor.dtype][0])
    dtype, _, less = QUANTIZED[tensor.dtype]
    offsets = tuple(offset - less for offset in given.zero_points)
    low, high = (-128, 127) if dtype == "int8" else (0, 0)
    # 0 stands for a channel of zeros.
    least = _LEAST_CONSTANT if tensor.data is not None else _LEAST_SCALE
    bad = [scale for scale in given.scales if not (least <= scale <= _LARGEST_SCALE or scale == 0)]
    if bad or len(given.scales) != len(offsets) or not all(low <= offset <= high for offset in offsets):
        found = f"tensor {name!r} has {len(given.scales)} scales and {len(offsets)} zero points"
        raise UnsupportedError(
            f"{found}, of which some cannot be", "scales of ordinary size, zero points in the type's range"
        )
    if len(given.scales) == 1 and given.scales[0] > 0:
        return TensorType(shape, dtype, QuantParams(given.scales[0], offsets[0]))
    axis = given.axis if len(shape) != 1 else 0  # old converters give biases the axis of their layer's weights
    if not 0 <= axis < len(shape) or shape[axis] != len(given.scales):
        found = f"tensor {name!r} has {len(given.scales)} scales along dimension {given.axis} of {list(shape)}"
        raise UnsupportedError(found, "one for each index")
    return TensorType(shape, dtype, channel_quant=ChannelParams(given.scales, offsets, axis))
