"""The mean over windows of int8 between conversions, as onnxruntime has it: in float, column by column."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import F32, I8, U8, In, Kernel, Out
from tinyglow.kernels.pooling.geometry import PoolGeometry
from tinyglow.numerics import onnx


class AvgPoolOnnxParams(PoolGeometry):
    """Sizes in elements; count_pads: whether a sum is divided by the window's area, or by the taps inside the image."""

    count_pads: U8
    in_offset: I8
    out_offset: I8
    in_scale: F32
    scale: F32


def avg_pool_onnx_s8(p: AvgPoolOnnxParams, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_onnx_s8 (onnxruntime/core/mlas/lib/pooling.cpp).

    The taps of each column of a window are added up from the top, then the columns from the left; one division.
    """
    real = (p.image(x).astype(np.int32) - p.in_offset).astype(np.float32) * np.float32(p.in_scale)
    window = p.window()
    top, left, bottom, right = window.pads
    padded = np.pad(real, ((0, 0), (top, bottom), (left, right), (0, 0)))
    total = np.zeros((len(real), p.out_h, p.out_w, p.channels), np.float32)
    for column in range(p.kernel_w):
        part = np.zeros_like(total)
        for row in range(p.kernel_h):
            rows = slice(row, row + (p.out_h - 1) * p.stride_h + 1, p.stride_h)
            columns = slice(column, column + (p.out_w - 1) * p.stride_w + 1, p.stride_w)
            part = part + padded[:, rows, columns]
        total = total + part
    area = np.int32(p.kernel_h * p.kernel_w) if p.count_pads else np.maximum(p.taps_inside(), 1)
    mean = total / area.astype(np.float32)
    out[...] = onnx.quantize(mean, p.scale, p.out_offset).reshape(out.shape)


AVG_POOL_ONNX = Kernel(
    symbol="tg_avg_pool_onnx_s8",
    c_file="pooling/tg_avg_pool_onnx_s8.c",
    params=AvgPoolOnnxParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=avg_pool_onnx_s8,
    summary="mean over windows, as onnxruntime computes it in float",
)
