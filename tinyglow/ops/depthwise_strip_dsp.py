"""Depthwise convolution of 3x3 for Cortex-M4, M7 and M33: squares of 2x2 outputs over columns of halves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.numerics import glow
from tinyglow.ops.conv2d_layer import ConvGeometry, ConvLayer

_GROUP = 4  # channels
_ROW = 4  # bytes of the filter
# What of the input is read later than an output beside it is written, more padding than this would shift too far.
_MOST_PAD_IN_PLACE = 2


@dataclass(frozen=True)
class DepthwiseStripParams(ConvGeometry):
    """filter_offset: what is taken off each byte of the filter; ``out`` maps sums to the output, see
    ``ConvLayer.is_high_word``.

    group, in_c and out_c are the same multiple of four, out_h is 2 or more; kernels are 3x3, strides and dilations 1.
    """

    filter_offset: I16
    out: glow.Requant

    @property
    def in_place(self) -> bool:
        """Whether outputs lie where inputs do that have been read before."""
        return (self.out_h, self.out_w) == (self.in_h, self.in_w) and self.pad_left <= _MOST_PAD_IN_PLACE


def pack(filters: Array, bias: Array) -> Array:
    """Filters int8 of 9 taps a channel, and biases, as the kernel's filter: int32, flat."""
    rows = np.zeros((len(bias), 3, _ROW), np.int8)
    rows[..., :3] = filters.reshape(-1, 3, 3)
    words = rows.reshape(len(bias), -1).view(np.int32)  # the low byte is the first, on the hosts that are supported
    return np.concatenate([words, bias.reshape(-1, 1).astype(np.int32)], axis=1).ravel()


def unpack(packed: Array) -> tuple[Array, Array]:
    """The inverse of ``pack``: filters [channels, 9] and biases."""
    words = packed.reshape(-1, 4)
    rows = np.ascontiguousarray(words[:, :3]).view(np.int8).reshape(-1, 3, _ROW)
    return rows[..., :3].reshape(-1, 9), words[:, 3]


def depthwise_strip_dsp_s8(p: DepthwiseStripParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_depthwise_strip_dsp_s8: bias + sum of x * (filter - filter_offset), x = in_offset outside."""
    weights, bias = unpack(filters)
    sums = p.folded_sums(x, weights.astype(np.int32) - p.filter_offset, bias)
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def _scratch(p: DepthwiseStripParams) -> int:
    columns, rows = -(-p.out_w // 2) + 1, p.out_h + 2
    # A row is two columns on from the one above.
    return 4 * _GROUP * (columns + 2 * (rows - 1))


DEPTHWISE_STRIP_DSP = Kernel(
    symbol="tg_depthwise_strip_dsp_s8",
    c_file="convolution/tg_depthwise_strip_dsp_s8.c",
    params=DepthwiseStripParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8", "input")),
    reference=depthwise_strip_dsp_s8,
    summary="depthwise convolution with windows of 3x3, stride 1, squares of 2x2 outputs at once",
    scratch=_scratch,
    aliases=lambda p: p.in_place,
)


def depthwise_strip_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_depthwise_strip_dsp_s8; None where it does not fit, or for ARMv6-M."""
    sizes, bias = layer.sizes, layer.folded_bias
    window = [sizes[name] for name in ("kernel_h", "kernel_w", "stride_h", "stride_w")]
    fits = layer.is_depthwise and window == [3, 3, 1, 1] and not layer.pool
    fits = fits and sizes["in_c"] % _GROUP == 0 and sizes["out_h"] >= 2
    if not fits or not layer.is_high_word or bias is None or lowering.target.armv6m:
        return None
    params = DepthwiseStripParams(**layer.geometry, filter_offset=int(layer.filter_offsets[0]), out=layer.requants[0])
    columns, rows = -(-sizes["out_w"] // 2), -(-sizes["out_h"] // 2)
    # Measured on the Cortex-M7, of a column and a channel: cycles a square, and those it begins with.
    cycles = sizes["images"] * sizes["in_c"] * columns * (44 * rows + 50)
    return layer.variant(DEPTHWISE_STRIP_DSP, params, cycles, lowering, {"filter": pack(layer.filters, bias)})
