"""Base of the operators that reduce dimensions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import Importer, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.constants import computed
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tflite_node import add_node, constant_integers


def reduced_axes(node: SourceNode, rank: int, importer: Importer) -> tuple[int, ...]:
    """The reduced dimensions, an attribute or (newer operator sets) an input; all where they are not given."""
    axes = node.ints("axes", ())
    if len(node.inputs) > 1 and node.inputs[1]:
        data = importer.constant(node.inputs[1])
        if data is None or data.dtype.kind != "i":
            raise UnsupportedError("axes that are computed at run time", "constant integers")
        axes = tuple(int(axis) for axis in data.ravel())
    if not axes:
        return () if node.integer("noop_with_empty_axes", 0) else tuple(range(rank))
    if any(not -rank <= axis < rank for axis in axes) or len({axis % rank for axis in axes}) < len(axes):
        raise UnsupportedError(f"axes {list(axes)} for {rank} dimensions", f"different ones from {-rank} to {rank - 1}")
    return tuple(sorted(axis % rank for axis in axes))


class Reduce(Op):
    """Base: ``axes`` (ascending) are gone from the result."""

    axes: tuple[int, ...]

    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """Glow's node drops the dimensions; a Reshape after it brings them back as 1 where the model keeps them."""
        value, edit = importer.value(node.inputs[0]), importer.editor
        shape = value.type.shape
        op = cls(reduced_axes(node, len(shape), importer))
        if not op.axes:
            importer.bind(node.outputs[0], value)
            return
        kept = tuple(1 if axis in op.axes else count for axis, count in enumerate(shape))
        result = computed(op, node.outputs[0], [value], importer) or op.added(node.name, value, importer)
        if node.integer("keepdims", 1) and result.data is not None:
            result = edit.constant(node.outputs[0], result.data.reshape(kept))
        elif node.integer("keepdims", 1):
            result = edit.add(node.name, Reshape(kept), [result], node.name)
        importer.bind(node.outputs[0], result)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        shape = value.type.shape
        given = [normalize_axis(axis, len(shape)) for axis in constant_integers(node, importer, 1, "axes")]
        op = cls(tuple(sorted(set(given))))
        if not op.axes:
            importer.bind(node.outputs[0], value)
            return
        keeps = bool(node.integer("keep_dims", 0))
        if importer.like_glow:
            importer.bind(node.outputs[0], op.added_as_glow(node, value, list(dict.fromkeys(given)), keeps, importer))
            return
        result = op.added_to_nhwc(node, value, importer)
        kept = tuple(1 if axis in op.axes else count for axis, count in enumerate(shape))
        if not keeps:
            kept = tuple(count for axis, count in enumerate(shape) if axis not in op.axes)
        if result.type.shape != kept:
            result = edit.add(f"{node.name}.Expand", Reshape(kept), [result], node.name)
        importer.bind(node.outputs[0], result)

    def added_to_nhwc(self, node: SourceNode, value: Value, importer: Importer) -> Value:
        """As ``added``, of a TFLite operator; the result's reduced dimensions may be gone, or 1."""
        return add_node(node, importer, self, [value])

    def added_as_glow(
        self, node: SourceNode, value: Value, axes: Sequence[int], keeps: bool, importer: Importer
    ) -> Value:
        """One operator for each of a TFLite operator's ``axes``, in their order (TFLiteModelLoader.cpp, loadReduce)."""
        gone: list[int] = []
        for axis in axes:
            left = axis if keeps else axis - sum(other < axis for other in gone)
            shape = value.type.shape
            value = add_node(node, importer, replace(self, axes=(left,)), [value])
            if keeps:
                kept = Reshape((*shape[:axis], 1, *shape[axis + 1 :]))
                value = add_node(node, importer, kept, [value], f"{node.name}.Expand.expanddims")
            gone.append(axis)
        return value

    def added(self, name: str, value: Value, importer: Importer) -> Value:
        """Add what computes this of ``value``; without the reduced dimensions."""
        return importer.editor.add(name, self, [value], name)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        if any(not 0 <= axis < len(shape) for axis in self.axes):
            raise ShapeError(f"axes {list(self.axes)} of shape {list(shape)}", "dimensions that are there")
        return (inputs[0].reshaped(tuple(count for axis, count in enumerate(shape) if axis not in self.axes)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (self.reduce(inputs[0], tuple(axis + 1 for axis in self.axes)),)

    @abstractmethod
    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        """``x`` without ``axes``, in its own dtype."""
