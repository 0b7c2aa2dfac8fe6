"""Batch normalization with constant statistics. Float graphs only: passes fold it away or spell it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Op, Quantizing, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.ops.quantize import Quantize


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class VarianceRoot(Op):
    """sqrt(variance + epsilon), of a normalization that Glow spells out. Inputs, all constant: variance, epsilon, sum.

    Glow quantizes the sum to int8 and takes the root in float, both at compile time.
    """

    quantizable: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.sqrt(inputs[2]),)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        """The root as a float constant behind a Quantize, as Glow leaves it.

        The addition follows Glow's interpreter, which folds constants (lib/Backends/Interpreter/InterpreterNodes.cpp,
        fwdElementAddInstI8Impl): both sides at 2**-15, everything rounded, halves away from zero.
        """
        variance, epsilon = (quantizing.quantized(name) for name in node.inputs[:2])
        total = quantizing.params(node.inputs[2])
        large = np.float32(2.0**-15)
        added = _scaled_up(variance, large) + _scaled_up(epsilon, large)
        steps = _round(added.astype(np.float32) * (large / np.float32(total.scale)) + np.float32(total.offset))
        rounded = glow.dequantize(glow.saturate_int8(steps), total.scale, total.offset)
        root = np.sqrt(rounded.astype(np.float64)).astype(np.float32)
        constant = quantizing.edit.constant(f"{node.name}_constfold", root)
        type_ = constant.type.quantized(quantizing.params(node.outputs[0]))
        name = f"{node.name}_quantize"
        return quantizing.edit.add(name, Quantize(), [constant], node.origin, (type_,))


def _round(x: Array) -> Array:
    """C's round(), to int32."""
    return np.trunc(x + np.copysign(np.float32(0.5), x)).astype(np.int32)


def _scaled_up(value: Value, large: np.float32) -> Array:
    """An int8 constant at the scale ``large``, int32."""
    assert value.data is not None and value.type.quant is not None
    steps = (value.data.astype(np.int32) - value.type.quant.offset).astype(np.float32)
    return _round(steps * (np.float32(value.type.quant.scale) / large))
