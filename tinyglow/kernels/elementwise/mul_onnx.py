"""The kernel that multiplies two tensors as onnxruntime rounds it."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.broadcast import INT8_OPERANDS
from tinyglow.kernels.elementwise.mul import ProductParams
from tinyglow.numerics import glow
from tinyglow.numerics.epilogues.onnxi import ONNXI, SUM_BITS


def mul_onnx_s8(p: ProductParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_mul_onnx_s8: the product without offsets, by the ``onnxi`` epilogue."""
    a = x.astype(np.int32) - np.int32(p.input_offset)
    b = p.spread(other).astype(np.int32) - np.int32(p.other_offset)
    out[...] = glow.saturate_int8(ONNXI.requantize(a * b, p.out))


MUL_ONNX = Kernel(
    symbol="tg_mul_onnx_s8",
    c_file="elementwise/tg_mul_onnx_s8.c",
    params=ProductParams,
    operands=INT8_OPERANDS,
    reference=mul_onnx_s8,
    summary="product of two tensors, rounded as onnxruntime does",
    numbers_of=lambda p: {"product": p.product().number(SUM_BITS)},
)
