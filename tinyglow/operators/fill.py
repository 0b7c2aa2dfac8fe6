"""A tensor filled with one number."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.op import Lowering
from tinyglow.ir.types import TensorType
from tinyglow.kernels.reshape.fill import FILL, FillParams
from tinyglow.kernels.reshape.strided_copy import Axis, copy_block, with_bytes
from tinyglow.numerics import glow


def fill(lowering: Lowering, output: str, type_: TensorType, number: float) -> None:
    """Emit what fills the buffer ``output`` with ``number``, as the parameters of ``type_`` have it (Glow: Splat)."""
    value: Array = np.array([number], np.float32)
    if type_.quant is not None:
        value = glow.quantize(value, type_.quant.scale, type_.quant.offset, type_.dtype)
    pattern = value.view(np.int8)
    if len(set(pattern.tolist())) == 1:
        lowering.call(FILL, [output], FillParams(type_.nbytes, int(pattern[0])))
        return
    constant = lowering.constant(f"{output}_padding", pattern)
    copy_block(lowering, constant, output, with_bytes([Axis(type_.elements, 0, pattern.size)], type_.dtype))
