"""Operators that exporters compute shapes, axes and sizes with: all is known at import, and nothing is left to run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array
from tinyglow.ir.op import Importer, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.cast import Cast

# ONNX, TensorProto.DataType. Truth values are integers here, as all integers are int64.
_DTYPES = {1: np.float32, 6: np.int64, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}
_OF_SMALL_FLOATS = "of float8 types, which are refused"
_MOST_ELEMENTS = 2**24  # of what a file of a few bytes can ask for


def _require(elements: float) -> None:
    """Raises UnsupportedError for a constant that no shape needs."""
    if not 0 <= elements <= _MOST_ELEMENTS:
        raise UnsupportedError(f"a constant of {elements:g} elements", f"at most {_MOST_ELEMENTS}")


def _cast_type(node: SourceNode) -> type[np.generic]:
    number = node.integer("to", 0)
    if number not in _DTYPES:
        raise UnsupportedError(f"a cast to type number {number}", "FLOAT, FLOAT16, DOUBLE, INT32, INT64 or BOOL")
    return _DTYPES[number]


def _constant_of_shape(node: SourceNode, shape: Array) -> Array:
    value = node.attributes.get("value")
    filling = value if isinstance(value, np.ndarray) else np.zeros(1, np.float32)
    dims = [int(size) for size in shape.ravel()]
    if filling.size != 1 or min(dims, default=0) < 0:
        raise UnsupportedError(f"shape {dims} filled with {filling.size} values", "a shape and one value")
    _require(math.prod(max(1, size) for size in dims))  # a 0 makes the rest no smaller for numpy
    return np.full(dims, filling.ravel()[0])


def _range(node: SourceNode, *limits: Array) -> Array:
    if any(limit.size != 1 for limit in limits) or not limits[2]:
        raise UnsupportedError("limits that are no scalars, or a step of 0", "start, limit and step")
    start, limit, step = (item.ravel()[0] for item in limits)
    exact = (float(limit) - float(start)) / float(step)
    if not math.isfinite(exact):
        raise UnsupportedError(f"limits {start}, {limit} and step {step}", "finite ones")
    count = max(0.0, math.ceil(exact))
    _require(count)
    result: Array = start + np.arange(int(count)) * step
    return result


def _broadcast(function: Callable[..., Array]) -> Callable[..., Array]:
    def checked(node: SourceNode, *operands: Array) -> Array:
        try:
            _require(math.prod(np.broadcast_shapes(*(operand.shape for operand in operands))))
        except ValueError as error:
            raise UnsupportedError(str(error), "shapes that broadcast") from error
        return function(*operands)

    return checked


def _modulo(node: SourceNode, x: Array, y: Array) -> Array:
    """The remainder: its sign is the divisor's, or with fmod the dividend's; 0 of a division by zero."""
    remainder = np.fmod if node.integer("fmod", 0) else np.mod
    return _broadcast(lambda a, b: remainder(a, np.where(b == 0, 1, b)) * (b != 0))(node, x, y)


def _where(condition: Array, x: Array, y: Array) -> Array:
    result: Array = np.where(condition.astype(bool), x, y)
    return result


def _reduce_prod(node: SourceNode, x: Array, axes: Array | None = None) -> Array:
    given = [int(axis) for axis in axes.ravel()] if axes is not None else list(node.ints("axes", ()))
    if not given and node.integer("noop_with_empty_axes", 0):
        return x
    numbers = tuple(normalize_axis(axis, x.ndim) for axis in given) or tuple(range(x.ndim))
    product: Array = np.prod(x, axis=numbers, keepdims=bool(node.integer("keepdims", 1)))
    return product


# How many operands each may have.
_OPERANDS: dict[str, tuple[int, ...]] = {
    "Cast": (1,),
    "ConstantOfShape": (1,),
    "Range": (3,),
    "Equal": (2,),
    "Where": (3,),
    "Mod": (2,),
    "ReduceProd": (1, 2),
}
_FUNCTIONS: dict[str, Callable[..., Array]] = {
    "Cast": lambda node, x: x.astype(_cast_type(node)),
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Equal": _broadcast(np.equal),
    "Where": _broadcast(_where),
    "Mod": _modulo,
    "ReduceProd": _reduce_prod,
}


class Shape(Op):
    """Never a node of the graph: its results are constants. Also Size, and what is on constants only."""

    onnx_types: ClassVar[OnnxForms] = {
        "Shape": OnnxForm(25, ("end", "start")),
        "Size": OnnxForm(25),
        "Cast": OnnxForm(28, ("to",), {"saturate": _OF_SMALL_FLOATS, "round_mode": _OF_SMALL_FLOATS}),
        "ConstantOfShape": OnnxForm(25, ("value",)),
        "Range": OnnxForm(27, without_effect={"stash_type": "of float16 and bfloat16, which are refused"}),
        "Equal": OnnxForm(19),
        "Where": OnnxForm(16),
        "Mod": OnnxForm(28, ("fmod",)),
        "ReduceProd": OnnxForm(18, ("axes", "keepdims", "noop_with_empty_axes")),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "SHAPE": TFLiteForm(1, "ShapeOptions", without_effect={"out_type": "the tensors have their types"}),
        "CAST": TFLiteForm(
            8,
            "CastOptions",
            without_effect={
                "in_data_type": "the tensors have their types",
                "out_data_type": "the tensors have their types",
            },
        ),
    }

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        values = [importer.value(name) for name in node.inputs if name]
        dims, constants = values[0].type.shape, [value.data for value in values]
        if node.op_type == "Shape":
            end = len(dims) if node.attributes.get("end") is None else node.integer("end", 0)
            result = np.array(dims[node.integer("start", 0) : end], np.int64)
        elif node.op_type == "Size":
            result = np.array(math.prod(dims), np.int64)
        elif not any(data is None for data in constants):
            if len(constants) not in _OPERANDS[node.op_type]:  # a file may leave out any of them
                expected = " or ".join(map(str, _OPERANDS[node.op_type]))
                raise UnsupportedError(f"has {len(constants)} operands", expected)
            result = np.asarray(_FUNCTIONS[node.op_type](node, *constants))
        elif node.op_type == "Cast" and np.dtype(_cast_type(node)).kind == np.dtype(values[0].type.dtype).kind:
            # Of floats all are float32 here, and integers int64.
            importer.bind(node.outputs[0], values[0])
            return
        else:
            found = f"a {node.op_type} of what is computed at run time"
            raise UnsupportedError(found, "operands that are known at import, as shapes are")
        result = result.astype(np.float32 if result.dtype.kind == "f" else np.int64)
        importer.bind(node.outputs[0], importer.editor.constant(node.outputs[0], result))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, dtype = importer.value(node.inputs[0]), importer.declared(node.outputs[0]).dtype
        if node.op_type == "SHAPE":
            data: Array | None = np.array(value.type.shape, np.int64)
        elif value.type.dtype == dtype or (value.type.dtype == "int32" and dtype == "int64"):
            importer.bind(node.outputs[0], value)
            return
        elif value.data is None and Cast.is_known(value.type.dtype, "int32" if dtype == "int64" else dtype):
            op = Cast("int32" if dtype == "int64" else dtype)
            importer.bind(node.outputs[0], importer.editor.add(node.name, op, [value], node.name))
            return
        else:
            data = value.data
        if data is None:
            found = f"a CAST of {value.type.dtype} to {dtype} at run time"
            raise UnsupportedError(found, "float32 to int32, int32 or truth values to float32")
        importer.bind(node.outputs[0], importer.editor.constant(node.outputs[0], data.astype(dtype)))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        raise ShapeError("the shape of a tensor as a node", "a constant")

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        raise ShapeError("the shape of a tensor as a node", "a constant")
