"""Permutation of dimensions."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.reshape.transpose import permute
from tinyglow.operators.tflite_node import add_and_bind, constant_integers


class Transpose(Op):
    """Dimension i of the result is dimension ``perm[i]`` of the input."""

    perm: tuple[int, ...]

    onnx_types: ClassVar[OnnxForms] = {"Transpose": OnnxForm(25, ("perm",))}
    tflite_types: ClassVar[TFLiteForms] = {"TRANSPOSE": TFLiteForm(9)}
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool | None] = None
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True
    rescale_sinks: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        rank = len(value.type.shape)
        perm = node.ints("perm", tuple(reversed(range(rank))))
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(perm), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, rank = importer.value(node.inputs[0]), len(importer.value(node.inputs[0]).type.shape)
        given = constant_integers(node, importer, 1, "a permutation")
        if sorted(axis % rank if -rank <= axis < rank else -1 for axis in given) != list(range(rank)):
            raise UnsupportedError(f"permutation {given} of {rank} dimensions", "each dimension once")
        add_and_bind(node, importer, cls(tuple(axis % rank for axis in given)), [value])

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        if sorted(self.perm) != list(range(len(shape))):
            raise ShapeError(f"permutation {list(self.perm)} of shape {list(shape)}", "each dimension once")
        return (inputs[0].reshaped(tuple(shape[axis] for axis in self.perm)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].transpose(0, *(axis + 1 for axis in self.perm)),)

    def moves_data(self, shape: Shape) -> bool:
        """Whether elements change their order in memory (dimensions of size 1 may move freely)."""
        kept = [axis for axis in self.perm if shape[axis] != 1]
        return kept != sorted(kept)

    def lower(self, node: Node, lowering: Lowering) -> None:
        type_ = lowering.type_of(node.inputs[0])
        if not self.moves_data(type_.shape):
            lowering.alias(node.outputs[0], node.inputs[0])
            return
        permute(lowering, lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0]), type_, self.perm)
