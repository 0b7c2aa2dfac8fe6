"""Int16 kernels that round as LiteRT does."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.quantize_steps import QUANTIZE_STEPS_INT16, QuantizeSteps16Params
from tinyglow.kernels.elementwise.rescale_tflite import RESCALE_WIDTH, RescaleWidthParams
from tinyglow.kernels.elementwise.sigmoid_tflite_s16 import (
    SIGMOID_TFLITE_INT16,
    SigmoidTflite16Params,
)
from tinyglow.kernels.elementwise.tanh_tflite_s16 import TANH_TFLITE_INT16
from tinyglow.kernels.elementwise.tflite_s16 import (
    ADD_TFLITE_INT16,
    MUL_TFLITE_INT16,
    RESCALE_TFLITE_INT16,
    ProductTflite16Params,
    RescaleTflite16Params,
    SumTflite16Params,
)
from tinyglow.kernels.pooling.avg_pool_tflite import AVG_POOL_TFLITE_INT16, AvgPoolTfliteParams
from tinyglow.kernels.reduce.reduce_mean_tflite import (
    REDUCE_MEAN_TFLITE_INT16,
    ReduceMeanTfliteParams,
    mean_multiplier,
)
from tinyglow.kernels.softmax.softmax_tflite_s16 import (
    SOFTMAX_TFLITE_INT16,
    SoftMaxTflite16Params,
    distance_multiplier,
    inverse_table,
    power_table,
)
from tinyglow.numerics import glow, tflite_int16, wide
from tinyglow.numerics.tflite import multiplier_of
from tinyglow.testing.case import Case
from tinyglow.testing.generators.arithmetic import reductions
from tinyglow.testing.generators.int16 import two_int16_operands
from tinyglow.testing.registry import generates
from tinyglow.testing.values import counts, float32_arrays, int8_arrays, int16_arrays, scales, weighted, windows


@st.composite
def _bounds(draw: st.DrawFn) -> dict[str, int]:
    """The bounds of an activation: mostly those of int16."""
    low = draw(weighted((3, st.just(wide.INT16_MIN)), (1, st.integers(-100, 100))))
    return {"low": low, "high": draw(weighted((3, st.just(wide.INT16_MAX)), (1, st.integers(low, wide.INT16_MAX))))}


@st.composite
def _product_fields(draw: st.DrawFn) -> dict[str, Any]:
    """A multiplier that brings numbers of 30 bits to int16."""
    by = multiplier_of(draw(scales(-17, -13)))
    return {**draw(_bounds()), "multiplier": by.multiplier, "shift": by.shift}


@generates(MUL_TFLITE_INT16)
@st.composite
def _mul(draw: st.DrawFn) -> Case:
    loops, inputs, outputs = draw(two_int16_operands())
    params = ProductTflite16Params(**loops, **draw(_product_fields()))
    return Case(MUL_TFLITE_INT16, params, inputs, outputs)


@generates(ADD_TFLITE_INT16)
@st.composite
def _add(draw: st.DrawFn) -> Case:
    loops, inputs, outputs = draw(two_int16_operands())
    pair = [multiplier_of(0.5), multiplier_of(draw(scales(-8, -2)))]
    own, other = pair if draw(st.booleans()) else pair[::-1]
    params = SumTflite16Params(
        **loops,
        **draw(_product_fields()),
        input_shift=own.shift,
        other_shift=other.shift,
        input_sign=draw(st.sampled_from((1, -1))),
        other_sign=draw(st.sampled_from((1, -1))),
        input_multiplier=own.multiplier,
        other_multiplier=other.multiplier,
    )
    return Case(ADD_TFLITE_INT16, params, inputs, outputs)


@generates(RESCALE_TFLITE_INT16)
@st.composite
def _rescale(draw: st.DrawFn) -> Case:
    count = draw(counts())
    above, below = multiplier_of(draw(scales(-6, 6))), multiplier_of(draw(scales(-6, 6)))
    sign = draw(st.sampled_from((1, 1, -1)))
    fields = {"multiplier": above.multiplier, "below_multiplier": sign * below.multiplier}
    fields |= {"shift": above.shift, "below_shift": below.shift}
    params = RescaleTflite16Params(count, **fields, **draw(_bounds()))
    return Case(RESCALE_TFLITE_INT16, params, {"input": draw(int16_arrays(count))}, {"output": count})


@st.composite
def _int32_arrays(draw: st.DrawFn, size: int) -> Array:
    """Anything, and both limits."""
    generator, ends = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), (glow.INT32_MIN, glow.INT32_MAX)
    anything = generator.integers(*ends, size, endpoint=True, dtype=np.int32)
    result: Array = np.where(generator.random(size) < 0.1, generator.choice(np.array(ends, np.int32), size), anything)
    return result


@st.composite
def _other_width(draw: st.DrawFn, kernel: Kernel) -> Case:
    source, result = (operand.dtype for operand in kernel.operands)
    count, offset = draw(counts()), draw(st.integers(-128, 127))
    by = multiplier_of(draw(scales(-30, -16) if source == "int32" else scales(-6, 13)))
    data = draw({"int8": int8_arrays, "int16": int16_arrays, "int32": _int32_arrays}[source](count))
    before, after = (offset if dtype == "int8" else 0 for dtype in (source, result))
    params = RescaleWidthParams(count, before, after, by.shift, by.multiplier)
    return Case(kernel, params, {"input": data}, {"output": count})


for _kernel in RESCALE_WIDTH.values():
    generates(_kernel)(partial(_other_width, _kernel))


@generates(QUANTIZE_STEPS_INT16)
@st.composite
def _quantize(draw: st.DrawFn) -> Case:
    count, scale = draw(counts()), draw(scales())
    data = draw(float32_arrays(count, scale, 0))
    return Case(QUANTIZE_STEPS_INT16, QuantizeSteps16Params(count, scale), {"input": data}, {"output": count})


def _from_sigmoid_table(kernel: Kernel) -> st.SearchStrategy[Case]:
    @st.composite
    def build(draw: st.DrawFn) -> Case:
        count = draw(counts())
        multiplier, shift = tflite_int16.argument_scale(draw(scales(-20, 0)), 1)
        inputs = {"input": draw(int16_arrays(count)), "table": tflite_int16.sigmoid_table()}
        return Case(kernel, SigmoidTflite16Params(count, multiplier, shift), inputs, {"output": count})

    return build()


@generates(SIGMOID_TFLITE_INT16)
def _sigmoid() -> st.SearchStrategy[Case]:
    return _from_sigmoid_table(SIGMOID_TFLITE_INT16)


@generates(TANH_TFLITE_INT16)
def _tanh() -> st.SearchStrategy[Case]:
    return _from_sigmoid_table(TANH_TFLITE_INT16)


@generates(SOFTMAX_TFLITE_INT16)
@st.composite
def _softmax(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 5)), draw(st.one_of(st.integers(1, 12), st.integers(250, 260)))
    by = distance_multiplier(draw(scales(-18, -1)))
    inputs = {"input": draw(int16_arrays(rows * columns)), "powers": power_table(), "inverses": inverse_table()}
    params = SoftMaxTflite16Params(rows, columns, by.multiplier, by.shift)
    return Case(SOFTMAX_TFLITE_INT16, params, inputs, {"output": rows * columns})


@generates(REDUCE_MEAN_TFLITE_INT16)
@st.composite
def _reduce_mean(draw: st.DrawFn) -> Case:
    loops, size, terms = draw(reductions())
    by = mean_multiplier(draw(scales(-4, 3)), terms)
    params = ReduceMeanTfliteParams(**loops, start=0, multiplier=by.multiplier, shift=by.shift, out_offset=0)
    return Case(REDUCE_MEAN_TFLITE_INT16, params, {"input": draw(int16_arrays(size))}, {"output": size // terms})


@generates(AVG_POOL_TFLITE_INT16)
@st.composite
def _avg_pool(draw: st.DrawFn) -> Case:
    window, in_h, in_w = draw(windows(max_kernel=5))
    channels, images = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    out_h, out_w = window.output_size(in_h, in_w)
    sizes = (in_h, in_w, channels, out_h, out_w, *window.kernel, *window.strides, *window.pads[:2], images)
    params = AvgPoolTfliteParams(*sizes, act_min=wide.INT16_MIN, act_max=wide.INT16_MAX)
    data = draw(int16_arrays(images * in_h * in_w * channels))
    return Case(AVG_POOL_TFLITE_INT16, params, {"input": data}, {"output": images * out_h * out_w * channels})
