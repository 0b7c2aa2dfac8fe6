"""A network's first layer on Cortex-M4, M7 and M33: 3x3 filters over one channel, and the maximum of 2x2 blocks."""

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

_WORDS = 7  # of a channel: its bias, and two for each row of its weights; its scale if it has its own


class Pool3x3DspParams(PooledGeometry):
    """``out`` maps sums to the output, see ``fits_high_word``; the activation is not leaky, and nothing wraps.

    kernel 3x3, stride and dilation 1, in_c 1, pool 2.
    """

    out: glow.Requant


class Pool3x3ChannelwiseDspParams(PooledGeometry):
    """As Pool3x3DspParams, with the scales after the weights (``ConvLayer.high_scales``).

    out_offset: the output's offset.
    """

    out_offset: I16


def pack(weights: Array, bias: Array, scales: Array | None = None) -> Array:
    """Weights int32 [out_c, 9], biases, and scales, if any, as the kernel's filter: int32, flat."""
    rows = weights.reshape(-1, 3, 3)
    words = packed_halfwords.join(rows[..., :2], rows[..., 1:])
    parts = [bias, words.reshape(len(rows), 6)]
    parts += [] if scales is None else [scales]
    return packed_halfwords.rows_of_words(parts)


def unpack(packed: Array, count: int = _WORDS) -> tuple[Array, Array]:
    """The weights and biases of packed words: the inverse of ``pack``. count: words of a channel with its scale."""
    words = packed.reshape(-1, count)[:, :_WORDS]
    pairs = words[:, 1:].reshape(-1, 3, 2)
    weights = np.concatenate([packed_halfwords.low(pairs[..., :1]), packed_halfwords.high(pairs)], axis=2)
    return weights.reshape(-1, 9), words[:, 0]


def conv2d_3x3_pool_dsp_s8(p: Pool3x3DspParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_conv2d_3x3_pool_dsp_s8: bias + sum of x * weight, x being in_offset outside of the image."""
    out[...] = p.activate(glow.requantize(_sums(p, x, filters), p.out)).reshape(out.shape)


def conv2d_3x3_pool_channelwise_dsp_s8(
    p: Pool3x3ChannelwiseDspParams, x: Array, filters: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_3x3_pool_channelwise_dsp_s8: the same, each channel with its own constants."""
    scales = filters.reshape(p.out_c, -1)[:, _WORDS:]
    out[...] = p.activate(epilogue.high.apply(_sums(p, x, filters), scales, p.out_offset)).reshape(out.shape)


def _sums(p: PooledGeometry, x: Array, filters: Array) -> Array:
    weights, bias = unpack(filters, filters.size // p.out_c)
    return p.pooled_sums(x, weights, bias)


def _scratch(p: PooledGeometry) -> int:
    """Words of four rows, and two to begin at a multiple of 16."""
    return 4 * 4 * (p.out_w + 1) + 8


def _overlap(p: PooledGeometry) -> int | None:
    """A row of blocks is written when all rows it needs are laid out; later ones read what follows those."""
    if p.images != 1:
        return None
    y = np.arange(p.out_h - 1)
    later = np.maximum(2 * y + 4 - p.pad_top, 0) * p.in_w
    return int((later - (y + 1) * p.out_w * p.out_c).min(initial=p.in_h * p.in_w))


def work(p: PooledGeometry, constants: Sequence[Array | None]) -> Work:
    """Outputs, tiles of 2x2 pixels, rows of tiles."""
    tiles = p.images * p.out_h * p.out_w
    return {"outputs": tiles * p.out_c, "tiles": tiles, "rows": p.images * p.out_h}


CONV2D_3X3_POOL_DSP = Kernel(
    symbol="tg_conv2d_3x3_pool_dsp_s8",
    c_file="convolution/tg_conv2d_3x3_pool_dsp_s8.c",
    params=Pool3x3DspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=conv2d_3x3_pool_dsp_s8,
    summary="maxima of 2x2 blocks of a 3x3 convolution of one channel",
    scratch=_scratch,
    overlap=_overlap,
    needs=DSP,
    work=work,
    scaling="high",
)


CONV2D_3X3_POOL_CHANNELWISE_DSP = CONV2D_3X3_POOL_DSP.per_channel(
    "tg_conv2d_3x3_pool_channelwise_dsp_s8", Pool3x3ChannelwiseDspParams, conv2d_3x3_pool_channelwise_dsp_s8
)


def pool_3x3_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it is another one, or for ARMv6-M."""
    sizes, bias, scales = layer.sizes, layer.folded_bias, layer.high_scales
    window = [sizes[name] for name in ("kernel_h", "kernel_w", "stride_h", "stride_w", "in_c")]
    fits = layer.is_dense and window == [3, 3, 1, 1, 1] and layer.pool
    if not fits or bias is None or not lowering.target.runs(CONV2D_3X3_POOL_DSP):
        return None
    constants = {"filter": pack(layer.weights, bias, scales)}
    if scales is not None:
        own = Pool3x3ChannelwiseDspParams(**layer.geometry, pool=2, out_offset=layer.out.offset)
        return layer.variant(CONV2D_3X3_POOL_CHANNELWISE_DSP, own, lowering, constants)
    if layer.is_uniform and layer.monotone and fits_high_word(layer.requants[0]):
        params = Pool3x3DspParams(**layer.geometry, pool=2, out=layer.requants[0])
        return layer.variant(CONV2D_3X3_POOL_DSP, params, lowering, constants)
    return None
