"""Fully connected layer whose biases and weights are a stream of bits. See ``codegen.prefix_code``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyglow.codegen.prefix_code import Format, Packed, pack, unpack
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I16, U8, U16, In, Kernel, Out, Params, c_fields
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.conv2d_packed import CONV2D_PACKED, PackedConvParams
from tinyglow.kernels.convolution.geometry import ConvSizes
from tinyglow.kernels.entropy_coded import (
    DECODING_CYCLES,
    PRODUCT_CYCLES,
    entropy_coded_fields,
    entropy_coded_variant,
    wants_packing,
)
from tinyglow.kernels.fully_connected.layer import DenseLayer
from tinyglow.numerics import glow, wide
from tinyglow.numerics.epilogue import Epilogue

_MOST_U16 = 65535


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


def fully_connected_packed_s8(p: PackedDenseParams, x: Array, packed: Array, out: Array, epilogue: Epilogue) -> None:
    """Definition of tg_fully_connected_packed_s8: bias + sum of (x - in_offset) * weight."""
    form = Format(p.index_bits, p.table_bytes, p.bias_bits)
    weights, bias, _ = unpack(Packed(packed, form), p.units, p.depth)
    sums = glow.accumulate(x.astype(np.int32) - p.in_offset, weights.T) + bias
    out[...] = np.clip(epilogue.requantize(sums, p.out), p.act_min, p.act_max).astype(np.int8)


FULLY_CONNECTED_PACKED = Kernel(
    symbol="tg_fully_connected_packed_s8",
    c_file="fully_connected/tg_fully_connected_packed_s8.c",
    params=PackedDenseParams,
    operands=(In("input", "int8"), In("packed", "int8"), Out("output", "int8")),
    reference=fully_connected_packed_s8,
    summary="fully connected layer of entropy-coded weights",
    code_bytes=420,
    plain_bytes=lambda p: p.plain_bytes,
    epilogues=True,
)


def packed_dense_variants(layer: DenseLayer, lowering: Lowering) -> list[Variant]:
    """The layer through tg_fully_connected_packed_s8 and, as a 1x1 convolution, through tg_conv2d_packed_s8.

    The one that the network has anyway costs no more code.
    """
    p = layer.params
    weights = layer.weights.astype(np.int32) - p.weights_offset
    if not wants_packing(lowering.target) or p.depth > _MOST_U16:
        return []
    bias = layer.bias + layer.in_offset * weights.sum(axis=1, dtype=np.int32)
    packed = pack(weights, bias)
    if packed is None:
        return []
    common = entropy_coded_fields(packed, layer.in_offset, (p.act_min, p.act_max), p.out)
    sizes: dict[str, Any] = {name: 1 for name, _ in c_fields(ConvSizes)} | {"pad_top": 0, "pad_left": 0}
    sizes |= {"in_c": p.depth, "out_c": p.units, "images": p.rows}
    points = PackedConvParams(**sizes, **common)
    cycles = DECODING_CYCLES * weights.size + p.rows * (PRODUCT_CYCLES * weights.size + 200 * p.units)
    sums = layer.sum_range({"halfwords": (int(np.abs(weights).max(initial=0)), wide.INT16_MAX)})
    variants = [entropy_coded_variant(CONV2D_PACKED, points, packed, layer.node, cycles, lowering, sums)]
    if p.rows == 1:
        del common["word_bits"]
        dense = PackedDenseParams(p.depth, p.units, **common)
        variants.append(
            entropy_coded_variant(FULLY_CONNECTED_PACKED, dense, packed, layer.node, cycles, lowering, sums)
        )
    return variants
