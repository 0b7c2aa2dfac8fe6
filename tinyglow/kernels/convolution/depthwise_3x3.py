"""Depthwise convolution of 3x3 for ARMv6-M: channel by channel, over an image of one channel laid out as words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.geometry import ConvGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP

_BLOCK = 4  # outputs at once
_RUN = 255  # see runs()
_TILES = (1, 3, 5)  # runs that have a loop of their own
_SINGLE = 5, 3  # a tile of single weights counts as three of five runs, an estimate


class Depthwise3x3Geometry(ConvGeometry):
    """As DualMacGeometry; group, in_c and out_c are equal, the kernel is 3x3, dilations and strides are 1.

    out_h or out_w is 2 or more.
    """

    filter_offset: I16

    @property
    def halves(self) -> tuple[int, int]:
        """Rows of outputs along the longer side, and outputs of a half of each: an even number."""
        across, along = sorted((self.out_h, self.out_w))
        return across, 2 * -(-along // _BLOCK)

    @property
    def in_place(self) -> bool:
        """Whether a channel's outputs lie where its inputs do."""
        return (self.out_h, self.out_w) == (self.in_h, self.in_w)


class Depthwise3x3Params(Depthwise3x3Geometry):
    """``out`` maps sums to the output."""

    out: glow.Requant


def depthwise_3x3_sums(p: Depthwise3x3Geometry, x: Array, filters: Array, bias: Array) -> Array:
    """bias + sums of x * (filter - filter_offset), x = in_offset in the padding: int32 [images, out_h, out_w, c]."""
    return p.folded_sums(x, filters.astype(np.int32) - p.filter_offset, bias)


def depthwise_3x3_s8(p: Depthwise3x3Params, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_depthwise_3x3_s8: see ``depthwise_3x3_sums``."""
    out[...] = p.activate(glow.requantize(depthwise_3x3_sums(p, x, filters, bias), p.out)).reshape(out.shape)


def scratch_bytes(p: Depthwise3x3Geometry) -> int:
    """A channel's image with its padding, two pixels to a word, and a row's sums."""
    across, half = p.halves
    return 4 * ((across + 2) * (half + 2) + 2 * half)


def runs(weights: Array) -> Array:
    """Into how many runs, whose magnitudes add up to _RUN at most, each channel's weights are cut: int [channels].

    All nine, those of a row, pairs of neighbours, or single ones; weights [channels, 9], by rows of words.
    """
    sizes = np.abs(weights.astype(np.int32))
    pairs = np.add.reduceat(sizes, range(0, 9, 2), axis=1).max(axis=1)
    rows = sizes.reshape(-1, 3, 3).sum(axis=2).max(axis=1)
    by_rows = np.where(rows <= _RUN, 3, 5)
    cut: Array = np.where(pairs <= _RUN, by_rows, 9)
    return np.where(sizes.sum(axis=1) <= _RUN, 1, cut)


def work(p: Depthwise3x3Geometry, constants: Sequence[Array | None]) -> Work:
    """Tiles of four outputs by the runs of their channels; words that are laid out, rows of them."""
    (across, half), turned = p.halves, p.out_h > p.out_w
    tiles = dict.fromkeys(_TILES, 0)
    filters, channels = constants[1], p.images * p.out_c
    cut = np.full(p.out_c, 3)
    if filters is not None:
        weights = filters.reshape(-1, 3, 3).astype(np.int32) - p.filter_offset
        cut = runs((weights.transpose(0, 2, 1) if turned else weights).reshape(-1, 9))
    for count in cut.tolist():
        of, times = _SINGLE if count not in tiles else (count, 1)
        tiles[of] += times * p.images * across * half // 2
    rows = channels * min(across + 2, p.in_w if turned else p.in_h)
    named = {f"tiles_{count}": number for count, number in tiles.items()}
    return {**named, "words": rows * (half + 2), "rows": rows, "channels": channels}


DEPTHWISE_3X3 = Kernel(
    symbol="tg_depthwise_3x3_s8",
    c_file="convolution/tg_depthwise_3x3_s8.c",
    params=Depthwise3x3Params,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8", "input")),
    reference=depthwise_3x3_s8,
    summary="depthwise convolution with filters of 3x3, stride 1, two pixels at once",
    scratch=scratch_bytes,
    aliases=lambda p: p.in_place,
    superseded_by=DSP,
    work=work,
    # Measured on layers of MLPerf Tiny's networks; epilogues that are not narrow have their end in C.
    other_ends=(("tflmr20", 8), ("tflite20", 8), ("tfl", 90)),
    scaling="folded",
)


def fits(layer: ConvLayer, lowering: Lowering) -> bool:
    """Whether the layer's shape is one for these kernels, and the core."""
    window = [layer.sizes[name] for name in ("kernel_h", "kernel_w", "stride_h", "stride_w")]
    fits = layer.is_depthwise and window == [3, 3, 1, 1] and not layer.pool and lowering.target.runs(DEPTHWISE_3X3)
    return fits and max(layer.sizes["out_h"], layer.sizes["out_w"]) > 1


def depthwise_3x3_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_depthwise_3x3_s8; None where it is not depthwise, or for another core."""
    bias = layer.folded_bias
    if not fits(layer, lowering) or not layer.is_uniform or not layer.offset_folds or bias is None:
        return None
    params = Depthwise3x3Params(**layer.geometry, filter_offset=int(layer.filter_offsets[0]), out=layer.requants[0])
    return layer.variant(DEPTHWISE_3X3, params, lowering, {"filter": layer.filters, "bias": bias})


class Depthwise3x3ChannelwiseParams(Depthwise3x3Geometry):
    """Scales come after the biases. out_offset: the output's offset."""

    out_offset: I16


def depthwise_3x3_channelwise_s8(
    p: Depthwise3x3ChannelwiseParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_depthwise_3x3_channelwise_s8: as tg_depthwise_3x3_s8, each channel with its own constants.

    bias [out_c, 1 + words]: the bias, and the words of the channel's scale.
    """
    words = bias.reshape(p.out_c, -1)
    sums = depthwise_3x3_sums(p, x, filters, words[:, 0])
    out[...] = p.activate(epilogue.folded.apply(sums, words[:, 1:], p.out_offset)).reshape(out.shape)


DEPTHWISE_3X3_CHANNELWISE = DEPTHWISE_3X3.per_channel(
    "tg_depthwise_3x3_channelwise_s8", Depthwise3x3ChannelwiseParams, depthwise_3x3_channelwise_s8, in_armv6m=True
)


def depthwise_3x3_channelwise_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_depthwise_3x3_channelwise_s8; None where that cannot be, or is not needed."""
    scales, bias, offset = layer.narrow_scales, layer.folded_bias, layer.one_filter_offset
    if not fits(layer, lowering) or scales is None or bias is None or offset is None:
        return None
    params = Depthwise3x3ChannelwiseParams(**layer.geometry, filter_offset=offset, out_offset=layer.out.offset)
    constants = {"filter": layer.filters, "bias": np.column_stack([bias, scales])}
    return layer.variant(DEPTHWISE_3X3_CHANNELWISE, params, lowering, constants)
