"""The square root of a batch normalization's variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Op, Quantizing
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.operators.quantize import Quantize


@dataclass(frozen=True)
class VarianceRoot(Op):
    """sqrt(variance + epsilon), of a normalization as Glow computes it. Inputs, all constant: variance, epsilon, sum.

    Glow quantizes the sum to int8 and takes the root in float, both at compile time.
    """

    quantizable: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.sqrt(inputs[2]),)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        """The root as a float constant after a Quantize, as Glow leaves it.

        The addition follows Glow's interpreter, which folds constants (lib/Backends/Interpreter/InterpreterNodes.cpp,
        fwdElementAddInstI8Impl): both sides at 2**-15, everything rounded, ties away from zero.
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
