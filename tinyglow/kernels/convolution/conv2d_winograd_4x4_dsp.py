"""Convolution of 3x3 for Cortex-M4, M7 and M33 by Winograd's F(4x4, 3x3) in exact integers: 36 products for 144.

Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016. The filters' transform has no fractions here;
what comes out is each window's sum times 9 and a power of two, modulo 2**32, where 9 has an inverse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.sums import Limits
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.conv2d_winograd_dsp import WinogradGeometry, pack_biases
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.winograd_tiles import BLOCK, Transform, fits, overlap
from tinyglow.numerics import glow, wide
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import HIGH_WORD
from tinyglow.targets.cores import DSP

_G = np.array([[6, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 6]])
_BACK = np.array([[1, 0, 0, 0, 0, 0], [0, -3, 3, 0, 0, 0], [0, 0, 0, 0, 0, 1]])
_FILTERS = Transform(_G, _BACK, times=6, ahead=3)
pack, unpack = _FILTERS.pack, _FILTERS.unpack
_PLACES = 36
_GROWTH = 100  # of inputs
# 64 times a sum of products fits 32 bits.
_FACTOR = 64


class Winograd4x4Geometry(WinogradGeometry):
    """``filled``: words of a tile at two places, too."""

    STEP: ClassVar[tuple[int, int]] = (4, 4)


class Winograd4x4Params(Winograd4x4Geometry):
    """``out`` maps sums to the output; HIGH_WORD has a word for it, and nothing wraps."""

    out: glow.Requant


class Winograd4x4ChannelwiseParams(Winograd4x4Geometry):
    """Scales come after the biases (``ConvLayer.high_scales``). out_offset: the output's offset."""

    out_offset: I16


def limits_of(weights: Array, in_c: int) -> Limits:
    """The halves of both transforms, and 64 times the sum of a window's products: see ``SumRange``."""
    places = np.abs(_FILTERS.of(weights, in_c))
    sums = int(np.abs(weights.astype(np.int64)).sum(axis=1).max(initial=0)) * -glow.INT8_MIN
    return {
        "inputs": (_GROWTH * -glow.INT8_MIN, wide.INT16_MAX),
        "filters": (int(places.max(initial=0)), wide.INT16_MAX),
        "multiple": (sums * _FACTOR, glow.INT32_MAX),
    }


def conv2d_winograd_4x4_dsp_s8(p: Winograd4x4Params, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_winograd_4x4_dsp_s8."""
    sums = p.pooled_sums(x, unpack(filters, p), bias.ravel()[: p.out_c])
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def conv2d_winograd_4x4_channelwise_dsp_s8(
    p: Winograd4x4ChannelwiseParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_winograd_4x4_channelwise_dsp_s8: the same, each channel with its own constants."""
    rows = bias.reshape(p.blocks * BLOCK, -1)[: p.out_c]
    scaled = epilogue.high.apply(p.pooled_sums(x, unpack(filters, p), rows[:, 0]), rows[:, 1:], p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


def scratch_bytes(p: Winograd4x4Geometry) -> int:
    """V of a tile; and its products with four channels' U."""
    return 2 * _PLACES * p.filled + 4 * _PLACES * BLOCK


def work(p: Winograd4x4Geometry, constants: Sequence[Array | None]) -> Work:
    """Of tiles: products of two input channels and four output channels, sums, inputs, cut tiles."""
    tiles = p.images * math.prod(p.steps)
    return {
        "products": tiles * p.blocks * _PLACES * p.filled // 2,
        "blocks": tiles * p.blocks,
        "pooled" if p.pool else "sums": tiles * p.out_c,
        "inputs": tiles * p.in_c,
        "cut_inputs": p.images * p.cut_steps * p.in_c,
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
    if not fits(layer) or bias is None or not lowering.target.runs(CONV2D_WINOGRAD_4X4_DSP):
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
