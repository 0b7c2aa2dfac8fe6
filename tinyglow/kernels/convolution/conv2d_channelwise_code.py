"""Convolution whose weights are code, with a scale for each output channel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, Code, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.conv2d_code import (
    CodeGeometry,
    code_of,
    code_sums,
    fits,
    generate,
    overlap,
    pairs_at_once,
    scratch_bytes,
    work,
)
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP


@dataclass(frozen=True)
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


CONV2D_CHANNELWISE_CODE = Kernel(
    symbol="tg_conv2d_channelwise_code_s8",
    c_file="convolution/tg_conv2d_channelwise_code_s8.c",
    params=ChannelwiseCodeParams,
    operands=(
        In("input", "int8"),
        Code("weights", "int32", generate),
        In("bias", "int32"),
        Out("output", "int8"),
    ),
    reference=conv2d_channelwise_code_s8,
    summary="2-D convolution with a scale for each output channel, whose weights are code",
    scratch=scratch_bytes,
    overlap=overlap,
    superseded_by=DSP,
    work=work,
    epilogues=True,
)


def channelwise_code_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_channelwise_code_s8; None where that cannot be, or is not needed."""
    scales, bias = layer.scales, layer.folded_bias
    if scales is None or bias is None or not fits(layer, lowering):
        return None
    params = ChannelwiseCodeParams(**layer.geometry, pool=layer.pool, pairs=1, out_offset=layer.out.offset)
    params = replace(params, pairs=pairs_at_once(params))
    code = code_of(params, layer.weights)
    constants = {"weights": layer.weights, "bias": np.column_stack([bias, scales])}
    return layer.variant(CONV2D_CHANNELWISE_CODE, params, lowering, constants, code.nbytes)
