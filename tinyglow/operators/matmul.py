"""MatMul: the product of two matrices."""

from __future__ import annotations

import math
from functools import partial
from typing import ClassVar

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, NotInGlowError, Op, Quantizing, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.sums import sum_range
from tinyglow.ir.types import QuantParams, Shape, TensorType
from tinyglow.kernels.accumulator import check_accumulator
from tinyglow.kernels.fully_connected.fully_connected import FULLY_CONNECTED
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.kernels.int8 import int8_params, product_requant
from tinyglow.kernels.matmul.matmul import lower_product
from tinyglow.numerics import glow
from tinyglow.operators.batch_matmul import BatchMatMul
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tile import Tile
from tinyglow.operators.transpose import Transpose


def _lower_constant_product(node: Node, weights: Array, lowering: Lowering) -> None:
    """Constant columns make it a fully connected layer without a bias, whose sums are the same."""
    lhs, rhs, out = int8_params(node, lowering)
    rows, depth = lowering.type_of(node.inputs[0]).shape
    matrix = np.ascontiguousarray(weights.T)
    centred = matrix.astype(np.int64) - rhs.offset
    bias = -lhs.offset * centred.sum(axis=1)
    check_accumulator(matrix, rhs, lhs, np.zeros_like(bias))
    check_accumulator(matrix, rhs, QuantParams(lhs.scale, 0), bias)
    params = FullyConnectedParams(
        rows=rows,
        depth=depth,
        units=len(matrix),
        weights_offset=rhs.offset,
        act_min=glow.INT8_MIN,
        act_max=glow.INT8_MAX,
        out=product_requant(lhs, rhs, out),
    )
    operands = [
        lowering.buffer(node.inputs[0]),
        lowering.constant(node.inputs[1], matrix),
        lowering.constant(f"{node.name}_bias", bias.astype(np.int32)),
        lowering.buffer(node.outputs[0]),
    ]
    sums = sum_range(centred, bias, (glow.INT8_MIN, glow.INT8_MAX), [params.out])
    lowering.call(FULLY_CONNECTED, operands, params, sums=sums)


_MOST_REPEATED = 2**24  # elements of a constant that a few bytes of the file may stand for


class MatMul(Op):
    """x [n, k] times y [k, m]."""

    onnx_types: ClassVar[OnnxForms] = {"MatMul": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {
        "BATCH_MATMUL": TFLiteForm(
            4,
            "BatchMatMulOptions",
            ("adj_x", "adj_y"),
            without_effect={"asymmetric_quantize_inputs": "of float operands that LiteRT quantizes at run time"},
        )
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = (0, 1)
    absorbs_rescale_after: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        x, y = (importer.value(name) for name in node.inputs[:2])
        if x.type.dtype != "float32" or y.type.dtype != "float32":
            raise UnsupportedError(f"operands of types {x.type.dtype} and {y.type.dtype}", "floats")
        if 0 in (len(x.type.shape), len(y.type.shape)):
            raise UnsupportedError("a scalar operand", "vectors and matrices")
        edit = importer.editor
        shape = _result_shape(x.type.shape, y.type.shape)
        if x.data is not None and y.data is not None:
            if math.prod(shape) > _MOST_REPEATED:  # a column and a row of a small file may make a huge matrix
                raise UnsupportedError(f"a constant of shape {list(shape)}", f"at most {_MOST_REPEATED} elements")
            importer.bind(node.outputs[0], edit.constant(node.outputs[0], np.array(x.data @ y.data)))
            return
        if importer.like_glow:
            importer.bind(node.outputs[0], _add_as_glow(x, y, node, edit))
            return
        x = _as_matrix(x, (1, *x.type.shape), edit, node.name)
        y = _as_matrix(y, (*y.type.shape, 1), edit, node.name)
        add = _add_matmul if math.prod(y.type.shape[:-2]) == 1 else _add_batched
        result = add(x, y, node, edit)
        if result.type.shape != shape:
            result = edit.add(f"{node.name}.reshapeResult", Reshape(shape), [result], node.name)
        importer.bind(node.outputs[0], result)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Constant matrices of float networks are layers; with parameters of the file's own LiteRT rounds otherwise."""
        x, y = (importer.value(name) for name in node.inputs[:2])
        if {x.type.dtype, y.type.dtype} != {"float32"} or min(len(x.type.shape), len(y.type.shape)) < 2:
            raise UnsupportedError(f"operands {x.type} and {y.type}", "real matrices")
        x, y = (
            _turned(value, importer.editor, node.name) if node.integer(name, 0) else value
            for value, name in ((x, "adj_x"), (y, "adj_y"))
        )
        shape = _result_shape(x.type.shape, y.type.shape)
        is_layer = importer.declared(node.outputs[0]).quant is None and math.prod(y.type.shape[:-2]) == 1
        result = (_add_matmul if is_layer else _add_batched)(x, y, node, importer.editor)
        if result.type.shape != shape:
            result = importer.editor.add(f"{node.name}.reshapeResult", Reshape(shape), [result], node.name)
        importer.bind(node.outputs[0], result)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, y = (type_.shape for type_ in inputs)
        if len(x) != 2 or len(y) != 2 or x[1] != y[0]:
            raise ShapeError(f"{list(x)} times {list(y)}", "two matrices [n, k] and [k, m]")
        return (TensorType((x[0], y[1])),)

    def multiplications(self, *inputs: TensorType) -> int:
        """``Op.multiplications``."""
        return inputs[0].elements * inputs[1].shape[-1]

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0] @ inputs[1],)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        """In int16 constant columns are the weights of a layer, int8 as all weights, with a bias of zeros."""
        columns = quantizing.data(node.inputs[1])
        if not quantizing.int16 or columns is None:
            return quantizing.convert(node)
        bias = quantizing.edit.constant(f"{node.name}_bias", np.zeros(columns.shape[1], np.float32))
        return quantizing.convert_layer(node, FullyConnected(), bias)

    def lower(self, node: Node, lowering: Lowering) -> None:
        try:
            weights = lowering.data_of(node.inputs[1])
        except UnsupportedError:
            lower_product(node, lowering, 1)
            return
        if lowering.type_of(node.outputs[0]).dtype != "int8":
            lower_product(node, lowering, 1)
            return
        _lower_constant_product(node, weights, lowering)


def _result_shape(x: Shape, y: Shape) -> Shape:
    """ONNX's MatMul is numpy's: a vector is a row on the left and a column on the right. Raises ShapeError."""
    rows, columns = x[-2:-1], y[-1:] if len(y) > 1 else ()
    try:
        batch = np.broadcast_shapes(x[:-2], y[:-2])
    except ValueError:
        batch = None
    if batch is None or x[-1] != (y[-2] if len(y) > 1 else y[0]):
        raise ShapeError(f"{list(x)} times {list(y)}", "matrices [..., n, k] and [..., k, m]")
    return (*batch, *rows, *columns)


def _add_as_glow(x: Value, y: Value, node: SourceNode, edit: GraphEditor) -> Value:
    """More than two dimensions on the left make a BatchMatMul (Glow: loadMatMul, Function::createBatchMatMul)."""
    shape, columns = x.type.shape, y.type.shape[-1:]
    if len(shape) == 2 and len(y.type.shape) == 2:
        return edit.add(node.name, MatMul(), [x, y], node.name)
    if len(shape) < 3 or len(y.type.shape) < 2:
        raise NotInGlowError(f"{list(shape)} times {list(y.type.shape)}", "matrices, on the left at least as many")

    def stacked(value: Value, side: str) -> Value:
        matrices = (math.prod(value.type.shape[:-2]), *value.type.shape[-2:])
        return edit.add(f"{node.name}.reshape{side}3D", Reshape(matrices), [value], node.name)

    if len(shape) > 3:
        x, y = stacked(x, "LHS"), stacked(y, "RHS")
    if len(y.type.shape) == 2:
        y = edit.add(f"{node.name}.reshapeRHS.expanddims", Reshape((1, *y.type.shape)), [y], node.name)
    count = x.type.shape[0]
    if y.type.shape[0] == 1 != count:
        y = edit.add(f"{node.name}.tileRHS", Tile((count, 1, 1)), [y], node.name)
    if len(y.type.shape) != 3 or y.type.shape[0] != count:
        raise NotInGlowError(f"{list(shape)} times {list(y.type.shape)}", "one matrix on the right, or one for each")
    result = edit.add(node.name, BatchMatMul(), [x, y], node.name)
    if len(shape) > 3:
        result = edit.add(node.name, Reshape((*shape[:-1], *columns)), [result], node.name)
    return result


def _as_matrix(value: Value, shape: Shape, edit: GraphEditor, name: str) -> Value:
    """A vector as the matrix of ``shape``; anything else as it is."""
    if len(value.type.shape) > 1:
        return value
    if value.data is not None:
        return edit.moved(value.name, value, lambda data: data.reshape(shape))
    return edit.add(f"{name}.matrix", Reshape(shape), [value], name)


def _turned(value: Value, edit: GraphEditor, name: str) -> Value:
    """Matrices with rows and columns exchanged."""
    rank = len(value.type.shape)
    perm = (*range(rank - 2), rank - 1, rank - 2)
    if value.data is not None:
        return edit.moved(value.name, value, lambda data: data.transpose(perm))
    return edit.add(f"{name}.turned", Transpose(perm), [value], name)


def _flat(value: Value, shape: Shape, name: str, edit: GraphEditor, origin: str) -> Value:
    if value.type.shape == shape:
        return value
    if value.data is not None:
        return edit.moved(value.name, value, lambda data: data.reshape(shape))
    return edit.add(name, Reshape(shape), [value], origin)


def _add_matmul(x: Value, y: Value, node: SourceNode, edit: GraphEditor) -> Value:
    """One matrix on the right: those on the left are put one below the other (Glow: ConvertBroadcastedBatchMatMul)."""
    depth = x.type.shape[-1]
    if math.prod(x.type.shape[:-2]) > 1:
        edit.namer.unique(node.name)  # the BatchMatMul that Glow replaces
    rows = _flat(x, (x.type.elements // depth, depth), f"{node.name}.reshapeLHS", edit, node.name)
    columns = _flat(y, y.type.shape[-2:], f"{node.name}.squeezedRHS", edit, node.name)
    return edit.add(node.name, MatMul(), [rows, columns], node.name)


def _add_batched(x: Value, y: Value, node: SourceNode, edit: GraphEditor) -> Value:
    """A matrix on the right for each on the left, repeated where there are fewer."""
    batch = np.broadcast_shapes(x.type.shape[:-2], y.type.shape[:-2])
    operands = []
    for value, side in ((x, "LHS"), (y, "RHS")):
        shape = value.type.shape
        present = (1,) * (len(batch) - len(shape[:-2])) + shape[:-2]
        repeats = tuple(count // size for count, size in zip(batch, present, strict=True))
        whole, matrix = value, (math.prod(batch), *shape[-2:])
        if value.data is not None and math.prod(matrix) > _MOST_REPEATED:
            raise UnsupportedError(f"constant matrices of shape {list(matrix)}", f"at most {_MOST_REPEATED} elements")
        if max(repeats, default=1) > 1 and value.data is not None:
            whole = edit.moved(value.name, value, partial(np.broadcast_to, shape=(*batch, *shape[-2:])))
        elif max(repeats, default=1) > 1:
            whole = edit.add(f"{node.name}.tile{side}", Tile((*repeats, 1, 1)), [value], node.name)
        operands.append(_flat(whole, matrix, f"{node.name}.reshape{side}3D", edit, node.name))
    return edit.add(node.name, BatchMatMul(), operands, node.name)
