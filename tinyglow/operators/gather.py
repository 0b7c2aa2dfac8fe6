"""Gather: elements by their number along a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.reshape.gather import gather
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice


@dataclass(frozen=True)
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
