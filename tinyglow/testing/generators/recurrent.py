"""Kernels of layers with a memory."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.int16 import packed_bias
from tinyglow.kernels.recurrent.lstm import GATES, LSTM_TFLITE, LSTM_TFLM, LstmParams
from tinyglow.kernels.recurrent.lstm_s16 import LSTM_INT16, Lstm16Params
from tinyglow.kernels.recurrent.svdf import SVDF, SVDF_OF_INT8, SvdfParams
from tinyglow.numerics import tflite_int16
from tinyglow.numerics.tflite import multiplier_of, reduced
from tinyglow.testing.case import Case
from tinyglow.testing.generators.other_numerics import multipliers
from tinyglow.testing.registry import generates
from tinyglow.testing.values import int8_arrays, int16_arrays, offsets, scales


@st.composite
def _svdf_of(draw: st.DrawFn, kernel: Kernel) -> Case:
    rows, depth = draw(st.integers(1, 2)), draw(st.integers(1, 20))
    units, rank, memory = (draw(st.integers(1, 4)) for _ in range(3))
    filters, is_int8 = units * rank, kernel is SVDF_OF_INT8
    first, last = draw(multipliers(128.0 * depth)), draw(multipliers(2.0**29))
    params = SvdfParams(
        **{"rows": rows, "depth": depth, "units": units, "rank": rank, "memory": memory},
        in_offset=draw(offsets()),
        state_offset=draw(offsets()) if is_int8 else 0,
        out_offset=draw(offsets()),
        shift=first.shift,
        out_shift=last.shift,
        multiplier=first.multiplier,
        out_multiplier=last.multiplier,
    )
    integers = int8_arrays if is_int8 else int16_arrays
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = {
        "input": draw(int8_arrays(rows * depth)),
        "state": draw(integers(rows * filters * memory)),
        "features": draw(int8_arrays(filters * depth)),
        "times": draw(integers(filters * memory)),
        "bias": generator.integers(-(2**31), 2**31, units).astype(np.int32) >> draw(st.sampled_from((0, 8, 20))),
    }
    return Case(kernel, params, inputs, {"after": rows * filters * memory, "output": rows * units})


@generates(SVDF)
def _svdf() -> st.SearchStrategy[Case]:
    return _svdf_of(SVDF)


@generates(SVDF_OF_INT8)
def _svdf_of_int8() -> st.SearchStrategy[Case]:
    return _svdf_of(SVDF_OF_INT8)


@st.composite
def _lstm_of(draw: st.DrawFn, kernel: Kernel) -> Case:
    rows, steps, depth, units = (draw(st.integers(1, most)) for most in (2, 3, 9, 5))
    out = draw(multipliers(2.0**30))
    params = LstmParams(
        **{"rows": rows, "steps": steps, "depth": depth, "units": units, "time_major": draw(st.integers(0, 1))},
        cell_bits=draw(st.integers(0, 6)),
        out_offset=draw(offsets()),
        shift=out.shift,
        multiplier=out.multiplier,
        clip=draw(st.sampled_from((0, 1000, 32767))),
    )
    by_gate = [draw(st.builds(multiplier_of, scales(-8, 2))) for _ in range(2 * GATES)]
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = {
        "input": draw(int8_arrays(rows * steps * depth)),
        "hidden": draw(int8_arrays(rows * units)),
        "cell": draw(int16_arrays(rows * units)),
        "weights": draw(int8_arrays(GATES * units * depth)),
        "recurrent": draw(int8_arrays(GATES * units * units)),
        "bias": generator.integers(-(2**16), 2**16, 2 * GATES * units).astype(np.int32),
        "scales": np.array([(by.multiplier, by.shift) for by in by_gate], np.int32).ravel(),
        "table": tflite_int16.sigmoid_table(),
    }
    state = rows * units
    return Case(kernel, params, inputs, {"next_hidden": state, "next_cell": state, "output": steps * state})


@generates(LSTM_INT16)
@st.composite
def _lstm_int16(draw: st.DrawFn) -> Case:
    rows, steps, depth, units = (draw(st.integers(1, most)) for most in (2, 3, 9, 5))
    out, added = draw(multipliers(2.0**30)), draw(multipliers(2.0**30))
    params = Lstm16Params(
        **{"rows": rows, "steps": steps, "depth": depth, "units": units, "time_major": draw(st.integers(0, 1))},
        cell_bits=draw(st.integers(0, 6)),
        shift=out.shift,
        added_shift=added.shift,
        multiplier=out.multiplier,
        added_multiplier=added.multiplier,
        clip=draw(st.sampled_from((1000, 32767))),
    )
    by_gate = [reduced(draw(st.builds(multiplier_of, scales(-16, -4)))) for _ in range(2 * GATES)]
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bias = generator.integers(-(2**40), 2**40, GATES * units) >> draw(st.sampled_from((0, 10, 20)))
    inputs = {
        "input": draw(int16_arrays(rows * steps * depth)),
        "hidden": draw(int16_arrays(rows * units)),
        "cell": draw(int16_arrays(rows * units)),
        "weights": draw(int8_arrays(GATES * units * depth)),
        "recurrent": draw(int8_arrays(GATES * units * units)),
        "bias": packed_bias(bias, is_wide=True),
        "scales": np.array(by_gate, np.int32).ravel(),
        "table": tflite_int16.sigmoid_table(),
    }
    state = rows * units
    return Case(LSTM_INT16, params, inputs, {"next_hidden": state, "next_cell": state, "output": steps * state})


@generates(LSTM_TFLITE)
def _lstm_tflite() -> st.SearchStrategy[Case]:
    return _lstm_of(LSTM_TFLITE)


@generates(LSTM_TFLM)
def _lstm_tflm() -> st.SearchStrategy[Case]:
    return _lstm_of(LSTM_TFLM)
