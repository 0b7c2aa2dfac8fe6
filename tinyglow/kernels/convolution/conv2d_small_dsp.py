"""Convolution with few weights for Cortex-M4, M7 and M33: four pixels and two output channels a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels import packed_halfwords
from tinyglow.kernels.convolution.conv2d_dsp import is_pointwise
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.overlap import distance_of_steps, first_inputs, overlap_distance
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import fits_high_word
from tinyglow.targets.cores import DSP

GROUP = 4  # taps that are laid out at once
PIXELS = 4
_WEIGHTS = 1024  # at most: the price of the kernel is a byte a weight
_CHANNELS = 4  # of the input, at most, where working memory holds bytes of the image


class SmallDspParams(PooledGeometry):
    """``out`` maps sums to the output, see ``fits_high_word``; the activation is not leaky, and nothing wraps.

    dilation 1, out_c even.
    """

    out: glow.Requant


class SmallChannelwiseDspParams(PooledGeometry):
    """As SmallDspParams, with the scales after the weights (``ConvLayer.high_scales``).

    out_offset: the output's offset.
    """

    out_offset: I16


def _groups(width: int) -> tuple[int, int]:
    """Groups of four taps of a window's row of ``width``, and whether one is left: see ``tg_dsp_windows.h``."""
    return (width + 2) // GROUP, int(width % GROUP == 1)


def _words(rows: int, width: int) -> int:
    """Words of a channel's weights: two for each group, one for the ends of two rows."""
    groups, end = _groups(width)
    return 2 * rows * groups + end * -(-rows // 2)


def pack(weights: Array, shape: tuple[int, int], bias: Array, scales: Array | None = None) -> Array:
    """Weights int32 [out_c, taps], biases, and scales, if any, as the kernel's filter: int32, flat.

    shape: rows of a window, and taps of each.
    """
    out_c, (rows, width) = len(weights), shape
    groups, end = _groups(width)
    taps = np.zeros((out_c, rows + rows % 2, max(GROUP * groups + end, width)), np.int32)
    taps[:, :rows, :width] = weights.reshape(out_c, rows, width)
    fours = taps[:, :rows, : GROUP * groups].reshape(out_c, -1, GROUP)
    words = packed_halfwords.join(fours[..., :2], fours[..., 2:]).reshape(out_c, -1)
    ends = taps[:, :, GROUP * groups :].reshape(out_c, -1, 2)[..., : 2 * end]
    words = np.hstack([words, packed_halfwords.join(ends[..., 0], ends[..., 1])]) if end else words
    pairs = words.reshape(out_c // 2, 2, -1).transpose(0, 2, 1).reshape(out_c // 2, -1)
    parts = [bias.reshape(-1, 2), pairs]
    parts += [] if scales is None else [scales.reshape(out_c // 2, -1)]
    return np.append(packed_halfwords.rows_of_words(parts), np.int32(0))


def unpack(packed: Array, p: PooledGeometry) -> tuple[Array, Array, Array]:
    """The weights, the biases and the words of scales, [out_c, ...] each, of packed words: the inverse of ``pack``."""
    rows, width = p.kernel_h, p.kernel_w * p.in_c
    groups, _ = _groups(width)
    count = _words(rows, width)
    pairs = packed.ravel()[:-1].reshape(p.out_c // 2, -1)
    words = pairs[:, 2 : 2 + 2 * count].reshape(-1, count, 2).transpose(0, 2, 1).reshape(p.out_c, count)
    halves = packed_halfwords.low(words), packed_halfwords.high(words)
    fours = [half[:, : 2 * rows * groups].reshape(p.out_c, rows, groups, 2) for half in halves]
    ends = np.stack([half[:, 2 * rows * groups :] for half in halves], axis=2).reshape(p.out_c, -1)[:, :rows]
    taps = np.concatenate(fours, axis=3).reshape(p.out_c, rows, -1)
    taps = np.concatenate([taps, ends[:, :, None]], axis=2) if ends.size else taps
    return taps[..., :width].reshape(p.out_c, -1), pairs[:, :2].ravel(), pairs[:, 2 + 2 * count :].reshape(p.out_c, -1)


def conv2d_small_dsp_s8(p: SmallDspParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_conv2d_small_dsp_s8: bias + sum of x * weight, x being in_offset outside."""
    weights, bias, _ = unpack(filters, p)
    sums = p.pooled_sums(x, weights, bias)
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def conv2d_small_channelwise_dsp_s8(
    p: SmallChannelwiseDspParams, x: Array, filters: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_small_channelwise_dsp_s8: the same, each channel with its own constants."""
    weights, bias, scales = unpack(filters, p)
    sums = p.pooled_sums(x, weights, bias)
    out[...] = p.activate(epilogue.high.apply(sums, scales, p.out_offset)).reshape(out.shape)


def _strip(p: PooledGeometry) -> tuple[int, int]:
    """Rows that the windows of four pixels cover, and bytes of each."""
    groups, end = _groups(p.kernel_w * p.in_c)
    width = GROUP * groups + end + (1 if p.pool else PIXELS - 1) * p.stride_w * p.in_c
    return p.kernel_h + (p.stride_h if p.pool else 0), width


def _inside(p: PooledGeometry) -> list[Array]:
    """Of the rows, and of the columns, of tiles: whether the windows of their pixels lie inside the image."""
    sides, pixels = (2, 2) if p.pool else (1, PIXELS)
    rows, width = _strip(p)
    top = np.arange(p.out_h) * sides * p.stride_h - p.pad_top
    across = np.arange(-(-p.out_w // (pixels // sides))) * pixels * p.stride_w * p.in_c
    left = across - p.pad_left * p.in_c
    return [(top >= 0) & (top + rows <= p.in_h), (left >= 0) & (left + width <= p.in_w * p.in_c)]


def _has_strip(p: PooledGeometry) -> bool:
    """Whether some tile's bytes are copied, for they do not all lie inside the image."""
    return not all(inside.all() for inside in _inside(p))


def scratch_bytes(p: PooledGeometry) -> int:
    """Columns of four pixels; two words that are read ahead, or the bytes of a tile."""
    rows, width = _strip(p)
    copied = rows * width if _has_strip(p) else 0
    return 4 * PIXELS * _words(p.kernel_h, p.kernel_w * p.in_c) + max(-(-copied // 4) * 4, 8)


def overlap(p: PooledGeometry) -> int | None:
    """Where the output may lie over the input: tiles end with a row."""
    if p.images != 1:
        return None
    if p.pool:
        return overlap_distance(p, PIXELS, 1)
    begins = (np.arange(p.out_h)[:, None] * p.out_w + np.arange(0, p.out_w, PIXELS)).ravel()
    ends = np.append(begins[1:], p.out_h * p.out_w) * p.out_c
    return distance_of_steps(p, np.minimum.reduceat(first_inputs(p), begins), ends)


def work(p: PooledGeometry, constants: Sequence[Array | None]) -> Work:
    """Words of weights of pairs of channels, results, groups and ends that are laid out, tiles, those at the border."""
    rows, width = _strip(p)
    groups, end = _groups(p.kernel_w * p.in_c)
    down, across = _inside(p)
    tiles = p.images * len(down) * len(across)
    border = tiles - p.images * int(down.sum() * across.sum())
    pairs = tiles * p.out_c // 2
    return {
        "words": pairs * _words(p.kernel_h, p.kernel_w * p.in_c),
        "pooled_pairs" if p.pool else "pairs": pairs,
        "groups": tiles * p.kernel_h * groups,
        "ends": tiles * end * p.kernel_h,
        "tiles": tiles,
        "padded_rows": border * rows,
        "padded_bytes": border * rows * width,
    }


CONV2D_SMALL_DSP = Kernel(
    symbol="tg_conv2d_small_dsp_s8",
    c_file="convolution/tg_conv2d_small_dsp_s8.c",
    params=SmallDspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=conv2d_small_dsp_s8,
    summary="2-D convolution with few weights, of 16 bits; maximum of 2x2 blocks with pool",
    scratch=scratch_bytes,
    overlap=overlap,
    needs=DSP,
    work=work,
    scaling="high",
)


CONV2D_SMALL_CHANNELWISE_DSP = CONV2D_SMALL_DSP.per_channel(
    "tg_conv2d_small_channelwise_dsp_s8",
    SmallChannelwiseDspParams,
    conv2d_small_channelwise_dsp_s8,
)


def _geometry(layer: ConvLayer) -> dict[str, Any]:
    """The layer's parameters; an image whose pixels are those of the output is one row."""
    fields = {**layer.geometry, "pool": layer.pool}
    pixels = fields["in_h"] * fields["in_w"]
    if is_pointwise(fields) and not layer.pool and pixels < 1 << 16:
        fields |= {"in_h": 1, "in_w": pixels, "out_h": 1, "out_w": pixels}
    return fields


def conv2d_small_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it is another one, or for ARMv6-M."""
    sizes, bias, scales = layer.sizes, layer.folded_bias, layer.high_scales
    fits = layer.is_dense and sizes["out_c"] % 2 == 0 and layer.weights.size <= _WEIGHTS
    if not fits or bias is None or not lowering.target.runs(CONV2D_SMALL_DSP):
        return None
    fields = _geometry(layer)
    constants = {"filter": pack(layer.weights, (sizes["kernel_h"], sizes["kernel_w"] * sizes["in_c"]), bias, scales)}
    params: SmallDspParams | SmallChannelwiseDspParams
    if scales is not None:
        kernel, params = CONV2D_SMALL_CHANNELWISE_DSP, SmallChannelwiseDspParams(**fields, out_offset=layer.out.offset)
    elif layer.is_uniform and layer.monotone and fits_high_word(layer.requants[0]):
        kernel, params = CONV2D_SMALL_DSP, SmallDspParams(**fields, out=layer.requants[0])
    else:
        return None
    if sizes["in_c"] > _CHANNELS and _has_strip(params):
        return None
    return layer.variant(kernel, params, lowering, constants)
