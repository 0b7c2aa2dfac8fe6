"""A recurrent layer: LSTM with gates and a cell of int16, as TensorFlow Lite computes it."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.recurrent.lstm import GATES, LstmParams, lstm_tflite, lstm_tflm
from tinyglow.numerics import tflite_int16
from tinyglow.numerics.names import LIKE_LITERT, TFLITE
from tinyglow.numerics.tflite import multiplier_of
from tinyglow.testing.kit.problem import Numbers, Operator, Question, Tensors, declare
from tinyglow.testing.values import int8_arrays, int16_arrays, offsets, scales

_SIZES = ("rows", "steps", "depth", "units")
_INPUTS = (
    ("input", "int8"),
    ("hidden", "int8"),
    ("cell", "int16"),
    ("weights", "int8"),
    ("recurrent", "int8"),
    ("bias", "int32"),
    ("recurrent_bias", "int32"),
    ("gate_multiplier", "int32"),
    ("gate_shift", "int32"),
)


@st.composite
def _drawn(draw: st.DrawFn, numerics: str) -> Question:
    rows, steps, depth, units = (draw(st.integers(1, most)) for most in (2, 3, 9, 5))
    out = multiplier_of(draw(scales(-26, -22)))
    by_gate = [multiplier_of(draw(scales(-4, 1))) for _ in range(2 * GATES)]
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    biases = generator.integers(-(2**14), 2**14, (2, GATES, units)).astype(np.int32)
    numbers: dict[str, int | float] = {"rows": rows, "steps": steps, "depth": depth, "units": units}
    numbers |= {"cell_bits": draw(st.integers(0, 6)), "cell_clip": draw(st.sampled_from((0, 0, 1000, 32767)))}
    numbers |= {"output_offset": draw(offsets()), "multiplier": out.multiplier, "shift": out.shift}
    inputs = {
        "input": draw(int8_arrays(rows * steps * depth)).reshape(rows, steps, depth),
        "hidden": draw(int8_arrays(rows * units)).reshape(rows, units),
        "cell": draw(int16_arrays(rows * units)).reshape(rows, units),
        "weights": draw(int8_arrays(GATES * units * depth)).reshape(GATES, units, depth),
        "recurrent": draw(int8_arrays(GATES * units * units)).reshape(GATES, units, units),
        "bias": biases[0],
        "recurrent_bias": biases[1],
        "gate_multiplier": np.array([by.multiplier for by in by_gate], np.int32).reshape(GATES, 2),
        "gate_shift": np.array([by.shift for by in by_gate], np.int32).reshape(GATES, 2),
    }
    return Question("lstm", numerics, numbers, inputs, (rows, steps, units))


def _answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    size = {name: int(n[name]) for name in _SIZES}
    params = LstmParams(
        **size,
        time_major=0,
        cell_bits=int(n["cell_bits"]),
        out_offset=int(n["output_offset"]),
        shift=int(n["shift"]),
        multiplier=int(n["multiplier"]),
        clip=int(n["cell_clip"]),
    )
    words = np.stack([x["gate_multiplier"].ravel(), x["gate_shift"].ravel()], axis=1)
    biases = np.concatenate([x["bias"].ravel(), x["recurrent_bias"].ravel()])
    given = [x[name] for name in ("input", "hidden", "cell", "weights", "recurrent")]
    operands = [*given, biases, words, tflite_int16.sigmoid_table()]
    state = (1, size["rows"] * size["units"])
    hidden: Array = np.empty((1, size["steps"] * state[1]), np.int8)
    results: list[Array] = [np.empty(state, np.int8), np.empty(state, np.int16), hidden]
    compute = lstm_tflite if numerics == TFLITE else lstm_tflm
    compute(params, *(np.ascontiguousarray(operand).reshape(1, -1) for operand in operands), *results)
    return hidden


declare(
    Operator(
        "lstm",
        "hidden values [rows, steps, units] of an LSTM; gates: input, forget, cell, output",
        _INPUTS,
        (*_SIZES, "cell_bits", "cell_clip", "output_offset", "*"),
        lambda draw, numerics: draw(_drawn(numerics)),
        _answer,
        data=("input", "hidden", "cell", "weights", "recurrent", "bias", "recurrent_bias"),
        numerics=LIKE_LITERT,
    )
)
