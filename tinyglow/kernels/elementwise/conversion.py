"""Lowering of the conversions between float32 and integers."""

from __future__ import annotations

from tinyglow.ir.graph import Node
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.quantize import Quantize16Params, QuantizeParams


def lower_conversion(node: Node, lowering: Lowering, integer: TensorType, int8: Kernel, int16: Kernel) -> None:
    """Emit the call of the one of two kernels that is for the type of the border's integer side.

    Raises UnsupportedError for int32, which LiteRT's numerics alone have a form of.
    """
    assert integer.quant
    if integer.dtype not in ("int8", "int16"):
        found = f"{integer.dtype} activations with the numerics {lowering.numerics}"
        raise UnsupportedError(found, "int8 or int16", "compile with --numerics tflite")
    buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
    scale, offset = integer.quant.scale, integer.quant.offset
    if integer.dtype == "int16":
        lowering.call(int16, buffers, Quantize16Params(integer.elements, scale))
    else:
        lowering.call(int8, buffers, QuantizeParams(integer.elements, scale, offset))
