"""How operators become kernel calls with LiteRT's numerics in int16: activations about zero, with one scale each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tinyglow.ir.graph import Node
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.broadcast import order_operands
from tinyglow.kernels.elementwise.lookup import LOOKUP_INT16, Lookup16Params
from tinyglow.kernels.elementwise.quantize_steps import QUANTIZE_STEPS_INT16, QuantizeSteps16Params
from tinyglow.kernels.elementwise.sigmoid_tflite_s16 import (
    SIGMOID_TFLITE_INT16,
    SigmoidTflite16Params,
)
from tinyglow.kernels.elementwise.tanh_tflite_s16 import TANH_TFLITE_INT16
from tinyglow.kernels.elementwise.tflite_s16 import (
    ADD_TFLITE_INT16,
    LEFT_SHIFT_INT16,
    MUL_TFLITE_INT16,
    RESCALE_TFLITE_INT16,
    ProductTflite16Params,
    RescaleTflite16Params,
    SumTflite16Params,
)
from tinyglow.kernels.int16 import int16_scales, litert_bounds
from tinyglow.kernels.softmax.softmax_tflite_s16 import (
    SOFTMAX_TFLITE_INT16,
    SoftMaxTflite16Params,
    distance_multiplier,
    inverse_table,
    power_table,
)
from tinyglow.numerics import tflite_int16, wide
from tinyglow.numerics.names import HINT, TFLM
from tinyglow.numerics.tflite import Multiplier, float_ratio, multiplier_of
from tinyglow.operators.litert import product_multiplier, sum_multipliers

Floats = npt.NDArray[np.floating]

_HALF = 1 << 30  # a multiplier
_ENDS = {"low": wide.INT16_MIN, "high": wide.INT16_MAX}


def lower_sum_int16(node: Node, lowering: Lowering, sign: int = 1) -> None:
    """ADD, and with ``sign`` -1 SUB (add.cc, sub.cc): the operands' scales over twice the larger one."""
    x, y, result = int16_scales(node, lowering)
    operands = order_operands(node, lowering)
    ratios, out = sum_multipliers((x, y), result, LEFT_SHIFT_INT16, sign < 0 and lowering.numerics == TFLM)
    by, signs = list(ratios), [1, sign]
    if operands.is_reversed:
        by, signs = by[::-1], signs[::-1]
    params = SumTflite16Params(
        **operands.loops,
        **_ENDS,
        multiplier=out.multiplier,
        shift=out.shift,
        input_shift=by[0].shift,
        other_shift=by[1].shift,
        input_sign=signs[0],
        other_sign=signs[1],
        input_multiplier=by[0].multiplier,
        other_multiplier=by[1].multiplier,
    )
    operands.call(ADD_TFLITE_INT16, params, lowering)


def has_power_scales(types: Sequence[TensorType]) -> bool:
    """Whether all are int16 with scales that LiteRT takes for powers of two (kernel_util.h, CheckedLog2)."""
    scales = [type_.quant.scale for type_ in types if type_.quant is not None and type_.dtype == "int16"]
    return len(scales) == len(types) and all(abs(log - round(log)) < 1e-3 for log in map(math.log2, scales))


def lower_shifted_sum_int16(node: Node, lowering: Lowering, sign: int = 1) -> None:
    """ADD and SUB with pot_scale_int16 (add.h, Sub16): one operand is shifted right, ties away from zero, and added."""
    steps = [round(math.log2(scale)) for scale in int16_scales(node, lowering)]
    shifts = [steps[-1] - step for step in steps[:-1]]
    if 0 not in shifts or not 0 <= min(shifts) <= max(shifts) <= 15:
        found = f"operands whose scales are the result's over 2**{shifts[0]} and 2**{shifts[1]}"
        raise UnsupportedError(found, "one of them the result's own, the other smaller (pot_scale_int16)", HINT)
    operands = order_operands(node, lowering)
    signs = [1, sign]
    if operands.is_reversed:
        shifts, signs = shifts[::-1], signs[::-1]
    # Operands come with LEFT_SHIFT_INT16 bits more; a multiplier of a half takes one off, without rounding.
    params = SumTflite16Params(
        **operands.loops,
        **_ENDS,
        multiplier=_HALF,
        shift=1,
        input_shift=1 - LEFT_SHIFT_INT16 - shifts[0],
        other_shift=1 - LEFT_SHIFT_INT16 - shifts[1],
        input_sign=signs[0],
        other_sign=signs[1],
        input_multiplier=_HALF,
        other_multiplier=_HALF,
    )
    operands.call(ADD_TFLITE_INT16, params, lowering)


def lower_product_int16(node: Node, lowering: Lowering) -> None:
    """MUL (mul.cc)."""
    x, y, result = int16_scales(node, lowering)
    operands = order_operands(node, lowering)
    out = product_multiplier(x, y, result, lowering.numerics)
    params = ProductTflite16Params(**operands.loops, **_ENDS, multiplier=out.multiplier, shift=out.shift)
    operands.call(MUL_TFLITE_INT16, params, lowering)


def lower_rescale_int16(
    node: Node, lowering: Lowering, low: float = -math.inf, high: float = math.inf, slope: float = 1.0
) -> None:
    """Another scale (requantize.h); between bounds (activations.h) or with a slope (leaky_relu.h), by floats."""
    source, result = int16_scales(node, lowering)
    if not math.isfinite(slope):
        raise UnsupportedError(f"alpha {slope}", "a finite number", HINT)
    ratio = source / result if node.op.kind == "Rescale" else float_ratio(source, result)
    above, below = multiplier_of(ratio), multiplier_of(abs(float_ratio(source, result, slope)) if slope != 1 else ratio)
    if slope < 0:
        below = Multiplier(-below.multiplier, below.shift)
    bounds = litert_bounds(low, high, result)
    count = lowering.type_of(node.inputs[0]).elements
    params = RescaleTflite16Params(count, above.multiplier, below.multiplier, above.shift, below.shift, *bounds)
    lowering.call(RESCALE_TFLITE_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


def lower_sigmoid_int16(node: Node, lowering: Lowering) -> None:
    """LOGISTIC (activations.cc): its inputs at their own scale, unless that is 2**-12."""
    _lower_by_sigmoid_table(node, lowering, SIGMOID_TFLITE_INT16, 0)


def lower_tanh_int16(node: Node, lowering: Lowering) -> None:
    """TANH (activations.cc): or 2**-11."""
    _lower_by_sigmoid_table(node, lowering, TANH_TFLITE_INT16, 1)


def _lower_by_sigmoid_table(node: Node, lowering: Lowering, kernel: Kernel, most_shift: int) -> None:
    source, result = int16_scales(node, lowering)
    if abs(math.log2(result) + 15) >= 1e-3:
        raise UnsupportedError(f"a result in steps of {result:g}", "steps of 2**-15", HINT)
    try:
        multiplier, shift = tflite_int16.argument_scale(source, most_shift)
    except ValueError as error:
        raise UnsupportedError(str(error), "scales of ordinary size", HINT) from error
    table = lowering.constant(f"{node.name}_table", tflite_int16.sigmoid_table())
    operands = [lowering.buffer(node.inputs[0]), table, lowering.buffer(node.outputs[0])]
    count = lowering.type_of(node.outputs[0]).elements
    lowering.call(kernel, operands, SigmoidTflite16Params(count, multiplier, shift))


def lower_softmax_int16(node: Node, lowering: Lowering) -> None:
    """SOFTMAX (softmax.h, SoftmaxInt16)."""
    source, result = int16_scales(node, lowering)
    rows, columns = lowering.type_of(node.inputs[0]).shape
    if abs(result * 2**15 - 1) > 1e-3 or columns >= 2**16:
        raise UnsupportedError(f"{columns} results in steps of {result:g}", "below 2**16 in steps of 2**-15", HINT)
    try:
        by = distance_multiplier(source)
    except ValueError as error:
        raise UnsupportedError(str(error), "scales of ordinary size", HINT) from error
    tables = [
        lowering.constant(f"{node.name}_{name}", data)
        for name, data in (("powers", power_table()), ("inverses", inverse_table(lowering.numerics == TFLM)))
    ]
    operands = [lowering.buffer(node.inputs[0]), *tables, lowering.buffer(node.outputs[0])]
    lowering.call(SOFTMAX_TFLITE_INT16, operands, SoftMaxTflite16Params(rows, columns, by.multiplier, by.shift))


def lower_quantize_int16(node: Node, lowering: Lowering) -> None:
    """QUANTIZE of floats."""
    type_ = lowering.type_of(node.outputs[0])
    assert type_.quant is not None
    params = QuantizeSteps16Params(type_.elements, type_.quant.scale)
    lowering.call(QUANTIZE_STEPS_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


def lower_lines(node: Node, lowering: Lowering, function: Callable[[Floats, float], Floats]) -> None:
    """An int16 function by table (common.h, LUTPopulate).

    Args:
        node: The node.
        lowering: Takes the call.
        function: Of float64 values and the result's scale.

    Raises:
        UnsupportedError: The function has no number for an input, where LiteRT's table has none either.
    """
    source, result = int16_scales(node, lowering)

    def in_float32(x: Floats) -> Floats:
        with np.errstate(all="ignore"):
            return function(x.astype(np.float64), result).astype(np.float32)

    ends = np.arange(wide.INT16_MIN, wide.INT16_MAX + 1, 64) * np.float32(source)
    if not np.isfinite(in_float32(ends) / np.float32(result)).all():
        found = f"a function of up to {wide.INT16_MAX * source:g} in steps of {result:g}"
        raise UnsupportedError(found, "results that float32 has", HINT)
    table = tflite_int16.lines(in_float32, (source, 0), (result, 0))
    operands = [
        lowering.buffer(node.inputs[0]),
        lowering.constant(f"{node.outputs[0]}_table", table),
        lowering.buffer(node.outputs[0]),
    ]
    lowering.call(LOOKUP_INT16, operands, Lookup16Params(lowering.type_of(node.outputs[0]).elements))
