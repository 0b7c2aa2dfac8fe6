"""Int16 kernels that round as LiteRT does."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tinyglow.kernels.elementwise.quantize_steps import QUANTIZE_STEPS_INT16, QuantizeSteps16Params
from tinyglow.kernels.elementwise.tflite_s16 import (
    ADD_TFLITE_INT16,
    MUL_TFLITE_INT16,
    RESCALE_TFLITE_INT16,
    ProductTflite16Params,
    RescaleTflite16Params,
    SumTflite16Params,
)
from tinyglow.numerics import wide
from tinyglow.numerics.tflite import multiplier_of
from tinyglow.testing.case import Case
from tinyglow.testing.generators.int16 import two_int16_operands
from tinyglow.testing.registry import generates
from tinyglow.testing.values import counts, float32_arrays, int16_arrays, scales, weighted


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


@generates(QUANTIZE_STEPS_INT16)
@st.composite
def _quantize(draw: st.DrawFn) -> Case:
    count, scale = draw(counts()), draw(scales())
    data = draw(float32_arrays(count, scale, 0))
    return Case(QUANTIZE_STEPS_INT16, QuantizeSteps16Params(count, scale), {"input": data}, {"output": count})
