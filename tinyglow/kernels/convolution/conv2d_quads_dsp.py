"""Convolution for Cortex-M4, M7 and M33: two products an instruction, two pixels and four channels at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, U8, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution import conv2d_dsp
from tinyglow.kernels.convolution.conv2d_dsp import (
    AHEAD,
    GROUP,
    PIXELS,
    ConvDspParams,
    columns_bytes,
    layout_of,
    line_bytes,
    overlap,
    pairs_limits,
)
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import HIGH_WORD
from tinyglow.targets.cores import DSP

QUAD = 4  # output channels
_TURNS = 4, 8  # groups of the loop, on the Cortex-M7 and on others
_ORDER = (0, 2, 1, 3)  # of a group's taps: two a word, as SXTB16 takes inputs apart
_UNSIGNED = 128  # what the lower byte of a halfword is more than a weight, where it has no sign


class QuadsChannelwiseParams(PooledGeometry):
    """The activation is not leaky, nothing wraps, and there is no pool.

    Attributes:
        out_offset: The output's offset.
        layout: See ``conv2d_dsp.layout_of``.
    """

    out_offset: I16
    layout: U8


def fits_signed(filters: Array) -> bool:
    """Whether 256 times a weight of each odd channel plus one of the even channel before it fits 16 bits."""
    flat = filters.reshape(len(filters), -1).astype(np.int32)
    return bool((256 * flat[1::2] + flat[::2]).min(initial=0) >= -(1 << 15))


def pack_quads(filters: Array, bias: Array, offset: int | None, scales: Array | None = None) -> Array:
    """The operand of the kernels, see ``tg_dsp_quads.h``: int32, flat.

    Args:
        filters: int8 [out_c, kernel_h, kernel_w, in_c].
        bias: int32 [out_c].
        offset: Of the filters, whose even channels' bytes have no sign then; None: there is none, and they have.
        scales: int32 [out_c, ...] words of each channel's scale, if any.
    """
    fours = len(filters) // QUAD
    taps = conv2d_dsp.pack(filters, offset or 0)[:-AHEAD].astype(np.int32).reshape(fours, 2, -1, 2, GROUP)[..., _ORDER]
    low = taps[..., 0, :] + (0 if offset is None else _UNSIGNED)
    halfwords = (256 * taps[..., 1, :] + low).astype(np.int16).reshape(fours, 2, -1, 2)
    words = np.ascontiguousarray(halfwords.transpose(0, 2, 1, 3)).view(np.int32).reshape(fours, -1)
    pairs = bias.astype(np.int64).reshape(-1, 2)
    both = np.column_stack([pairs[:, 0], pairs[:, 0] + 256 * pairs[:, 1]]).astype(np.int32)
    columns = [both.reshape(fours, QUAD), words]
    return np.concatenate(columns + ([] if scales is None else [scales.reshape(fours, -1)]), axis=1).ravel()


def unpack_quads(packed: Array, p: Any) -> tuple[Array, Array, Array]:
    """The inverse of ``pack_quads``: weights int32 [out_c, terms], biases, and words of scales [out_c, ...]."""
    rows = packed.reshape(p.out_c // QUAD, -1)
    end = QUAD * (1 + conv2d_dsp.groups_of(p))
    pairs = rows[:, :QUAD].reshape(-1, 2)
    bias = np.column_stack([pairs[:, 0], (pairs[:, 1] - pairs[:, 0]) >> 8]).ravel()
    halfwords = np.ascontiguousarray(rows[:, QUAD:end]).view(np.int16).astype(np.int32).reshape(len(rows), -1, 2, 2)
    taps = halfwords.transpose(0, 2, 1, 3).reshape(2 * len(rows), -1, GROUP)[..., np.argsort(_ORDER)]
    signs = 0 if hasattr(p, "filter_offset") else _UNSIGNED
    low = ((taps & 0xFF) ^ signs) - _UNSIGNED
    filters = np.stack([low, (taps - (low + (_UNSIGNED - signs))) >> 8], axis=2)  # as conv2d_dsp.pack has them
    flat = np.concatenate([filters.astype(np.int8).ravel(), np.zeros(AHEAD, np.int8)])
    weights = conv2d_dsp.unpack(flat, p).astype(np.int32) - getattr(p, "filter_offset", 0)
    return weights, bias, rows[:, end:].reshape(p.out_c, -1)


def conv2d_quads_dsp_s8(p: ConvDspParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_conv2d_quads_dsp_s8: bias + sum of x * (filter - filter_offset), x being in_offset outside."""
    weights, bias, _ = unpack_quads(filters.ravel(), p)
    sums = p.unpooled.folded_sums(x, weights, bias)
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def _scratch(p: Any) -> int:
    """The columns; behind them a line's bytes, where they may be copied."""
    return columns_bytes(p) + line_bytes(p)


def work(p: Any, constants: Sequence[Array | None]) -> Work:
    """As ``conv2d_dsp.work``, by passes over all channels: of two pixels, or of one that is left."""
    pixels = p.out_h * p.out_w
    passes = p.images * (pixels // PIXELS * 2 + min(pixels % PIXELS, 2))
    quads = passes * (p.out_c // QUAD)
    counts = dict(conv2d_dsp.work(p, constants))
    groups = conv2d_dsp.groups_of(p)
    del counts["groups"], counts["pairs"], counts["turns"], counts["tiles"]
    turns = {f"turns_of_{turn}": quads * -(-groups // turn) for turn in _TURNS}
    return {**counts, "groups": quads * groups, **turns, "quads": quads, "passes": passes}


CONV2D_QUADS_DSP = Kernel(
    symbol="tg_conv2d_quads_dsp_s8",
    c_file="convolution/tg_conv2d_quads_dsp_s8.c",
    params=ConvDspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=conv2d_quads_dsp_s8,
    summary="2-D convolution, two 16-bit products an instruction, four channels at once",
    scratch=_scratch,
    overlap=overlap,
    needs=DSP,
    work=work,
    scaling="high",
)


def conv2d_quads_channelwise_dsp_s8(
    p: QuadsChannelwiseParams, x: Array, filters: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_quads_channelwise_dsp_s8: the same without an offset, each channel with its constants."""
    weights, bias, scales = unpack_quads(filters.ravel(), p)
    sums = p.unpooled.folded_sums(x, weights, bias)
    out[...] = p.activate(epilogue.high.apply(sums, scales, p.out_offset)).reshape(out.shape)


CONV2D_QUADS_CHANNELWISE_DSP = CONV2D_QUADS_DSP.per_channel(
    "tg_conv2d_quads_channelwise_dsp_s8", QuadsChannelwiseParams, conv2d_quads_channelwise_dsp_s8
)


def quads_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where that cannot be."""
    bias, limits, scales = layer.folded_bias, pairs_limits(layer), layer.high_scales
    fours = layer.sizes["out_c"] % QUAD == 0 and layer.is_dense and not layer.pool
    if not fours or bias is None or limits is None or not lowering.target.runs(CONV2D_QUADS_DSP):
        return None
    fields = {**layer.geometry, "pool": 0, "layout": layout_of(layer.sizes, 0)}
    if scales is not None and layer.one_filter_offset == 0 and fits_signed(layer.filters):
        own = QuadsChannelwiseParams(**fields, out_offset=layer.out.offset)
        constants = {"filter": pack_quads(layer.filters, bias, None, scales)}
        return layer.variant(CONV2D_QUADS_CHANNELWISE_DSP, own, lowering, constants, limits=limits)
    if layer.is_uniform and layer.monotone and HIGH_WORD.words(layer.requants[:1]) is not None:
        offset = int(layer.filter_offsets[0])
        params = ConvDspParams(**fields, filter_offset=offset, out=layer.requants[0])
        constants = {"filter": pack_quads(layer.filters, bias, offset)}
        return layer.variant(CONV2D_QUADS_DSP, params, lowering, constants, limits=limits)
    return None
