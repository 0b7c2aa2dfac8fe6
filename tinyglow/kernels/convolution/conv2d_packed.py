"""Convolution whose biases and weights are a stream of bits, for scarce flash. See ``codegen.prefix_code``."""

from __future__ import annotations

import numpy as np

from tinyglow.codegen.prefix_code import Format, Packed, pack, unpack
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I16, U8, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.ir.types import TensorType
from tinyglow.kernels.convolution.geometry import ConvSizes
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.sums import convolution_sums
from tinyglow.kernels.entropy_coded import (
    DECODING_CYCLES,
    PRODUCT_CYCLES,
    PoolAfter,
    entropy_coded_fields,
    entropy_coded_variant,
    wants_packing,
)
from tinyglow.kernels.pooling.max_pool_2x2 import SquarePoolParams
from tinyglow.numerics import glow, wide
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW


class PackedConvParams(ConvSizes):
    """group: 1, or in_c and out_c alike. index_bits ... word_bits: see ``codegen.prefix_code``.

    ``out`` maps sums to the output, clamped to act_min..act_max; with word_bits, each channel's word is its own
    multiplier and shifts (``_word``).
    """

    in_offset: I16
    act_min: I8
    act_max: I8
    index_bits: U8
    table_bytes: U8
    bias_bits: U8
    word_bits: U8
    out: glow.Requant

    @property
    def terms(self) -> int:
        """Products of one sum."""
        return self.kernel_h * self.kernel_w * self.in_c // self.group

    @property
    def plain_bytes(self) -> int:
        """Of the weights in int8, the biases and the channels' constants in int32, as other kernels take them."""
        return self.out_c * (self.terms + (12 if self.word_bits else 4))


def _word(requant: glow.Requant) -> int:
    """A channel's multiplier and shifts as one number."""
    return (requant.multiplier << 10) + (requant.pre << 5) + requant.post


def conv2d_packed_s8(p: PackedConvParams, x: Array, packed: Array, out: Array, epilogue: Epilogue) -> None:
    """Definition of tg_conv2d_packed_s8: bias + sum of (x - in_offset) * weight; a padded tap is left out of a sum."""
    form = Format(p.index_bits, p.table_bytes, p.bias_bits, p.word_bits)
    weights, bias, words = unpack(Packed(packed, form), p.out_c, p.terms)
    images = x.reshape(-1, p.in_h, p.in_w, p.in_c)
    filters = weights.reshape(p.out_c, p.kernel_h, p.kernel_w, p.in_c // p.group)
    sums = convolution_sums(images, p.in_offset, filters, p.window, p.group)[:, : p.out_h, : p.out_w] + bias
    if p.word_bits:
        own = [glow.Requant(word >> 5 & 31, word & 31, word >> 10, p.out.offset) for word in words.tolist()]
        scaled = epilogue.requantize_channels(sums, own)
    else:
        scaled = epilogue.requantize(sums, p.out)
    out[...] = np.clip(scaled, p.act_min, p.act_max).astype(np.int8).reshape(out.shape)


CONV2D_PACKED = Kernel(
    symbol="tg_conv2d_packed_s8",
    c_file="convolution/tg_conv2d_packed_s8.c",
    params=PackedConvParams,
    operands=(In("input", "int8"), In("packed", "int8"), Out("output", "int8")),
    reference=conv2d_packed_s8,
    summary="2-D and depthwise convolution of entropy-coded weights",
    scratch=lambda p: 2 * p.terms,
    code_bytes=680,
    plain_bytes=lambda p: p.plain_bytes,
    epilogues=True,
)


def packed_conv_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_packed_s8; None where that cannot be, or is not asked for."""
    sizes, group = dict(layer.sizes), layer.sizes["group"]
    fits = group == 1 or group == sizes["in_c"] == sizes["out_c"]
    if not wants_packing(lowering.target) or not fits or layer.activation["leaky"] or layer.epilogue is not GLOW:
        return None
    words = np.array([_word(requant) for requant in layer.requants]) if layer.per_channel else None
    packed = pack(layer.weights, layer.bias, words)
    if packed is None:
        return None
    pool = None
    if layer.pool:
        sizes |= {name: layer.pool * sizes[name] for name in ("out_h", "out_w")}
        images, height, width, channels = (sizes[name] for name in ("images", "out_h", "out_w", "out_c"))
        image = TensorType((images, height, width, channels), "int8", layer.out)
        pool = PoolAfter(image, SquarePoolParams(height, width, channels, images))
    bounds = layer.activation["act_min"], layer.activation["act_max"]
    params = PackedConvParams(**sizes, **entropy_coded_fields(packed, layer.in_offset, bounds, layer.requants[0]))
    outputs = sizes["images"] * sizes["out_h"] * sizes["out_w"] * sizes["out_c"]
    cycles = DECODING_CYCLES * layer.weights.size + outputs * (PRODUCT_CYCLES * params.terms + 200)
    sums = layer.sum_range({"halfwords": (int(np.abs(layer.weights).max(initial=0)), wide.INT16_MAX)})
    return entropy_coded_variant(CONV2D_PACKED, params, packed, layer.node, cycles, lowering, sums, pool)
