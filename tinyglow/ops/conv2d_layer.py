"""An int8 convolution as its kernels take it: geometry, weights free of offsets, biases, proofs about its sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I16, U8, Kernel, Operand, Params, Role
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics import glow
from tinyglow.ops.accumulator import check_accumulator, output_requant, prepared_bias
from tinyglow.ops.activation import Activation
from tinyglow.ops.conv2d_float import ConvSizes
from tinyglow.ops.conv_sums import convolution_sums


@dataclass(frozen=True)
class ConvGeometry(ConvSizes):
    """Sizes in elements; in_offset is the input's; act_min..act_max bounds the output.

    leaky: values below negative.offset, which stands for 0.0, are requantized by ``negative`` before they are bounded.
    """

    in_offset: I16
    act_min: I8
    act_max: I8
    leaky: U8
    negative: glow.Requant

    def sums(self, x: Array, filters: Array, filter_offsets: Array) -> Array:
        """[images, out_h, out_w, out_c] int32: sums of (x - in_offset) * (filter - filter_offset of its channel).

        A padded tap is left out of a sum: once the offset is taken off, that is the same as a zero.
        """
        images = x.reshape(-1, self.in_h, self.in_w, self.in_c)
        weights = filters.reshape(self.out_c, -1).astype(np.int32) - filter_offsets.reshape(-1, 1)
        shape = (self.out_c, self.kernel_h, self.kernel_w, self.in_c // self.group)
        sums = convolution_sums(images, self.in_offset, weights.reshape(shape), self.window, self.group)
        return sums[:, : self.out_h, : self.out_w]

    def folded_sums(self, x: Array, weights: Array, bias: Array) -> Array:
        """[images, out_h, out_w, out_c] int32: bias + sums of x * weight, x being in_offset outside of the image.

        weights: int32 [out_c, terms], free of offsets; bias: int32 [out_c], with the input's offset folded into it.
        """
        flat = weights.reshape(self.out_c, -1)
        folded = bias.reshape(self.out_c) + self.in_offset * flat.sum(axis=1)  # sums() takes in_offset off every x
        return self.sums(x, flat, np.zeros(self.out_c, np.int32)) + folded.astype(np.int32)

    def activate(self, x: Array) -> Array:
        """Requantized sums as int8, behind the activation."""
        if self.leaky:
            below = glow.requantize(x - np.int32(self.negative.offset), self.negative)
            x = np.where(x < self.negative.offset, below, x)
        return np.clip(x, self.act_min, self.act_max).astype(np.int8)


@dataclass(frozen=True)
class PooledGeometry(ConvGeometry):
    """pool: 2 if out_h x out_w are the maxima of 2x2 squares of the convolution's pixels, 0 if they are its pixels."""

    pool: U8

    @property
    def unpooled(self) -> PooledGeometry:
        """The convolution alone."""
        factor = self.pool or 1
        return replace(self, out_h=self.out_h * factor, out_w=self.out_w * factor, pool=0)

    def pooled(self, sums: Array) -> Array:
        """Sums [images, height, width, channels] of the convolution as those of the output."""
        if not self.pool:
            return sums
        images, height, width, channels = sums.shape
        result: Array = sums.reshape(images, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))
        return result

    def pixels(self) -> Iterator[tuple[int, int]]:
        """(row, column) of each of the convolution's pixels, in the order of the outputs that they are for."""
        factor = self.pool or 1
        for y in range(self.out_h):
            for x in range(self.out_w):
                for dy in range(factor):
                    for dx in range(factor):
                        yield y * factor + dy, x * factor + dx


def first_inputs(p: PooledGeometry) -> Array:
    """Offset in the image of the first input that each pixel may read, in the order of ``p.pixels()``: int64."""
    pixels = np.array(list(p.pixels()), np.int64).reshape(-1, 2)
    top = np.maximum(pixels[:, 0] * p.stride_h - p.pad_top, 0)
    left = np.maximum(pixels[:, 1] * p.stride_w - p.pad_left, 0)
    # A window to the left of the image begins at its first column, one above it in its first row.
    offsets: Array = (np.minimum(top, p.in_h - 1) * p.in_w + np.minimum(left, p.in_w - 1)) * p.in_c
    return offsets


def trailing_distance(p: PooledGeometry, pixels: int, outputs: int) -> int | None:
    """Where the output may start over the input, for a kernel that computes ``pixels`` pixels of the convolution,
    reading all they need, before it writes their ``outputs`` pixels; None for several images.

    What is written when a step ends must lie before everything that later steps read.
    """
    if p.images != 1:
        return None
    first = first_inputs(p)
    later = np.minimum.accumulate(first[::-1])[::-1]  # the first input that this pixel or a later one reads
    begins = np.arange(pixels, len(first), pixels)
    ends = np.arange(1, len(begins) + 1) * outputs * p.out_c
    distance = int((later[begins] - ends).min(initial=np.iinfo(np.int32).max))
    # At the last step everything has been read.
    return min(distance, p.in_h * p.in_w * p.in_c)


def channel_words(constants: Sequence[glow.Requant], filter_offsets: Sequence[int]) -> Array:
    """The operand ``channels`` of kernels with a scale for each channel: int32 [2 * out_c]."""
    words = [
        (c.multiplier, c.pre + (c.post << 8) + (offset << 16))
        for c, offset in zip(constants, filter_offsets, strict=True)
    ]
    return np.array(words, np.int32).ravel()


def channel_constants(words: Array, offset: int) -> tuple[list[glow.Requant], Array]:
    """The inverse of ``channel_words``: constants, with the output's offset, and filter offsets, int32 [out_c]."""
    pairs = words.reshape(-1, 2)
    constants = [glow.Requant(shifts & 0xFF, shifts >> 8 & 0xFF, scale, offset) for scale, shifts in pairs.tolist()]
    return constants, pairs[:, 1] >> 16


def scale_words(requants: Sequence[glow.Requant]) -> Array | None:
    """Scales of channels, whose offset is not in them, as tg_requantize_by of tg_numerics.h takes them: int32 [out_c].

    None where one has no last shift, or a multiplier of more than 16 bits: a scale of more than 1.
    """
    if not all(r.post >= 1 and 0 < r.multiplier < 1 << 16 for r in requants):
        return None
    words = [r.pre + ((r.post - 1) << 8) + (r.multiplier << 16) for r in requants]
    return np.array(words, np.uint32).view(np.int32)


def requantize_scale_words(sums: Array, words: Array, offset: int) -> Array:
    """Sums int32 [..., out_c] by ``scale_words`` of each channel, and the output's offset."""
    numbers = words.view(np.uint32).ravel().tolist()
    own = [glow.Requant(word & 0xFF, (word >> 8 & 0xFF) + 1, word >> 16, offset) for word in numbers]
    return glow.requantize_channels(sums, own)


def high_words(requants: Sequence[glow.Requant]) -> Array | None:
    """Scales of channels, whose offset is not in them, as tg_scale_high of tg_dsp.h takes them: int32 [out_c].

    None where one does not fit a word at all (``fits_high_word``), or not beside its shift.
    """
    if not all(r.post <= 24 and fits_high_word(r) for r in requants):
        return None
    return np.array([r.pre + (r.multiplier << (32 - r.post)) for r in requants], np.int32)


def requantize_high_words(sums: Array, words: Array, offset: int) -> Array:
    """Sums int32 [..., out_c] by ``high_words`` of each channel, and the output's offset."""
    out = np.empty_like(sums)
    for channel, word in enumerate(words.ravel().tolist()):
        out[..., channel] = glow.requantize_high(sums[..., channel], word & 0xFF, word & ~0xFF, offset)
    return out


@dataclass(frozen=True, eq=False)
class ConvLayer:
    """A quantized convolution about to be lowered.

    sizes: fields of ConvSizes; weights: int32 [out_c, terms], filter minus its offset; filters: int8, as stored,
    [out_c, kernel_h, kernel_w, in_c / group]; bias: int32 [out_c], what Glow starts its sums of (x - in_offset) * w
    with; requants: of each channel; activation: fields act_min ... negative; pool: see PooledGeometry.
    """

    node: Node
    sizes: dict[str, Any]
    filters: Array
    filter_offsets: Array
    bias: Array
    requants: Sequence[glow.Requant]
    in_offset: int
    out: QuantParams
    activation: dict[str, Any]
    per_channel: bool
    pool: int = 0

    @cached_property
    def weights(self) -> Array:
        flat = self.filters.reshape(len(self.filters), -1).astype(np.int32)
        return flat - self.filter_offsets.reshape(-1, 1)

    @property
    def is_dense(self) -> bool:
        """Whether every output channel reads all input channels, and windows have no gaps."""
        return bool(self.sizes["group"] == self.sizes["dilation_h"] == self.sizes["dilation_w"] == 1)

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel is filtered by itself, and windows have no gaps."""
        sizes = self.sizes
        by_channel = sizes["group"] == sizes["in_c"] == sizes["out_c"]
        return bool(by_channel and sizes["dilation_h"] == sizes["dilation_w"] == 1)

    @property
    def is_uniform(self) -> bool:
        """Whether one scale serves all channels, and nothing leaks."""
        return not (self.per_channel or self.activation["leaky"])

    @property
    def scales(self) -> Array | None:
        """``scale_words`` of a layer with a scale for each channel; None if it has one for all, or one that wraps."""
        return scale_words(self.requants) if self.per_channel and self.offset_folds else None

    @property
    def high_scales(self) -> Array | None:
        """``high_words`` of a layer with a scale for each channel; None if it has one for all, or one that wraps."""
        return high_words(self.requants) if self.per_channel and self.monotone else None

    @property
    def one_filter_offset(self) -> int | None:
        """The offset of all filters, if that is one: Glow's with a scale for each channel have none."""
        offsets = set(self.filter_offsets.tolist())
        return offsets.pop() if len(offsets) == 1 else None

    @property
    def geometry(self) -> dict[str, Any]:
        """Fields of ConvGeometry."""
        return {**self.sizes, "in_offset": self.in_offset, **self.activation}

    @property
    def folded_bias(self) -> Array | None:
        """int32 [out_c]: the bias of sums of x * weight, without the input's offset; None where one might overflow."""
        weights = self.weights.astype(np.int64)
        folded = self.bias - self.in_offset * weights.sum(axis=1)
        largest = np.abs(weights).sum(axis=1) * -glow.INT8_MIN + np.abs(folded)
        return folded.astype(np.int32) if int(largest.max(initial=0)) <= glow.INT32_MAX else None

    def sum_bounds(self) -> tuple[Array, Array]:
        """The least and the largest sum of each channel over all int8 inputs: int64 [out_c]."""
        weights = self.weights.astype(np.int64)
        low, high = glow.INT8_MIN - self.in_offset, glow.INT8_MAX - self.in_offset
        positive, negative = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
        # A tap in the padding counts as 0, which lies between them.
        return self.bias + positive * low + negative * high, self.bias + positive * high + negative * low

    @property
    def monotone(self) -> bool:
        """Whether a larger sum never gives a smaller output: no requantization wraps, and nothing leaks."""
        return not self.activation["leaky"] and self._bounded(0)

    @property
    def offset_folds(self) -> bool:
        """Whether the output's offset may be added before the last shift of a requantization, and nothing leaks."""
        return self.monotone and self._bounded(abs(self.out.offset))

    @property
    def is_high_word(self) -> bool:
        """Whether SMMLAR alone requantizes a sum: nothing wraps or leaks, and it need not be shifted before."""
        return self.is_uniform and self.monotone and not self.requants[0].pre and fits_high_word(self.requants[0])

    def variant(
        self,
        kernel: Kernel,
        params: Params,
        cycles: int,
        lowering: Lowering,
        constants: Mapping[str, Array],
        code: int = 0,
    ) -> Variant:
        """The layer by one call of a kernel. constants: data of the operands beside image and result, by their names;
        code: bytes of code that an operand becomes."""
        weights, bias = self.node.inputs[1:3]
        names = {"filter": weights, "bias": bias, "channels": f"{weights}_channels"}

        def buffer(operand: Operand) -> str:
            if operand.role is Role.OUT:
                return lowering.buffer(self.node.outputs[0])
            if operand.role is Role.CODE:
                return lowering.code(weights, constants[operand.name])
            if operand.name in constants:
                return lowering.constant(names[operand.name], constants[operand.name])
            return lowering.buffer(self.node.inputs[0])

        def emit() -> None:
            lowering.call(kernel, [buffer(operand) for operand in kernel.operands], params)

        stored = [operand.name for operand in kernel.operands if operand.role is Role.IN and operand.name in constants]
        nbytes = code + sum(constants[name].nbytes for name in stored)
        return Variant(kernel.symbol, cycles, nbytes, emit, code, kernel.scratch(params) if kernel.scratch else 0)

    def _bounded(self, offset: int) -> bool:
        bounds = np.stack(self.sum_bounds(), axis=1).tolist()
        return all(
            within_int32(bound, requant, offset)
            for pair, requant in zip(bounds, self.requants, strict=True)
            for bound in pair
        )


def within_int32(total: int, requant: glow.Requant, offset: int) -> bool:
    """Whether ``total`` is requantized without a wrap, with ``offset`` added before the last shift."""
    product = abs((total >> requant.pre) * requant.multiplier)
    return requant.multiplier > 0 and product + ((offset + 1) << requant.post) <= glow.INT32_MAX


def fits_high_word(requant: glow.Requant) -> bool:
    """Whether a requantization that does not wrap is the rounded upper word of a product of int32, plus the offset.

    ((x >> pre) * m + 2**(post - 1)) >> post == ((x >> pre) * (m << (32 - post)) + 2**31) >> 32: SMMLAR's result.
    """
    return requant.post > 0 and 0 < requant.multiplier << (32 - requant.post) <= glow.INT32_MAX


def conv_layer(
    node: Node,
    types: Sequence[TensorType],
    constants: tuple[Array, Array],
    sizes: dict[str, Any],
    activation: Activation,
    pool: int = 0,
) -> ConvLayer:
    """What is known of a quantized convolution; UnsupportedError if its sums may overflow.

    types: of image, filters, bias and result; constants: filters int8 [out_c, kh, kw, in_c / group] and bias [out_c].
    """
    image, filters, bias, out = types
    weights, biases = constants
    assert image.quant and out.quant
    per_channel = filters.channel_params()
    sums = np.empty(len(per_channel), np.int32)
    for i, (filter_params, bias_params) in enumerate(zip(per_channel, bias.channel_params(), strict=True)):
        sums[i : i + 1] = prepared_bias(biases[i : i + 1], bias_params, image.quant, filter_params)
        check_accumulator(weights[i].reshape(1, -1), filter_params, image.quant, sums[i : i + 1])
    return ConvLayer(
        node=node,
        sizes=sizes,
        filters=weights,
        filter_offsets=np.array([params.offset for params in per_channel], np.int32),
        bias=sums,
        requants=[output_requant(image.quant, params, out.quant) for params in per_channel],
        in_offset=image.quant.offset,
        out=out.quant,
        activation=activation.constants(out.quant),
        per_channel=filters.quant is None,
        pool=pool,
    )
