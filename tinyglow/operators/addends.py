"""Lowering of Add, Sub, Max and Min: in int8, both operands are brought to the result's scale first."""

from __future__ import annotations

from tinyglow.ir.graph import Node
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Lowering
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.add import ADD_INT16
from tinyglow.kernels.elementwise.addends import AddendParams, lower_addends_int16
from tinyglow.kernels.elementwise.broadcast import lower_float, lower_operands
from tinyglow.kernels.elementwise.max import MAX, MAX_INT16
from tinyglow.kernels.elementwise.min import MIN, MIN_INT16
from tinyglow.kernels.elementwise.sub import SUB
from tinyglow.kernels.int8 import scale_requant
from tinyglow.numerics import glow


def lower_addends(node: Node, lowering: Lowering, kernel: Kernel, float_kernel: Kernel) -> None:
    """Both operands' scales over the result's (Glow, LLVMIRGen.cpp, ARITHMETIC_BINARY_OP_CASE)."""
    dtype = lowering.type_of(node.outputs[0]).dtype
    if dtype == "float32":
        lower_float(node, lowering, float_kernel)
        return
    if dtype == "int16":
        wide_kernel = {MAX: MAX_INT16, MIN: MIN_INT16}.get(kernel, ADD_INT16)
        lower_addends_int16(node, lowering, wide_kernel, second=-1.0 if kernel is SUB else 1.0)
        return
    operands = lower_operands(node, lowering)
    x, other, result = operands.params
    is_reversed = operands.is_reversed and kernel is SUB
    # The output's offset comes in with one operand, of a difference with the minuend. Which one will be the larger or
    # the smaller is not known: there both bring it.
    params = AddendParams(
        **operands.loops,
        input_offset=x.offset,
        other_offset=other.offset,
        is_reversed=int(is_reversed),
        input_scale=_to_scale(x, result, result.offset if not is_reversed else 0),
        other_scale=_to_scale(other, result, result.offset if is_reversed or kernel in (MAX, MIN) else 0),
    )
    operands.call(kernel, params, lowering)


def _to_scale(source: QuantParams, result: QuantParams, offset: int) -> glow.Requant:
    return scale_requant(glow.divide_float32(source.scale, result.scale), offset)
