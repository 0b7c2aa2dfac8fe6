"""Softmax of rows, which each numerics computes by a table of its own."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.softmax.softmax import (
    SoftMaxParams,
    exponential_table,
    softmax_params,
    softmax_s8,
)
from tinyglow.kernels.softmax.softmax_onnx import SoftMaxOnnxParams, power_table, softmax_onnx_s8, whole_steps
from tinyglow.kernels.softmax.softmax_tflm import SoftMaxTflmParams, exponentials, softmax_tflm_s8
from tinyglow.numerics import glow, tflite
from tinyglow.numerics.names import GLOW, LIKE_LITERT, ONNX
from tinyglow.testing.kit.problem import Numbers, Operator, Question, Tensors, declare
from tinyglow.testing.values import int8_arrays

_ROWS = ("rows", "columns")
_INTEGER_BITS = 5  # of a scaled distance (LiteRT, softmax.cc, kScaledDiffIntegerBits)
_INPUT = ("input", "int8")


def _fixed(scale: float) -> dict[str, int]:
    """multiplier, shift and diff_min of arm_softmax_s8 (quantization_util.cc, PreprocessSoftmaxScaling)."""
    by = tflite.multiplier_of(min(scale * (1 << 26), 2.0**30 - 1))
    radius = ((1 << _INTEGER_BITS) - 1) * (1 << (31 - _INTEGER_BITS)) >> by.shift
    return {"multiplier": by.multiplier, "shift": by.shift, "diff_min": -radius}


@st.composite
def _softmax(draw: st.DrawFn, numerics: str) -> Question:
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 20))
    scale = glow.float32(draw(st.one_of(st.sampled_from((2.0**-4, 0.1, 1.0)), st.floats(2.0**-8, 1.0, width=32))))
    numbers: dict[str, int | float] = {"rows": rows, "columns": columns}
    inputs = {"input": draw(int8_arrays(rows * columns)).reshape(rows, columns)}
    offset = draw(st.sampled_from((-128, -128, -100)))
    if numerics == GLOW:
        p = softmax_params(rows, columns, 1 / 256, offset)
        numbers |= {"inverse_scale": p.inverse_scale, "inverse_bits": p.inverse_bits, "sum_bits": p.sum_bits}
        numbers["output_offset"] = offset
        inputs["table"] = exponential_table(scale)
    elif numerics in LIKE_LITERT:
        numbers |= _fixed(scale)
    else:
        result_scale = glow.float32(draw(st.sampled_from((1 / 256, 1 / 255))))
        numbers |= {"steps_of_one": whole_steps(result_scale), "output_offset": offset}
        inputs["table"] = power_table(scale, columns)
    return Question("softmax", numerics, numbers, inputs, (rows, columns))


def _answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    rows, columns = int(n["rows"]), int(n["columns"])
    flat, out = x["input"].reshape(1, -1), np.empty((1, rows * columns), np.int8)
    if numerics == GLOW:
        params = SoftMaxParams(
            rows,
            columns,
            int(n["inverse_scale"]),
            int(n["inverse_bits"]),
            int(n["sum_bits"]),
            int(n["output_offset"]),
            zeros=0,
        )
        softmax_s8(params, flat, x["table"].reshape(1, -1), out)
    elif numerics in LIKE_LITERT:
        table = exponentials(int(n["multiplier"]) * 2.0 ** (int(n["shift"]) - 57))
        softmax_tflm_s8(SoftMaxTflmParams(rows, columns), flat, table.reshape(1, -1), out)
    else:
        theirs = SoftMaxOnnxParams(rows, columns, float(n["steps_of_one"]), int(n["output_offset"]))
        softmax_onnx_s8(theirs, flat, x["table"].reshape(1, -1), out)
    return out


declare(
    Operator(
        "softmax",
        "e ** x of each row over the row's sum",
        (_INPUT,),
        (),
        lambda draw, numerics: draw(_softmax(numerics)),
        _answer,
        in_place=("input",),
        own_inputs={
            GLOW: (_INPUT, ("table", "int32")),
            ONNX: (_INPUT, ("table", "float32")),
        },
        own_numbers={
            GLOW: (*_ROWS, "inverse_scale", "inverse_bits", "sum_bits", "output_offset"),
            **dict.fromkeys(LIKE_LITERT, (*_ROWS, "multiplier", "shift", "diff_min")),
            ONNX: (*_ROWS, "steps_of_one", "output_offset"),
        },
    )
)
