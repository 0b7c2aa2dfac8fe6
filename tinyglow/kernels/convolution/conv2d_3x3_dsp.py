"""3x3 convolution of four channels for Cortex-M4, M7 and M33: 2x2 pixels and two output channels a step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels import packed_halfwords
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import fits_high_word
from tinyglow.targets.cores import DSP

_CHANNELS = 4  # of the input
_WORDS = 38  # of a pair of output channels: biases, and for each three times three taps of four inputs


class Conv3x3DspParams(PooledGeometry):
    """``out`` maps sums to the output, see ``fits_high_word``; the activation is not leaky, and nothing wraps.

    kernel 3x3, stride and dilation 1, in_c 4, out_c even.
    """

    out: glow.Requant


class Conv3x3ChannelwiseDspParams(PooledGeometry):
    """As Conv3x3DspParams, with the scales after the weights (``ConvLayer.high_scales``).

    out_offset: the output's offset.
    """

    out_offset: I16


def pack(weights: Array, bias: Array, scales: Array | None = None) -> Array:
    """Weights int32 [out_c, 36], biases, and scales, if any, as the kernel's filter: int32, flat."""
    out_c = len(weights)
    taps = weights.reshape(out_c, 3, 3, _CHANNELS)
    words = packed_halfwords.join(taps[..., :2], taps[..., 2:])  # [out_c, row, column, channels {0, 2} or {1, 3}]
    pairs = words.reshape(-1, 2, 3, 3, 2).transpose(0, 3, 4, 2, 1).reshape(out_c // 2, _WORDS - 2)
    parts = [bias.reshape(-1, 2), pairs]
    parts += [] if scales is None else [scales.reshape(out_c // 2, -1)]
    return packed_halfwords.rows_of_words(parts)


def unpack(packed: Array, count: int = _WORDS) -> tuple[Array, Array]:
    """The weights and biases of packed words: the inverse of ``pack``.

    count: words of a pair of channels with its scale.
    """
    pairs = packed.reshape(-1, count)[:, :_WORDS]
    out_c = 2 * len(pairs)
    words = pairs[:, 2:].reshape(-1, 3, 2, 3, 2).transpose(0, 4, 3, 1, 2)  # [pair, of a pair, row, column, channels]
    weights = np.concatenate([packed_halfwords.low(words), packed_halfwords.high(words)], axis=4)
    return weights.reshape(out_c, -1), pairs[:, :2].reshape(out_c)


def conv2d_3x3_dsp_s8(p: Conv3x3DspParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_conv2d_3x3_dsp_s8: bias + sum of x * weight, x being in_offset outside of the image."""
    out[...] = p.activate(glow.requantize(_sums(p, x, filters), p.out)).reshape(out.shape)


def conv2d_3x3_channelwise_dsp_s8(
    p: Conv3x3ChannelwiseDspParams, x: Array, filters: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_3x3_channelwise_dsp_s8: the same, each channel with its own constants."""
    scales = filters.reshape(p.out_c // 2, -1)[:, _WORDS:]
    out[...] = p.activate(epilogue.high.apply(_sums(p, x, filters), scales, p.out_offset)).reshape(out.shape)


def _sums(p: PooledGeometry, x: Array, filters: Array) -> Array:
    weights, bias = unpack(filters, 2 * filters.size // p.out_c)
    return p.pooled_sums(x, weights, bias)


def _scratch(p: PooledGeometry) -> int:
    """Of every column that a row of blocks needs, four rows of two words."""
    return 4 * 4 * 2 * (-(-p.unpooled.out_w // 2) * 2 + 2)


def _overlap(p: PooledGeometry) -> int | None:
    """A row of blocks is written when all that it needs is laid out; the next reads two rows further down."""
    if p.images != 1:
        return None
    done = np.arange(2, p.unpooled.out_h, 2)  # rows of pixels
    later = np.maximum(done - p.pad_top, 0) * p.in_w * p.in_c
    written = done // (p.pool or 1) * p.out_w * p.out_c
    return int((later - written).min(initial=p.in_h * p.in_w * p.in_c))


def work(p: PooledGeometry, constants: Sequence[Array | None]) -> Work:
    """Tiles of 2x2 pixels of pairs of channels, tiles, rows of tiles."""
    columns, rows = (-(-size // 2) for size in (p.unpooled.out_w, p.unpooled.out_h))
    tiles = p.images * rows * columns
    pairs = {"pooled_pairs" if p.pool else "pairs": tiles * p.out_c // 2}
    return {**pairs, "tiles": tiles, "rows": p.images * rows}


CONV2D_3X3_DSP = Kernel(
    symbol="tg_conv2d_3x3_dsp_s8",
    c_file="convolution/tg_conv2d_3x3_dsp_s8.c",
    params=Conv3x3DspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=conv2d_3x3_dsp_s8,
    summary="3x3 convolution of four channels, blocks of 2x2 pixels at once; maximum of each with pool",
    scratch=_scratch,
    overlap=_overlap,
    needs=DSP,
    work=work,
    scaling="high",
)


CONV2D_3X3_CHANNELWISE_DSP = CONV2D_3X3_DSP.per_channel(
    "tg_conv2d_3x3_channelwise_dsp_s8", Conv3x3ChannelwiseDspParams, conv2d_3x3_channelwise_dsp_s8
)


def conv2d_3x3_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it is another one, or for ARMv6-M."""
    sizes, bias, scales = layer.sizes, layer.folded_bias, layer.high_scales
    window = [sizes[name] for name in ("kernel_h", "kernel_w", "stride_h", "stride_w", "in_c")]
    fits = layer.is_dense and window == [3, 3, 1, 1, _CHANNELS] and sizes["out_c"] % 2 == 0
    if not fits or bias is None or not lowering.target.runs(CONV2D_3X3_DSP):
        return None
    constants = {"filter": pack(layer.weights, bias, scales)}
    if scales is not None:
        own = Conv3x3ChannelwiseDspParams(**layer.geometry, pool=layer.pool, out_offset=layer.out.offset)
        return layer.variant(CONV2D_3X3_CHANNELWISE_DSP, own, lowering, constants)
    if layer.is_uniform and layer.monotone and fits_high_word(layer.requants[0]):
        params = Conv3x3DspParams(**layer.geometry, pool=layer.pool, out=layer.requants[0])
        return layer.variant(CONV2D_3X3_DSP, params, lowering, constants)
    return None
