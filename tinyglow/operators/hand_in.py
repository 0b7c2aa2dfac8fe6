"""The network's input as its first layer reads it, where the input comes a few rows at a time."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op
from tinyglow.ir.types import TensorType
from tinyglow.kernels.reshape.copy import COPY, CopyParams


class HandIn(Op):
    """The same elements elsewhere: rows of the input are copied to where the layers read them.

    It is in no model file. The lowering puts it behind an input that is handed in by rows.
    """

    gives_probabilities: ClassVar[bool | None] = None
    moves: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        count = lowering.type_of(node.inputs[0]).nbytes
        lowering.call(COPY, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], CopyParams(count))
