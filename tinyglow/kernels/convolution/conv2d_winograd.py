"""Convolution of 3x3 for ARMv6-M by Winograd's algorithm in exact integers: 24 products for 72.

Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016: F(2, 3) along columns and F(4, 3) along rows.
With factors that make the filters' transforms integers, what comes out is 48 times each window's sum, modulo 2**32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, U16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.sums import Limits
from tinyglow.ir.target import Variant
from tinyglow.kernels import packed_halfwords
from tinyglow.kernels.convolution import winograd_tiles
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.winograd_tiles import FILL, INPUTS, fits, overlap
from tinyglow.numerics import glow, wide
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP

# Of filters, along columns and rows; what undoes them, times two and times six.
_COLUMNS = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
_ROWS = np.array([[3, 0, 0], [1, 1, 1], [1, -1, 1], [1, 2, 4], [1, -2, 4], [0, 0, 3]])
_BACK_COLUMNS = np.array([[1, 0, 0, 0], [0, 1, -1, 0], [0, 0, 0, 1]])
_BACK_ROWS = np.array([[2, 0, 0, 0, 0, 0], [0, 3, -3, 0, 0, 0], [0, 0, 0, 0, 0, 2]])
_BACK = 12
# How much larger than an input a sum of inputs may be: 2 along columns, 10 along rows.
_GROWTH = 20
_PLACES = 24
_BLOCK = 8  # output channels at once
# Whose sums fit 16 bits, each larger by 128.
MOST_CHANNELS = 256
_UINT16_MAX = 65535


class WinogradGeometry(winograd_tiles.WinogradGeometry):
    """in_c is at most ``MOST_CHANNELS``. No requantization wraps.

    corners: what the four corners of every even output channel's filter are larger by, so that no number of its
    transform is negative.
    """

    corners: U16

    @property
    def blocks(self) -> int:
        """Of output channels."""
        return -(-self.out_c // _BLOCK)


class WinogradParams(WinogradGeometry):
    """``out`` maps sums to the output; its offset may be added before the last shift."""

    out: glow.Requant


class WinogradChannelwiseParams(WinogradGeometry):
    """Scales come after the biases. out_offset: the output's offset."""

    out_offset: I16


def _transformed(weights: Array, in_c: int) -> Array:
    """U of weights [out_c, 9 * in_c]: int64 [out_c, places, in_c], places in the order of columns."""
    taps = weights.reshape(len(weights), 3, 3, in_c).astype(np.int64)
    places: Array = np.einsum("ia,oabc,jb->ojic", _COLUMNS, taps, _ROWS).reshape(len(weights), _PLACES, in_c)
    return places


def corners_of(weights: Array, in_c: int) -> int:
    """The least ``corners`` with which no number of an even channel's transform is negative."""
    corners = np.array([[1, 0, 1, 0, 0, 0, 1, 0, 1]])
    grows = _transformed(corners, 1)[0]
    least = -(_transformed(weights[::2], in_c) // grows)
    return max(0, int(least.max(initial=0)))


def _enlarged(weights: Array, in_c: int, corners: int) -> Array:
    """Weights of which those at the corners of every even channel are larger: int64 [out_c, 9 * in_c]."""
    taps = weights.reshape(len(weights), 3, 3, in_c).astype(np.int64)
    taps[::2, ::2, ::2] += corners
    return taps.reshape(len(weights), -1)


def limits_of(weights: Array, in_c: int, corners: int) -> Limits:
    """The halfwords of both transforms, of corners' sums, and 16 times a window's sum: see ``SumRange``."""
    enlarged = _enlarged(weights, in_c, corners)
    places = np.abs(_transformed(enlarged, in_c))
    return {
        "inputs": (_GROWTH * -glow.INT8_MIN, wide.INT16_MAX),
        "filters": (int(places[1::2].max(initial=0)), wide.INT16_MAX),
        "lower": (int(places[::2].max(initial=0)), _UINT16_MAX),
        "corners": (255 * in_c, _UINT16_MAX),
        "sixteenfold": (16 * int(np.abs(enlarged).sum(axis=1).max(initial=0)) * -glow.INT8_MIN, glow.INT32_MAX),
    }


def pack(weights: Array, in_c: int, corners: int) -> Array:
    """Weights int32 [out_c, 9 * in_c], less their offsets, as the kernel's filter: int32, flat.

    [blocks of output channels, places, input channels, 4]: words of two output channels.
    """
    out_c = len(weights)
    blocks, filled = -(-out_c // _BLOCK), -(-in_c // FILL) * FILL
    full = np.zeros((blocks * _BLOCK, _PLACES, filled), np.int64)
    full[:out_c, :, :in_c] = _transformed(_enlarged(weights, in_c, corners), in_c)
    pairs = full.reshape(blocks, _BLOCK // 2, 2, _PLACES, filled)
    words = packed_halfwords.join(pairs[:, :, 0], pairs[:, :, 1]).transpose(0, 2, 3, 1)
    return packed_halfwords.rows_of_words([words.ravel()])


def unpack(packed: Array, p: WinogradGeometry) -> Array:
    """The weights int32 [out_c, 9 * in_c] that ``pack`` packed."""
    words = packed.reshape(p.blocks, _PLACES, p.filled, _BLOCK // 2).transpose(0, 3, 1, 2)
    pairs = np.stack([words & _UINT16_MAX, words >> 16], axis=2)
    places = pairs.reshape(p.blocks * _BLOCK, 6, 4, p.filled)[: p.out_c, ..., : p.in_c]
    taps = np.einsum("ai,ojic,bj->oabc", _BACK_COLUMNS, places, _BACK_ROWS) // _BACK
    return _enlarged(taps, p.in_c, -p.corners).astype(np.int32)


def pack_biases(bias: Array, scales: Array | None = None) -> Array:
    """Biases int32 [out_c], each with the words of its scale, if any, filled up to whole blocks: int32, flat."""
    return winograd_tiles.pack_biases(bias, scales, _BLOCK)


def conv2d_winograd_s8(p: WinogradParams, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_winograd_s8."""
    sums = p.pooled_sums(x, unpack(filters, p), bias.ravel()[: p.out_c])
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def conv2d_winograd_channelwise_s8(
    p: WinogradChannelwiseParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_winograd_channelwise_s8: the same, each channel with its own constants."""
    rows = bias.reshape(p.blocks * _BLOCK, -1)[: p.out_c]
    scaled = epilogue.folded.apply(p.pooled_sums(x, unpack(filters, p), rows[:, 0]), rows[:, 1:], p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


def scratch_bytes(p: WinogradGeometry) -> int:
    """V of a tile; and its products with eight channels' U, where inputs of cut tiles lie before."""
    return 2 * _PLACES * p.filled + max(4 * _PLACES * _BLOCK, INPUTS * p.in_c)


def work(p: WinogradGeometry, constants: Sequence[Array | None]) -> Work:
    """Of tiles: products of an input channel and eight output channels, outputs, inputs, cut tiles."""
    (rows, tiles), images = p.steps, p.images
    steps = images * rows * tiles
    return {
        "products": steps * p.blocks * _PLACES * p.filled,
        "blocks": steps * p.blocks,
        "channels": steps * p.out_c,
        "pooled" if p.pool else "sums": images * p.out_h * p.out_w * p.out_c,
        "inputs": steps * p.in_c,
        "cut_inputs": images * p.cut_steps * p.in_c,
        "steps": steps,
    }


CONV2D_WINOGRAD = Kernel(
    symbol="tg_conv2d_winograd_s8",
    c_file="convolution/tg_conv2d_winograd_s8.c",
    params=WinogradParams,
    operands=(In("input", "int8"), In("filter", "int32"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_winograd_s8,
    summary="2-D convolution by windows of 3x3, stride 1, with 24 products for 72; maximum of 2x2 blocks with pool",
    scratch=scratch_bytes,
    overlap=overlap,
    superseded_by=DSP,
    work=work,
    # Measured on MLPerf Tiny's ResNet-8: their ends are in assembly, Glow's is in C.
    other_ends=(("tflmr", -19), ("tflm", -17)),
    scaling="folded",
)

CONV2D_WINOGRAD_CHANNELWISE = CONV2D_WINOGRAD.per_channel(
    "tg_conv2d_winograd_channelwise_s8", WinogradChannelwiseParams, conv2d_winograd_channelwise_s8
)


def winograd_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it does not fit, is not asked for, or for DSP cores."""
    if not lowering.target.transformed_weights:
        return None
    sizes, bias, scales = layer.sizes, layer.folded_bias, layer.scales
    if not fits(layer) or bias is None or not lowering.target.runs(CONV2D_WINOGRAD):
        return None
    corners = corners_of(layer.weights, sizes["in_c"])
    limits = limits_of(layer.weights, sizes["in_c"], corners)
    if any(largest > most for largest, most in limits.values()):
        return None
    fields = {**layer.geometry, "pool": layer.pool, "corners": corners}
    constants = {"filter": pack(layer.weights, sizes["in_c"], corners), "bias": pack_biases(bias, scales)}
    if scales is not None:
        own = WinogradChannelwiseParams(**fields, out_offset=layer.out.offset)
        return layer.variant(CONV2D_WINOGRAD_CHANNELWISE, own, lowering, constants, limits=limits)
    if layer.is_uniform and layer.offset_folds:
        params = WinogradParams(**fields, out=layer.requants[0])
        return layer.variant(CONV2D_WINOGRAD, params, lowering, constants, limits=limits)
    return None
