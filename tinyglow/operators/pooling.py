"""What the pooling operators share: their ONNX and TFLite forms, one-dimensional ones included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tinyglow.ir.op import Importer, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.kernels.window import Window, require_image
from tinyglow.operators.fused_activation import bind_activated
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tflite_node import add_node, window_from_tflite
from tinyglow.operators.transpose import Transpose
from tinyglow.operators.window import NCHW_TO_NHWC, NHWC_TO_NCHW, window_from_onnx


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

    A window that would begin after the image and its leading padding is left out (ONNX operator specification,
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


def add_pool(node: SourceNode, importer: Importer, pool: Callable[[SourceNode, tuple[int, int]], Sequence[Op]]) -> None:
    """Add the operators ``pool(node in two dimensions, (height, width))`` in a row between transposes to and from NHWC.

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
    steps = pool(node, (height, width))
    result = edit.add(node.name, Transpose(NCHW_TO_NHWC), [image], node.name)
    for op in steps:
        result = edit.add(node.name, op, [result], node.name)
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
