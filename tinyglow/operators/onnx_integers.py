"""Operators with onnxruntime's numerics as integer formulas that are the float ones for all operands.

A node between conversions means: dequantize, compute in float, quantize. Of two int8 operands there are 65,536 pairs:
where an integer formula gives the float result of each, it is that node, and faster. The mean of an image is a sum by
one float in onnxruntime itself. Nodes for which no formula is found stay float.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.add_linear import ADD_LINEAR, LinearSum, equal_sum
from tinyglow.kernels.elementwise.broadcast import lower_operands
from tinyglow.kernels.elementwise.mul import ProductParams
from tinyglow.kernels.elementwise.mul_onnx import MUL_ONNX
from tinyglow.kernels.pooling.avg_pool_onnx import AVG_POOL_ONNX, AvgPoolOnnxParams, in_integers
from tinyglow.kernels.pooling.geometry import geometry
from tinyglow.kernels.reduce.loops import reduce_loops
from tinyglow.kernels.reduce.reduce_mean_onnx import REDUCE_MEAN_ONNX, REDUCE_MEAN_ONNX_FLOAT, ReduceMeanOnnxParams
from tinyglow.kernels.softmax.softmax_onnx import SOFTMAX_ONNX, SoftMaxOnnxParams, power_table, whole_steps
from tinyglow.kernels.window import Window
from tinyglow.numerics import glow, onnx
from tinyglow.numerics.epilogues.onnx import ONNX
from tinyglow.numerics.epilogues.onnxi import ONNXI
from tinyglow.numerics.glow import Requant
from tinyglow.numerics.names import HINT
from tinyglow.operators.numerics import int8_ends

_BYTES = np.arange(-128, 128)
_NEAR = 8  # scales that are tried to either side of the nearest


def _real(quant: QuantParams) -> Array:
    """float32 [256]: what each int8 stands for."""
    return (_BYTES - quant.offset).astype(np.float32) * np.float32(quant.scale)


@lru_cache(64)
def equal_linear_sum(x: QuantParams, y: QuantParams, result: QuantParams, sign: int) -> LinearSum | None:
    """The linear sum that is x + sign * y for all pairs of int8; None if none was found."""
    real = _real(x)[:, np.newaxis] + np.float32(sign) * _real(y)
    return equal_sum(
        onnx.quantize(real, result.scale, result.offset), (x.scale / result.scale, sign * y.scale / result.scale)
    )


@lru_cache(64)
def equal_product(x: QuantParams, y: QuantParams, result: QuantParams) -> Requant | None:
    """The constants of the product without offsets that is x * y for all pairs of int8; None if none were found."""
    due = onnx.quantize(_real(x)[:, np.newaxis] * _real(y), result.scale, result.offset)
    products = ((_BYTES - x.offset)[:, np.newaxis] * (_BYTES - y.offset)).astype(np.int32)
    scale = np.float32(x.scale) * np.float32(y.scale) / np.float32(result.scale)
    for step in sorted(range(-_NEAR, _NEAR + 1), key=abs):
        made = _constants(scale + step * np.spacing(scale), result.offset)
        if made is not None and np.array_equal(glow.saturate_int8(ONNXI.requantize(products, made)), due):
            return made
    return None


def mean_constants(x: QuantParams, result: QuantParams, terms: int) -> tuple[Kernel, Requant] | None:
    """The kernel for the mean of so many int8 as onnxruntime has it, by their sum without offsets, and its constants.

    onnxruntime multiplies the sum by one float32 (onnxruntime/core/mlas/lib/qlgavgpool.cpp). None if a float32 does not
    hold the sum.
    """
    scale = np.float32(x.scale) / (np.float32(result.scale) * np.float32(terms))
    made = _constants(scale, result.offset)
    if made is not None:
        return (REDUCE_MEAN_ONNX, made) if ONNXI.holds(256 * terms, made) else None
    return (REDUCE_MEAN_ONNX_FLOAT, ONNX.constants(float(scale), result.offset)) if 256 * terms < 1 << 24 else None


def _constants(scale: np.float32, offset: int) -> Requant | None:
    try:
        return ONNXI.constants(float(scale), offset)
    except ValueError:
        return None


def lower_sum(node: Node, lowering: Lowering, sign: int = 1) -> None:
    """Add, and with ``sign`` -1 Sub."""
    operands = lower_operands(node, lowering)
    x, y, result = operands.params
    if operands.is_reversed:
        made = equal_linear_sum(y, x, result, sign)
        found = None if made is None else LinearSum(made.multipliers[::-1], made.start, made.shift)
    else:
        found = equal_linear_sum(x, y, result, sign)
    if found is None:
        raise _without(node)
    operands.call(ADD_LINEAR, found.params(operands.loops), lowering)


def lower_product(node: Node, lowering: Lowering) -> None:
    """Mul."""
    operands = lower_operands(node, lowering)
    x, y, result = operands.params
    out = equal_product(y, x, result) if operands.is_reversed else equal_product(x, y, result)
    if out is None:
        raise _without(node)
    params = ProductParams(**operands.loops, input_offset=x.offset, other_offset=y.offset, out=out)
    operands.call(MUL_ONNX, params, lowering)


def lower_image_mean(node: Node, lowering: Lowering) -> None:
    """The mean of each channel of an image [n, h, w, c]."""
    source, result = int8_ends(node, lowering)
    shape = lowering.type_of(node.inputs[0]).shape
    terms = shape[1] * shape[2]
    found = mean_constants(source, result, terms)
    if found is None:
        raise _without(node)
    kernel, out = found
    params = ReduceMeanOnnxParams(**reduce_loops(shape, (1, 2)), start=-source.offset * terms, out=out)
    lowering.call(kernel, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


def lower_window_mean(node: Node, lowering: Lowering, window: Window, count_include_pads: bool, raised: int) -> None:
    """AveragePool; raised: 128 where the model's integers are uint8, which decides how the mean is rounded."""
    source, result = int8_ends(node, lowering)
    fields = geometry(window, *(lowering.type_of(name).shape for name in (node.inputs[0], node.outputs[0])))
    params = AvgPoolOnnxParams(
        **fields,
        count_pads=int(count_include_pads),
        in_offset=source.offset,
        out_offset=result.offset,
        raised=raised,
        in_scale=source.scale,
        scale=result.scale,
        **in_integers(source.scale, result.scale, math.prod(window.kernel)),
    )
    lowering.call(AVG_POOL_ONNX, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


def lower_softmax(node: Node, lowering: Lowering) -> None:
    """SoftMax of rows."""
    source, result = int8_ends(node, lowering)
    rows, columns = lowering.type_of(node.inputs[0]).shape
    params = SoftMaxOnnxParams(rows, columns, whole_steps(result.scale), result.offset)
    table = lowering.constant(f"{node.name}_exponentials", power_table(source.scale, columns))
    lowering.call(SOFTMAX_ONNX, [lowering.buffer(node.inputs[0]), table, lowering.buffer(node.outputs[0])], params)


def _without(node: Node) -> UnsupportedError:
    return UnsupportedError(f"{node.op.kind} for which no integer formula gives onnxruntime's results", "", HINT)


def has_sum(quants: Sequence[QuantParams], sign: int) -> bool:
    """Whether a sum of operands with these parameters, and the result's, has an integer form."""
    return len(quants) == 3 and equal_linear_sum(quants[0], quants[1], quants[2], sign) is not None


def has_product(quants: Sequence[QuantParams]) -> bool:
    """As ``has_sum``, of a product."""
    return len(quants) == 3 and equal_product(quants[0], quants[1], quants[2]) is not None


def has_mean(quants: Sequence[QuantParams], terms: int) -> bool:
    """As ``has_sum``, of a mean of so many elements."""
    return len(quants) == 2 and mean_constants(quants[0], quants[1], terms) is not None
