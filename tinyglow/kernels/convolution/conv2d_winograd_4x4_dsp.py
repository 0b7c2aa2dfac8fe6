"""Convolution of 3x3 for Cortex-M4, M7 and M33 by Winograd's F(4x4, 3x3) in exact integers: 36 products for 144.

Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016. The filters' transform has no fractions here;
what comes out is each window's sum times 9 and a power of two, modulo 2**32, where 9 has an inverse.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.sums import Limits
from tinyglow.ir.target import Variant
from tinyglow.kernels import packed_halfwords
from tinyglow.kernels.convolution.conv2d_winograd_dsp import pack_biases
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.overlap import distance_of_steps, first_read
from tinyglow.kernels.convolution.winograd_tiles import LEAST
from tinyglow.numerics import glow, wide
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import HIGH_WORD
from tinyglow.targets.cores import DSP

_G = np.array([[6, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 6]])
# What undoes it, times six.
_BACK = np.array([[1, 0, 0, 0, 0, 0], [0, -3, 3, 0, 0, 0], [0, 0, 0, 0, 0, 1]])
_PLACES = 36
_SIDE = 4  # of a tile's outputs
_WINDOW = 6  # of its inputs
_BLOCK = 4  # output channels at once
_FILL = 8  # input channels are filled up to a multiple
_AHEAD = 3  # words after the filter
_GROWTH = 100  # of inputs
# 64 times a sum of products fits 32 bits.
_FACTOR = 64


class Winograd4x4Geometry(PooledGeometry):
    """Windows of 3x3, strides, dilations and groups of 1; in_c is a multiple of four. The activation is not leaky."""

    @property
    def words(self) -> int:
        """Input channels with those that fill them up."""
        return -(-self.in_c // _FILL) * _FILL

    @property
    def size(self) -> int:
        """Rows and columns of a tile's outputs."""
        return _SIDE // 2 if self.pool else _SIDE

    @property
    def tiles(self) -> tuple[int, int]:
        """Rows of tiles, and tiles in a row."""
        return -(-self.out_h // self.size), -(-self.out_w // self.size)

    @property
    def blocks(self) -> int:
        """Of output channels."""
        return -(-self.out_c // _BLOCK)


class Winograd4x4Params(Winograd4x4Geometry):
    """``out`` maps sums to the output; HIGH_WORD has a word for it, and nothing wraps."""

    out: glow.Requant


class Winograd4x4ChannelwiseParams(Winograd4x4Geometry):
    """Scales come after the biases (``ConvLayer.high_scales``). out_offset: the output's offset."""

    out_offset: I16


def _transformed(weights: Array, in_c: int) -> Array:
    """U of weights [out_c, 9 * in_c]: int64 [out_c, places, in_c]."""
    taps = weights.reshape(len(weights), 3, 3, in_c).astype(np.int64)
    places: Array = np.einsum("ia,oabc,jb->oijc", _G, taps, _G).reshape(len(weights), _PLACES, in_c)
    return places


def limits_of(weights: Array, in_c: int) -> Limits:
    """The halves of both transforms, and 64 times the sum of a window's products: see ``SumRange``."""
    places = np.abs(_transformed(weights, in_c))
    sums = int(np.abs(weights.astype(np.int64)).sum(axis=1).max(initial=0)) * -glow.INT8_MIN
    return {
        "inputs": (_GROWTH * -glow.INT8_MIN, wide.INT16_MAX),
        "filters": (int(places.max(initial=0)), wide.INT16_MAX),
        "multiple": (sums * _FACTOR, glow.INT32_MAX),
    }


def pack(weights: Array, in_c: int) -> Array:
    """Weights int32 [out_c, 9 * in_c], less their offsets, as the kernel's filter: int32, flat.

    [blocks of output channels, places, pairs of input channels, 4]: words of input channels 0 and 2, then 1 and 3.
    Three zeros come after them.
    """
    out_c = len(weights)
    blocks, words = -(-out_c // _BLOCK), -(-in_c // _FILL) * _FILL
    full = np.zeros((blocks * _BLOCK, _PLACES, words), np.int64)
    full[:out_c, :, :in_c] = _transformed(weights, in_c)
    fours = full.reshape(blocks, _BLOCK, _PLACES, words // 4, 4)
    pairs = packed_halfwords.join(fours[..., :2], fours[..., 2:]).reshape(blocks, _BLOCK, _PLACES, words // 2)
    return packed_halfwords.rows_of_words([np.append(pairs.transpose(0, 2, 3, 1), np.zeros(_AHEAD, np.int64))])


def unpack(packed: Array, p: Winograd4x4Geometry) -> Array:
    """The weights int32 [out_c, 9 * in_c] that ``pack`` packed."""
    pairs = packed.ravel()[:-_AHEAD].reshape(p.blocks, _PLACES, p.words // 2, _BLOCK).transpose(0, 3, 1, 2)
    fours = pairs.reshape(p.blocks * _BLOCK, _PLACES, p.words // 4, 2)
    both = np.concatenate([packed_halfwords.low(fours), packed_halfwords.high(fours)], axis=-1)
    places = both.reshape(len(both), _WINDOW, _WINDOW, p.words)[: p.out_c, ..., : p.in_c]
    weights = np.einsum("ai,oijc,bj->oabc", _BACK, places, _BACK) // 36
    return weights.reshape(p.out_c, -1).astype(np.int32)


def _sums(p: Winograd4x4Geometry, x: Array, filters: Array, bias: Array) -> Array:
    """bias + sums of x * weight, x being in_offset outside; the largest of 2x2 blocks with pool."""
    return p.pooled(p.unpooled.folded_sums(x, unpack(filters, p), bias))


def conv2d_winograd_4x4_dsp_s8(p: Winograd4x4Params, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_winograd_4x4_dsp_s8: see ``_sums``."""
    sums = _sums(p, x, filters, bias.ravel()[: p.out_c])
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def conv2d_winograd_4x4_channelwise_dsp_s8(
    p: Winograd4x4ChannelwiseParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_winograd_4x4_channelwise_dsp_s8: the same, each channel with its own constants."""
    rows = bias.reshape(p.blocks * _BLOCK, -1)[: p.out_c]
    scaled = epilogue.high.apply(_sums(p, x, filters, rows[:, 0]), rows[:, 1:], p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


def scratch_bytes(p: Winograd4x4Geometry) -> int:
    """V of a tile; and its products with four channels' U."""
    return 2 * _PLACES * p.words + 4 * _PLACES * _BLOCK


def overlap(p: Winograd4x4Geometry) -> int | None:
    """See ``distance_of_steps``; None for several images."""
    if p.images != 1:
        return None
    rows, columns = p.tiles
    y, x = np.divmod(np.arange(rows * columns), columns)
    last_row = np.minimum((y + 1) * p.size, p.out_h) - 1
    ends = (last_row * p.out_w + np.minimum((x + 1) * p.size, p.out_w)) * p.out_c
    return distance_of_steps(p, first_read(p, _SIDE * y - p.pad_top, _SIDE * x - p.pad_left), ends)


def work(p: Winograd4x4Geometry, constants: Sequence[Array | None]) -> Work:
    """Of tiles: products of two input channels and four output channels, sums, inputs, cut tiles."""
    rows, columns = p.tiles
    tiles = p.images * rows * columns
    y, x = np.arange(rows)[:, None] * _SIDE - p.pad_top, np.arange(columns)[None, :] * _SIDE - p.pad_left
    whole = (y >= 0) & (x >= 0) & (y + _WINDOW <= p.in_h) & (x + _WINDOW <= p.in_w)
    return {
        "products": tiles * p.blocks * _PLACES * p.words // 2,
        "blocks": tiles * p.blocks,
        "pooled" if p.pool else "sums": tiles * p.out_c,
        "inputs": tiles * p.in_c,
        "cut_inputs": p.images * int((~whole).sum()) * p.in_c,
        "tiles": tiles,
    }


CONV2D_WINOGRAD_4X4_DSP = Kernel(
    symbol="tg_conv2d_winograd_4x4_dsp_s8",
    c_file="convolution/tg_conv2d_winograd_4x4_dsp_s8.c",
    params=Winograd4x4Params,
    operands=(In("input", "int8"), In("filter", "int32"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_winograd_4x4_dsp_s8,
    summary="2-D convolution by windows of 3x3, stride 1, with 36 products for 144; maximum of 2x2 blocks with pool",
    scratch=scratch_bytes,
    overlap=overlap,
    needs=DSP,
    work=work,
    scaling="high",
)

CONV2D_WINOGRAD_4X4_CHANNELWISE_DSP = CONV2D_WINOGRAD_4X4_DSP.per_channel(
    "tg_conv2d_winograd_4x4_channelwise_dsp_s8", Winograd4x4ChannelwiseParams, conv2d_winograd_4x4_channelwise_dsp_s8
)


def winograd_4x4_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it does not fit, is not asked for, or for ARMv6-M."""
    if not lowering.target.transformed_weights:
        return None
    sizes, bias, scales = layer.sizes, layer.folded_bias, layer.high_scales
    window = [sizes[name] for name in ("kernel_h", "kernel_w", "stride_h", "stride_w")]
    fits = layer.is_dense and window == [3, 3, 1, 1] and sizes["in_c"] % 4 == 0 and sizes["in_c"] >= LEAST
    if not fits or bias is None or not lowering.target.runs(CONV2D_WINOGRAD_4X4_DSP):
        return None
    fields, limits = {**layer.geometry, "pool": layer.pool}, limits_of(layer.weights, sizes["in_c"])
    if any(largest > most for largest, most in limits.values()):
        return None
    constants = {"filter": pack(layer.weights, sizes["in_c"]), "bias": pack_biases(bias, scales)}
    if scales is not None:
        own = Winograd4x4ChannelwiseParams(**fields, out_offset=layer.out.offset)
        return layer.variant(CONV2D_WINOGRAD_4X4_CHANNELWISE_DSP, own, lowering, constants, limits=limits)
    if layer.is_uniform and layer.monotone and HIGH_WORD.words(layer.requants[:1]) is not None:
        params = Winograd4x4Params(**fields, out=layer.requants[0])
        return layer.variant(CONV2D_WINOGRAD_4X4_DSP, params, lowering, constants, limits=limits)
    return None
