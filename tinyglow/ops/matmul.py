"""Matrix product and addition as the model writes them; together they become a FullyConnected (passes/simplify)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.op import Importer, Op, ShapeError, SourceNode
from tinyglow.ir.types import TensorType


@dataclass(frozen=True)
class MatMul(Op):
    """x [n, k] times y [k, m]."""

    onnx_types: ClassVar[tuple[str, ...]] = ("MatMul",)

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        inputs = [importer.value(name) for name in node.inputs]
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), inputs, node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, y = (type_.shape for type_ in inputs)
        if len(x) != 2 or len(y) != 2 or x[1] != y[0]:
            raise ShapeError(f"{list(x)} times {list(y)}", "two matrices [n, k] and [k, m]")
        return (TensorType((x[0], y[1])),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0] @ inputs[1],)


def align_ranks(x: Array, y: Array) -> tuple[Array, Array]:
    """Insert dimensions of size 1 behind the sample axis, so that numpy broadcasts as ONNX does per sample."""
    rank = max(x.ndim, y.ndim)
    x, y = (a.reshape(a.shape[0], *(1,) * (rank - a.ndim), *a.shape[1:]) for a in (x, y))
    return x, y


@dataclass(frozen=True)
class Add(Op):
    """x + y with ONNX's multidirectional broadcasting."""

    onnx_types: ClassVar[tuple[str, ...]] = ("Add",)

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        inputs = [importer.value(name) for name in node.inputs]
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), inputs, node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, y = (type_.shape for type_ in inputs)
        try:
            return (TensorType(np.broadcast_shapes(x, y)),)
        except ValueError as error:
            raise ShapeError(f"{list(x)} plus {list(y)}", "shapes that broadcast") from error

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, y = align_ranks(*inputs)
        return (x + y,)
