"""Depthwise convolution with windows of 3x3 for Cortex-M4, M7 and M33: four channels of a pixel at once.

Where windows move by two pixels, their middle is computed in blocks of 2x2 outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution import depthwise_groups
from tinyglow.kernels.convolution.depthwise_groups import GROUP
from tinyglow.kernels.convolution.geometry import ConvGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP

_TAPS = 9
_STEP = 2  # of windows that are computed in blocks


class Depthwise3x3Geometry(ConvGeometry):
    """Windows of 3x3; group, in_c and out_c are the same multiple of four.

    filter_offset: subtracted from each byte of the filter.
    """

    filter_offset: I16


class Depthwise3x3DspParams(Depthwise3x3Geometry):
    """``out`` maps sums to the output."""

    out: glow.Requant


class Depthwise3x3ChannelwiseDspParams(Depthwise3x3Geometry):
    """Scales of four channels come after their weights (``ConvLayer.high_scales``). out_offset: the output's offset."""

    out_offset: I16


def pack(filters: Array, bias: Array, scales: Array | None = None) -> Array:
    """Filters int8 [channels, 9], biases, and scales, if any, as the kernel's filter: int32, flat."""
    groups = len(bias) // GROUP
    taps = filters.astype(np.int8).reshape(groups, GROUP, _TAPS).transpose(0, 2, 1)
    words = np.ascontiguousarray(taps).view(np.int32)  # the low byte is the first, on the hosts that are supported
    parts = [bias.reshape(groups, -1), words.reshape(groups, -1)]
    parts += [] if scales is None else [scales.reshape(groups, -1)]
    return np.concatenate(parts, axis=1).astype(np.int32).ravel()


def unpack(packed: Array, channels: int) -> tuple[Array, Array, Array]:
    """The filters [channels, 9], biases, and words of each channel's scale: the inverse of ``pack``."""
    groups = packed.reshape(channels // GROUP, -1)
    words = np.ascontiguousarray(groups[:, GROUP : GROUP + _TAPS])
    filters = words.view(np.int8).reshape(-1, _TAPS, GROUP).transpose(0, 2, 1).reshape(channels, _TAPS)
    return filters, groups[:, :GROUP].ravel(), groups[:, GROUP + _TAPS :].reshape(channels, -1)


def depthwise_3x3_dsp_s8(p: Depthwise3x3DspParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_depthwise_3x3_dsp_s8: bias + sum of x * (filter - filter_offset) of each channel."""
    out[...] = p.activate(glow.requantize(_sums(p, x, filters)[0], p.out)).reshape(out.shape)


def depthwise_3x3_channelwise_dsp_s8(
    p: Depthwise3x3ChannelwiseDspParams, x: Array, filters: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_depthwise_3x3_channelwise_dsp_s8: the same, each channel with its own constants."""
    sums, scales = _sums(p, x, filters)
    out[...] = p.activate(epilogue.high.apply(sums, scales, p.out_offset)).reshape(out.shape)


def _sums(p: Depthwise3x3Geometry, x: Array, filters: Array) -> tuple[Array, Array]:
    weights, bias, scales = unpack(filters, p.in_c)
    return p.folded_sums(x, weights.astype(np.int32) - p.filter_offset, bias), scales


def _middle(p: ConvGeometry) -> tuple[int, int]:
    """The first column of outputs in blocks, and how many columns."""
    left = (p.pad_left + 1) // _STEP
    if p.stride_h != _STEP or p.stride_w != _STEP:
        return left, 0
    return left, max(0, (min((p.in_w - 1 + p.pad_left) // _STEP, p.out_w) - left) // 2 * 2)


def bands(p: ConvGeometry) -> Iterator[tuple[int, int]]:
    """Of rows of outputs whose middle is computed at once: the first, and how many.

    They end before the first input that they read, if the output begins where the input does.
    """
    y, bottom = 0, min((p.in_h - 1 + p.pad_top) // _STEP, p.out_h)
    while y < bottom and _middle(p)[1]:
        top = _STEP * y - p.pad_top
        rows = (min(top * p.in_w // p.out_w, bottom) - y) // 2 * 2
        if rows > 0:
            yield y, rows
        y += max(rows, 1)


def work(p: ConvGeometry, constants: Sequence[Array | None]) -> Work:
    """Of windows outside of blocks as ``depthwise_groups.work``; and blocks, rows of them, and channels' bands."""
    channels, columns = p.images * p.in_c, _middle(p)[1]
    heights = [rows for _, rows in bands(p)]
    outputs = sum(heights) * columns
    groups, pixels = channels // GROUP, p.images * outputs
    counts = dict(depthwise_groups.work(p, constants))
    counts["windows"] -= groups * outputs
    counts["pixels"] -= pixels
    del counts["taps"], counts["rows"]
    blocks = {
        "blocks": channels * outputs // 4,
        "block_rows": channels * sum(heights) // 2,
        "bands": channels * len(heights),
    }
    return {**counts, **blocks}


DEPTHWISE_3X3_DSP = Kernel(
    symbol="tg_depthwise_3x3_dsp_s8",
    c_file="convolution/tg_depthwise_3x3_dsp_s8.c",
    params=Depthwise3x3DspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=depthwise_3x3_dsp_s8,
    summary="depthwise convolution with windows of 3x3, four channels at once, with stride 2 blocks of 2x2 outputs",
    # One window with what lies outside the image.
    scratch=lambda p: _TAPS * p.in_c,
    overlap=depthwise_groups.overlap,
    needs=DSP,
    work=work,
)


DEPTHWISE_3X3_CHANNELWISE_DSP = DEPTHWISE_3X3_DSP.per_channel(
    "tg_depthwise_3x3_channelwise_dsp_s8",
    Depthwise3x3ChannelwiseDspParams,
    depthwise_3x3_channelwise_dsp_s8,
    scaling="high",
)


def depthwise_3x3_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it does not fit."""
    sizes, bias, scales, offset = layer.sizes, layer.folded_bias, layer.high_scales, layer.one_filter_offset
    fits = layer.is_depthwise and (sizes["kernel_h"], sizes["kernel_w"]) == (3, 3) and not layer.pool
    fits = fits and sizes["in_c"] % GROUP == 0 and not layer.activation["leaky"]
    if not fits or bias is None or offset is None or not lowering.target.runs(DEPTHWISE_3X3_DSP):
        return None
    constants = {"filter": pack(layer.filters.reshape(len(bias), _TAPS), bias, scales)}
    fields = {**layer.geometry, "filter_offset": offset}
    if scales is not None:
        own = Depthwise3x3ChannelwiseDspParams(**fields, out_offset=layer.out.offset)
        return layer.variant(DEPTHWISE_3X3_CHANNELWISE_DSP, own, lowering, constants)
    if not layer.per_channel:
        params = Depthwise3x3DspParams(**fields, out=layer.requants[0])
        return layer.variant(DEPTHWISE_3X3_DSP, params, lowering, constants)
    return None
