"""Where in the input each element of a resized tensor comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.op import ShapeError
from tinyglow.ir.types import Shape, TensorType

_HALF = np.float32(0.5)
_ONE = np.float32(1)


def _symmetric(x: Array, scale: np.float32, size: int, length: int) -> Array:
    """half_pixel around the middle of the input, whatever the rounding of the output's size cut off."""
    adjustment = np.float32(length) / (scale * np.float32(size))
    middle = np.float32(size) / np.float32(2)
    result: Array = middle * (_ONE - adjustment) + (x + _HALF) / scale - _HALF
    return result


# Where the element numbered x of ``length`` comes from among ``size`` elements (ONNX operator specification, Resize,
# coordinate_transformation_mode), in float32 as onnxruntime computes it, and Glow, which knows asymmetric only.
COORDINATES: dict[str, Callable[[Array, np.float32, int, int], Array]] = {
    "asymmetric": lambda x, scale, size, length: x / scale,
    "half_pixel": lambda x, scale, size, length: (x + _HALF) / scale - _HALF,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": lambda x, scale, size, length: (x + _HALF) / scale - _HALF if length > 1 else x * 0,
    "align_corners": lambda x, scale, size, length: x * np.float32(size - 1) / np.float32(max(1, length - 1)),
    "tf_half_pixel_for_nn": lambda x, scale, size, length: (x + _HALF) / scale,
}
# Glow's own, and what its compiler makes of it on x86: the division by a constant is a product with its reciprocal.
AS_GLOW = ("asymmetric", "reciprocal")
# Those of TFLite multiply by the input's size over the output's instead, rounded to float32 (tensorflow/lite/kernels/
# internal/reference/resize_nearest_neighbor.h and resize_bilinear.h).
_PRODUCTS: dict[str, Callable[[Array, np.float32, int, int], Array]] = {
    "reciprocal": lambda x, scale, size, length: x * (_ONE / scale),
    "tflite": lambda x, scale, size, length: x * (np.float32(size) / np.float32(length)),
    "tflite_half_pixel": lambda x, scale, size, length: (x + _HALF) * (np.float32(size) / np.float32(length)) - _HALF,
    "tflite_half_pixel_for_nn": lambda x, scale, size, length: (x + _HALF) * (np.float32(size) / np.float32(length)),
    "tflite_align_corners": lambda x, scale, size, length: x * (np.float32(size - 1) / np.float32(max(1, length - 1))),
}
ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - _HALF),
    "round_prefer_ceil": lambda x: np.floor(x + _HALF),
}


def origins(coordinates: str, scale: float, size: int, length: int) -> Array:
    """The coordinate in the input of each of ``length`` elements along a dimension of ``size``; float32."""
    return (COORDINATES | _PRODUCTS)[coordinates](np.arange(length, dtype=np.float32), np.float32(scale), size, length)


def resized_shape(source: TensorType, sizes: Shape, scales: Sequence[float]) -> TensorType:
    """The type of a result of ``sizes``. Raises ShapeError where they do not fit the input."""
    if not len(sizes) == len(scales) == len(source.shape) or min((*sizes, *source.shape), default=1) < 1:
        raise ShapeError(f"shape {list(source.shape)} resized to {list(sizes)}", "a size for each dimension")
    return source.reshaped(sizes)
