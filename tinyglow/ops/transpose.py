"""Permutation of dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.ops.strided import MOST_AXES, Axis, copy_block, merge_axes, require_elements, strides_of, with_bytes
from tinyglow.ops.tflite_node import add_and_bind, constant_integers

MAX_RANK = 6
# Bytes that lie together in input and output, from which on copying them as runs is faster than one by one.
_SHORTEST_RUN = 4


@dataclass(frozen=True)
class TransposeParams(Params):
    """Output dimensions, outermost first (unused ones are 1), and the input's stride in bytes along each."""

    dim0: U32
    dim1: U32
    dim2: U32
    dim3: U32
    dim4: U32
    dim5: U32
    stride0: U32
    stride1: U32
    stride2: U32
    stride3: U32
    stride4: U32
    stride5: U32


def transpose_s8(p: TransposeParams, x: Array, out: Array) -> None:
    """Definition of tg_transpose_s8: out[i, ..., n] = x[i * stride0 + ... + n * stride5]."""
    dims = (p.dim0, p.dim1, p.dim2, p.dim3, p.dim4, p.dim5)
    strides = (p.stride0, p.stride1, p.stride2, p.stride3, p.stride4, p.stride5)
    index = sum(
        np.arange(dim).reshape([-1 if axis == i else 1 for i in range(MAX_RANK)]) * stride
        for axis, (dim, stride) in enumerate(zip(dims, strides, strict=True))
    )
    out[...] = x[:, np.asarray(index).ravel()]


TRANSPOSE = Kernel(
    symbol="tg_transpose_s8",
    c_file="reshape/tg_transpose_s8.c",
    params=TransposeParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=transpose_s8,
    summary="permutation of up to six dimensions",
)


def permute(lowering: Lowering, source: str, target: str, type_: TensorType, perm: tuple[int, ...]) -> None:
    """Emit the calls that write a tensor of ``type_`` from buffer ``source`` to ``target``, its dimensions permuted."""
    require_elements(type_.shape)
    result = strides_of(type_.reshaped(tuple(type_.shape[axis] for axis in perm)))
    distances = strides_of(type_)
    axes = [Axis(type_.shape[axis], distances[axis], out) for axis, out in zip(perm, result, strict=True)]
    axes = merge_axes(with_bytes(axes, type_.dtype))
    if len(axes) > MAX_RANK:
        found = f"a permutation of shape {list(type_.shape)} to {list(perm)}"
        raise UnsupportedError(found, f"at most {MAX_RANK} dimensions that do not stay together")
    if 0 < len(axes) <= MOST_AXES and axes[-1].source == 1 and axes[-1].size >= _SHORTEST_RUN:
        copy_block(lowering, source, target, axes)
        return
    axes = [Axis(1, 0, 0)] * (MAX_RANK - len(axes)) + axes
    params = TransposeParams(*(axis.size for axis in axes), *(axis.source for axis in axes))
    lowering.call(TRANSPOSE, [source, target], params)


@dataclass(frozen=True)
class Transpose(Op):
    """Dimension i of the result is dimension ``perm[i]`` of the input."""

    perm: tuple[int, ...]

    onnx_types: ClassVar[OnnxForms] = {"Transpose": OnnxForm(25, ("perm",))}
    tflite_types: ClassVar[TFLiteForms] = {"TRANSPOSE": TFLiteForm(9)}
    quantizable: ClassVar[bool] = True
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
