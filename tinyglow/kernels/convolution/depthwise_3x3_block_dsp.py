"""Depthwise convolution of 3x3 for Cortex-M4, M7 and M33: blocks of 2x2 outputs over columns of halfwords."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, U16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.geometry import ConvGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP

_GROUP = 4  # channels
_ROW = 4  # bytes of the filter
_LEAST_BAND = 4  # rows
# In place, more padding than this would move outputs over inputs that are still to be read.
_MOST_PAD_IN_PLACE = 2


class BlockGeometry(ConvGeometry):
    """A 3x3 depthwise convolution with strides and dilations of 1.

    group, in_c and out_c are the same multiple of four; out_h is 2 or more.

    Attributes:
        filter_offset: Subtracted from each byte of the filter.
        band: Rows of outputs that are computed together, see ``sparing``: out_h, or an even number below.
    """

    filter_offset: I16
    band: U16

    @property
    def in_place(self) -> bool:
        """Whether outputs lie where inputs do that have been read before."""
        return (self.out_h, self.out_w) == (self.in_h, self.in_w) and self.pad_left <= _MOST_PAD_IN_PLACE


class Depthwise3x3BlockParams(BlockGeometry):
    """``out`` maps sums to the output, see ``ConvLayer.is_high_word``."""

    out: glow.Requant


class Depthwise3x3BlockChannelwiseParams(BlockGeometry):
    """Scales come after the biases (``ConvLayer.high_scales``). out_offset: the output's offset."""

    out_offset: I16


def pack(filters: Array, bias: Array, scales: Array | None = None) -> Array:
    """Filters int8 of 9 taps a channel, biases, and scales, if any, as the kernel's filter: int32, flat."""
    rows = np.zeros((len(bias), 3, _ROW), np.int8)
    rows[..., :3] = filters.reshape(-1, 3, 3)
    words = rows.reshape(len(bias), -1).view(np.int32)  # the low byte is the first, on the hosts that are supported
    behind = [bias] if scales is None else [bias, scales]
    return np.column_stack([words, *behind]).astype(np.int32).ravel()


def unpack(packed: Array, count: int = 4) -> tuple[Array, Array]:
    """The filters [channels, 9] and biases of packed words: the inverse of ``pack``.

    count: words of a channel with its scale.
    """
    words = packed.reshape(-1, count)
    rows = np.ascontiguousarray(words[:, :3]).view(np.int8).reshape(-1, 3, _ROW)
    return rows[..., :3].reshape(-1, 9), words[:, 3]


def depthwise_3x3_block_dsp_s8(p: Depthwise3x3BlockParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_depthwise_3x3_block_dsp_s8: bias + sum of x * (filter - filter_offset)."""
    out[...] = p.activate(glow.requantize(_sums(p, x, filters), p.out)).reshape(out.shape)


def depthwise_3x3_block_channelwise_dsp_s8(
    p: Depthwise3x3BlockChannelwiseParams, x: Array, filters: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_depthwise_3x3_block_channelwise_dsp_s8: the same, each channel with its own constants."""
    scales = filters.reshape(p.out_c, -1)[:, 4:]
    scaled = epilogue.high.apply(_sums(p, x, filters), scales, p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


def _sums(p: BlockGeometry, x: Array, filters: Array) -> Array:
    weights, bias = unpack(filters, filters.size // p.out_c)
    return p.folded_sums(x, weights.astype(np.int32) - p.filter_offset, bias)


def _scratch(p: BlockGeometry) -> int:
    columns, rows = -(-p.out_w // 2) + 1, p.band + 2
    # A row is two columns on from the one above. Two rows of each column are kept for the next band.
    kept = 2 * columns if p.band < p.out_h else 0
    return 4 * _GROUP * (columns + 2 * (rows - 1) + kept)


def sparing(p: BlockGeometry) -> BlockGeometry | None:
    """The same layer in one band more, with less working memory; None where the kernel cannot do that."""
    count = -(-p.out_h // p.band) + 1
    band = -(-p.out_h // count)
    band += band % 2
    padded_alike = p.in_place and p.pad_top == p.pad_left == 1
    return replace(p, band=band) if padded_alike and _LEAST_BAND <= band < p.band else None


def bands(p: BlockGeometry) -> list[int]:
    """Rows of outputs of each band, as the kernel divides them."""
    if p.band >= p.out_h:
        return [p.out_h]
    whole = (p.out_h - 1) // p.band
    rest = p.out_h - whole * p.band
    return [*[p.band] * whole, rest + rest % 2]


def work(p: BlockGeometry, constants: Sequence[Array | None]) -> Work:
    """Of each channel: tiles of 2x2 pixels, tiles of left pixels alone, columns, those with an odd last row."""
    channels, columns, rows = p.images * p.in_c, -(-p.out_w // 2), sum(-(-rows // 2) for rows in bands(p))
    tiles, left_tiles = channels * (p.out_w // 2) * rows, channels * (p.out_w % 2) * rows
    odd = channels * columns * (bands(p)[-1] % 2)
    counts = {"columns": channels * columns * len(bands(p)), "odd_columns": odd, "channels": channels}
    return {"tiles": tiles, "left_tiles": left_tiles, **counts}


DEPTHWISE_3X3_BLOCK_DSP = Kernel(
    symbol="tg_depthwise_3x3_block_dsp_s8",
    c_file="convolution/tg_depthwise_3x3_block_dsp_s8.c",
    params=Depthwise3x3BlockParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8", "input")),
    reference=depthwise_3x3_block_dsp_s8,
    summary="depthwise convolution with windows of 3x3, stride 1, blocks of 2x2 outputs at once",
    scratch=_scratch,
    aliases=lambda p: p.in_place,
    sparing=sparing,
    needs=DSP,
    work=work,
    scaling="high",
)


DEPTHWISE_3X3_BLOCK_CHANNELWISE_DSP = DEPTHWISE_3X3_BLOCK_DSP.per_channel(
    "tg_depthwise_3x3_block_channelwise_dsp_s8",
    Depthwise3x3BlockChannelwiseParams,
    depthwise_3x3_block_channelwise_dsp_s8,
)


def depthwise_3x3_block_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it does not fit, or for ARMv6-M."""
    sizes, bias, scales, offset = layer.sizes, layer.folded_bias, layer.high_scales, layer.one_filter_offset
    window = [sizes[name] for name in ("kernel_h", "kernel_w", "stride_h", "stride_w")]
    fits = layer.is_depthwise and window == [3, 3, 1, 1] and not layer.pool
    fits = fits and sizes["in_c"] % _GROUP == 0 and sizes["out_h"] >= 2
    if not fits or bias is None or offset is None or not lowering.target.runs(DEPTHWISE_3X3_BLOCK_DSP):
        return None
    constants = {"filter": pack(layer.filters, bias, scales)}
    fields = {**layer.geometry, "filter_offset": offset, "band": sizes["out_h"]}
    if scales is not None:
        own = Depthwise3x3BlockChannelwiseParams(**fields, out_offset=layer.out.offset)
        return layer.variant(DEPTHWISE_3X3_BLOCK_CHANNELWISE_DSP, own, lowering, constants)
    if layer.is_high_word:
        params = Depthwise3x3BlockParams(**fields, out=layer.requants[0])
        return layer.variant(DEPTHWISE_3X3_BLOCK_DSP, params, lowering, constants)
    return None
