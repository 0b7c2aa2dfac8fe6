"""Gather: elements by their number along a dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, Op, Quantizing, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.reshape.gather import gather
from tinyglow.kernels.reshape.gather_at import GATHER_AT, GatherAtParams
from tinyglow.kernels.reshape.strided_copy import require_elements, strides_of
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice


class Gather(Op):
    """The elements numbered ``indices`` (at least 0) along ``axis``, in whose place come dimensions ``index_shape``."""

    axis: int
    indices: tuple[int, ...]
    index_shape: Shape

    onnx_types: ClassVar[OnnxForms] = {"Gather": OnnxForm(13, ("axis",))}
    tflite_types: ClassVar[TFLiteForms] = {"GATHER": TFLiteForm(7, "GatherOptions", ("axis", "batch_dims"))}
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value, data = importer.value(node.inputs[0]), importer.constant(node.inputs[1])
        shape = value.type.shape
        if data is None:
            raise UnsupportedError("indices that are computed at run time", "constant indices")
        axis = normalize_axis(node.integer("axis", 0), len(shape))
        length = shape[axis]
        indices = [int(index) for index in data.ravel()]
        if not all(-length <= index < length for index in indices):
            raise UnsupportedError(f"indices {indices} of {length} elements", f"{-length} to {length - 1}")
        indices = [index % length for index in indices]
        edit = importer.editor
        if len(indices) != 1:
            op = cls(axis, tuple(indices), tuple(data.shape))
            importer.bind(node.outputs[0], edit.add(node.name, op, [value], node.name))
            return
        # One element is a Slice (Glow: GatherToSlice, which makes new nodes of the Gather's name).
        edit.namer.unique(node.name)
        part = Slice.along(shape, {axis: range(indices[0], indices[0] + 1)})
        target = Reshape((*shape[:axis], *data.shape, *shape[axis + 1 :]))
        taken = edit.add(node.name, part, [value], node.name)
        importer.bind(node.outputs[0], edit.add(node.name, target, [taken], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        if node.integer("batch_dims", 0):
            raise UnsupportedError(f"batch_dims {node.integer('batch_dims', 0)}", "0")
        value, places = importer.value(node.inputs[0]), importer.value(node.inputs[1])
        if places.data is None and places.type.dtype == "int32":
            op = GatherAt(normalize_axis(node.integer("axis", 0), len(value.type.shape)))
            importer.bind(node.outputs[0], importer.editor.add(node.name, op, [value, places], node.name))
            return
        cls.from_onnx(node, importer)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        if not 0 <= self.axis < len(shape) or max(self.indices, default=0) >= shape[self.axis]:
            raise ShapeError(f"elements {list(self.indices)} along dimension {self.axis} of shape {list(shape)}")
        return (inputs[0].reshaped((*shape[: self.axis], *self.index_shape, *shape[self.axis + 1 :])),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        index = np.array(self.indices, np.int64).reshape(self.index_shape)
        return (np.take(inputs[0], index, axis=self.axis + 1),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        shape = lowering.type_of(node.inputs[0]).shape
        picks: list[Sequence[int]] = [range(size) for size in shape]
        picks[self.axis] = self.indices
        gather(node, lowering, picks)


class GatherAt(Op):
    """Inputs: x, and int32 numbers of elements along ``axis``, in whose place come the dimensions of the numbers.

    A number below 0 is 0, one that is too large that of the last element; Glow reads what is there in memory.
    """

    axis: int

    glow_kind: ClassVar[str] = "Gather"
    takes_indices: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, places = inputs
        if not 0 <= self.axis < len(x.shape) or x.shape[self.axis] < 1 or places.dtype != "int32":
            raise ShapeError(
                f"{places} as numbers along dimension {self.axis} of {x}", "int32, along a dimension of it"
            )
        return (x.reshaped((*x.shape[: self.axis], *places.shape, *x.shape[self.axis + 1 :])),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, places = inputs
        samples = max(len(x), len(places))
        x, places = np.broadcast_to(x, (samples, *x.shape[1:])), np.broadcast_to(places, (samples, *places.shape[1:]))
        places = np.clip(places, 0, x.shape[self.axis + 1] - 1)
        return (np.stack([np.take(one, at, axis=self.axis) for one, at in zip(x, places, strict=True)]),)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        x, own = quantizing.quantized(node.inputs[0]), quantizing.params(node.outputs[0])
        taken = quantizing.edit.add(node.name, self, [x, quantizing.plain(node.inputs[1])], node.origin)
        return taken if quantizing.int16 else quantizing.rescale(node.name, taken, own, node.origin)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, places = (lowering.type_of(name) for name in node.inputs)
        require_elements((*source.shape, *lowering.type_of(node.outputs[0]).shape))
        run = strides_of(source)[self.axis]
        params = GatherAtParams(math.prod(source.shape[: self.axis]), source.shape[self.axis], run, places.elements)
        buffers = [lowering.buffer(name) for name in (*node.inputs, *node.outputs)]
        lowering.call(GATHER_AT, buffers, params)
