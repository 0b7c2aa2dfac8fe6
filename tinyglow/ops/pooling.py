"""What the pooling operators share: their ONNX forms, one-dimensional ones included, as windows over NHWC images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U8, U16, Params
from tinyglow.ir.op import Importer, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape
from tinyglow.ops.fused_activation import bind_activated
from tinyglow.ops.reshape import Reshape
from tinyglow.ops.tflite_node import add_node, window_from_tflite
from tinyglow.ops.transpose import Transpose
from tinyglow.ops.window import NCHW_TO_NHWC, NHWC_TO_NCHW, Window, require_image, window_from_onnx


@dataclass(frozen=True)
class PoolGeometry(Params):
    """Sizes in elements."""

    in_h: U16
    in_w: U16
    channels: U16
    out_h: U16
    out_w: U16
    kernel_h: U16
    kernel_w: U16
    stride_h: U8
    stride_w: U8
    pad_top: U8
    pad_left: U8
    images: U16

    def window(self, dilation: tuple[int, int] = (1, 1)) -> Window:
        """The window, whose padding at the end is what the output's size implies."""
        size, out, strides = (self.in_h, self.in_w), (self.out_h, self.out_w), (self.stride_h, self.stride_w)
        begin = (self.pad_top, self.pad_left)
        window = Window((self.kernel_h, self.kernel_w), strides, (*begin, 0, 0), dilation)
        ends = [
            max(0, (out[axis] - 1) * strides[axis] + window.extent(axis) - size[axis] - begin[axis]) for axis in (0, 1)
        ]
        return replace(window, pads=(*begin, ends[0], ends[1]))

    def patches(self, x: Array, fill: int | float = 0, dilation: tuple[int, int] = (1, 1)) -> Array:
        """The windows [images, out_h, out_w, taps, channels] of all images in x; taps outside hold ``fill``."""
        windows = self.window(dilation).patches(x.reshape(-1, self.in_h, self.in_w, self.channels), fill)
        return windows[:, : self.out_h, : self.out_w]

    def taps_inside(self, dilation: tuple[int, int] = (1, 1)) -> Array:
        """How many taps of each window lie inside the image [1, out_h, out_w, 1], int32."""
        return taps_inside(self.window(dilation), (self.in_h, self.in_w))[:, : self.out_h, : self.out_w]


def geometry(window: Window, source: Shape, result: Shape) -> dict[str, int]:
    """The fields of PoolGeometry for images of shape ``source`` [n, h, w, c]."""
    n, in_h, in_w, channels = require_image(source)
    sizes = {"in_h": in_h, "in_w": in_w, "channels": channels, "out_h": result[1], "out_w": result[2], "images": n}
    kernel = dict(zip(("kernel_h", "kernel_w"), window.kernel, strict=True))
    strides = dict(zip(("stride_h", "stride_w"), window.strides, strict=True))
    return {**sizes, **kernel, **strides, "pad_top": window.pads[0], "pad_left": window.pads[1]}


def _in_two_dimensions(node: SourceNode) -> SourceNode:
    """The attributes of a pool over [n, c, w] as those of one over [n, c, 1, w]."""
    attributes = dict(node.attributes)
    for name in ("kernel_shape", "strides", "dilations"):
        if name in attributes:
            attributes[name] = [1, *node.ints(name, ())]
    pads = node.ints("pads", ())
    if len(pads) == 2:
        attributes["pads"] = [0, pads[0], 0, pads[1]]
    return replace(node, attributes=attributes)


def _rounded_up(window: Window, size: tuple[int, int]) -> Window:
    """``window`` with as much more padding at the end as ceil_mode=1 needs for the last, incomplete windows.

    A window that would begin behind the image and its leading padding is left out (ONNX operator specification,
    MaxPool).
    """
    more = []
    for axis, length in enumerate(size):
        begin, end, stride = window.pads[axis], window.pads[axis + 2], window.strides[axis]
        span = length + begin + end - window.extent(axis)
        last = -(-span // stride) * stride
        more.append(max(0, last - span) if last < length + begin else 0)
    top, left, bottom, right = window.pads
    return replace(window, pads=(top, left, bottom + more[0], right + more[1]))


def pool_window(node: SourceNode, size: tuple[int, int]) -> Window:
    """The window of MaxPool or AveragePool over an image of ``size`` (height, width). Raises UnsupportedError."""
    window = window_from_onnx(node, node.ints("kernel_shape", ()), size)
    return _rounded_up(window, size) if node.integer("ceil_mode", 0) else window


def add_pool(node: SourceNode, importer: Importer, pool: Callable[[SourceNode, tuple[int, int]], Op]) -> None:
    """Add ``pool(node in two dimensions, (height, width))`` between transposes to and from NHWC.

    Nodes get their names in the order of Glow's importer (lib/Importer/ONNXModelLoader.cpp, loadPool), which makes an
    image of height 1 of [n, c, w].
    """
    image = importer.value(node.inputs[0])
    shape, edit = image.type.shape, importer.editor
    if len(shape) not in (3, 4):
        raise ShapeError(f"input shape {list(shape)}", "3 or 4 dimensions")
    if len([name for name in node.outputs if name]) > 1:
        raise UnsupportedError("the output Indices", "the first output alone")
    flat = len(shape) == 3
    if flat:
        kernel = node.ints("kernel_shape", (1,))
        if len(kernel) != 1:
            raise UnsupportedError(f"kernel_shape {list(kernel)}", "one spatial dimension, as the input has")
        node = _in_two_dimensions(node)
        image = edit.add(f"{node.name}.expanddims", Reshape((*shape[:2], 1, shape[2])), [image], node.name)
    height, width = image.type.shape[2:]
    op = pool(node, (height, width))
    nhwc = edit.add(node.name, Transpose(NCHW_TO_NHWC), [image], node.name)
    result = edit.add(node.name, op, [nhwc], node.name)
    if flat:
        n, _, out_w, channels = result.type.shape
        result = edit.add(f"{node.name}.reshape", Reshape((n, out_w, channels)), [result], node.name)
    back = (0, 2, 1) if flat else NHWC_TO_NCHW
    importer.bind(node.outputs[0], edit.add(node.name, Transpose(back), [result], node.name))


def add_tflite_pool(node: SourceNode, importer: Importer, pool: Callable[[Window], Op]) -> None:
    """Add ``pool(window)`` for a POOL_2D operator, whose images are NHWC."""
    image = importer.value(node.inputs[0])
    _, height, width, _ = require_image(image.type.shape)
    kernel = node.integer("filter_height", 0), node.integer("filter_width", 0)
    op = pool(window_from_tflite(node, kernel, (height, width)))
    bind_activated(node, importer, add_node(node, importer, op, [image]))


def taps_inside(window: Window, size: tuple[int, int]) -> Array:
    """How many taps of each window lie inside the image of ``size`` [1, out_h, out_w, 1], int32."""
    inside: Array = window.patches(np.ones((1, *size, 1), np.int32)).sum(axis=3, dtype=np.int32)
    return inside
