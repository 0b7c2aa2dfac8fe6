"""Convolution of any geometry in portable C, with one scale or a scale for each output channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I16, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.ir.types import TensorType
from tinyglow.kernels.convolution.channel_scales import channel_constants, channel_words
from tinyglow.kernels.convolution.geometry import ConvGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.pooling.max_pool import MAX_POOL, square_pool
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue


class Conv2DParams(ConvGeometry):
    """One scale for all filters; ``out`` maps sums to the output."""

    filter_offset: I16
    out: glow.Requant


class ChannelwiseParams(ConvGeometry):
    """A scale for each output channel, in the operand ``channels``."""

    out_offset: I16


def conv2d_s8(p: Conv2DParams, x: Array, filters: Array, bias: Array, out: Array, epilogue: Epilogue) -> None:
    """Definition of tg_conv2d_s8."""
    layer = p.layer(x, filters, np.full(p.out_c, p.filter_offset, np.int32))
    rule = (epilogue, p.out, p.act_min, p.act_max)
    results = out.reshape(-1, p.out_h, p.out_w, p.out_c)  # a copy, where a sample is several images
    if p.leaky or not layer.requantized(bias, rule, results):
        results = p.activate(epilogue.requantize(layer.whole() + bias.reshape(p.out_c), p.out))
    if not np.may_share_memory(results, out):
        out[...] = results.reshape(out.shape)


def conv2d_channelwise_s8(
    p: ChannelwiseParams, x: Array, filters: Array, bias: Array, channels: Array, out: Array, epilogue: Epilogue
) -> None:
    """Definition of tg_conv2d_channelwise_s8: as tg_conv2d_s8, each channel with its own constants."""
    constants, filter_offsets = channel_constants(channels, p.out_offset)
    sums = p.sums(x, filters, filter_offsets)
    sums += bias.reshape(p.out_c)
    out[...] = p.activate(epilogue.requantize_channels(sums, constants)).reshape(out.shape)


def work(p: ConvGeometry, constants: Sequence[Array | None]) -> Work:
    """What lies inside the image: products by fours and left over, runs of neighbours, rows of windows; and outputs."""
    rows, columns = int(p.inside(0).sum()), p.inside(1)
    channels = p.images * p.out_c
    whole_rows = p.group == 1 and p.dilation_w == 1
    runs, repeats = (columns * p.in_c, 1) if whole_rows else (np.array([p.in_c // p.group]), int(columns.sum()))
    each = channels * rows * repeats
    return {
        "fours": each * int((runs // 4).sum()),
        "left_over": each * int((runs % 4).sum()),
        "runs": each * len(runs),
        "rows": channels * rows * p.out_w,
        "outputs": channels * p.out_h * p.out_w,
    }


CONV2D = Kernel(
    symbol="tg_conv2d_s8",
    c_file="convolution/tg_conv2d_s8.c",
    params=Conv2DParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_s8,
    summary="2-D convolution, any stride, padding, dilation and group",
    code_bytes=1150,
    work=work,
    epilogues=True,
    divides=True,
)

CONV2D_CHANNELWISE = CONV2D.per_channel(
    "tg_conv2d_channelwise_s8",
    ChannelwiseParams,
    conv2d_channelwise_s8,
    operands=(*CONV2D.operands[:3], In("channels", "int32"), CONV2D.operands[3]),
)


def portable_variant(layer: ConvLayer, lowering: Lowering) -> Variant:
    """The kernels that take any geometry; a pool after it gets a kernel of its own."""
    node, geometry, filters = layer.node, dict(layer.geometry), layer.filters
    if layer.pool:
        geometry |= {"out_h": layer.pool * geometry["out_h"], "out_w": layer.pool * geometry["out_w"]}
    kernel: Kernel
    params: ConvGeometry
    if layer.per_channel:
        kernel, params = CONV2D_CHANNELWISE, ChannelwiseParams(**geometry, out_offset=layer.out.offset)
    else:
        offset = int(layer.filter_offsets[0])
        kernel, params = CONV2D, Conv2DParams(**geometry, filter_offset=offset, out=layer.requants[0])
    kernel = kernel.with_epilogue(layer.epilogue)
    shape = tuple(geometry[name] for name in ("images", "out_h", "out_w", "out_c"))
    pool = square_pool(shape, layer.out) if layer.pool else None

    def emit() -> None:
        result = lowering.buffer(node.outputs[0])
        image = lowering.temporary(TensorType(shape, "int8", layer.out)) if pool else result
        operands = [lowering.buffer(node.inputs[0])]
        operands += [lowering.constant(node.inputs[1], filters), lowering.constant(node.inputs[2], layer.bias)]
        if layer.per_channel:
            words = channel_words(layer.requants, layer.filter_offsets.tolist())
            operands.append(lowering.constant(f"{node.inputs[1]}_channels", words))
        lowering.call(kernel, [*operands, image], params, sums=layer.sum_range())
        if pool:
            lowering.call(MAX_POOL, [image, result], pool)

    cycles = lowering.target.cycles(kernel, params)
    cycles += lowering.target.cycles(MAX_POOL, pool) if pool else 0
    kernels = (kernel, MAX_POOL) if pool else (kernel,)
    return Variant(kernel.symbol, cycles, filters.size + 4 * len(filters), emit, kernels=kernels)
