"""The arithmetic of quantized ONNX operators, in numpy: the rounding code of the ``onnx`` numerics.

Source: ONNX's operator specification (QuantizeLinear, QLinearConv), and onnxruntime's MLAS, which scales an int32 sum
by one float32 product (onnxruntime/core/mlas/lib/quantize.cpp, MlasRequantizeOutput).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_FAR = 2.0**20  # far beyond int8, and within int32


def scaled(sums: npt.NDArray[np.int32], scale: np.float32) -> npt.NDArray[np.int64]:
    """int32 sums as float32 times ``scale``, a float32 product, to nearest, ties to even; far numbers saturated."""
    product = sums.astype(np.float32) * np.float32(scale)
    return np.rint(np.clip(product, -_FAR, _FAR)).astype(np.int64)


def quantize(x: npt.NDArray[np.float32], scale: float, offset: int) -> npt.NDArray[np.int8]:
    """QuantizeLinear: round(x / scale), ties to even, plus the offset, saturated.

    Args:
        x: float32 of any shape. NaN becomes -128.
        scale: A float32 value.
        offset: The integer that stands for 0.

    Returns:
        int8 of the same shape.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.rint(x.astype(np.float32) / np.float32(scale)).astype(np.float64) + offset
    steps = np.where(np.isnan(steps), -128, steps)
    return np.clip(steps, -128, 127).astype(np.int8)
