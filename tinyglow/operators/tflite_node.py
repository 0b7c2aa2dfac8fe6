"""What the TFLite forms of operators share: windows, constant operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Value
from tinyglow.ir.op import Importer, Op, SourceNode, UnsupportedError
from tinyglow.kernels.window import MAX_PAD, Window, same_pads


def add_node(node: SourceNode, importer: Importer, op: Op, inputs: Sequence[Value], name: str = "") -> Value:
    """Add ``op`` for ``node``, under its name or another one; returns its first result."""
    return importer.editor.add(name or node.name, op, inputs, node.name)


def add_and_bind(node: SourceNode, importer: Importer, op: Op, inputs: Sequence[Value]) -> None:
    """Add ``op`` for ``node`` as all that it is."""
    importer.bind(node.outputs[0], add_node(node, importer, op, inputs))


def constant_integers(node: SourceNode, importer: Importer, operand: int, meaning: str) -> list[int]:
    """The elements of an operand that must be constant. Raises UnsupportedError; ``meaning``: what the operand is."""
    data = importer.constant(node.inputs[operand])
    if data is None:
        raise UnsupportedError(f"{meaning} computed at run time", "a constant")
    if data.dtype.kind != "i":
        raise UnsupportedError(f"{meaning} of type {data.dtype}", "integers")
    return [int(item) for item in data.ravel()]


def require_count(node: SourceNode, attribute: str, count: int, meaning: str) -> None:
    """Raises UnsupportedError unless an attribute, where the file gives it, counts what the node has."""
    if node.integer(attribute, count) != count:
        raise UnsupportedError(f"attribute {attribute} is {node.integer(attribute, 0)}", f"{count}, as many {meaning}")


def constant_bias(node: SourceNode, importer: Importer, units: int) -> Value:
    """The third operand, or zeros where it is absent. Raises UnsupportedError unless it is constant."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return importer.editor.constant(f"{node.name}.bias", np.zeros(units, np.float32))
    bias = importer.value(node.inputs[2])
    if bias.data is None:
        raise UnsupportedError("a bias that is computed at run time", "a constant bias")
    return bias


def window_from_tflite(node: SourceNode, kernel: tuple[int, int], size: tuple[int, int]) -> Window:
    """The window of a convolution or pool over an image of ``size`` (height, width). Raises UnsupportedError.

    SAME pads so that the result has ceil(size / stride) elements, more at the end than at the beginning where the
    number is odd; VALID does not pad (tensorflow/lite/kernels/padding.h, ComputePaddingHeightWidth).
    """
    strides = node.integer("stride_h", 0), node.integer("stride_w", 0)
    dilation = node.integer("dilation_h_factor", 1), node.integer("dilation_w_factor", 1)
    for name, value in (("filter", kernel), ("strides", strides), ("dilation", dilation)):
        if min(value) < 1:
            raise UnsupportedError(f"{name} {list(value)}", "two integers of at least 1")
    window = Window(kernel, strides, dilation=dilation)
    padding = node.text("padding", "")
    if padding not in ("SAME", "VALID"):
        raise UnsupportedError(f"padding {padding!r}", "SAME or VALID")
    if padding == "SAME":
        window = replace(window, pads=same_pads(window, size))
    if max(window.pads) > MAX_PAD:
        raise UnsupportedError(f"pads {list(window.pads)}", f"at most {MAX_PAD} on each side")
    return window
