"""SoftMax over the rows of a matrix; in int8 with a table of exponentials, in float with its own exponential."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, U8, U16, U32, In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.numerics import float32, glow
from tinyglow.ops.reshape import Reshape
from tinyglow.ops.tflite_node import add_node
from tinyglow.ops.transpose import Transpose

_UINT32_MAX = 2**32 - 1


@dataclass(frozen=True)
class SoftMaxParams(Params):
    """``sum_bits`` integer bits hold the sum of a row's exponentials: as many as ``columns`` has.

    zeros: how many zeros the table lacks at its start. inverse_scale: 1 / output scale in unsigned fixed point, with
    ``inverse_bits`` (0 to 31) bits before the point.
    """

    rows: U16
    columns: U16
    inverse_scale: U32
    inverse_bits: U8
    sum_bits: U8
    out_offset: I8
    zeros: U8


def softmax_s8(p: SoftMaxParams, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_softmax_s8 (libjit_softmax_i8): exponentials and the inverse of their sum in fixed point.

    table: e ** (input scale * (index - 255)) with 31 fractional bits, from index ``zeros`` on.
    """
    rows = x.reshape(-1, p.columns).astype(np.int64)
    powers = np.concatenate([np.zeros(p.zeros, np.int64), table.reshape(-1).view(np.uint32).astype(np.int64)])
    exponentials = powers[255 + rows - rows.max(axis=1, keepdims=True)]
    total = (exponentials >> (p.sum_bits - 1)).sum(axis=1, keepdims=True)
    # Zeros above the sum's highest bit: the sum is shifted up by them, and 16 bits of it are kept.
    spare = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    total = (total << spare) >> 16
    division = ((p.inverse_scale + total // 2) & _UINT32_MAX) // total
    shift = 31 - p.inverse_bits + p.sum_bits - spare
    value = glow.wrap_int32(_scaled((division * exponentials) >> 16, shift))
    out[...] = glow.saturate_int8(value + np.int32(p.out_offset)).reshape(out.shape)


def _scaled(x: Array, shift: Array) -> Array:
    """x >> shift with libjit's rounding; x below 2**32, shift from 1 on, both int64.

    libjit rounds with a 32-bit ``1 << (shift + 15)`` (x lacks 16 bits of its number). From shift 17 on, which is where
    real outputs are, C leaves that undefined and the cores that bundles are made for give 0; at 16 it is negative.
    """
    rounding = np.where(shift < 16, (1 << np.minimum(shift, 15)) >> 1, 0)
    return np.where(shift == 16, ((x + 0x8000) >> 16) - 1, (x + rounding) >> shift)


SOFTMAX = Kernel(
    symbol="tg_softmax_s8",
    c_file="softmax/tg_softmax_s8.c",
    params=SoftMaxParams,
    operands=(In("input", "int8"), In("table", "int32"), Out("output", "int8", may_alias="input")),
    reference=softmax_s8,
    summary="softmax of rows",
)


@dataclass(frozen=True)
class SoftMaxFloatParams(Params):
    """Sizes in elements."""

    rows: U32
    columns: U32


def softmax_f32(p: SoftMaxFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_softmax_f32: e ** (x - largest) of a row, added up in order, each times the sum's inverse.

    The largest is the first to which no other compares larger, which NaN can only be as the first of its row.
    """
    rows = x.reshape(-1, p.columns)
    largest = rows[:, 0]
    for column in range(1, p.columns):
        largest = np.where(rows[:, column] > largest, rows[:, column], largest)
    with np.errstate(invalid="ignore", over="ignore"):
        powers = float32.exp(rows - largest[:, np.newaxis])
    total = np.zeros_like(largest)
    for column in range(p.columns):
        total = total + powers[:, column]
    out[...] = (powers * (np.float32(1) / total)[:, np.newaxis]).reshape(out.shape)


SOFTMAX_FLOAT = Kernel(
    symbol="tg_softmax_f32",
    c_file="softmax/tg_softmax_f32.c",
    params=SoftMaxFloatParams,
    operands=(In("input", "float32"), Out("output", "float32", may_alias="input")),
    reference=softmax_f32,
    summary="softmax of rows, in float",
)


def fixed_point(value: float, integer_bits: int) -> int:
    """A float32 value >= 0 with 32 - integer_bits fractional bits, halves away from zero (Glow, FixedPointUInt32)."""
    return math.floor(math.ldexp(value, 32 - integer_bits) + 0.5)


def exponential_table(scale: float) -> Array:
    """e ** (scale * -255) ... e ** 0 for an input scale, 31 fractional bits in int32's bits (Glow, SoftMaxInst)."""
    powers = [math.exp(glow.multiply_float32(scale, index - 255)) for index in range(256)]
    return np.array([fixed_point(glow.float32(power), 1) for power in powers], np.uint32).view(np.int32)


def leading_zeros(table: Array) -> int:
    """How many zeros a table of exponentials starts with: far below the largest, they are less than one unit."""
    return int(np.flatnonzero(table)[0])  # the last one is e ** 0


def softmax_params(rows: int, columns: int, scale: float, offset: int, zeros: int = 0) -> SoftMaxParams:
    """Parameters for an output's scale and offset, and a table without its zeros.

    Glow, lib/LLVMIRCodeGen/LLVMIRGen.cpp, SoftMaxInst.
    """
    inverse = glow.divide_float32(1.0, scale)
    bits = int(inverse).bit_length()
    if bits > 31:
        raise UnsupportedError(f"an output scale of {scale:g}", "a scale above 2**-31")
    return SoftMaxParams(rows, columns, fixed_point(inverse, bits), bits, columns.bit_length(), offset, zeros)


@dataclass(frozen=True)
class SoftMax(Op):
    """Input [rows, columns]; every row becomes e ** x / sum of its e ** x."""

    onnx_types: ClassVar[OnnxForms] = {"Softmax": OnnxForm(13, ("axis",))}
    tflite_types: ClassVar[TFLiteForms] = {"SOFTMAX": TFLiteForm(4, "SoftmaxOptions", ("beta",))}
    quantizable: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        rank = len(value.type.shape)
        flattens = getattr(node, "opset", 11) < 13
        axis = node.integer("axis", 1 if flattens else -1)
        if not -rank <= axis < rank:
            raise UnsupportedError(f"axis {axis} of shape {list(value.type.shape)}", f"{-rank} to {rank - 1}")
        add = _add_flattened if flattens else _add_along
        add(cls(), node, importer, axis % rank)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        shape = value.type.shape
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
