"""The mean over windows of int8 as onnxruntime's QLinearAveragePool computes it: in float, row by row."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, U8, In, Kernel, Out
from tinyglow.kernels.pooling.geometry import PoolGeometry

_FAR = np.float32(1024)  # beyond int8 and uint8, and within int32


class AvgPoolOnnxParams(PoolGeometry):
    """Sizes in elements.

    Attributes:
        count_pads: Whether a sum is divided by the window's area, or by the taps inside the image.
        raised: How much larger the model's integers are than these: 128 where they are uint8.
    """

    count_pads: U8
    in_offset: I8
    out_offset: I8
    raised: U8
    in_scale: F32
    scale: F32


def avg_pool_onnx_s8(p: AvgPoolOnnxParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_onnx_s8 (onnxruntime/contrib_ops/cpu/quantization/qlinear_pool.cc).

    The taps of a window are added up row by row. The mean over the scale is rounded together with the offset of the
    model's integers: a float32 near 200 has fewer bits below 1 than one near 72, and ties go to even sums.
    """
    real = (p.image(x).astype(np.int32) - p.in_offset).astype(np.float32) * np.float32(p.in_scale)
    window = p.window()
    top, left, bottom, right = window.pads
    padded = np.pad(real, ((0, 0), (top, bottom), (left, right), (0, 0)))
    total = np.zeros((len(real), p.out_h, p.out_w, p.channels), np.float32)
    for row, column in np.ndindex(p.kernel_h, p.kernel_w):
        rows = slice(row, row + (p.out_h - 1) * p.stride_h + 1, p.stride_h)
        columns = slice(column, column + (p.out_w - 1) * p.stride_w + 1, p.stride_w)
        total = total + padded[:, rows, columns]
    area = np.int32(p.kernel_h * p.kernel_w) if p.count_pads else np.maximum(p.taps_inside(), 1)
    steps = total / area.astype(np.float32) / np.float32(p.scale) + np.float32(p.out_offset + p.raised)
    whole = np.rint(np.clip(steps, -_FAR, _FAR)).astype(np.int64) - p.raised
    out[...] = np.clip(whole, -128, 127).reshape(out.shape)


AVG_POOL_ONNX = Kernel(
    symbol="tg_avg_pool_onnx_s8",
    c_file="pooling/tg_avg_pool_onnx_s8.c",
    params=AvgPoolOnnxParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=avg_pool_onnx_s8,
    summary="mean over windows, as onnxruntime computes it",
)
