"""The float kernel of Relu."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params


class ReluFloatParams(Params):
    """``count`` elements."""

    count: U32


def relu_f32(p: ReluFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_relu_f32: 0 for negative elements; others, NaN and -0 among them, stay as they are."""
    out[...] = np.where(x < 0, np.float32(0), x)


RELU_FLOAT = Kernel(
    symbol="tg_relu_f32",
    c_file="elementwise/tg_relu_f32.c",
    params=ReluFloatParams,
    operands=(In("input", "float32"), Out("output", "float32", may_alias="input")),
    reference=relu_f32,
    summary="max(x, 0), in float",
)
