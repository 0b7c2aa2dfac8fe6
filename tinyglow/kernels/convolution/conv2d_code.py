"""Convolution whose weights are code (see ``codegen.weights_code``): the fewer of them are not zero, the faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from tinyglow.codegen.weights_code import SUMS_OF_A_PAIR, WeightsCode, weights_code
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, U16, Code, Generated, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.overlap import first_inputs, overlap_distance
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP

_BYTES_PER_WEIGHT = 6
_WORDS = 48  # to be laid out at once, unless one column of pixels needs more


class CodeGeometry(PooledGeometry):
    """The activation is not leaky. at_once: columns of pixels whose inputs are laid out at once; even with pool."""

    at_once: U16

    @property
    def column_words(self) -> int:
        """Words in one column of what is laid out: see tg_conv2d_code_s8.c."""
        return self.in_c * self.kernel_h

    def input_columns(self, columns: int) -> int:
        """Columns of the input that so many columns of pixels need."""
        return (columns - 1) * self.stride_w + self.kernel_w


class CodeParams(CodeGeometry):
    """``out`` maps sums to the output."""

    out: glow.Requant


def code_sums(p: CodeGeometry, x: Array, weights: Array, bias: Array) -> Array:
    """bias + sums of x * weight, x being in_offset outside of the image: int32 [images, out_h, out_w, out_c]."""
    return p.pooled_sums(x, weights, bias)


def conv2d_code_s8(p: CodeParams, x: Array, weights: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_code_s8: see ``code_sums``."""
    out[...] = p.activate(glow.requantize(code_sums(p, x, weights, bias), p.out)).reshape(out.shape)


def code_of(p: CodeGeometry, weights: Array) -> WeightsCode:
    """The function of weights int32 [out_c, kernel_h * kernel_w * in_c / group]."""
    taps = weights.reshape(p.out_c, p.kernel_h, p.kernel_w, p.in_c // p.group)
    terms = []
    for channel, filters in enumerate(taps):
        first = channel // (p.out_c // p.group) * (p.in_c // p.group)
        row, column, within = np.nonzero(filters)
        words = (column * p.in_c + first + within) * p.kernel_h + row
        terms.append(sorted(zip(words.tolist(), filters[row, column, within].tolist(), strict=True)))
    return weights_code(terms)


def generate(p: CodeGeometry, weights: Array) -> Generated:
    """``code_of`` as the bundle takes it."""
    return code_of(p, weights).generated


def scratch_bytes(p: CodeGeometry) -> int:
    """Sums of two pixels in each of two rows, channels by twos; and the words."""
    return 4 * (SUMS_OF_A_PAIR * -(-p.out_c // 2) + p.input_columns(p.at_once) * p.column_words)


def overlap(p: CodeGeometry) -> int | None:
    """Where the output may lie over the input."""
    if p.pool:
        return overlap_distance(p, 4, 1)  # the blocks of one step or of many: more at once allow no less
    if p.at_once >= p.out_w or p.images != 1:
        return overlap_distance(p, 2 * p.out_w, 2 * p.out_w)
    # Two rows of the output are written while their inputs are read.
    later = np.minimum.accumulate(first_inputs(p)[::-1])[::-1]
    begins = np.arange(0, len(later), 2 * p.out_w)
    ends = np.minimum(begins + 2 * p.out_w, len(later)) * p.out_c
    return int((later[begins] - ends).min())


@lru_cache(maxsize=64)
def _code_cycles(p: CodeGeometry, weights: bytes) -> int:
    return code_of(p, np.frombuffer(weights, np.int32)).cycles


def _laid_out(p: CodeGeometry) -> Work:
    """Words that are laid out, outside of the image, by columns of three, by rows, or moved; and rows of steps."""
    outside = inside = moved = 0
    steps = range(0, p.unpooled.out_w, p.at_once)
    for x in steps:
        kept = max(p.kernel_w - p.stride_w, 0) if x else 0
        count = min(p.unpooled.out_w - x, p.at_once)
        left, right = x * p.stride_w - p.pad_left + kept, x * p.stride_w - p.pad_left + p.input_columns(count)
        within = max(min(right, p.in_w) - max(left, 0), 0)
        inside += within * p.in_c
        outside += (right - left - within) * p.column_words
        moved += kept * p.column_words
    tops = [y * p.stride_h - p.pad_top for y in range(0, p.unpooled.out_h, 2)]
    is_three = (p.kernel_h, p.stride_h) == (3, 1)
    threes = sum(is_three and top >= 0 and top + 3 < p.in_h for top in tops)
    others = (len(tops) - threes) * p.kernel_h
    return {
        "outside": p.images * len(tops) * outside,
        "threes": p.images * threes * inside,
        "words": p.images * others * inside,
        "rows": p.images * others * len(steps),
        "moved": p.images * len(tops) * moved,
        "steps": p.images * len(tops) * len(steps),
        "two_rows": p.images * len(tops),
    }


def work(p: CodeGeometry, constants: Sequence[Array | None]) -> Work:
    """Cycles of the instructions that weights become, what is laid out, pixels and their outputs."""
    weights = constants[1]
    assert weights is not None
    columns = p.images * -(-p.unpooled.out_h // 2) * p.unpooled.out_w
    outputs = p.images * p.out_h * p.out_w * p.out_c
    return {
        **_laid_out(p),
        "code": columns * _code_cycles(p, weights.tobytes()),
        "maxima" if p.pool else "outputs": outputs,
        "pooled_columns" if p.pool else "columns": columns,
    }


CONV2D_CODE = Kernel(
    symbol="tg_conv2d_code_s8",
    c_file="convolution/tg_conv2d_code_s8.c",
    params=CodeParams,
    operands=(
        In("input", "int8"),
        Code("weights", "int32", generate),
        In("bias", "int32"),
        Out("output", "int8"),
    ),
    reference=conv2d_code_s8,
    summary="2-D convolution whose weights are code; maximum of 2x2 blocks with pool",
    scratch=scratch_bytes,
    overlap=overlap,
    superseded_by=DSP,
    work=work,
    # Measured on layers of MLPerf Tiny's visual wake words, and of a quantized MobileNet block.
    other_ends=(("tfl", 39), ("onnxi", 12)),
)


def columns_at_once(geometry: CodeGeometry) -> int:
    """As many columns of pixels as their words leave room for."""
    fitting = (_WORDS // geometry.column_words - geometry.kernel_w) // geometry.stride_w + 1
    least = 2 if geometry.pool else 1
    return min(max(fitting // least * least, least), geometry.unpooled.out_w)


def fits(layer: ConvLayer, lowering: Lowering) -> bool:
    """Whether the layer's weights may become code."""
    if layer.sizes["dilation_h"] != 1 or layer.sizes["dilation_w"] != 1:
        return False
    # A weight takes three instructions at most times; to write them all takes a while.
    return lowering.target.allows_code(_BYTES_PER_WEIGHT * int(np.count_nonzero(layer.weights)))


def upright(layer: ConvLayer) -> dict[str, Any]:
    """The layer's geometry, a row of one pixel's height as a column: two pixels of a column share their words."""
    sizes = dict(layer.geometry)
    if sizes["in_h"] != 1 or sizes["kernel_h"] != 1 or sizes["out_h"] != 1 or layer.pool:
        return sizes
    for down, right in (("in_h", "in_w"), ("out_h", "out_w"), ("kernel_h", "kernel_w"), ("pad_top", "pad_left")):
        sizes[down], sizes[right] = sizes[right], sizes[down]
    sizes["stride_h"], sizes["stride_w"] = sizes["stride_w"], 1
    return sizes


def code_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_code_s8; None where that cannot be."""
    bias = layer.folded_bias
    if not layer.is_uniform or bias is None or not fits(layer, lowering):
        return None
    params = CodeParams(**upright(layer), pool=layer.pool, at_once=1, out=layer.requants[0])
    params = replace(params, at_once=columns_at_once(params))
    code = code_of(params, layer.weights)
    constants = {"weights": layer.weights, "bias": bias}
    return layer.variant(CONV2D_CODE, params, lowering, constants, code.nbytes, code.limits)


class ChannelwiseCodeParams(CodeGeometry):
    """Scales come after the biases. No requantization wraps. out_offset: the output's offset."""

    out_offset: I16


def conv2d_channelwise_code_s8(
    p: ChannelwiseCodeParams, x: Array, weights: Array, bias: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_channelwise_code_s8: as tg_conv2d_code_s8, each channel with its own constants.

    bias [out_c, 1 + words]: the bias, and the words of the channel's scale.
    """
    words = bias.reshape(p.out_c, -1)
    sums = code_sums(p, x, weights, words[:, 0])
    out[...] = p.activate(epilogue.folded.apply(sums, words[:, 1:], p.out_offset)).reshape(out.shape)


CONV2D_CHANNELWISE_CODE = CONV2D_CODE.per_channel(
    "tg_conv2d_channelwise_code_s8", ChannelwiseCodeParams, conv2d_channelwise_code_s8, scaling="folded"
)


def channelwise_code_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_channelwise_code_s8; None where that cannot be, or is not needed."""
    scales, bias = layer.scales, layer.folded_bias
    if scales is None or bias is None or not fits(layer, lowering):
        return None
    params = ChannelwiseCodeParams(**upright(layer), pool=layer.pool, at_once=1, out_offset=layer.out.offset)
    params = replace(params, at_once=columns_at_once(params))
    code = code_of(params, layer.weights)
    constants = {"weights": layer.weights, "bias": np.column_stack([bias, scales])}
    return layer.variant(CONV2D_CHANNELWISE_CODE, params, lowering, constants, code.nbytes, code.limits)
