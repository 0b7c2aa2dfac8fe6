"""Batch normalization with constant statistics. Float graphs only: passes fold it, or make simpler operators of it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms
from tinyglow.ir.graph import Array
from tinyglow.ir.op import Importer, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType


class BatchNormalization(Op):
    """Inputs: x, scale, bias, mean, variance (the last four constant, [channels]); channels are dimension ``axis``."""

    axis: int
    epsilon: float

    onnx_types: ClassVar[OnnxForms] = {
        "BatchNormalization": OnnxForm(15, ("epsilon", "training_mode"), without_effect={"momentum": "of training"})
    }

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        x, *statistics = (importer.value(name) for name in node.inputs[:5])
        if len(statistics) != 4 or any(value.data is None for value in statistics):
            raise UnsupportedError(
                "statistics that are computed at run time", "constant scale, bias, mean and variance"
            )
        if node.integer("training_mode", 0) or len([name for name in node.outputs if name]) > 1:
            raise UnsupportedError("training mode", "inference")
        if len(x.type.shape) < 2:
            raise UnsupportedError(f"an input of shape {list(x.type.shape)}", "at least 2 dimensions")
        variance = statistics[3].data
        epsilon = float(np.float32(node.real("epsilon", 1e-5)))
        if variance is not None and not (variance + np.float32(epsilon) > 0).all():
            raise UnsupportedError("a variance + epsilon that is not positive")
        result = importer.editor.add(node.name, cls(1, epsilon), [x, *statistics], node.name)
        importer.bind(node.outputs[0], result)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, *statistics = inputs
        if any(type_.shape != (x.shape[self.axis],) for type_ in statistics):
            shapes = ", ".join(str(list(type_.shape)) for type_ in statistics)
            raise ShapeError(f"statistics of shapes {shapes} on {list(x.shape)}", f"[{x.shape[self.axis]}] each")
        return (TensorType(x.shape),)

    def affine(self, scale: Array, bias: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
        """(A, B) with x * A + B = the normalization, [channels], in Glow's float32 steps (GraphOptimizer.cpp).

        A = scale * (1 / sqrt(variance + epsilon)); B = bias - mean * A.
        """
        a = scale * (np.float32(1) / np.sqrt(variance + np.float32(self.epsilon)))
        return a, bias - mean * a

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, *statistics = inputs
        a, b = self.affine(*(array[0] for array in statistics))
        shape = [1] * x.ndim
        shape[self.axis + 1] = -1
        return ((x * a.reshape(shape) + b.reshape(shape)).astype(np.float32),)
