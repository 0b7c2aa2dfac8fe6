"""Kernels with another numerics than Glow's."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import Any

from hypothesis import strategies as st

from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.add_linear import ADD_LINEAR, LinearSumParams
from tinyglow.kernels.elementwise.add_tflite import ADD_TFLITE, SumTfliteParams
from tinyglow.kernels.elementwise.broadcast import BroadcastParams
from tinyglow.kernels.elementwise.mul_tflite import MUL_TFLITE, ProductTfliteParams
from tinyglow.kernels.elementwise.prelu_tflite import PRELU_TFLITE, PReluTfliteParams
from tinyglow.kernels.elementwise.quantize_steps import AWAY, QUANTIZE_STEPS, TO_EVEN, QuantizeStepsParams
from tinyglow.kernels.pooling.avg_pool_tflite import AVG_POOL_TFLITE, AVG_POOL_TFLITE_TIES_UP, AvgPoolTfliteParams
from tinyglow.kernels.reduce.reduce_mean_tflite import REDUCE_MEAN_TFLITE, ReduceMeanTfliteParams, mean_multiplier
from tinyglow.kernels.softmax.softmax_tflite import SOFTMAX_TFLITE, SoftMaxTfliteParams, distance_table
from tinyglow.kernels.softmax.softmax_tflm import SOFTMAX_TFLM, SoftMaxTflmParams, exponentials
from tinyglow.numerics.tflite import Multiplier, multiplier_of
from tinyglow.testing.case import Case
from tinyglow.testing.generators.arithmetic import reductions, two_operands
from tinyglow.testing.registry import generates
from tinyglow.testing.values import counts, float32_arrays, int8_arrays, offsets, scales, weighted, windows


def multipliers(magnitude: float) -> st.SearchStrategy[Multiplier]:
    """Multipliers that bring numbers of that size to int8; some of any size."""
    middle = math.floor(math.log2(64 / max(magnitude, 1)))
    near = st.builds(multiplier_of, scales(middle - 2, middle + 1))
    anything = st.builds(Multiplier, st.sampled_from((0, 2**30, 2**30 + 1, 2**31 - 1)), st.integers(-31, 30))
    return weighted((6, near), (1, anything))


@st.composite
def _bounds(draw: st.DrawFn) -> dict[str, int]:
    """The bounds of an activation: mostly those of int8."""
    if draw(st.booleans()):
        return {"act_min": -128, "act_max": 127}
    low, high = sorted((draw(offsets()), draw(offsets())))
    return {"act_min": low, "act_max": high}


@st.composite
def _product_fields(draw: st.DrawFn, magnitude: float) -> dict[str, Any]:
    by = draw(multipliers(magnitude))
    return {**draw(_bounds()), "out_offset": draw(offsets()), "multiplier": by.multiplier, "shift": by.shift}


@generates(MUL_TFLITE)
@st.composite
def _mul(draw: st.DrawFn) -> Case:
    fields, inputs, outputs = draw(two_operands())
    params = ProductTfliteParams(**fields, **draw(_product_fields(255.0 * 64)))
    return Case(MUL_TFLITE, params, inputs, outputs)


@generates(ADD_TFLITE)
@st.composite
def _add(draw: st.DrawFn) -> Case:
    fields, inputs, outputs = draw(two_operands())
    ratio = draw(scales(-8, -2))
    own, other = multiplier_of(0.5), multiplier_of(ratio)
    if draw(st.booleans()):
        own, other = other, own
    fields |= {"input_sign": draw(st.sampled_from((1, -1))), "other_sign": draw(st.sampled_from((1, -1)))}
    fields |= {"input_multiplier": own.multiplier, "input_shift": own.shift}
    fields |= {"other_multiplier": other.multiplier, "other_shift": other.shift}
    params = SumTfliteParams(**fields, **draw(_product_fields(255.0 * 2**19)))
    return Case(ADD_TFLITE, params, inputs, outputs)


@generates(ADD_LINEAR)
@st.composite
def _add_linear(draw: st.DrawFn) -> Case:
    fields, inputs, outputs = draw(two_operands())
    loops = {field.name: fields[field.name] for field in dataclasses.fields(BroadcastParams)}
    shift = draw(st.integers(0, 22))
    most = 1 << min(shift + 1, 21)  # products of 2**30 at most, both together
    multipliers = {name: draw(st.integers(-most, most)) for name in ("input_multiplier", "other_multiplier")}
    params = LinearSumParams(**loops, **multipliers, start=draw(st.integers(-(2**29), 2**29)), shift=shift)
    return Case(ADD_LINEAR, params, inputs, outputs)


@generates(PRELU_TFLITE)
@st.composite
def _prelu(draw: st.DrawFn) -> Case:
    fields, inputs, outputs = draw(two_operands())
    above, below = draw(multipliers(128.0)), draw(multipliers(128.0 * 64))
    fields |= {"out_offset": draw(offsets()), "multiplier": above.multiplier, "shift": above.shift}
    fields |= {"below_multiplier": below.multiplier, "below_shift": below.shift}
    return Case(PRELU_TFLITE, PReluTfliteParams(**fields), inputs, outputs)


@generates(REDUCE_MEAN_TFLITE)
@st.composite
def _reduce_mean(draw: st.DrawFn) -> Case:
    loops, size, terms = draw(reductions())
    offset = draw(offsets())
    by = mean_multiplier(draw(scales(-4, 3)), terms)
    fields = {"multiplier": by.multiplier, "shift": by.shift, "out_offset": draw(offsets())}
    params = ReduceMeanTfliteParams(**loops, start=-offset * terms, **fields)
    return Case(REDUCE_MEAN_TFLITE, params, {"input": draw(int8_arrays(size, offset))}, {"output": size // terms})


@st.composite
def _avg_pool(draw: st.DrawFn, kernel: Kernel) -> Case:
    window, in_h, in_w = draw(windows(max_kernel=5))
    channels, images = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    out_h, out_w = window.output_size(in_h, in_w)
    sizes = (in_h, in_w, channels, out_h, out_w, *window.kernel, *window.strides, *window.pads[:2], images)
    params = AvgPoolTfliteParams(*sizes, **draw(_bounds()))
    data = draw(int8_arrays(images * in_h * in_w * channels))
    return Case(kernel, params, {"input": data}, {"output": images * out_h * out_w * channels})


for _pool in (AVG_POOL_TFLITE, AVG_POOL_TFLITE_TIES_UP):
    generates(_pool)(partial(_avg_pool, _pool))


@generates(SOFTMAX_TFLITE)
@st.composite
def _softmax(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 5)), draw(st.one_of(st.integers(1, 12), st.integers(250, 260)))
    table = distance_table(draw(scales(-12, 3)))
    params = SoftMaxTfliteParams(
        rows, columns, draw(weighted((3, st.just(1 / 256)), (1, scales(-12, 0)))), draw(offsets())
    )
    inputs = {"input": draw(int8_arrays(rows * columns)), "table": table}
    return Case(SOFTMAX_TFLITE, params, inputs, {"output": rows * columns})


@generates(SOFTMAX_TFLM)
@st.composite
def _softmax_tflm(draw: st.DrawFn) -> Case:
    # Of 512 equal elements and more, shares are 0.
    columns = draw(st.one_of(st.integers(1, 12), st.integers(250, 260), st.sampled_from((512, 600))))
    rows = draw(st.integers(1, 5))
    inputs = {"input": draw(int8_arrays(rows * columns)), "table": exponentials(draw(scales(-12, 3)))}
    return Case(SOFTMAX_TFLM, SoftMaxTflmParams(rows, columns), inputs, {"output": rows * columns})


@generates(QUANTIZE_STEPS)
@st.composite
def _quantize(draw: st.DrawFn) -> Case:
    count, scale, offset = draw(counts()), draw(scales()), draw(offsets())
    data = draw(float32_arrays(count, scale, offset))
    params = QuantizeStepsParams(count, scale, offset, draw(st.sampled_from((TO_EVEN, AWAY))))
    return Case(QUANTIZE_STEPS, params, {"input": data}, {"output": count})
