"""BatchMatMul: products of two rows of matrices."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, OtherNumerics, ShapeError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.matmul.matmul import lower_matmul_tflite, lower_product
from tinyglow.kernels.matmul.matmul_s16 import lower_matmul_tflite_int16
from tinyglow.numerics.names import TFLITE


class BatchMatMul(Op):
    """x [b, n, k] times y [b, k, m], for each index of the first dimension.

    Glow cuts it into slices, multiplies them with as many MatMuls and joins the results; once the rescales between them
    are folded, each has the parameters of the whole operands and result, as here.
    """

    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = (0, 1)
    absorbs_rescale_after: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_matmul_tflite}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_matmul_tflite_int16}

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, y = (type_.shape for type_ in inputs)
        if len(x) != 3 or len(y) != 3 or x[0] != y[0] or x[2] != y[1]:
            raise ShapeError(f"{list(x)} times {list(y)}", "matrices [b, n, k] and [b, k, m]")
        return (TensorType((x[0], x[1], y[2])),)

    def multiplications(self, *inputs: TensorType) -> int:
        """``Op.multiplications``."""
        return inputs[0].elements * inputs[1].shape[-1]

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0] @ inputs[1],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_product(node, lowering, lowering.type_of(node.inputs[0]).shape[0])
