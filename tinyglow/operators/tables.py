"""Functions of one int8 element, and conversions from float, with a numerics other than Glow's.

A function is a table of 256 entries, which hold whatever the numerics computes.
"""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.lookup import LOOKUP, LookupParams
from tinyglow.kernels.elementwise.quantize_steps import AWAY, QUANTIZE_STEPS, TO_EVEN, QuantizeStepsParams
from tinyglow.numerics import onnx, tflite_tables
from tinyglow.numerics.names import HINT, LIKE_LITERT, ONNX, TFLITE
from tinyglow.operators.numerics import int8_ends


def bound_of(real: float, result: QuantParams, numerics: str) -> int:
    """A real bound as the integer that a numerics makes of it."""
    if numerics in LIKE_LITERT:
        return tflite_tables.bound(real, (result.scale, result.offset))
    return int(onnx.quantize(np.array([real], np.float32), result.scale, result.offset)[0])


def lower_table(node: Node, lowering: Lowering) -> None:
    """Emit the call of the operator's table."""
    source, result = int8_ends(node, lowering)
    if lowering.numerics in LIKE_LITERT:
        entries = node.op.litert_table((source.scale, source.offset), (result.scale, result.offset))
    else:
        entries = _onnx_table(node.op, source, result)
    table = lowering.constant(f"{node.outputs[0]}_table", entries)
    operands = [lowering.buffer(node.inputs[0]), table, lowering.buffer(node.outputs[0])]
    lowering.call(LOOKUP, operands, LookupParams(lowering.type_of(node.outputs[0]).elements))


def _onnx_table(op: Op, source: QuantParams, result: QuantParams) -> Array:
    """DequantizeLinear, the float operator, QuantizeLinear."""
    steps = np.arange(-128, 128, dtype=np.int64) - source.offset
    real = np.float32(source.scale) * steps.astype(np.float32)
    (y,) = op.run_float(real[np.newaxis])
    return onnx.quantize(y[0], result.scale, result.offset)


def lower_quantize(node: Node, lowering: Lowering) -> None:
    """Emit the conversion of floats to int8."""
    type_ = lowering.type_of(node.outputs[0])
    if type_.dtype != "int8" or type_.quant is None:
        raise UnsupportedError(f"a float as {type_.dtype}", "int8", HINT)
    ties = AWAY if lowering.numerics in LIKE_LITERT else TO_EVEN
    params = QuantizeStepsParams(type_.elements, type_.quant.scale, type_.quant.offset, ties)
    lowering.call(QUANTIZE_STEPS, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


TABLES = {TFLITE: lower_table, ONNX: lower_table}
