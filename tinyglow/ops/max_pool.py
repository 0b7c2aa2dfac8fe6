"""Maximum over windows; NHWC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import U8, U16, In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.ops.transpose import Transpose
from tinyglow.ops.window import NCHW_TO_NHWC, NHWC_TO_NCHW, Window, merge_batch, require_image, window_from_onnx


@dataclass(frozen=True)
class MaxPoolParams(Params):
    """Sizes in elements."""

    in_h: U16
    in_w: U16
    channels: U16
    out_h: U16
    out_w: U16
    kernel_h: U8
    kernel_w: U8
    stride_h: U8
    stride_w: U8
    pad_top: U8
    pad_left: U8
    images: U16


def max_pool_s8(p: MaxPoolParams, x: Array, out: Array) -> None:
    """Definition of tg_max_pool_s8: the largest element of each window's part inside the image (-128 if empty)."""
    bottom = max(0, (p.out_h - 1) * p.stride_h + p.kernel_h - p.in_h - p.pad_top)
    right = max(0, (p.out_w - 1) * p.stride_w + p.kernel_w - p.in_w - p.pad_left)
    window = Window((p.kernel_h, p.kernel_w), (p.stride_h, p.stride_w), (p.pad_top, p.pad_left, bottom, right))
    patches = window.patches(x.reshape(-1, p.in_h, p.in_w, p.channels), fill=-128)
    out[...] = patches[:, : p.out_h, : p.out_w].max(axis=3).reshape(out.shape)


MAX_POOL = Kernel(
    symbol="tg_max_pool_s8",
    c_file="pooling/tg_max_pool_s8.c",
    params=MaxPoolParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=max_pool_s8,
    summary="maximum over windows",
)


@dataclass(frozen=True)
class MaxPool(Op):
    """Input: image [n, h, w, c]."""

    window: Window

    onnx_types: ClassVar[tuple[str, ...]] = ("MaxPool",)
    quantizable: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        image = importer.value(node.inputs[0])
        _, _, height, width = require_image(image.type.shape)
        if len([name for name in node.outputs if name]) > 1:
            raise UnsupportedError("the output Indices", "the first output alone")
        if node.integer("ceil_mode", 0):
            raise UnsupportedError("ceil_mode=1", "ceil_mode=0")
        window = window_from_onnx(node, node.ints("kernel_shape", ()), (height, width))
        if window.dilation != (1, 1):
            raise UnsupportedError(f"dilations {list(window.dilation)}", "[1, 1]")
        edit = importer.editor
        nhwc = edit.add(node.name, Transpose(NCHW_TO_NHWC), [image], node.name)
        result = edit.add(node.name, cls(window), [nhwc], node.name)
        importer.bind(node.outputs[0], edit.add(node.name, Transpose(NHWC_TO_NCHW), [result], node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        n, height, width, channels = require_image(inputs[0].shape)
        return (inputs[0].reshaped((n, *self.window.output_size(height, width), channels)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        result = self.window.patches(merge_batch(x), fill=-np.inf).max(axis=3)
        return (result.reshape(*x.shape[:2], *result.shape[1:]),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        n, in_h, in_w, channels = lowering.type_of(node.inputs[0]).shape
        _, out_h, out_w, _ = lowering.type_of(node.outputs[0]).shape
        window = self.window
        geometry = (*window.kernel, *window.strides, *window.pads[:2])
        params = MaxPoolParams(in_h, in_w, channels, out_h, out_w, *geometry, images=n)
        lowering.call(MAX_POOL, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)
