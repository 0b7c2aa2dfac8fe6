"""Depthwise convolution with a scale for each channel for Cortex-M4, M7 and M33: four channels at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.depthwise_dsp import GROUP, is_fast, overlap, pack, unpack, work
from tinyglow.kernels.convolution.geometry import ConvGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.targets.cores import DSP


@dataclass(frozen=True)
class DepthwiseChannelwiseDspParams(ConvGeometry):
    """group, in_c and out_c are equal.

    The activation is not leaky, and nothing wraps. out_offset: the output's offset.
    """

    out_offset: I16

    @property
    def taps(self) -> int:
        """Products of one sum."""
        return self.kernel_h * self.kernel_w


def depthwise_channelwise_dsp_s8(
    p: DepthwiseChannelwiseDspParams, x: Array, filters: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of both kernels: as ``depthwise_dsp_s8``, each channel with its own constants.

    filters: the words of each four channels are after their weights.
    """
    groups, plain = filters.reshape(-(-p.in_c // GROUP), -1), GROUP + 2 * p.taps
    weights, bias = unpack(np.ascontiguousarray(groups[:, :plain]), p.in_c, p.taps)
    sums = p.sums(x, weights, np.zeros(p.out_c, np.int32)) + bias
    scaled = epilogue.high.apply(sums, groups[:, plain:].reshape(len(groups) * GROUP, -1)[: p.out_c], p.out_offset)
    out[...] = p.activate(scaled).reshape(out.shape)


DEPTHWISE_CHANNELWISE_DSP = Kernel(
    symbol="tg_depthwise_channelwise_dsp_s8",
    c_file="convolution/tg_depthwise_channelwise_dsp_s8.c",
    params=DepthwiseChannelwiseDspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=depthwise_channelwise_dsp_s8,
    summary="depthwise convolution with a scale for each channel, four channels at once",
    overlap=overlap,
    needs=DSP,
    work=work,
    epilogues=True,
)

DEPTHWISE_3X3_CHANNELWISE_DSP = Kernel(
    symbol="tg_depthwise_3x3_channelwise_dsp_s8",
    c_file="convolution/tg_depthwise_3x3_channelwise_dsp_s8.c",
    params=DepthwiseChannelwiseDspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=depthwise_channelwise_dsp_s8,
    summary="depthwise convolution with windows of 3x3 and a scale for each channel, four channels at once",
    # One window with what lies outside the image.
    scratch=lambda p: 9 * p.in_c,
    overlap=overlap,
    needs=DSP,
    work=work,
    epilogues=True,
)


def depthwise_channelwise_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through one of these kernels; None where that cannot be, or is not needed."""
    scales = layer.high_scales
    fits = (
        layer.is_depthwise
        and layer.sizes["group"] > 1
        and not layer.pool
        and lowering.target.runs(DEPTHWISE_CHANNELWISE_DSP)
    )
    if not fits or scales is None:
        return None
    params = DepthwiseChannelwiseDspParams(**layer.geometry, out_offset=layer.out.offset)
    fast = is_fast((params.kernel_h, params.kernel_w), params.in_c, params.leaky)
    kernel = DEPTHWISE_3X3_CHANNELWISE_DSP if fast else DEPTHWISE_CHANNELWISE_DSP
    constants = {"filter": pack(layer.weights, layer.bias, scales)}
    return layer.variant(kernel, params, lowering, constants)
