"""Two-dimensional convolution, grouped, dilated, strided, padded; NHWC, filters [out, kh, kw, in / group]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I16, U8, U16, In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.ops.accumulator import check_accumulator, output_requant, prepared_bias
from tinyglow.ops.transpose import Transpose
from tinyglow.ops.window import NCHW_TO_NHWC, NHWC_TO_NCHW, Window, merge_batch, require_image, window_from_onnx


@dataclass(frozen=True)
class Conv2DParams(Params):
    """Offsets are those of the quantized types; ``out`` maps sums to the output, clamped to act_min..act_max."""

    in_h: U16
    in_w: U16
    in_c: U16
    out_h: U16
    out_w: U16
    out_c: U16
    kernel_h: U8
    kernel_w: U8
    stride_h: U8
    stride_w: U8
    pad_top: U8
    pad_left: U8
    dilation_h: U8
    dilation_w: U8
    group: U16
    images: U16
    in_offset: I16
    filter_offset: I16
    act_min: I8
    act_max: I8
    out: glow.Requant

    @property
    def window(self) -> Window:
        """The window with the bottom and right padding that the output size implies."""
        kernel, dilation = (self.kernel_h, self.kernel_w), (self.dilation_h, self.dilation_w)
        strides = (self.stride_h, self.stride_w)
        extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        bottom = max(0, (self.out_h - 1) * self.stride_h + extent[0] - self.in_h - self.pad_top)
        right = max(0, (self.out_w - 1) * self.stride_w + extent[1] - self.in_w - self.pad_left)
        return Window(kernel, strides, (self.pad_top, self.pad_left, bottom, right), dilation)


def conv2d_s8(p: Conv2DParams, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_s8: sum of (x - in_offset) * (filter - filter_offset) over the taps inside the image."""
    images = x.reshape(-1, p.in_h, p.in_w, p.in_c).astype(np.int32) - p.in_offset
    # A padded tap is left out of the sum: after the offset is taken off, that is the same as a zero.
    patches = p.window.patches(images)[:, : p.out_h, : p.out_w]
    weights = filters.reshape(p.out_c, -1, p.in_c // p.group).astype(np.int32) - p.filter_offset
    in_g, out_g = p.in_c // p.group, p.out_c // p.group
    sums = np.empty((*patches.shape[:3], p.out_c), np.int32)
    for g in range(p.group):
        columns = patches[..., g * in_g : (g + 1) * in_g].reshape(-1, patches.shape[3] * in_g)
        matrix = weights[g * out_g : (g + 1) * out_g].reshape(out_g, -1)
        sums[..., g * out_g : (g + 1) * out_g] = glow.accumulate(columns, matrix.T).reshape(*patches.shape[:3], out_g)
    result = glow.requantize(sums + bias.reshape(p.out_c), p.out)
    out[...] = np.clip(result, p.act_min, p.act_max).astype(np.int8).reshape(out.shape)


CONV2D = Kernel(
    symbol="tg_conv2d_s8",
    c_file="convolution/tg_conv2d_s8.c",
    params=Conv2DParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_s8,
    summary="2-D convolution, any stride, padding, dilation and group",
)


@dataclass(frozen=True)
class Conv2D(Op):
    """Inputs: image [n, h, w, c], filters [out, kh, kw, c / group], bias [out]."""

    window: Window
    group: int = 1
    fused_relu: bool = False

    onnx_types: ClassVar[tuple[str, ...]] = ("Conv",)
    quantizable: ClassVar[bool] = True
    absorbs_rescale_before: ClassVar[bool] = True
    absorbs_rescale_after: ClassVar[bool] = True
    bias_operand: ClassVar[int | None] = 2

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """NCHW in the model: a transpose goes before and one behind, named and numbered as Glow's importer does."""
        image, filters = importer.value(node.inputs[0]), importer.constant(node.inputs[1])
        if filters is None:
            raise UnsupportedError("filters that are computed at run time", "constant filters")
        _, channels, height, width = require_image(image.type.shape)
        group = node.integer("group", 1)
        if filters.ndim != 4 or group < 1 or filters.shape[1] * group != channels or filters.shape[0] % group:
            raise UnsupportedError(f"filters {list(filters.shape)}, group {group} on {channels} channels")
        if node.ints("kernel_shape", filters.shape[2:]) != filters.shape[2:]:
            raise UnsupportedError(f"kernel_shape differs from the filters' shape {list(filters.shape)}")
        window = window_from_onnx(node, filters.shape[2:], (height, width))
        edit = importer.editor
        edit.namer.unique(node.name)  # Glow's transpose of the filters, folded at once
        nhwc = edit.add(node.name, Transpose(NCHW_TO_NHWC), [image], node.name)
        weights = edit.constant(node.inputs[1], np.ascontiguousarray(filters.transpose(NCHW_TO_NHWC)))
        bias = importer.value(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
        if bias is not None and bias.data is None:
            raise UnsupportedError("a bias that is computed at run time", "a constant bias")
        if bias is None:
            bias = edit.constant("conv.bias", np.zeros(filters.shape[0], np.float32))
        result = edit.add(node.name, cls(window, group), [nhwc, weights, bias], node.name)
        importer.bind(node.outputs[0], edit.add(node.name, Transpose(NHWC_TO_NCHW), [result], node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        image, filters, bias = inputs
        n, height, width, channels = require_image(image.shape)
        out_c = filters.shape[0]
        if filters.shape != (out_c, *self.window.kernel, channels // self.group) or bias.shape != (out_c,):
            raise ShapeError(f"filters {list(filters.shape)} and bias {list(bias.shape)} on image {list(image.shape)}")
        return (TensorType((n, *self.window.output_size(height, width), out_c)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, filters, bias = inputs
        patches = self.window.patches(merge_batch(x))
        filters = filters[0].reshape(filters.shape[1], -1, filters.shape[4])
        in_g, out_g = filters.shape[2], filters.shape[0] // self.group
        parts = []
        for g in range(self.group):
            columns = patches[..., g * in_g : (g + 1) * in_g].reshape(-1, patches.shape[3] * in_g)
            parts.append(columns @ filters[g * out_g : (g + 1) * out_g].reshape(out_g, -1).T)
        result = np.concatenate(parts, axis=1) + bias[0]
        return (result.reshape(*x.shape[:2], *patches.shape[1:3], -1),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        image, filters, bias = (lowering.type_of(name) for name in node.inputs)
        out = lowering.type_of(node.outputs[0])
        assert image.quant and filters.quant and bias.quant and out.quant
        weights = lowering.data_of(node.inputs[1])
        sums = prepared_bias(lowering.data_of(node.inputs[2]), bias.quant, image.quant, filters.quant)
        check_accumulator(weights.reshape(out.shape[3], -1), filters.quant, image.quant, sums)
        n, in_h, in_w, in_c = image.shape
        _, out_h, out_w, out_c = out.shape
        window = self.window
        params = Conv2DParams(
            in_h=in_h,
            in_w=in_w,
            in_c=in_c,
            out_h=out_h,
            out_w=out_w,
            out_c=out_c,
            kernel_h=window.kernel[0],
            kernel_w=window.kernel[1],
            stride_h=window.strides[0],
            stride_w=window.strides[1],
            pad_top=window.pads[0],
            pad_left=window.pads[1],
            dilation_h=window.dilation[0],
            dilation_w=window.dilation[1],
            group=self.group,
            images=n,
            in_offset=image.quant.offset,
            filter_offset=filters.quant.offset,
            act_min=out.quant.offset if self.fused_relu else glow.INT8_MIN,
            act_max=glow.INT8_MAX,
            out=output_requant(image.quant, filters.quant, out.quant),
        )
        operands = [
            lowering.buffer(node.inputs[0]),
            lowering.constant(node.inputs[1], weights),
            lowering.constant(node.inputs[2], sums),
            lowering.buffer(node.outputs[0]),
        ]
        lowering.call(CONV2D, operands, params)
