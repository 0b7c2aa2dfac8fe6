"""Layers whose biases and weights are a stream of bits, for scarce flash. See ``prefix_code`` for the format."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I16, U8, U16, In, Kernel, Out, Params, c_fields
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Optimize, Target, Variant
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.ops.conv2d_float import ConvSizes
from tinyglow.ops.conv2d_layer import ConvLayer
from tinyglow.ops.conv_sums import convolution_sums
from tinyglow.ops.fully_connected_layer import DenseLayer
from tinyglow.ops.max_pool import MAX_POOL_SQUARES, SquarePoolParams
from tinyglow.ops.prefix_code import Format, Packed, pack, unpack

_MOST_U16 = 65535
# Cycles, measured on the Cortex-M0+.
_DECODING = 48
_PRODUCT = 17


@dataclass(frozen=True)
class PackedConvParams(ConvSizes):
    """group: 1, or in_c and out_c alike. index_bits ... word_bits: see ``prefix_code``.

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
        return self.kernel_h * self.kernel_w * self.in_c // self.group

    @property
    def plain_bytes(self) -> int:
        """Of the weights in int8, the biases and the channels' constants in int32, as other kernels take them."""
        return self.out_c * (self.terms + (12 if self.word_bits else 4))


@dataclass(frozen=True)
class PackedDenseParams(Params):
    """One row. The other fields as in PackedConvParams."""

    depth: U16
    units: U16
    in_offset: I16
    act_min: I8
    act_max: I8
    index_bits: U8
    table_bytes: U8
    bias_bits: U8
    out: glow.Requant

    @property
    def plain_bytes(self) -> int:
        """As of PackedConvParams."""
        return self.units * (self.depth + 4)


def _word(requant: glow.Requant) -> int:
    """A channel's multiplier and shifts as one number."""
    return (requant.multiplier << 10) + (requant.pre << 5) + requant.post


def conv2d_packed_s8(p: PackedConvParams, x: Array, packed: Array, out: Array) -> None:
    """Definition of tg_conv2d_packed_s8: bias + sum of (x - in_offset) * weight; a padded tap is left out of a sum."""
    form = Format(p.index_bits, p.table_bytes, p.bias_bits, p.word_bits)
    weights, bias, words = unpack(Packed(packed, form), p.out_c, p.terms)
    images = x.reshape(-1, p.in_h, p.in_w, p.in_c)
    filters = weights.reshape(p.out_c, p.kernel_h, p.kernel_w, p.in_c // p.group)
    sums = convolution_sums(images, p.in_offset, filters, p.window, p.group)[:, : p.out_h, : p.out_w] + bias
    if p.word_bits:
        own = [glow.Requant(word >> 5 & 31, word & 31, word >> 10, p.out.offset) for word in words.tolist()]
        scaled = glow.requantize_channels(sums, own)
    else:
        scaled = glow.requantize(sums, p.out)
    out[...] = np.clip(scaled, p.act_min, p.act_max).astype(np.int8).reshape(out.shape)


def fully_connected_packed_s8(p: PackedDenseParams, x: Array, packed: Array, out: Array) -> None:
    """Definition of tg_fully_connected_packed_s8: bias + sum of (x - in_offset) * weight."""
    form = Format(p.index_bits, p.table_bytes, p.bias_bits)
    weights, bias, _ = unpack(Packed(packed, form), p.units, p.depth)
    sums = glow.accumulate(x.astype(np.int32) - p.in_offset, weights.T) + bias
    out[...] = np.clip(glow.requantize(sums, p.out), p.act_min, p.act_max).astype(np.int8)


CONV2D_PACKED = Kernel(
    symbol="tg_conv2d_packed_s8",
    c_file="convolution/tg_conv2d_packed_s8.c",
    params=PackedConvParams,
    operands=(In("input", "int8"), In("packed", "int8"), Out("output", "int8")),
    reference=conv2d_packed_s8,
    summary="2-D and depthwise convolution of entropy-coded weights",
    scratch=lambda p: 2 * p.terms,
    code_bytes=680,
)

FULLY_CONNECTED_PACKED = Kernel(
    symbol="tg_fully_connected_packed_s8",
    c_file="fully_connected/tg_fully_connected_packed_s8.c",
    params=PackedDenseParams,
    operands=(In("input", "int8"), In("packed", "int8"), Out("output", "int8")),
    reference=fully_connected_packed_s8,
    summary="fully connected layer of entropy-coded weights",
    code_bytes=420,
)


@dataclass(frozen=True)
class _Pool:
    """Maxima of 2x2 squares of the convolution's result, ``image``."""

    image: TensorType
    params: SquarePoolParams


def _wants_packing(target: Target) -> bool:
    return target.optimize is Optimize.SIZE and target.pack_weights


def _variant(
    kernel: Kernel,
    params: Params,
    packed: Packed,
    node: Node,
    cycles: int,
    lowering: Lowering,
    pool: _Pool | None = None,
) -> Variant:
    def emit() -> None:
        data = lowering.constant(f"{node.inputs[1]}_packed", packed.data)
        image = result = lowering.buffer(node.outputs[0])
        if pool:
            image = lowering.temporary(pool.image)
        lowering.call(kernel, [lowering.buffer(node.inputs[0]), data, image], params)
        if pool:
            lowering.call(MAX_POOL_SQUARES, [image, result], pool.params)

    scratch = kernel.scratch(params) if kernel.scratch else 0
    nbytes = -(-packed.data.size // 4) * 4  # as the plan aligns what comes behind it
    kernels = (kernel, MAX_POOL_SQUARES) if pool else (kernel,)
    return Variant(kernel.symbol, cycles, nbytes, emit, scratch=scratch, kernels=kernels)


def _fields(packed: Packed, in_offset: int, bounds: tuple[int, int], out: glow.Requant) -> dict[str, Any]:
    """Those that both kinds of parameters have."""
    limits = {"act_min": bounds[0], "act_max": bounds[1]}
    return {"in_offset": in_offset, **limits, **asdict(packed.format), "out": out}


def packed_conv_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_packed_s8; None where that cannot be, or is not asked for."""
    sizes, group = dict(layer.sizes), layer.sizes["group"]
    fits = group == 1 or group == sizes["in_c"] == sizes["out_c"]
    if not _wants_packing(lowering.target) or not fits or layer.activation["leaky"]:
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
        pool = _Pool(image, SquarePoolParams(height, width, channels, images))
    bounds = layer.activation["act_min"], layer.activation["act_max"]
    params = PackedConvParams(**sizes, **_fields(packed, layer.in_offset, bounds, layer.requants[0]))
    outputs = sizes["images"] * sizes["out_h"] * sizes["out_w"] * sizes["out_c"]
    cycles = _DECODING * layer.weights.size + outputs * (_PRODUCT * params.terms + 200)
    return _variant(CONV2D_PACKED, params, packed, layer.node, cycles, lowering, pool)


def packed_dense_variants(layer: DenseLayer, lowering: Lowering) -> list[Variant]:
    """The layer through tg_fully_connected_packed_s8 and, as a convolution of points, through tg_conv2d_packed_s8:
    whichever the network has anyway costs no more code."""
    p = layer.params
    weights = layer.weights.astype(np.int32) - p.weights_offset
    if not _wants_packing(lowering.target) or p.depth > _MOST_U16:
        return []
    bias = layer.bias + layer.in_offset * weights.sum(axis=1, dtype=np.int32)
    packed = pack(weights, bias)
    if packed is None:
        return []
    common = _fields(packed, layer.in_offset, (p.act_min, p.act_max), p.out)
    sizes: dict[str, Any] = {name: 1 for name, _ in c_fields(ConvSizes)} | {"pad_top": 0, "pad_left": 0}
    sizes |= {"in_c": p.depth, "out_c": p.units, "images": p.rows}
    points = PackedConvParams(**sizes, **common)
    cycles = _DECODING * weights.size + p.rows * (_PRODUCT * weights.size + 200 * p.units)
    variants = [_variant(CONV2D_PACKED, points, packed, layer.node, cycles, lowering)]
    if p.rows == 1:
        del common["word_bits"]
        dense = PackedDenseParams(p.depth, p.units, **common)
        variants.append(_variant(FULLY_CONNECTED_PACKED, dense, packed, layer.node, cycles, lowering))
    return variants
