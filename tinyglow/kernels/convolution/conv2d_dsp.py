"""Convolution for Cortex-M4, M7 and M33: two products an instruction, four pixels and two channels at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, U8, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.sums import Limits
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.overlap import overlap_distance
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import HIGH_WORD
from tinyglow.targets.cores import DSP

AHEAD = 8  # TG_DSP_AHEAD: bytes after the filter, and after columns
GROUP = 4  # taps
_TURN = 4  # groups of tg_conv2d_dsp_s8's loop
PIXELS = 4


class ConvDspParams(PooledGeometry):
    """The activation is not leaky, and nothing wraps.

    Attributes:
        filter_offset: Subtracted from each byte of the filter.
        out: Maps sums to the output; HIGH_WORD has a word for it.
        layout: How the taps lie in the im2col tile, see ``layout_of``.
    """

    filter_offset: I16
    out: glow.Requant
    layout: U8


ROWS, WORDS, POINTWISE, FLAT = range(4)  # TG_DSP_ROWS, TG_DSP_WORDS, TG_DSP_POINTWISE, TG_DSP_FLAT


def layout_of(sizes: Mapping[str, Any], pool: int) -> int:
    """How the taps of a window of a convolution with those ``sizes``, fields of ConvSizes, are laid out."""
    if sizes["in_c"] % GROUP:
        return FLAT if _lines(sizes["kernel_h"], sizes["kernel_w"] * sizes["in_c"])[0] < sizes["kernel_h"] else ROWS
    return POINTWISE if is_pointwise(sizes) and not pool else WORDS


def is_pointwise(sizes: Mapping[str, Any]) -> bool:
    """Whether each pixel of the output is computed from the one that lies there in the input."""
    window = [sizes[name] for name in ("kernel_h", "kernel_w", "stride_h", "stride_w")]
    same = (sizes["in_h"], sizes["in_w"]) == (sizes["out_h"], sizes["out_w"])
    return window == [1, 1, 1, 1] and sizes["pad_top"] == sizes["pad_left"] == 0 and same


def _lines(rows: int, width: int) -> tuple[int, int]:
    """How many lines that begin with a group of their own a window's rows are, and their taps.

    All rows are one line where that takes fewer groups.
    """
    return (1, rows * width) if -(-rows * width // GROUP) < rows * -(-width // GROUP) else (rows, width)


def groups_of(p: Any) -> int:
    """Groups of a window."""
    lines, taps = _lines(p.kernel_h, p.kernel_w * p.in_c)
    return lines * -(-taps // GROUP)


def pack(filters: Array, offset: int | Array) -> Array:
    """Filters int8 [out_c, kernel_h, kernel_w, in_c] as int8 [pairs of channels, groups, 2, 4] and AHEAD zeros, flat.

    Groups are filled up with ``offset``, of all filters or of each, which stands for a weight of 0.
    """
    out_c, kernel_h, kernel_w, in_c = filters.shape
    lines, taps = _lines(kernel_h, kernel_w * in_c)
    rows = filters.reshape(out_c, lines, taps)
    groups = -(-taps // GROUP)
    full = np.zeros((out_c + out_c % 2, lines, groups * GROUP), np.int8)
    full[:out_c] = np.broadcast_to(np.asarray(offset), out_c).reshape(-1, 1, 1)
    full[:out_c, :, :taps] = rows
    pairs = full.reshape(-1, 2, lines * groups, GROUP).transpose(0, 2, 1, 3)
    return np.concatenate([pairs.ravel(), np.zeros(AHEAD, np.int8)])


_ORDER = (0, 2, 1, 3)  # of a group's taps: two a word, as SXTB16 takes inputs apart


def pack_pairs(filters: Array, offset: int) -> Array:
    """As ``pack``, but a halfword is a term of both channels, the even one's byte plus 128: see ``tg_dsp_pairs.h``."""
    groups = pack(filters, offset)[:-AHEAD].reshape(-1, 2, GROUP)[..., _ORDER]
    groups[:, 0] ^= np.int8(-128)
    return np.concatenate([groups.transpose(0, 2, 1).ravel(), np.zeros(AHEAD, np.int8)])


def unpack_pairs(packed: Array, p: Any) -> Array:
    """Filters int8 [out_c, terms], the inverse of ``pack_pairs``."""
    groups = packed.ravel()[:-AHEAD].reshape(-1, GROUP, 2).transpose(0, 2, 1)[..., np.argsort(_ORDER)].copy()
    groups[:, 0] ^= np.int8(-128)
    return unpack(np.concatenate([groups.ravel(), np.zeros(AHEAD, np.int8)]), p)


def pairs_limits(layer: ConvLayer) -> Limits | None:
    """What 256 times the sums of odd channels can be, as ``SumRange`` has it; None where they may leave 32 bits."""
    low, high = (bounds[1::2] for bounds in layer.sum_bounds())
    largest = 256 * max(-int(low.min(initial=0)), int(high.max(initial=0)))
    return {"halfwords": (largest, glow.INT32_MAX)} if largest <= glow.INT32_MAX else None


def unpack(packed: Array, p: Any) -> Array:
    """Filters int8 [out_c, terms] of the operand of a kernel with parameters ``p``, ConvSizes."""
    pairs = packed.ravel()[:-AHEAD].reshape(-(-p.out_c // 2), -1, 2, GROUP).transpose(0, 2, 1, 3)
    lines, taps = _lines(p.kernel_h, p.kernel_w * p.in_c)
    rows = pairs.reshape(2 * len(pairs), lines, -1)
    return rows[: p.out_c, :, :taps].reshape(p.out_c, -1)


def columns_bytes(p: Any) -> int:
    """Four columns of 16-bit inputs."""
    return 2 * PIXELS * GROUP * groups_of(p)


def line_bytes(p: Any) -> int:
    """A line of a window, where it may be copied."""
    return {ROWS: GROUP * -(-p.kernel_w * p.in_c // GROUP), FLAT: GROUP * groups_of(p) + GROUP}.get(p.layout, 0)


def scratch_bytes(p: Any) -> int:
    """The columns; behind them first a line's bytes, where they may be copied, then two words that are read ahead."""
    return columns_bytes(p) + max(AHEAD, line_bytes(p))


def _scratch(p: Any) -> int:
    """The same, but after columns of pixels side by side nothing is read: their first words lie at their end."""
    return columns_bytes(p) if p.layout == POINTWISE else scratch_bytes(p)


def even_channels(values: Array) -> Array:
    """Values of each channel, with a zero after the last where their number is odd: int32."""
    return np.concatenate([values, np.zeros(len(values) % 2)]).astype(np.int32)


def overlap(p: PooledGeometry) -> int | None:
    """Where the output may lie over the input."""
    return overlap_distance(p, PIXELS, 1 if p.pool else PIXELS)


def conv2d_dsp_s8(p: ConvDspParams, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_dsp_s8: bias + sum of x * (filter - filter_offset), x being in_offset outside."""
    weights = unpack_pairs(filters, p).astype(np.int32) - p.filter_offset
    sums = p.unpooled.folded_sums(x, weights, bias.ravel()[: p.out_c])
    out[...] = p.activate(glow.requantize(p.pooled(sums), p.out)).reshape(out.shape)


def work(p: Any, constants: Sequence[Array | None]) -> Work:
    """Products with those of the padding, turns of their loop, inputs laid out, by how that is done, and results."""
    tiles = -(-p.out_h * p.out_w // (1 if p.pool else PIXELS)) * p.images
    layout = ("by_rows", "by_words", "by_pixels", "flat")[p.layout]
    groups = groups_of(p)
    counts = {
        "groups": tiles * groups * -(-p.out_c // 2),
        "turns": tiles * -(-groups // _TURN) * -(-p.out_c // 2),
        f"inputs_{layout}": tiles * p.kernel_h * p.kernel_w * p.in_c,
        "pooled_pairs" if p.pool else "pairs": tiles * -(-p.out_c // 2),
        "tiles": tiles,
    }
    return counts if p.layout == POINTWISE else {**counts, f"rows_{layout}": tiles * p.kernel_h}


CONV2D_DSP = Kernel(
    symbol="tg_conv2d_dsp_s8",
    c_file="convolution/tg_conv2d_dsp_s8.c",
    params=ConvDspParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_dsp_s8,
    summary="2-D convolution, two 16-bit products an instruction; maximum of 2x2 blocks with pool",
    scratch=_scratch,
    overlap=overlap,
    needs=DSP,
    work=work,
    scaling="high",
)


def dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_dsp_s8; None where that cannot be."""
    sizes, bias, limits = layer.sizes, layer.folded_bias, pairs_limits(layer)
    high = layer.is_uniform and layer.monotone and HIGH_WORD.words(layer.requants[:1]) is not None
    if not layer.is_dense or not high or bias is None or limits is None or not lowering.target.runs(CONV2D_DSP):
        return None
    offset = int(layer.filter_offsets[0])
    layout = layout_of(sizes, layer.pool)
    filters = pack_pairs(layer.filters, offset)
    fields = {**layer.geometry, "pool": layer.pool, "filter_offset": offset, "out": layer.requants[0]}
    params = ConvDspParams(**fields, layout=layout)
    constants = {"filter": filters, "bias": even_channels(bias)}
    return layer.variant(CONV2D_DSP, params, lowering, constants, limits=limits)


class ChannelwiseHighDspParams(PooledGeometry):
    """Scales come after the biases. The activation is not leaky, and nothing wraps.

    Attributes:
        filter_offset: Subtracted from each byte of the filter.
        out_offset: The output's offset.
        layout: See ``conv2d_dsp.layout_of``.
    """

    filter_offset: I16
    out_offset: I16
    layout: U8


def pack_biases(bias: Array, scales: Array) -> Array:
    """Biases int32 [out_c] and words [out_c, ...] of scales, by pairs: two biases, then the words of both; flat."""
    pairs = even_channels(bias).reshape(-1, 2)
    words = [even_channels(column) for column in scales.reshape(len(bias), -1).T]
    return np.column_stack([pairs, np.stack(words, axis=1).reshape(len(pairs), -1)]).ravel()


def conv2d_channelwise_high_dsp_s8(
    p: ChannelwiseHighDspParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_channelwise_high_dsp_s8: as tg_conv2d_dsp_s8, each channel with its own constants."""
    pairs = bias.reshape(-(-p.out_c // 2), -1)
    biases, scales = pairs[:, :2].ravel()[: p.out_c], pairs[:, 2:].reshape(2 * len(pairs), -1)[: p.out_c]
    sums = p.unpooled.folded_sums(x, unpack_pairs(filters, p).astype(np.int32) - p.filter_offset, biases)
    scaled = epilogue.high.apply(p.pooled(sums), scales, p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


CONV2D_CHANNELWISE_HIGH_DSP = CONV2D_DSP.per_channel(
    "tg_conv2d_channelwise_high_dsp_s8", ChannelwiseHighDspParams, conv2d_channelwise_high_dsp_s8
)


def channelwise_high_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_channelwise_high_dsp_s8; None where that cannot be, or is not needed."""
    scales, bias, offset = layer.high_scales, layer.folded_bias, layer.one_filter_offset
    limits = pairs_limits(layer)
    if (
        not layer.is_dense
        or scales is None
        or bias is None
        or offset is None
        or limits is None
        or not lowering.target.runs(CONV2D_CHANNELWISE_HIGH_DSP)
    ):
        return None
    layout = layout_of(layer.sizes, layer.pool)
    params = ChannelwiseHighDspParams(
        **layer.geometry, pool=layer.pool, filter_offset=offset, out_offset=layer.out.offset, layout=layout
    )
    constants = {"filter": pack_pairs(layer.filters, offset), "bias": pack_biases(bias, scales)}
    return layer.variant(CONV2D_CHANNELWISE_HIGH_DSP, params, lowering, constants, limits=limits)
