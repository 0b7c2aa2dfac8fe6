"""Convolution for ARMv6-M with a scale for each output channel: two products in one multiplication."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.conv2d_dual_mac import (
    DualMacGeometry,
    dual_mac_constants,
    dual_mac_sums,
    overlap,
    scratch_bytes,
    work,
)
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP


@dataclass(frozen=True)
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


CONV2D_CHANNELWISE_DUAL_MAC = Kernel(
    symbol="tg_conv2d_channelwise_dual_mac_s8",
    c_file="convolution/tg_conv2d_channelwise_dual_mac_s8.c",
    params=ChannelwiseDualMacParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_channelwise_dual_mac_s8,
    summary="2-D convolution with a scale for each output channel, two products a multiplication",
    scratch=scratch_bytes,
    overlap=overlap,
    superseded_by=DSP,
    work=work,
    epilogues=True,
    in_armv6m=True,
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
    return layer.variant(CONV2D_CHANNELWISE_DUAL_MAC, params, lowering, {"filter": stream, "bias": words})
