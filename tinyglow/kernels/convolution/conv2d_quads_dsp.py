"""Convolution for Cortex-M4, M7 and M33: two products an instruction, two pixels and four channels at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution import conv2d_dsp
from tinyglow.kernels.convolution.conv2d_dsp import (
    AHEAD,
    PIXELS,
    ChannelwiseHighDspParams,
    ConvDspParams,
    layout_of,
    overlap,
    pack_pairs,
    pairs_limits,
    scratch_bytes,
    unpack_pairs,
)
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import HIGH_WORD
from tinyglow.targets.cores import DSP

QUAD = 4  # output channels
_TURN = 4  # groups of the loop, on the core whose turns are the shortest
_WORDS = 2  # of a pair of channels and a group of taps
_WORD = 4  # bytes


def pack_quads(filters: Array, offset: int) -> Array:
    """As ``pack_pairs``, but the words of two pairs of channels by turns: see ``tg_dsp_quads.h``."""
    packed = pack_pairs(filters, offset)
    words = packed[:-AHEAD].reshape(len(filters) // QUAD, 2, -1, _WORDS, _WORD)
    return np.concatenate([words.transpose(0, 2, 3, 1, 4).ravel(), packed[-AHEAD:]])


def unpack_quads(packed: Array, p: Any) -> Array:
    """Filters int8 [out_c, terms], the inverse of ``pack_quads``."""
    flat = packed.ravel()
    words = flat[:-AHEAD].reshape(p.out_c // QUAD, -1, _WORDS, 2, _WORD)
    return unpack_pairs(np.concatenate([words.transpose(0, 3, 1, 2, 4).ravel(), flat[-AHEAD:]]), p)


def conv2d_quads_dsp_s8(p: ConvDspParams, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_quads_dsp_s8: bias + sum of x * (filter - filter_offset), x being in_offset outside."""
    sums = p.unpooled.folded_sums(x, unpack_quads(filters, p).astype(np.int32) - p.filter_offset, bias.ravel())
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def work(p: Any, constants: Sequence[Array | None]) -> Work:
    """As ``conv2d_dsp.work``, by passes over all channels: of two pixels, or of one that is left."""
    pixels = p.out_h * p.out_w
    passes = p.images * (pixels // PIXELS * 2 + min(pixels % PIXELS, 2))
    quads = passes * (p.out_c // QUAD)
    counts = dict(conv2d_dsp.work(p, constants))
    groups = counts.pop("groups") // (counts.pop("pairs") or 1)
    del counts["turns"]
    turns = -(-groups // _TURN)
    return {**counts, "groups": quads * groups, "turns": quads * turns, "quads": quads, "passes": passes}


CONV2D_QUADS_DSP = Kernel(
    symbol="tg_conv2d_quads_dsp_s8",
    c_file="convolution/tg_conv2d_quads_dsp_s8.c",
    params=ConvDspParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_quads_dsp_s8,
    summary="2-D convolution, two 16-bit products an instruction, four channels at once",
    scratch=scratch_bytes,
    overlap=overlap,
    needs=DSP,
    work=work,
    scaling="high",
)


def _limits(layer: ConvLayer, lowering: Lowering, kernel: Kernel) -> Any:
    """``pairs_limits`` where these kernels may compute the layer; else None."""
    fours = layer.sizes["out_c"] % QUAD == 0 and layer.is_dense and not layer.pool
    return pairs_limits(layer) if fours and lowering.target.runs(kernel) else None


def quads_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_quads_dsp_s8; None where that cannot be."""
    bias, limits = layer.folded_bias, _limits(layer, lowering, CONV2D_QUADS_DSP)
    high = layer.is_uniform and layer.monotone and HIGH_WORD.words(layer.requants[:1]) is not None
    if not high or bias is None or limits is None:
        return None
    offset = int(layer.filter_offsets[0])
    fields = {**layer.geometry, "pool": 0, "filter_offset": offset, "out": layer.requants[0]}
    params = ConvDspParams(**fields, layout=layout_of(layer.sizes, 0))
    constants = {"filter": pack_quads(layer.filters, offset), "bias": bias}
    return layer.variant(CONV2D_QUADS_DSP, params, lowering, constants, limits=limits)


def pack_biases(bias: Array, scales: Array) -> Array:
    """Biases int32 [out_c] and words [out_c, ...] of scales, by fours: their biases, then the words of all; flat."""
    fours = len(bias) // QUAD
    return np.column_stack([bias.reshape(fours, QUAD), scales.reshape(fours, -1)]).astype(np.int32).ravel()


def conv2d_quads_channelwise_dsp_s8(
    p: ChannelwiseHighDspParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_quads_channelwise_dsp_s8: as the other, each channel with its own constants."""
    fours = bias.reshape(p.out_c // QUAD, -1)
    sums = p.unpooled.folded_sums(
        x, unpack_quads(filters, p).astype(np.int32) - p.filter_offset, fours[:, :QUAD].ravel()
    )
    scaled = epilogue.high.apply(sums, fours[:, QUAD:].reshape(p.out_c, -1), p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


CONV2D_QUADS_CHANNELWISE_DSP = CONV2D_QUADS_DSP.per_channel(
    "tg_conv2d_quads_channelwise_dsp_s8", ChannelwiseHighDspParams, conv2d_quads_channelwise_dsp_s8
)


def channelwise_quads_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_quads_channelwise_dsp_s8; None where that cannot be, or is not needed."""
    scales, bias, offset = layer.high_scales, layer.folded_bias, layer.one_filter_offset
    limits = _limits(layer, lowering, CONV2D_QUADS_CHANNELWISE_DSP)
    if scales is None or bias is None or offset is None or limits is None:
        return None
    layout = layout_of(layer.sizes, 0)
    fields = {**layer.geometry, "pool": 0, "filter_offset": offset, "out_offset": layer.out.offset}
    constants = {"filter": pack_quads(layer.filters, offset), "bias": pack_biases(bias, scales)}
    params = ChannelwiseHighDspParams(**fields, layout=layout)
    return layer.variant(CONV2D_QUADS_CHANNELWISE_DSP, params, lowering, constants, limits=limits)
