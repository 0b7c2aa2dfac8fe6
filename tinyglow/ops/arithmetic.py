"""Add, Sub, Max and Min of two tensors: in int8, both are brought to the result's scale first."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.kernel import I8, U8, In, Kernel, Out
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics import glow
from tinyglow.ops.arithmetic_int16 import ADD_INT16, MAX_INT16, MIN_INT16, lower_addends_int16
from tinyglow.ops.broadcast import (
    BroadcastParams,
    OrderedParams,
    align_ranks,
    broadcast_inputs,
    broadcast_shape,
    float_kernel,
    lower_float,
    lower_operands,
)
from tinyglow.ops.constants import computed
from tinyglow.ops.fused_activation import bind_activated
from tinyglow.ops.int8 import scale_requant
from tinyglow.ops.matmul import MatMul
from tinyglow.ops.one_nan import one_nan
from tinyglow.ops.tflite_node import add_node


@dataclass(frozen=True)
class Binary(Op):
    """An operator on two tensors, element by element, with ONNX's multidirectional broadcasting.

    A single tensor (Sum, Max, Min) is the result itself, and more than two are combined in turn.
    """

    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = (0, 1)
    absorbs_rescale_after: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        result, *others = (importer.value(name) for name in node.inputs)
        for other in others:
            result = cls()._combined(result, other, node, importer)
        importer.bind(node.outputs[0], result)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        if len(node.inputs) != 2:
            raise UnsupportedError(f"has {len(node.inputs)} inputs", "2")
        x, y = (importer.value(name) for name in node.inputs)
        if x.type.quant is None:
            bind_activated(node, importer, cls()._combined(x, y, node, importer))
            return
        operands = broadcast_inputs(x, y, importer.editor, node.name)
        bind_activated(node, importer, add_node(node, importer, cls(), operands))

    def _combined(self, x: Value, y: Value, node: SourceNode, importer: Importer) -> Value:
        if x.type.dtype != y.type.dtype:
            raise UnsupportedError(f"operands of types {x.type.dtype} and {y.type.dtype}", "two of the same type")
        broadcast_shape(x.type.shape, y.type.shape)
        constant = computed(self, node.outputs[0], (x, y), importer)
        if constant is not None:
            return constant
        edit = importer.editor
        producers = [edit.producer(value.name) for value in (x, y)]
        # Glow makes a FullyConnected of MatMul and Add, and its bias of the vector as it is.
        product = any(producer is not None and isinstance(producer.op, MatMul) for producer in producers)
        return edit.add(node.name, self, broadcast_inputs(x, y, edit, node.name, keep_vectors=product), node.name)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, y = inputs
        if x.dtype != y.dtype:
            raise ShapeError(f"operands of types {x.dtype} and {y.dtype}", "two of the same type")
        return (TensorType(broadcast_shape(x.shape, y.shape), x.dtype),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (self.combine(*align_ranks(*inputs)),)

    @abstractmethod
    def combine(self, x: Array, y: Array) -> Array:
        """The elements of the result, in the dtype of ``x`` and ``y``: float32, or int64 for shapes."""


@dataclass(frozen=True)
class AddendParams(BroadcastParams):
    """Real values at the output's scale are requantize(element - offset), with each operand's own constants.

    The output's offset is in one of them, or in both for Max and Min. is_reversed: it is other - input, for Sub.
    """

    input_offset: I8
    other_offset: I8
    is_reversed: U8
    input_scale: glow.Requant
    other_scale: glow.Requant

    def addends(self, x: Array, other: Array) -> tuple[Array, Array]:
        """Both operands at the output's scale, int32 [samples, elements]."""
        a = glow.requantize(x.astype(np.int32) - np.int32(self.input_offset), self.input_scale)
        b = glow.requantize(self.spread(other).astype(np.int32) - np.int32(self.other_offset), self.other_scale)
        return a, b


def add_s8(p: AddendParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_add_s8 (``libjit_element_add_kernel_i8``): saturate(input + other), 32 bits that wrap."""
    a, b = p.addends(x, other)
    out[...] = glow.saturate_int8(a + b)


def sub_s8(p: AddendParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_sub_s8 (``libjit_element_sub_kernel_i8``): saturate(input - other), or other - input."""
    a, b = p.addends(x, other)
    out[...] = glow.saturate_int8(b - a if p.is_reversed else a - b)


def max_s8(p: AddendParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_max_s8 (``libjit_element_max_kernel_i8``): saturate(the larger)."""
    out[...] = glow.saturate_int8(np.maximum(*p.addends(x, other)))


def min_s8(p: AddendParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_min_s8 (``libjit_element_min_kernel_i8``): saturate(the smaller)."""
    out[...] = glow.saturate_int8(np.minimum(*p.addends(x, other)))


def _kernel(name: str, reference: Callable[..., None], summary: str) -> Kernel:
    return Kernel(
        symbol=f"tg_{name}_s8",
        c_file=f"elementwise/tg_{name}_s8.c",
        params=AddendParams,
        operands=(In("input", "int8"), In("other", "int8"), Out("output", "int8", may_alias="input")),
        reference=reference,
        summary=summary,
    )


ADD = _kernel("add", add_s8, "sum of two tensors")
SUB = _kernel("sub", sub_s8, "difference of two tensors")
MAX = _kernel("max", max_s8, "larger of two tensors' elements")
MIN = _kernel("min", min_s8, "smaller of two tensors' elements")


ADD_FLOAT = float_kernel("add", lambda x, y: one_nan(x + y), "sum of two tensors")
SUB_FLOAT = float_kernel("sub", lambda x, y: one_nan(x - y), "difference of two tensors", OrderedParams)
MAX_FLOAT = float_kernel(
    "max", lambda x, y: np.where((x > y) | np.isnan(x), x, y), "larger of two tensors' elements or NaN"
)
MIN_FLOAT = float_kernel(
    "min", lambda x, y: np.where((x < y) | np.isnan(x), x, y), "smaller of two tensors' elements or NaN"
)


def _lower_addends(node: Node, lowering: Lowering, kernel: Kernel, float_kernel: Kernel) -> None:
    """Both operands' scales over the result's (Glow, LLVMIRGen.cpp, ARITHMETIC_BINARY_OP_CASE)."""
    dtype = lowering.type_of(node.outputs[0]).dtype
    if dtype == "float32":
        lower_float(node, lowering, float_kernel)
        return
    if dtype == "int16":
        wide_kernel = {MAX: MAX_INT16, MIN: MIN_INT16}.get(kernel, ADD_INT16)
        lower_addends_int16(node, lowering, wide_kernel, second=-1.0 if kernel is SUB else 1.0)
        return
    operands = lower_operands(node, lowering)
    x, other, result = operands.params
    is_reversed = operands.is_reversed and kernel is SUB
    # The output's offset comes in with one operand, of a difference with the minuend. Which one will be the larger or
    # the smaller is not known: there both bring it.
    params = AddendParams(
        **operands.loops,
        input_offset=x.offset,
        other_offset=other.offset,
        is_reversed=int(is_reversed),
        input_scale=_to_scale(x, result, result.offset if not is_reversed else 0),
        other_scale=_to_scale(other, result, result.offset if is_reversed or kernel in (MAX, MIN) else 0),
    )
    operands.call(kernel, params, lowering)


def _to_scale(source: QuantParams, result: QuantParams, offset: int) -> glow.Requant:
    return scale_requant(glow.divide_float32(source.scale, result.scale), offset)


@dataclass(frozen=True)
class Add(Binary):
    """x + y."""

    onnx_types: ClassVar[OnnxForms] = {
        "Add": OnnxForm(14),
        "Sum": OnnxForm(13),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "ADD": TFLiteForm(
            6,
            "AddOptions",
            ("fused_activation_function",),
            without_effect={"pot_scale_int16": "of int16 operands, which are refused"},
        )
    }

    def combine(self, x: Array, y: Array) -> Array:
        return x + y

    def lower(self, node: Node, lowering: Lowering) -> None:
        _lower_addends(node, lowering, ADD, ADD_FLOAT)


@dataclass(frozen=True)
class Sub(Binary):
    """x - y."""

    onnx_types: ClassVar[OnnxForms] = {"Sub": OnnxForm(14)}
    tflite_types: ClassVar[TFLiteForms] = {
        "SUB": TFLiteForm(
            5,
            "SubOptions",
            ("fused_activation_function",),
            without_effect={"pot_scale_int16": "of int16 operands, which are refused"},
        )
    }

    def combine(self, x: Array, y: Array) -> Array:
        return x - y

    def lower(self, node: Node, lowering: Lowering) -> None:
        _lower_addends(node, lowering, SUB, SUB_FLOAT)


@dataclass(frozen=True)
class Max(Binary):
    """The larger of x and y."""

    onnx_types: ClassVar[OnnxForms] = {"Max": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"MAXIMUM": TFLiteForm(4)}
    # Glow moves a rescale behind a Max in front of its operands instead (GraphOptimizer.cpp, OptimizeQuantization).
    absorbs_rescale_after: ClassVar[bool] = False

    def combine(self, x: Array, y: Array) -> Array:
        return np.maximum(x, y)

    def lower(self, node: Node, lowering: Lowering) -> None:
        _lower_addends(node, lowering, MAX, MAX_FLOAT)


@dataclass(frozen=True)
class Min(Binary):
    """The smaller of x and y."""

    onnx_types: ClassVar[OnnxForms] = {"Min": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"MINIMUM": TFLiteForm(4)}

    def combine(self, x: Array, y: Array) -> Array:
        return np.minimum(x, y)

    def lower(self, node: Node, lowering: Lowering) -> None:
        _lower_addends(node, lowering, MIN, MIN_FLOAT)
