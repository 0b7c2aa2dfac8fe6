"""Maximum and mean over windows in int16: ours, as ``ops.int16`` says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I32, U8, In, Kernel, Out
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.numerics import wide
from tinyglow.ops.int16 import int16_scales
from tinyglow.ops.pooling import PoolGeometry, geometry, taps_inside
from tinyglow.ops.window import Window

# Sums of so many elements fit 32 bits.
_MOST_TAPS = 65535


@dataclass(frozen=True)
class MaxPool16Params(PoolGeometry):
    """Sizes in elements. A window that has no tap inside the image gives 0."""

    dilation_h: U8
    dilation_w: U8


def max_pool_s16(p: MaxPool16Params, x: Array, out: Array) -> None:
    """Definition of tg_max_pool_s16: the largest element of each window's taps inside the image, 0 of none."""
    dilation = p.dilation_h, p.dilation_w
    largest = p.patches(x, wide.INT16_MIN, dilation).max(axis=3)
    out[...] = np.where(p.taps_inside(dilation) > 0, largest, 0).astype(np.int16).reshape(out.shape)


@dataclass(frozen=True)
class AvgPool16Params(PoolGeometry):
    """Sizes in elements. Sums times multiplier / 2**shift are the output; divide: over the taps inside the image."""

    divide: U8
    multiplier: I32
    shift: U8


def avg_pool_s16(p: AvgPool16Params, x: Array, out: Array) -> None:
    """Definition of tg_avg_pool_s16: saturate(scaled(sum over a window) [/ taps])."""
    value = wide.scaled(p.patches(x.astype(np.int32)).sum(axis=3, dtype=np.int32), p.multiplier, p.shift)
    if p.divide:
        taps = p.taps_inside()
        value = np.where(taps > 0, wide.divide_rounded(value, np.maximum(taps, 1)), 0)
    out[...] = wide.saturate_int16(value).reshape(out.shape)


MAX_POOL_INT16 = Kernel(
    symbol="tg_max_pool_s16",
    c_file="pooling/tg_max_pool_s16.c",
    params=MaxPool16Params,
    operands=(In("input", "int16"), Out("output", "int16")),
    reference=max_pool_s16,
    summary="maximum over windows, in int16",
)

AVG_POOL_INT16 = Kernel(
    symbol="tg_avg_pool_s16",
    c_file="pooling/tg_avg_pool_s16.c",
    params=AvgPool16Params,
    operands=(In("input", "int16"), Out("output", "int16")),
    reference=avg_pool_s16,
    summary="mean over windows, in int16",
)


def lower_max_pool_int16(node: Node, lowering: Lowering, window: Window) -> None:
    """Emit the call of tg_max_pool_s16."""
    source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
    dilation_h, dilation_w = window.dilation
    fields = geometry(window, source.shape, result.shape)
    params = MaxPool16Params(**fields, dilation_h=dilation_h, dilation_w=dilation_w)
    lowering.call(MAX_POOL_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


def lower_avg_pool_int16(node: Node, lowering: Lowering, window: Window, count_pads: bool) -> None:
    """Emit the call of tg_avg_pool_s16. Where all windows have as many taps, their number is part of the scale."""
    source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
    x, y = int16_scales(node, lowering)
    area = window.kernel[0] * window.kernel[1]
    if area > _MOST_TAPS:
        raise UnsupportedError(f"a window of {list(window.kernel)}", f"at most {_MOST_TAPS} elements")
    inside = taps_inside(window, (source.shape[1], source.shape[2]))
    divide = not count_pads and bool((inside != area).any())
    (multiplier,), shift = wide.multipliers([x / y / (1 if divide else area)], area * -wide.INT16_MIN)
    fields = geometry(window, source.shape, result.shape)
    params = AvgPool16Params(**fields, divide=int(divide), multiplier=multiplier, shift=shift)
    lowering.call(AVG_POOL_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)
