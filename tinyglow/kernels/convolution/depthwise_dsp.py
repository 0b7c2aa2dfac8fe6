"""Depthwise convolution by windows of any size for Cortex-M4, M7 and M33: four channels at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels import packed_halfwords
from tinyglow.kernels.convolution.depthwise_3x3_dsp import DEPTHWISE_3X3_DSP
from tinyglow.kernels.convolution.depthwise_groups import GROUP, overlap, work
from tinyglow.kernels.convolution.geometry import ConvGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP


class DepthwiseDspParams(ConvGeometry):
    """``out`` maps sums to the output; group, in_c and out_c are the same."""

    out: glow.Requant

    @property
    def taps(self) -> int:
        """Products of one sum."""
        return self.kernel_h * self.kernel_w


def pack(weights: Array, bias: Array, scales: Array | None = None) -> Array:
    """Weights int32 [channels, taps] and biases as the kernel's filter: int32, flat; scales, if any, after them."""
    channels, taps = weights.shape
    groups = -(-channels // GROUP)
    full = np.zeros((groups * GROUP, taps), np.int64)
    full[:channels] = weights
    by_channel = full.reshape(groups, GROUP, taps).transpose(0, 2, 1)
    words = packed_halfwords.join(by_channel[..., :2], by_channel[..., 2:])
    parts = [_by_group(bias, groups), words.reshape(groups, -1)]
    parts += [] if scales is None else [_by_group(scales, groups)]
    return packed_halfwords.rows_of_words(parts)


def _by_group(values: Array, groups: int) -> Array:
    """Words of channels, one or more of each, filled up with zeros: int64 [groups, words of a group's channels]."""
    full = np.zeros((groups * GROUP, *values.shape[1:]), np.int64)
    full[: len(values)] = values
    return full.reshape(groups, -1)


def unpack(packed: Array, channels: int, taps: int) -> tuple[Array, Array]:
    """The inverse of ``pack``, without scales."""
    groups = packed.reshape(-1, GROUP + 2 * taps)
    words = groups[:, GROUP:].reshape(-1, taps, 2)
    by_channel = np.concatenate([packed_halfwords.low(words), packed_halfwords.high(words)], axis=2)
    weights = by_channel.transpose(0, 2, 1).reshape(-1, taps)
    return weights[:channels], groups[:, :GROUP].ravel()[:channels]


def depthwise_dsp_s8(p: DepthwiseDspParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of both kernels: bias + sum of (x - in_offset) * weight of each channel."""
    weights, bias = unpack(filters, p.in_c, p.taps)
    sums = p.sums(x, weights, np.zeros(p.out_c, np.int32)) + bias
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


DEPTHWISE_DSP = Kernel(
    symbol="tg_depthwise_dsp_s8",
    c_file="convolution/tg_depthwise_dsp_s8.c",
    params=DepthwiseDspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=depthwise_dsp_s8,
    summary="depthwise convolution, four channels at once",
    overlap=overlap,
    needs=DSP,
    work=work,
)


def _window_work(p: Any, constants: Sequence[Array | None]) -> Work:
    """As ``work``: windows that the image cuts are copied, with all taps. A column of taps counts as a row."""
    windows = p.images * p.out_h * p.out_w * -(-p.in_c // GROUP)
    rows = windows * (1 if p.kernel_w == 1 else p.kernel_h)
    counts = work(p, constants)
    copied = counts["cut_pixels"] * p.taps * p.in_c
    return {**counts, "taps": windows * p.taps, "rows": rows, "cut_windows": 0, "copied": copied}


DEPTHWISE_WINDOW_DSP = DEPTHWISE_3X3_DSP.with_settings(
    "tg_depthwise_window_dsp_s8",
    {"TG_ANY_WINDOW": "1"},
    params=DepthwiseDspParams,
    reference=depthwise_dsp_s8,
    summary="depthwise convolution with windows of any size, four channels at once",
    scratch=lambda p: p.taps * p.in_c if work(p, ())["cut_pixels"] else GROUP,
    work=_window_work,
)


def fitting(any_channels: Kernel, groups: Kernel, p: ConvGeometry) -> Kernel:
    """Of kernels for any layer and for whole groups of channels: the one for ``p``."""
    return any_channels if p.in_c % GROUP or p.leaky else groups


def depthwise_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_depthwise_dsp_s8; None where that cannot be."""
    fits = layer.is_depthwise and layer.sizes["group"] > 1 and not layer.per_channel and not layer.pool
    if not fits or not lowering.target.runs(DEPTHWISE_DSP):
        return None
    params = DepthwiseDspParams(**layer.geometry, out=layer.requants[0])
    kernel = fitting(DEPTHWISE_DSP, DEPTHWISE_WINDOW_DSP, params)
    constants = {"filter": pack(layer.weights, layer.bias)}
    return layer.variant(kernel, params, lowering, constants)


class DepthwiseChannelwiseDspParams(ConvGeometry):
    """group, in_c and out_c are equal.

    The activation is not leaky, and nothing wraps. out_offset: the output's offset.
    """

    out_offset: I16

    @property
    def taps(self) -> int:
        """Products of one sum."""
        return self.kernel_h * self.kernel_w


def depthwise_channelwise_dsp_s8(
    p: DepthwiseChannelwiseDspParams, x: Array, filters: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of both kernels: as ``depthwise_dsp_s8``, each channel with its own constants.

    filters: the words of each four channels are after their weights.
    """
    groups, plain = filters.reshape(-(-p.in_c // GROUP), -1), GROUP + 2 * p.taps
    weights, bias = unpack(np.ascontiguousarray(groups[:, :plain]), p.in_c, p.taps)
    sums = p.sums(x, weights, np.zeros(p.out_c, np.int32)) + bias
    scaled = epilogue.high.apply(sums, groups[:, plain:].reshape(len(groups) * GROUP, -1)[: p.out_c], p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


DEPTHWISE_CHANNELWISE_DSP = DEPTHWISE_DSP.per_channel(
    "tg_depthwise_channelwise_dsp_s8", DepthwiseChannelwiseDspParams, depthwise_channelwise_dsp_s8, scaling="high"
)

DEPTHWISE_WINDOW_CHANNELWISE_DSP = DEPTHWISE_WINDOW_DSP.per_channel(
    "tg_depthwise_window_channelwise_dsp_s8",
    DepthwiseChannelwiseDspParams,
    depthwise_channelwise_dsp_s8,
    scaling="high",
)


def depthwise_channelwise_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where that cannot be, or is not needed."""
    scales = layer.high_scales
    fits = (
        layer.is_depthwise
        and layer.sizes["group"] > 1
        and not layer.pool
        and lowering.target.runs(DEPTHWISE_CHANNELWISE_DSP)
    )
    if not fits or scales is None:
        return None
    params = DepthwiseChannelwiseDspParams(**layer.geometry, out_offset=layer.out.offset)
    kernel = fitting(DEPTHWISE_CHANNELWISE_DSP, DEPTHWISE_WINDOW_CHANNELWISE_DSP, params)
    constants = {"filter": pack(layer.weights, layer.bias, scales)}
    return layer.variant(kernel, params, lowering, constants)
