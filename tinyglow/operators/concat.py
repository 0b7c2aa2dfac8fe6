"""Tensors one after the other along one dimension."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.reshape.strided_copy import Axis, copy_block, require_elements, strides_of, with_bytes
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.fused_activation import bind_activated
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tflite_node import add_node, require_count


class Concat(Op):
    """Any number of inputs, whose shapes differ along ``axis`` at most."""

    axis: int

    onnx_types: ClassVar[OnnxForms] = {"Concat": OnnxForm(13, ("axis",))}
    tflite_types: ClassVar[TFLiteForms] = {
        "CONCATENATION": TFLiteForm(6, "ConcatenationOptions", ("axis", "fused_activation_function")),
        "PACK": TFLiteForm(4, "PackOptions", ("axis", "values_count")),
    }
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    inputs_match_output: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        inputs = [importer.value(name) for name in node.inputs]
        axis = normalize_axis(node.integer("axis", 0), len(inputs[0].type.shape))
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(axis), inputs, node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """PACK gives each input a dimension of size 1 first."""
        inputs, edit = [importer.value(name) for name in node.inputs], importer.editor
        packs, rank = node.op_type == "PACK", len(inputs[0].type.shape)
        axis = normalize_axis(node.integer("axis", 0), rank + packs)
        if not packs:
            bind_activated(node, importer, add_node(node, importer, cls(axis), inputs))
            return
        require_count(node, "values_count", len(inputs), "inputs")
        if any(value.type.shape != inputs[0].type.shape for value in inputs):
            raise UnsupportedError("inputs of different shapes", "the same shape")
        shape = (*inputs[0].type.shape[:axis], 1, *inputs[0].type.shape[axis:])
        parts = [
            edit.add(f"{node.name}.Reshape{index}", Reshape(shape), [value], node.name)
            for index, value in enumerate(inputs)
        ]
        importer.bind(node.outputs[0], add_node(node, importer, cls(axis), parts, f"{node.name}.Concat"))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shapes = [list(type_.shape) for type_ in inputs]
        rests = [[*shape[: self.axis], *shape[self.axis + 1 :]] for shape in shapes]
        lengths = [shape[self.axis : self.axis + 1] for shape in shapes]
        if any(rest != rests[0] for rest in rests) or not all(lengths):
            found = f"shapes {', '.join(map(str, shapes))} one behind the other along dimension {self.axis}"
            raise ShapeError(found, "shapes that differ along that dimension only")
        shape = (*rests[0][: self.axis], sum(length for (length,) in lengths), *rests[0][self.axis :])
        return (replace(inputs[0], shape=shape),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        samples = max(len(x) for x in inputs)
        return (np.concatenate([np.broadcast_to(x, (samples, *x.shape[1:])) for x in inputs], axis=self.axis + 1),)

    def transposed(self, perm: tuple[int, ...]) -> Op | None:
        return Concat(perm[self.axis])

    def lower(self, node: Node, lowering: Lowering) -> None:
        result = lowering.type_of(node.outputs[0])
        require_elements(result.shape)
        output, distances = lowering.buffer(node.outputs[0]), strides_of(result)
        offset = 0
        for name in node.inputs:
            type_ = lowering.type_of(name)
            if type_.elements == 0:
                continue
            dims = zip(type_.shape, strides_of(type_), distances, strict=True)
            axes = with_bytes([Axis(*dim) for dim in dims], type_.dtype)
            copy_block(lowering, lowering.buffer(name), output, axes, target_offset=offset)
            offset += type_.shape[self.axis] * distances[self.axis]
