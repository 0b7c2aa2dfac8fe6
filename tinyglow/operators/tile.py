"""Repetition of a tensor along its dimensions: Tile, Expand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.reshape.strided_copy import Axis, copy_block, strides_of, with_bytes
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tflite_node import add_node, constant_integers


def _constant_list(name: str, what: str, importer: Importer) -> list[int]:
    data = importer.constant(name)
    if data is None:
        raise UnsupportedError(f"{what} that is computed at run time", "a constant")
    if data.ndim != 1 or data.dtype.kind != "i":
        raise UnsupportedError(f"{what} of type {data.dtype} and shape {list(data.shape)}", "a list of integers")
    return [int(item) for item in data]


def _repeats(node: SourceNode, shape: Shape, importer: Importer) -> tuple[int, ...]:
    """How often each dimension of the result holds the input's; leading dimensions of size 1 may be new."""
    if node.op_type == "Tile":
        repeats = _constant_list(node.inputs[1], "repeats", importer)
        if len(repeats) != len(shape) or min(repeats, default=1) < 1:
            raise UnsupportedError(f"repeats {repeats} of shape {list(shape)}", "a positive number for each dimension")
        return tuple(repeats)
    target = _constant_list(node.inputs[1], "shape", importer)
    rank = max(len(target), len(shape))
    target = [1] * (rank - len(target)) + target
    present = (1,) * (rank - len(shape)) + shape
    if any(
        count < 1 or (1 not in (count, size) and count != size) for count, size in zip(target, present, strict=True)
    ):
        raise UnsupportedError(f"shape {target} for a tensor of shape {list(shape)}", "shapes that broadcast")
    return tuple(count if size == 1 else 1 for count, size in zip(target, present, strict=True))


def _by_dimension(repeats: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The same in steps, each along one dimension."""
    return [
        tuple(count if index == axis else 1 for index in range(len(repeats)))
        for axis, count in enumerate(repeats)
        if count > 1
    ]


class Tile(Op):
    """The input ``repeats[i]`` times along dimension i; of more repeats than dimensions, the first are new ones.

    Glow has a node for each dimension (lib/Optimizer/Lower/Lower.cpp, lowerTileNode); this is all of them.
    """

    repeats: tuple[int, ...]

    onnx_types: ClassVar[OnnxForms] = {
        "Tile": OnnxForm(13),
        "Expand": OnnxForm(13),
    }
    tflite_types: ClassVar[TFLiteForms] = {"TILE": TFLiteForm(3)}
    glow_kind: ClassVar[str] = "InsertTensor"
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    inputs_match_output: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        shape = value.type.shape
        repeats = _repeats(node, shape, importer)
        # Glow's names for its new dimensions and for each repeated one; the last is the result's.
        point = "." if node.op_type == "Tile" else "_"
        for axis in range(len(repeats) - len(shape)):
            shape = (1, *shape)
            value = edit.add(f"{node.name}_{axis}", Reshape(shape), [value], node.name)
        names = [f"{node.name}{point}{axis}" for axis, count in enumerate(repeats) if count > 1]
        steps = _by_dimension(repeats) if importer.like_glow else [repeats]
        for name in names[: -len(steps)] if steps else ():
            edit.namer.unique(name)
        for name, step in zip(names[-len(steps) :], steps, strict=False):
            value = edit.add(name, cls(step), [value], node.name)
        importer.bind(node.outputs[0], value)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Glow has a node for each dimension, with the dimension's number after its name."""
        value, edit = importer.value(node.inputs[0]), importer.editor
        repeats = constant_integers(node, importer, 1, "repeats")
        if len(repeats) != len(value.type.shape) or min(repeats, default=1) < 1:
            raise UnsupportedError(f"repeats {repeats} of shape {list(value.type.shape)}", "one for each dimension")
        repeated = {axis: count for axis, count in enumerate(repeats) if count > 1}
        if importer.like_glow:
            for axis, count in repeated.items():
                alone = cls(tuple(count if at == axis else 1 for at in range(len(repeats))))
                value = add_node(node, importer, alone, [value], f"{node.name}{axis}")
        elif repeated:
            *others, last = repeated
            for axis in others:
                edit.namer.unique(f"{node.name}{axis}")
            value = add_node(node, importer, cls(tuple(repeats)), [value], f"{node.name}{last}")
        importer.bind(node.outputs[0], value)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        if len(self.repeats) < len(shape) or min(self.repeats, default=1) < 1:
            raise ShapeError(f"repeats {list(self.repeats)} of shape {list(shape)}", "one for each dimension")
        padded = (1,) * (len(self.repeats) - len(shape)) + shape
        return (inputs[0].reshaped(tuple(n * size for n, size in zip(self.repeats, padded, strict=True))),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        x = x.reshape(x.shape[0], *(1,) * (len(self.repeats) + 1 - x.ndim), *x.shape[1:])
        return (np.tile(x, (1, *self.repeats)),)

    def transposed(self, perm: tuple[int, ...]) -> Op | None:
        if len(perm) != len(self.repeats):
            return None
        return Tile(tuple(self.repeats[perm.index(axis)] for axis in range(len(perm))))

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = (lowering.type_of(name) for name in (node.inputs[0], node.outputs[0]))
        shape = (1,) * (len(self.repeats) - len(source.shape)) + source.shape
        bytes_in, bytes_out = strides_of(source.reshaped(shape)), strides_of(result)
        axes = []
        for size, count, near, far in zip(shape, self.repeats, bytes_in, bytes_out, strict=True):
            axes += [Axis(count, 0, size * far), Axis(size, near, far)]
        buffers = (lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0]))
        copy_block(lowering, *buffers, with_bytes(axes, source.dtype))
