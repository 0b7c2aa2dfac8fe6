"""What every int8 lowering begins with."""

from __future__ import annotations

import math

from tinyglow.ir.graph import Node
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.numerics import glow


def int8_params(node: Node, lowering: Lowering) -> list[QuantParams]:
    """Parameters of the node's inputs and results, in that order. Raises UnsupportedError if one is not int8."""
    params = []
    for name in (*node.inputs, *node.outputs):
        type_ = lowering.type_of(name)
        if type_.dtype != "int8" or type_.quant is None:
            raise UnsupportedError(f"{node.op.kind} of {type_.dtype} ({name})", "int8, which it has a kernel for")
        params.append(type_.quant)
    return params


def scale_requant(ratio: float, offset: int) -> glow.Requant:
    """``glow.requantize_params`` for a ratio of scales. Raises UnsupportedError if float32 had no room for it."""
    if not 0 < ratio < math.inf:
        found = f"quantization scales whose ratio is {ratio:g} in float32"
        raise UnsupportedError(found, "scales of similar size", "the profile has ranges beyond all measure")
    return glow.requantize_params(ratio, offset)


def product_requant(x: QuantParams, y: QuantParams, result: QuantParams) -> glow.Requant:
    """From products to the result: x scale * y scale / result scale, step by step in float32 (Glow, LLVMIRGen.cpp)."""
    ratio = glow.divide_float32(glow.multiply_float32(x.scale, y.scale), result.scale)
    return scale_requant(ratio, result.offset)
