"""Convolution for ARMv6-M: two products in one multiplication, where the weights allow it (see ``tg_dual_mac.h``)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.sums import Limits
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.overlap import overlap_distance
from tinyglow.numerics import glow, wide
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP

TAPS = 16  # TG_DUAL_MAC_TAPS: at most in one chunk
END = 0  # TG_DUAL_MAC_END
_HEADER = 2  # TG_DUAL_MAC_HEADER: beside a chunk's number of taps
# |weights| of a chunk: times the largest |input|, 128, they stay below 2**15.
MOST_MAGNITUDE = 255
_PIXELS = 4


class DualMacGeometry(PooledGeometry):
    """No requantization wraps, even with the output's offset added before the last shift. The activation is not leaky.

    filter_offset: subtracted from each byte of the filter's stream.
    """

    filter_offset: I16

    @property
    def terms(self) -> int:
        """Products of one sum."""
        return self.kernel_h * self.kernel_w * self.in_c


class DualMacParams(DualMacGeometry):
    """``out`` maps sums to the output."""

    out: glow.Requant


def chunks_of(weights: Array) -> list[int]:
    """Lengths of the chunks of one channel's weights int32 [terms], each as long as it may be."""
    lengths, length, magnitude = [], 0, 0
    for size in np.abs(weights).tolist():
        if length == TAPS or (length and magnitude + size > MOST_MAGNITUDE):
            lengths.append(length)
            length = magnitude = 0
        length, magnitude = length + 1, magnitude + size
    return [*lengths, length]


def pack(weights: Array, offset: int) -> tuple[Array, Array]:
    """Weights int32 [out_c, terms] as a stream of bytes (int8), and the number of chunks of each channel."""
    return _packed(weights.astype(np.int32).tobytes(), weights.shape[0], offset)


@lru_cache(maxsize=64)
def _packed(weights: bytes, out_c: int, offset: int) -> tuple[Array, Array]:
    """``pack``, once for all networks that have these weights, as a search tries them."""
    stream: list[int] = []
    counts = []
    for row in np.frombuffer(weights, np.int32).reshape(out_c, -1):
        lengths, start = chunks_of(row), 0
        for length in lengths:
            stream.append(_HEADER + length)
            stream += (row[start : start + length] + offset).tolist()
            start += length
        stream.append(END)
        counts.append(len(lengths))
    data, numbers = np.array(stream, np.uint8).view(np.int8), np.array(counts)
    data.flags.writeable = numbers.flags.writeable = False
    return data, numbers


def unpack(stream: Array, p: DualMacGeometry) -> tuple[Array, Array]:
    """The inverse of ``pack``: weights int32 [out_c, terms], and the number of chunks of each channel."""
    data = stream.view(np.uint8).ravel().tolist()
    weights, counts, at = np.zeros((p.out_c, p.terms), np.int32), np.zeros(p.out_c, np.int32), 0
    for channel in range(p.out_c):
        term = 0
        while data[at] != END:
            length = data[at] - _HEADER
            weights[channel, term : term + length] = np.array(data[at + 1 : at + 1 + length]) - p.filter_offset
            at, term, counts[channel] = at + 1 + length, term + length, counts[channel] + 1
        at += 1
    return weights, counts


@lru_cache(maxsize=64)
def _unpacked(stream: bytes, p: DualMacGeometry) -> tuple[Array, Array]:
    """``unpack``, once for all samples."""
    return unpack(np.frombuffer(stream, np.int8), p)


def dual_mac_sums(p: DualMacGeometry, x: Array, stream: Array, biases: Array) -> Array:
    """bias + sums of x * weight, x being in_offset outside of the image: int32 [images, out_h, out_w, out_c].

    biases [out_c, 2]: of even and odd pixels of each four; the even one lacks 2**15 for each chunk.
    """
    weights, counts = _unpacked(stream.tobytes(), p)
    even, odd = biases.T
    assert np.array_equal(even + (counts << 15), odd)
    return p.pooled_sums(x, weights, odd)


def conv2d_dual_mac_s8(p: DualMacParams, x: Array, stream: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_dual_mac_s8: see ``dual_mac_sums``."""
    sums = dual_mac_sums(p, x, stream, bias.reshape(-1, 2))
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def scratch_bytes(p: DualMacGeometry) -> int:
    """The inputs of four pixels, two in a word."""
    return 8 * p.terms


def overlap(p: DualMacGeometry) -> int | None:
    """Where the output may lie over the input."""
    return overlap_distance(p, _PIXELS, 1 if p.pool else _PIXELS)


def _cut_tiles(p: DualMacGeometry) -> int:
    """Tiles in which a pixel's window is cut by the border of the image."""
    image = p.unpooled
    cut = (image.inside(0) < p.kernel_h)[:, None] | (image.inside(1) < p.kernel_w)
    if p.pool:
        return p.images * int(cut.reshape(p.out_h, 2, p.out_w, 2).any(axis=(1, 3)).sum())
    return p.images * int(np.add.reduceat(cut.ravel(), np.arange(0, cut.size, _PIXELS)).astype(bool).sum())


def work(p: DualMacGeometry, constants: Sequence[Array | None]) -> Work:
    """Of tiles of four pixels: words and rows that are laid out, taps and chunks of all channels, and channels."""
    stream = constants[1]
    assert stream is not None
    chunks = int(_unpacked(stream.tobytes(), p)[1].sum())
    tiles, cut = -(-p.out_h * p.out_w // (1 if p.pool else _PIXELS)) * p.images, _cut_tiles(p)
    return {
        "words": (tiles - cut) * p.terms,
        "rows": (tiles - cut) * p.kernel_h,
        "cut_words": cut * p.terms,
        "cut_pixels": cut * p.kernel_h * p.kernel_w,
        "taps": tiles * p.terms * p.out_c,
        "chunks": tiles * chunks,
        "pooled_channels" if p.pool else "channels": tiles * p.out_c,
        "tiles": tiles,
    }


CONV2D_DUAL_MAC = Kernel(
    symbol="tg_conv2d_dual_mac_s8",
    c_file="convolution/tg_conv2d_dual_mac_s8.c",
    params=DualMacParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_dual_mac_s8,
    summary="2-D convolution, two products a multiplication; maximum of 2x2 blocks with pool",
    scratch=scratch_bytes,
    overlap=overlap,
    superseded_by=DSP,
    work=work,
    # Measured on layers of MLPerf Tiny's networks, and of two quantized ones.
    other_ends=(
        ("tflmr20", 12),
        ("tflite20", 11),
        ("tflmr", 17),
        ("tflm", 19),
        ("tfl", 62),
        ("onnxi20", 17),
        ("onnxi", 26),
    ),
    scaling="folded",
)


def offset_of(weights: Array) -> int | None:
    """What makes all weights bytes when added; None if there is no such number."""
    low, high = int(weights.min()), int(weights.max())
    return -low if high - low <= 255 else None


def dual_mac_constants(layer: ConvLayer, lowering: Lowering) -> tuple[int, Array, Array] | None:
    """A layer's filter_offset, its stream and its biases int32 [out_c, 2]; None where it has none.

    Whether its sums are requantized without wraps is looked at elsewhere.
    """
    bias, offset = layer.folded_bias, offset_of(layer.weights)
    if not layer.is_dense or bias is None or offset is None or not lowering.target.runs(CONV2D_DUAL_MAC):
        return None
    stream, counts = pack(layer.weights, offset)
    even = bias.astype(np.int64) - (counts << 15)
    if even.min(initial=0) < glow.INT32_MIN:
        return None
    return offset, stream, np.stack([even, bias], axis=1).astype(np.int32)


def limits_of(weights: Array, biases: Array) -> Limits:
    """What the halves of a chunk add up to, and how low the sums of even pixels begin: see ``SumRange``."""
    largest = 0
    for row in np.abs(weights):
        begins = np.cumsum([0, *chunks_of(row)])[:-1]
        largest = max(largest, int(np.add.reduceat(row, begins).max(initial=0)))
    lowest = max(0, -int(biases[:, 0].min(initial=0)))
    return {"halfwords": (largest * -glow.INT8_MIN, wide.INT16_MAX), "lowest": (lowest, -glow.INT32_MIN)}


def dual_mac_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_dual_mac_s8; None where that cannot be."""
    found = dual_mac_constants(layer, lowering) if layer.is_uniform and layer.offset_folds else None
    if found is None:
        return None
    offset, stream, biases = found
    params = DualMacParams(**layer.geometry, pool=layer.pool, filter_offset=offset, out=layer.requants[0])
    limits = limits_of(layer.weights, biases)
    return layer.variant(CONV2D_DUAL_MAC, params, lowering, {"filter": stream, "bias": biases}, limits=limits)


class ChannelwiseDualMacParams(DualMacGeometry):
    """Scales come after the biases. out_offset: the output's offset."""

    out_offset: I16


def conv2d_channelwise_dual_mac_s8(
    p: ChannelwiseDualMacParams, x: Array, stream: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_channelwise_dual_mac_s8: as tg_conv2d_dual_mac_s8, each channel with its own constants.

    bias [out_c, 2 + words]: those of ``dual_mac_sums``, and the words of the channel's scale.
    """
    words = bias.reshape(p.out_c, -1)
    sums = dual_mac_sums(p, x, stream, words[:, :2])
    out[...] = p.activate(epilogue.folded.apply(sums, words[:, 2:], p.out_offset)).reshape(out.shape)


CONV2D_CHANNELWISE_DUAL_MAC = CONV2D_DUAL_MAC.per_channel(
    "tg_conv2d_channelwise_dual_mac_s8", ChannelwiseDualMacParams, conv2d_channelwise_dual_mac_s8, in_armv6m=True
)


def channelwise_dual_mac_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_channelwise_dual_mac_s8; None where that cannot be, or is not needed."""
    scales = layer.narrow_scales
    found = dual_mac_constants(layer, lowering) if scales is not None else None
    if scales is None or found is None:
        return None
    offset, stream, biases = found
    params = ChannelwiseDualMacParams(
        **layer.geometry, pool=layer.pool, filter_offset=offset, out_offset=layer.out.offset
    )
    words = np.column_stack([biases, scales])
    constants, limits = {"filter": stream, "bias": words}, limits_of(layer.weights, biases)
    return layer.variant(CONV2D_CHANNELWISE_DUAL_MAC, params, lowering, constants, limits=limits)
