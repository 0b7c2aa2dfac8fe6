"""Permutation of dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import U16, U32, In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType

MAX_RANK = 4


@dataclass(frozen=True)
class TransposeParams(Params):
    """Output dimensions, outermost first (unused ones are 1), and the input's stride in elements along each."""

    dim0: U16
    dim1: U16
    dim2: U16
    dim3: U16
    stride0: U32
    stride1: U32
    stride2: U32
    stride3: U32


def transpose_s8(p: TransposeParams, x: Array, out: Array) -> None:
    """Definition of tg_transpose_s8: out[i, j, k, l] = x[i * stride0 + j * stride1 + k * stride2 + l * stride3]."""
    dims, strides = (p.dim0, p.dim1, p.dim2, p.dim3), (p.stride0, p.stride1, p.stride2, p.stride3)
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
    summary="permutation of up to four dimensions",
)


@dataclass(frozen=True)
class Transpose(Op):
    """Dimension i of the result is dimension ``perm[i]`` of the input."""

    perm: tuple[int, ...]

    onnx_types: ClassVar[tuple[str, ...]] = ("Transpose",)
    quantizable: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        rank = len(value.type.shape)
        perm = node.ints("perm", tuple(reversed(range(rank))))
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(perm), [value], node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        if sorted(self.perm) != list(range(len(shape))):
            raise ShapeError(f"permutation {list(self.perm)} of shape {list(shape)}", "each dimension once")
        return (inputs[0].reshaped(tuple(shape[axis] for axis in self.perm)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].transpose(0, *(axis + 1 for axis in self.perm)),)

    def moves_data(self, shape: tuple[int, ...]) -> bool:
        """Whether elements change their order in memory (dimensions of size 1 may move freely)."""
        kept = [axis for axis in self.perm if shape[axis] != 1]
        return kept != sorted(kept)

    def lower(self, node: Node, lowering: Lowering) -> None:
        shape = lowering.type_of(node.inputs[0]).shape
        if not self.moves_data(shape):
            lowering.alias(node.outputs[0], node.inputs[0])
            return
        axes = [(shape[axis], math.prod(shape[axis + 1 :])) for axis in self.perm if shape[axis] != 1]
        if len(axes) > MAX_RANK:
            raise UnsupportedError(f"a permutation of shape {list(shape)}", f"at most {MAX_RANK} dimensions above 1")
        axes = [(1, 0)] * (MAX_RANK - len(axes)) + axes
        params = TransposeParams(*(dim for dim, _ in axes), *(stride for _, stride in axes))
        lowering.call(TRANSPOSE, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)
