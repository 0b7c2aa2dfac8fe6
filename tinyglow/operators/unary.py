"""Base of the functions of one element that Glow leaves in float."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.map import MapParams
from tinyglow.operators.glow_nodes import Splat
from tinyglow.operators.pow import Pow


class Unary(Op):
    """Base: float32 to float32 of the same shape, in the float graph too as the kernel computes it."""

    elementwise: ClassVar[bool] = True
    kernel: ClassVar[Kernel]
    # Whether it is defined for integers: those of shapes, which are known at compile time.
    takes_integers: ClassVar[bool] = False
    # If Glow makes a Pow of ONNX's: the exponent, a Splat that takes the node's own name.
    exponent_in_glow: ClassVar[float | None] = None

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        if cls.exponent_in_glow is not None and importer.like_glow:
            exponent = edit.add(node.name, Splat(cls.exponent_in_glow, value.type.shape), [], node.name)
            importer.bind(node.outputs[0], edit.add(node.name, Pow(), [value, exponent], node.name))
            return
        if cls.exponent_in_glow is not None:
            edit.namer.unique(node.name)
        importer.bind(node.outputs[0], edit.add(node.name, cls(), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Glow's reader of TFLite makes no Pow of it."""
        value = importer.value(node.inputs[0])
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [value], node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if inputs[0].dtype != "float32" and not self.takes_integers:
            raise ShapeError(f"elements of type {inputs[0].dtype}", "float32")
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        return (self.function(x if self.takes_integers and x.dtype.kind == "i" else x.astype(np.float32)),)

    def function(self, x: Array) -> Array:
        """The result for float32 values; and for integers where it takes them."""
        result = np.empty_like(x)
        self.kernel.run(MapParams(x.size), [x, result])
        return result

    def lower(self, node: Node, lowering: Lowering) -> None:
        result = lowering.type_of(node.outputs[0])
        if result.dtype != "float32":
            super().lower(node, lowering)
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        lowering.call(self.kernel, buffers, MapParams(result.elements))
