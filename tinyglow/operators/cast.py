"""Changes of type at run time, which TFLite's CAST becomes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, ShapeError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.cast import (
    CAST_FLOAT_TO_INT32,
    CAST_INT32_TO_FLOAT,
    CAST_TRUTH_TO_FLOAT,
    CastParams,
    cast_f32_s32,
)

_KERNELS = {
    ("float32", "int32"): CAST_FLOAT_TO_INT32,
    ("int32", "float32"): CAST_INT32_TO_FLOAT,
    ("bool", "float32"): CAST_TRUTH_TO_FLOAT,
}


class Cast(Op):
    """The input as ``dtype``: floats towards zero, truth values as 0 and 1."""

    dtype: str

    glow_kind: ClassVar[str] = "ConvertTo"
    takes_indices: ClassVar[bool] = True

    @staticmethod
    def is_known(source: str, dtype: str) -> bool:
        """Whether there is a kernel."""
        return (source, dtype) in _KERNELS

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if not self.is_known(inputs[0].dtype, self.dtype):
            found = f"a change of {inputs[0].dtype} to {self.dtype}"
            raise ShapeError(found, "float32 to int32, int32 or bool to float32")
        return (TensorType(inputs[0].shape, self.dtype),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        if self.dtype == "float32":
            return (x.astype(np.float32),)
        result = np.empty(x.shape, np.int32)
        cast_f32_s32(CastParams(x.size), x.astype(np.float32), result)
        return (result,)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source = lowering.type_of(node.inputs[0])
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        lowering.call(_KERNELS[source.dtype, self.dtype], buffers, CastParams(source.elements))
