"""PRelu: slopes for negative values, given as a tensor."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, ShapeError, SourceNode
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.elementwise.prelu import PRELU, PRELU_FLOAT, PReluFloatParams, PReluParams, lower_prelu_int16
from tinyglow.numerics import glow
from tinyglow.numerics.names import TFLITE
from tinyglow.operators import litert
from tinyglow.operators.broadcast import broadcast_inputs, broadcast_shape
from tinyglow.operators.glow_nodes import Broadcast, PReluOfSlopes
from tinyglow.operators.mul import Mul


class PRelu(Op):
    """Inputs: x, and slope * x of the same shape; x where it is at least 0, else the product.

    Glow lowers PRelu to a Mul, a CmpLTE of zero and x, and a Select (lib/Optimizer/Lower/Lower.cpp, lowerPReluNode).
    All of them become int8; since zero is exact in it, the comparison is one of integers, and part of this operator.
    """

    onnx_types: ClassVar[OnnxForms] = {"PRelu": OnnxForm(16)}
    tflite_types: ClassVar[TFLiteForms] = {"PRELU": TFLiteForm(1)}
    declared_int8: ClassVar[bool] = False
    glow_kind: ClassVar[str] = "Select"
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        x, slope, edit = importer.value(node.inputs[0]), importer.value(node.inputs[1]), importer.editor
        shape = x.type.shape
        if broadcast_shape(shape, slope.type.shape) != shape:
            raise ShapeError(f"slopes of shape {list(slope.type.shape)}", f"a shape that broadcasts to {list(shape)}")
        if importer.like_glow:
            slopes = edit.add(node.name, Broadcast(shape, len(shape) - len(slope.type.shape)), [slope], node.name)
            importer.bind(node.outputs[0], edit.add(node.name, PReluOfSlopes(), [x, slopes], node.name))
            return
        # Glow names the broadcast of the slopes after the node, then the operator.
        broadcast, name = edit.namer.unique(node.name), edit.namer.unique(node.name)
        if slope.data is not None:
            factors = (_aligned(slope, slope.data, shape, broadcast, importer), x)
        else:
            factors = broadcast_inputs(slope, x, edit, node.name)
        product = edit.add(f"{name}_mul", Mul(), factors, node.name)
        importer.bind(node.outputs[0], edit.add(f"{name}_select", cls(), [x, product], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """The slopes broadcast to the input; Glow names what it lowers this to after the node."""
        x, slope, edit = importer.value(node.inputs[0]), importer.value(node.inputs[1]), importer.editor
        shape = x.type.shape
        if broadcast_shape(shape, slope.type.shape) != shape:
            raise ShapeError(f"slopes of shape {list(slope.type.shape)}", f"a shape that broadcasts to {list(shape)}")
        if slope.data is not None and slope.type.elements == x.type.elements and slope.type.shape != shape:
            slope = edit.constant(slope.name, slope.data.reshape(shape))
        factors = broadcast_inputs(slope, x, edit, node.name)
        product = edit.add(f"{node.name}_mul", Mul(), factors, node.name)
        importer.bind(node.outputs[0], edit.add(f"{node.name}_select", cls(), [x, product], node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, product = inputs
        if x.shape != product.shape:
            raise ShapeError(f"operands of shapes {list(x.shape)} and {list(product.shape)}", "the same shape")
        return (x,)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, product = inputs
        return (np.where(x >= 0, x, product),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        types = [lowering.type_of(name) for name in (*node.inputs, *node.outputs)]
        buffers = [lowering.buffer(name) for name in (*node.inputs, *node.outputs)]
        if types[2].dtype == "float32":
            lowering.call(PRELU_FLOAT, buffers, PReluFloatParams(types[0].elements))
            return
        if types[2].dtype == "int16":
            lower_prelu_int16(node, lowering)
            return
        x, product, result = (type_.quant for type_ in types)
        assert x and product and result
        params = PReluParams(
            count=types[0].elements,
            in_offset=x.offset,
            product_offset=product.offset,
            positive=glow.requantize_params(glow.divide_float32(x.scale, result.scale), result.offset),
            negative=glow.requantize_params(glow.divide_float32(product.scale, result.scale), result.offset),
        )
        lowering.call(PRELU, buffers, params)


class SlopedPRelu(Op):
    """Inputs: x, and slopes that broadcast to it. Exists in int8 graphs of the tflite numerics, which rounds once."""

    elementwise: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: litert.lower_prelu}

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, slopes = inputs
        return (np.where(x >= 0, x, slopes * x),)


def _aligned(slope: Value, data: Array, shape: Shape, name: str, importer: Importer) -> Value:
    """Constant slopes with as many dimensions as ``shape``, one wide where they are repeated.

    Called what Glow calls the constant that it folds its Broadcast ``name`` into: see ``operators.broadcast``.
    """
    padded = (1,) * (len(shape) - data.ndim) + data.shape
    repeated = [axis for axis, count in enumerate(shape) if padded[axis] != count]
    if padded == data.shape and not repeated:
        return slope
    folded = f"{name}_tile{repeated[-1]}__1" if repeated else slope.name
    return importer.editor.constant(f"{folded}_constfold", data.reshape(padded))
