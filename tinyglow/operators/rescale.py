"""RescaleQuantized: a change of quantization parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.rescale import lower_rescale


@dataclass(frozen=True)
class Rescale(Op):
    """The same real values with other quantization parameters (Glow's RescaleQuantized)."""

    glow_kind: ClassVar[str] = "RescaleQuantized"
    quantizable: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool | None] = None
    has_int16: ClassVar[bool] = True
    absorbs_rescale_after: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_rescale(node, lowering, relu=False)
