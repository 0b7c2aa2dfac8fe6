"""What the importer computes at once: operators on constants alone, as the arithmetic of shapes is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import Importer, Op, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow

_MOST_ELEMENTS = 2**24  # more than any microcontroller has memory for


def dequantized(data: Array, type_: TensorType) -> Array:
    """The real numbers that quantized data stand for, float32; other data as they are."""
    if type_.quant is not None:
        return glow.dequantize(data, type_.quant.scale, type_.quant.offset)
    if type_.channel_quant is None:
        return data
    along = [-1 if axis == type_.channel_quant.axis else 1 for axis in range(data.ndim)]
    scales = np.array(type_.channel_quant.scales, np.float32).reshape(along)
    offsets = np.array(type_.channel_quant.offsets, np.int64).reshape(along)
    result: Array = (data - offsets).astype(np.float32) * scales
    return result


def computed(op: Op, name: str, inputs: Sequence[Value], importer: Importer) -> Value | None:
    """The result of ``op`` as a constant called ``name``, in the inputs' dtype; None if an input is no constant.

    Later operators need shapes and axes while they are imported. Glow names such a constant after the tensor, not after
    the node (include/glow/Importer/ProtobufLoader.h, constantFoldInLoader). Raises UnsupportedError for too large ones.
    """
    data = [value.data for value in inputs]
    if any(array is None for array in data):
        return None
    (type_,) = op.infer(*(value.type for value in inputs))
    if type_.elements > _MOST_ELEMENTS:  # a row and a column of a small file may make a huge matrix
        raise UnsupportedError(f"a constant of shape {list(type_.shape)}", f"at most {_MOST_ELEMENTS} elements")
    (result,) = op.run_float(*(array[np.newaxis] for array in data if array is not None))
    # Not ascontiguousarray, which makes a vector of a scalar.
    return importer.editor.constant(name, np.array(result[0], order="C"))
