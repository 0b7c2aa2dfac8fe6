"""Convolution of 3x3 for Cortex-M4, M7 and M33 by Winograd's F(2x2, 3x3) in exact integers: 16 products for 36.

Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016. With ``2G`` in place of ``G`` a filter has no
fractions, and what comes out is four times the sum of each window.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.sums import Limits
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution import winograd_tiles
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.winograd_tiles import BLOCK, INPUTS, Transform, fits, overlap
from tinyglow.numerics import glow, wide
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import HIGH_WORD
from tinyglow.targets.cores import DSP

_TWICE_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
_BACK = np.array([[1, 0, 0, 0], [0, 1, -1, 0], [0, 0, 0, 1]])
_FILTERS = Transform(_TWICE_G, _BACK, times=2, ahead=2)
pack, unpack = _FILTERS.pack, _FILTERS.unpack
_PLACES = 16
_TILES = 2  # at once, beside each other


class WinogradGeometry(winograd_tiles.WinogradGeometry):
    """``filled``: words of two tiles at a place, too."""

    @property
    def blocks(self) -> int:
        """Of output channels."""
        return -(-self.out_c // BLOCK)


class WinogradParams(WinogradGeometry):
    """``out`` maps sums to the output; HIGH_WORD has a word for it, and nothing wraps."""

    out: glow.Requant


class WinogradChannelwiseParams(WinogradGeometry):
    """Scales come after the biases (``ConvLayer.high_scales``). out_offset: the output's offset."""

    out_offset: I16


def limits_of(weights: Array, in_c: int) -> Limits:
    """The halves of both transforms, the sums of their products, and four times a window's sum: see ``SumRange``."""
    places, inputs = np.abs(_FILTERS.of(weights, in_c)), 4 * -glow.INT8_MIN
    fourfold = int(np.abs(weights.astype(np.int64)).sum(axis=1).max(initial=0)) * inputs
    return {
        "inputs": (inputs, wide.INT16_MAX),
        "filters": (int(places.max(initial=0)), wide.INT16_MAX),
        "products": (int(places.sum(axis=2).max(initial=0)) * inputs, glow.INT32_MAX),
        "fourfold": (fourfold, glow.INT32_MAX),
    }


def pack_biases(bias: Array, scales: Array | None = None) -> Array:
    """Biases int32 [out_c], each with the words of its scale, if any, filled up to whole blocks: int32, flat."""
    return winograd_tiles.pack_biases(bias, scales, BLOCK)


def conv2d_winograd_dsp_s8(p: WinogradParams, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_winograd_dsp_s8."""
    sums = p.pooled_sums(x, unpack(filters, p), bias.ravel()[: p.out_c])
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def conv2d_winograd_channelwise_dsp_s8(
    p: WinogradChannelwiseParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_winograd_channelwise_dsp_s8: the same, each channel with its own constants."""
    rows = bias.reshape(p.blocks * BLOCK, -1)[: p.out_c]
    scaled = epilogue.high.apply(p.pooled_sums(x, unpack(filters, p), rows[:, 0]), rows[:, 1:], p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


def scratch_bytes(p: WinogradGeometry) -> int:
    """V of two tiles; and their products with four channels' U, where inputs of cut tiles lie before."""
    return 4 * _PLACES * p.filled + max(4 * _PLACES * _TILES * BLOCK, INPUTS * p.in_c)


def work(p: WinogradGeometry, constants: Sequence[Array | None]) -> Work:
    """Of steps of two tiles: products of two input channels and four output channels, sums, inputs, cut tiles."""
    rows, pairs = p.steps
    steps, size = p.images * rows * pairs, 1 if p.pool else 2
    return {
        "products": steps * p.blocks * _PLACES * p.filled // 2,
        "blocks": steps * p.blocks,
        "pooled" if p.pool else "sums": p.images * rows * -(-p.out_w // size) * p.out_c,
        "inputs": steps * p.in_c,
        "cut_inputs": p.images * p.cut_steps * p.in_c,
        "steps": steps,
    }


CONV2D_WINOGRAD_DSP = Kernel(
    symbol="tg_conv2d_winograd_dsp_s8",
    c_file="convolution/tg_conv2d_winograd_dsp_s8.c",
    params=WinogradParams,
    operands=(In("input", "int8"), In("filter", "int32"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_winograd_dsp_s8,
    summary="2-D convolution by windows of 3x3, stride 1, with 16 products for 36; maximum of 2x2 blocks with pool",
    scratch=scratch_bytes,
    overlap=overlap,
    needs=DSP,
    work=work,
    scaling="high",
)

CONV2D_WINOGRAD_CHANNELWISE_DSP = CONV2D_WINOGRAD_DSP.per_channel(
    "tg_conv2d_winograd_channelwise_dsp_s8", WinogradChannelwiseParams, conv2d_winograd_channelwise_dsp_s8
)


def winograd_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it does not fit, is not asked for, or for ARMv6-M."""
    if not lowering.target.transformed_weights:
        return None
    sizes, bias, scales = layer.sizes, layer.folded_bias, layer.high_scales
    if not fits(layer) or bias is None or not lowering.target.runs(CONV2D_WINOGRAD_DSP):
        return None
    fields, limits = {**layer.geometry, "pool": layer.pool}, limits_of(layer.weights, sizes["in_c"])
    if any(largest > most for largest, most in limits.values()):
        return None
    constants = {"filter": pack(layer.weights, sizes["in_c"]), "bias": pack_biases(bias, scales)}
    if scales is not None:
        own = WinogradChannelwiseParams(**fields, out_offset=layer.out.offset)
        return layer.variant(CONV2D_WINOGRAD_CHANNELWISE_DSP, own, lowering, constants, limits=limits)
    if layer.is_uniform and layer.monotone and HIGH_WORD.words(layer.requants[:1]) is not None:
        params = WinogradParams(**fields, out=layer.requants[0])
        return layer.variant(CONV2D_WINOGRAD_DSP, params, lowering, constants, limits=limits)
    return None
