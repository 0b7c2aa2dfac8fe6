"""SoftMax."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.softmax.softmax import (
    SOFTMAX,
    SOFTMAX_FLOAT,
    SoftMaxFloatParams,
    exponential_table,
    leading_zeros,
    softmax_params,
)
from tinyglow.numerics.names import TFLITE, TFLM
from tinyglow.operators import litert, litert_int16
from tinyglow.operators.exp import Exp
from tinyglow.operators.log import Log
from tinyglow.operators.reduce_max import ReduceMax
from tinyglow.operators.reduce_sum import ReduceSum
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.sub import Sub
from tinyglow.operators.tflite_node import add_node
from tinyglow.operators.tile import Tile
from tinyglow.operators.transpose import Transpose


class SoftMax(Op):
    """Input [rows, columns]; every row becomes e ** x / sum of its e ** x."""

    onnx_types: ClassVar[OnnxForms] = {"Softmax": OnnxForm(13, ("axis",))}
    tflite_types: ClassVar[TFLiteForms] = {
        "SOFTMAX": TFLiteForm(4, "SoftmaxOptions", ("beta",)),
        "LOG_SOFTMAX": TFLiteForm(2, "LogSoftmaxOptions"),
    }
    quantizable: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool | None] = True
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: litert.lower_softmax, TFLM: litert.lower_softmax_tflm}

    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: litert_int16.lower_softmax_int16}

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        rank = len(value.type.shape)
        flattens = getattr(node, "opset", 11) < 13
        axis = node.integer("axis", 1 if flattens else -1)
        if not -rank <= axis < rank:
            raise UnsupportedError(f"axis {axis} of shape {list(value.type.shape)}", f"{-rank} to {rank - 1}")
        # Glow moves dimensions in operator set 13 alone. Along the last one that makes no other numbers.
        add = _add_flattened if flattens or (importer.like_glow and node.opset > 13) else _add_along
        add(cls(), node, importer, axis % rank)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        shape = value.type.shape
        if node.op_type == "LOG_SOFTMAX":
            _add_logarithm(node, importer)
            return
        if node.real("beta", 1.0) != 1.0:
            raise UnsupportedError(f"beta {node.real('beta', 1.0)}", "1")
        flat = edit.add("reshapeInput", Reshape((math.prod(shape[:-1]), *shape[-1:])), [value], node.name)
        result = add_node(node, importer, cls(), [flat])
        importer.bind(node.outputs[0], edit.add("reshapeOutput", Reshape(shape), [result], node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if len(inputs[0].shape) != 2:
            raise ShapeError(f"input shape {list(inputs[0].shape)}", "2 dimensions")
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        return (powers / powers.sum(axis=-1, keepdims=True),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
        rows, columns = source.shape
        if result.dtype == "float32":
            buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
            lowering.call(SOFTMAX_FLOAT, buffers, SoftMaxFloatParams(rows, columns))
            return
        assert source.quant and result.quant
        powers = exponential_table(source.quant.scale)
        zeros = leading_zeros(powers)
        params = softmax_params(rows, columns, result.quant.scale, result.quant.offset, zeros)
        table = lowering.constant(f"{node.name}_exponentials", powers[zeros:])
        operands = [lowering.buffer(node.inputs[0]), table, lowering.buffer(node.outputs[0])]
        lowering.call(SOFTMAX, operands, params)


def _add_flattened(op: SoftMax, node: SourceNode, importer: Importer, axis: int) -> None:
    """Up to operator set 12 the dimensions from ``axis`` on are normalized together."""
    value, edit = importer.value(node.inputs[0]), importer.editor
    shape = value.type.shape
    matrix = (math.prod(shape[:axis]), math.prod(shape[axis:]))
    flat = edit.add("reshapeInput", Reshape(matrix), [value], node.name)
    result = edit.add(node.name, op, [flat], node.name)
    importer.bind(node.outputs[0], edit.add("reshapeOutput", Reshape(shape), [result], node.name))


def _add_along(op: SoftMax, node: SourceNode, importer: Importer, axis: int) -> None:
    """From operator set 13 on ``axis`` alone is normalized: it becomes the last one meanwhile.

    Glow's importer has transposes for all axes of four dimensions, and refuses other ranks.
    """
    value, edit = importer.value(node.inputs[0]), importer.editor
    rank = len(value.type.shape)
    perm = (*(index for index in range(rank) if index != axis), axis)
    moves = rank == 4 or axis != rank - 1
    moved = edit.add(node.name, Transpose(perm), [value], node.name) if moves else value
    shape = moved.type.shape
    flat = edit.add("reshapeInput", Reshape((math.prod(shape[:-1]), shape[-1])), [moved], node.name)
    result = edit.add(node.name, op, [flat], node.name)
    result = edit.add("reshapeOutput", Reshape(shape), [result], node.name)
    if moves:
        back = tuple(perm.index(index) for index in range(rank))
        result = edit.add(node.name, Transpose(back), [result], node.name)
    importer.bind(node.outputs[0], result)


def _add_logarithm(node: SourceNode, importer: Importer) -> None:
    """x - max - log(sum(e ** (x - max))) along the last dimension, as Glow lowers it (Lower.cpp)."""
    value, edit = importer.value(node.inputs[0]), importer.editor
    shape = value.type.shape
    rows, columns = math.prod(shape[:-1]), shape[-1]

    def add(suffix: str, op: Op, *inputs: Value) -> Value:
        return edit.add(f"{node.name}_{suffix}", op, inputs, node.name)

    def spread(name: str, column: Value) -> Value:
        """One number for each row, in all of its columns."""
        repeated = add(f"{name}_reshape", Reshape((rows, 1)), column)
        return add(f"{name}_tile1__1", Tile((1, columns)), repeated) if columns > 1 else repeated

    x = value if len(shape) == 2 else add("reshapeInput", Reshape((rows, columns)), value)
    shifted = add("res3", Sub(), x, spread("res2", add("res1", ReduceMax((1,)), x)))
    total = add("res5", ReduceSum((1,)), add("res4", Exp(), shifted))
    result = add("result", Sub(), shifted, spread("res7", add("res6", Log(), total)))
    importer.bind(node.outputs[0], result if len(shape) == 2 else add("reshapeOutput", Reshape(shape), result))
