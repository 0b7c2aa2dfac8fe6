"""Truth values: comparisons, logic, and the choice between two tensors. ONNX forms are not read."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.forms import TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, Quantizing, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.elementwise.compare import COMPARE, COMPARE_FLOAT, RELATIONS, CompareFloatParams, CompareParams
from tinyglow.kernels.elementwise.logic import LOGIC, LOGIC_KERNEL, LogicParams
from tinyglow.kernels.elementwise.select import SELECT, SELECT_FLOAT, SelectFloatParams, SelectParams
from tinyglow.kernels.int8 import scale_requant
from tinyglow.numerics import glow
from tinyglow.numerics.names import TFLITE
from tinyglow.operators.broadcast import broadcast_shape
from tinyglow.operators.litert_compare import lower_comparison
from tinyglow.operators.numerics import lower_exactly
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tile import Tile

# The relation that an operator is, and whether its operands change places: Glow has no others.
_TFLITE_RELATIONS = {
    "EQUAL": ("EQ", False),
    "NOT_EQUAL": ("NEQ", False),
    "LESS": ("LT", False),
    "LESS_EQUAL": ("LTE", False),
    "GREATER": ("LT", True),
    "GREATER_EQUAL": ("LTE", True),
}
_TFLITE_LOGIC = {"LOGICAL_AND": "And", "LOGICAL_OR": "Or", "LOGICAL_NOT": "Not"}


def _repeated(value: Value, shape: Shape, edit: GraphEditor, origin: str) -> Value:
    """``value`` broadcast to ``shape`` in memory."""
    if value.type.shape == shape:
        return value
    if value.data is not None:
        return edit.constant(value.name, np.array(np.broadcast_to(value.data, shape)), value.type.reshaped(shape))
    padded = (1,) * (len(shape) - len(value.type.shape)) + value.type.shape
    if padded != value.type.shape:
        value = edit.add(f"broadcast_{value.name}_reshape", Reshape(padded), [value], origin)
    repeats = tuple(count // present for count, present in zip(shape, padded, strict=True))
    return edit.add(f"broadcast_{value.name}", Tile(repeats), [value], origin)


def _of_one_shape(names: tuple[str, ...], importer: Importer, origin: str) -> list[Value]:
    """The operands, repeated where they broadcast. Raises UnsupportedError for integers, ShapeError."""
    values = [importer.value(name) for name in names]
    is_known = all(value.data is not None for value in values)
    if not is_known and any(value.type.dtype == "int64" for value in values):
        raise UnsupportedError("operands of integers that are computed at run time", "floats or truth values")
    shape: Shape = ()
    for value in values:
        shape = broadcast_shape(shape, value.type.shape)
    return [_repeated(value, shape, importer.editor, origin) for value in values]


def _require_types(values: list[Value], dtypes: list[str]) -> None:
    if [value.type.dtype for value in values] != dtypes:
        raise UnsupportedError(f"operands of types {[value.type.dtype for value in values]}", str(dtypes))


def _lower_compare(node: Node, lowering: Lowering) -> None:
    """As LiteRT rounds it."""
    assert isinstance(node.op, Compare)
    lower_comparison(node, lowering, node.op.relation)


class Compare(Op):
    """Whether x is in a relation to y of the same shape: truth values."""

    relation: str

    tflite_types: ClassVar[TFLiteForms] = {
        "EQUAL": TFLiteForm(4, "EqualOptions"),
        "NOT_EQUAL": TFLiteForm(3, "NotEqualOptions"),
        "LESS": TFLiteForm(3, "LessOptions"),
        "LESS_EQUAL": TFLiteForm(3, "LessEqualOptions"),
        "GREATER": TFLiteForm(3, "GreaterOptions"),
        "GREATER_EQUAL": TFLiteForm(3, "GreaterEqualOptions"),
    }
    quantizable: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_compare}

    @property
    def kind_in_glow(self) -> str:
        """As for every operator."""
        return f"Cmp{self.relation}"

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        relation, turned = _TFLITE_RELATIONS[node.op_type]
        names = (node.inputs[0], node.inputs[1])
        values = _of_one_shape(names[::-1] if turned else names, importer, node.name)
        # Integers are constants here: the result is computed at import.
        _require_types(values, ["int64" if values[0].type.dtype == "int64" else "float32"] * 2)
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(relation), values, node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if inputs[0].shape != inputs[1].shape or inputs[0].dtype != inputs[1].dtype:
            raise ShapeError(f"a comparison of {inputs[0]} and {inputs[1]}", "two of the same shape and type")
        return (TensorType(inputs[0].shape, "bool"),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        with np.errstate(invalid="ignore"):
            return (RELATIONS[self.relation](*inputs),)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        operands = [quantizing.quantized(name) for name in node.inputs]
        return quantizing.edit.add(node.name, self, operands, node.origin)

    def lower(self, node: Node, lowering: Lowering) -> None:
        x, y = (lowering.type_of(name) for name in node.inputs)
        buffers = [lowering.buffer(name) for name in (*node.inputs, *node.outputs)]
        relation = list(RELATIONS).index(self.relation)
        if x.dtype == "float32":
            lowering.call(COMPARE_FLOAT, buffers, CompareFloatParams(x.elements, relation))
            return
        assert x.quant and y.quant
        to_other = scale_requant(glow.divide_float32(x.quant.scale, y.quant.scale), 0)
        params = CompareParams(x.elements, relation, x.quant.offset, y.quant.offset, to_other)
        lowering.call(COMPARE, buffers, params)


class Logic(Op):
    """And, Or of two tensors of truth values; Not of one."""

    operation: str

    tflite_types: ClassVar[TFLiteForms] = {
        "LOGICAL_AND": TFLiteForm(1, "LogicalAndOptions"),
        "LOGICAL_OR": TFLiteForm(1, "LogicalOrOptions"),
        "LOGICAL_NOT": TFLiteForm(1, "LogicalNotOptions"),
    }

    @property
    def kind_in_glow(self) -> str:
        """As for every operator."""
        return self.operation

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        operation = _TFLITE_LOGIC[node.op_type]
        names = node.inputs[:1] if operation == "Not" else (node.inputs[0], node.inputs[1])
        values = _of_one_shape(names, importer, node.name)
        _require_types(values, ["bool"] * len(values))
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(operation), values, node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if len({type_.shape for type_ in inputs}) != 1 or any(type_.dtype != "bool" for type_ in inputs):
            raise ShapeError(f"{self.operation} of {', '.join(map(str, inputs))}", "truth values of one shape")
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (LOGIC[self.operation](inputs[0], inputs[-1]),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        names = (node.inputs[0], node.inputs[-1], node.outputs[0])
        params = LogicParams(lowering.type_of(node.outputs[0]).elements, list(LOGIC).index(self.operation))
        lowering.call(LOGIC_KERNEL, [lowering.buffer(name) for name in names], params)


class Select(Op):
    """Inputs: x, y and truth values, of one shape; x where they are true, else y."""

    tflite_types: ClassVar[TFLiteForms] = {
        "SELECT": TFLiteForm(4, "SelectOptions"),
        "SELECT_V2": TFLiteForm(2, "SelectV2Options"),
    }
    quantizable: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_exactly}

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """The condition comes first. In SELECT, one with fewer dimensions is one for each of the first dimension."""
        if node.op_type == "SELECT" and len({importer.value(name).type.shape for name in node.inputs}) > 1:
            raise UnsupportedError("a condition of another shape than what it chooses from", "the same shape")
        condition, x, y = _of_one_shape((node.inputs[0], node.inputs[1], node.inputs[2]), importer, node.name)
        _require_types([condition, x, y], ["bool", "float32", "float32"])
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [x, y, condition], node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, y, condition = inputs
        if not x.shape == y.shape == condition.shape or condition.dtype != "bool":
            raise ShapeError(
                f"a choice between {x} and {y} by {condition}", "two tensors and truth values of one shape"
            )
        return (replace(x, quant=None),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, y, condition = inputs
        return (np.where(condition, x, y),)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        x, y = (quantizing.quantized(name) for name in node.inputs[:2])
        type_ = replace(x.type, quant=quantizing.params(node.outputs[0]))
        return quantizing.edit.add(node.name, self, [x, y, quantizing.plain(node.inputs[2])], node.origin, (type_,))

    def lower(self, node: Node, lowering: Lowering) -> None:
        x, y, result = (lowering.type_of(name) for name in (*node.inputs[:2], node.outputs[0]))
        buffers = [lowering.buffer(name) for name in (*node.inputs, *node.outputs)]
        if result.dtype == "float32":
            lowering.call(SELECT_FLOAT, buffers, SelectFloatParams(result.elements))
            return
        assert x.quant and y.quant and result.quant
        scales = [
            scale_requant(glow.divide_float32(side.scale, result.quant.scale), result.quant.offset)
            for side in (x.quant, y.quant)
        ]
        params = SelectParams(result.elements, x.quant.offset, y.quant.offset, *scales)
        lowering.call(SELECT, buffers, params)
