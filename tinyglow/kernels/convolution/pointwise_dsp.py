"""Convolution of 1x1 over few channels for Cortex-M4, M7 and M33: a pixel's inputs stay in registers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I16, I32, U16, In, Kernel, Out, Params, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels import packed_halfwords
from tinyglow.kernels.convolution.conv2d_dsp import is_pointwise
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP

_WORD = 4  # bytes
_GROUP = 4  # output channels
_WORDS = 5  # of an output channel, without its scale
_LEAST, _MOST = _WORD, 2 * _WORD  # input channels


class PointwiseGeometry(Params):
    """A 1x1 convolution of few channels.

    Attributes:
        pixels: Of all images.
        in_c: 4 to 8.
        out_c: A multiple of four.
        act_min: Lower bound of the output.
        act_max: Upper bound of the output.
    """

    pixels: I32
    in_c: U16
    out_c: U16
    act_min: I8
    act_max: I8


class PointwiseParams(PointwiseGeometry):
    """``out`` maps sums to the output, see ``ConvLayer.is_high_word``."""

    out: glow.Requant


class PointwiseChannelwiseParams(PointwiseGeometry):
    """Scales come before the biases (``ConvLayer.high_scales``). out_offset: the output's offset."""

    out_offset: I16


def pack(weights: Array, bias: Array, scales: Array | None = None) -> Array:
    """Weights int32 [out_c, in_c], biases, and scales, if any, as the kernel's filter: int32, flat."""
    out_c, in_c = weights.shape
    taps = np.zeros((out_c, 2, _WORD), np.int64)
    taps[:, 0] = weights[:, :_WORD]
    taps[:, 1, 2 * _WORD - in_c :] = weights[:, _WORD:]
    words = packed_halfwords.join(taps[..., :2], taps[..., 2:]).reshape(out_c, -1)
    before = [bias] if scales is None else [scales, bias]
    return packed_halfwords.rows_of_words([*before, words])


def unpack(packed: Array, in_c: int, count: int = _WORDS) -> tuple[Array, Array]:
    """The weights and biases of packed words: the inverse of ``pack``.

    count: words of an output channel with its scale.
    """
    words = packed.reshape(-1, count)[:, -_WORDS:]
    pairs = words[:, 1:].reshape(-1, 2, 2)
    taps = np.concatenate([packed_halfwords.low(pairs), packed_halfwords.high(pairs)], axis=2)
    weights = np.concatenate([taps[:, 0], taps[:, 1, 2 * _WORD - in_c :]], axis=1)
    return weights, words[:, 0]


def pointwise_dsp_s8(p: PointwiseParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_pointwise_dsp_s8: bias + sum of x * weight."""
    _store(p, glow.requantize(_sums(p, x, filters), p.out), out)


def pointwise_channelwise_dsp_s8(
    p: PointwiseChannelwiseParams, x: Array, filters: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_pointwise_channelwise_dsp_s8: the same, each channel with its own constants."""
    scales = filters.reshape(p.out_c, -1)[:, :-_WORDS]
    _store(p, epilogue.high.apply(_sums(p, x, filters), scales, p.out_offset), out)


def _sums(p: PointwiseGeometry, x: Array, filters: Array) -> Array:
    weights, bias = unpack(filters, p.in_c, filters.size // p.out_c)
    return glow.accumulate(x.reshape(-1, p.in_c).astype(np.int32), weights.T) + bias


def _store(p: PointwiseGeometry, scaled: Array, out: Array) -> None:
    out[...] = np.clip(scaled, p.act_min, p.act_max).astype(np.int8).reshape(out.shape)


def _overlap(p: PointwiseGeometry) -> int:
    """A pixel is written when it has been read."""
    ahead = p.in_c - p.out_c  # by so much less than is read is written, with every pixel but the last
    return min(ahead, (p.pixels - 1) * ahead, p.pixels * p.in_c) if p.pixels > 1 else p.in_c


def work(p: PointwiseGeometry, constants: Sequence[Array | None]) -> Work:
    """Outputs, those of two words of inputs, and pixels by their words and whether they are whole."""
    words, ragged = -(-p.in_c // _WORD), p.in_c % _WORD
    more = {"long_outputs": p.pixels * p.out_c, "long_pixels": p.pixels} if words > 1 else {}
    return {"outputs": p.pixels * p.out_c, "pixels": p.pixels, "ragged_pixels": p.pixels * bool(ragged), **more}


POINTWISE_DSP = Kernel(
    symbol="tg_pointwise_dsp_s8",
    c_file="convolution/tg_pointwise_dsp_s8.c",
    params=PointwiseParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=pointwise_dsp_s8,
    summary="2-D convolution of 1x1 over 4 to 8 channels",
    overlap=_overlap,
    needs=DSP,
    work=work,
    scaling="high",
)


POINTWISE_CHANNELWISE_DSP = POINTWISE_DSP.per_channel(
    "tg_pointwise_channelwise_dsp_s8", PointwiseChannelwiseParams, pointwise_channelwise_dsp_s8
)


def pointwise_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where it does not fit, or for ARMv6-M."""
    sizes, bias, scales = layer.sizes, layer.folded_bias, layer.high_scales
    few = _LEAST <= sizes["in_c"] <= _MOST and sizes["out_c"] % _GROUP == 0
    fits = few and layer.is_dense and is_pointwise(sizes) and not layer.pool
    if not fits or bias is None or not lowering.target.runs(POINTWISE_DSP):
        return None
    pixels = sizes["images"] * sizes["out_h"] * sizes["out_w"]
    fields = {"pixels": pixels, "in_c": sizes["in_c"], "out_c": sizes["out_c"]}
    fields |= {"act_min": layer.activation["act_min"], "act_max": layer.activation["act_max"]}
    constants = {"filter": pack(layer.weights, bias, scales)}
    if scales is not None:
        own = PointwiseChannelwiseParams(**fields, out_offset=layer.out.offset)
        return layer.variant(POINTWISE_CHANNELWISE_DSP, own, lowering, constants)
    if layer.is_high_word:
        params = PointwiseParams(**fields, out=layer.requants[0])
        return layer.variant(POINTWISE_DSP, params, lowering, constants)
    return None
