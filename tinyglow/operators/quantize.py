"""Quantize: float to int8 or int16."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.conversion import lower_conversion
from tinyglow.kernels.elementwise.quantize import QUANTIZE, QUANTIZE_INT16


@dataclass(frozen=True)
class Quantize(Op):
    """float32 to the int8 or int16 type of the result."""

    quantizable: ClassVar[bool] = False
    gives_probabilities: ClassVar[bool | None] = None

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (replace(inputs[0], dtype="int8"),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_conversion(node, lowering, lowering.type_of(node.outputs[0]), QUANTIZE, QUANTIZE_INT16)
