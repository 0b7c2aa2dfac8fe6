"""Kernels of truth values, and of changes of type."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.elementwise.cast import (
    CAST_FLOAT_TO_INT32,
    CAST_INT32_TO_FLOAT,
    CAST_TRUTH_TO_FLOAT,
    CastParams,
)
from tinyglow.kernels.elementwise.compare import COMPARE, COMPARE_FLOAT, RELATIONS, CompareFloatParams, CompareParams
from tinyglow.kernels.elementwise.logic import LOGIC, LOGIC_KERNEL, LogicParams
from tinyglow.kernels.elementwise.select import SELECT, SELECT_FLOAT, SelectFloatParams, SelectParams
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import any_requant, counts, float32_arrays, int8_arrays, offsets, requant_params, weighted

_RELATIONS = st.integers(0, len(RELATIONS) - 1)


@st.composite
def _pair(draw: st.DrawFn, count: int) -> tuple[Array, Array]:
    """Two float arrays, of which about half of the elements are equal."""
    x, y = (draw(float32_arrays(count, 1.0, 0)) for _ in range(2))
    y[::2] = x[::2]
    return x, y


@generates(COMPARE_FLOAT)
@st.composite
def _compare_float(draw: st.DrawFn) -> Case:
    count = draw(counts())
    x, y = draw(_pair(count))
    return Case(COMPARE_FLOAT, CompareFloatParams(count, draw(_RELATIONS)), {"input": x, "other": y}, {"output": count})


@generates(COMPARE)
@st.composite
def _compare(draw: st.DrawFn) -> Case:
    count, zero, other_zero = draw(counts()), draw(offsets()), draw(offsets())
    to_other = draw(weighted((5, requant_params(256, 0)), (1, any_requant())))
    params = CompareParams(count, draw(_RELATIONS), zero, other_zero, to_other)
    data = {"input": draw(int8_arrays(count, zero)), "other": draw(int8_arrays(count, other_zero))}
    return Case(COMPARE, params, data, {"output": count})


@generates(LOGIC_KERNEL)
@st.composite
def _logic(draw: st.DrawFn) -> Case:
    count = draw(counts())
    params = LogicParams(count, draw(st.integers(0, len(LOGIC) - 1)))
    data = {name: draw(int8_arrays(count, 0)) & draw(st.sampled_from((1, 1, -1))) for name in ("input", "other")}
    return Case(LOGIC_KERNEL, params, data, {"output": count})


@generates(SELECT)
@st.composite
def _select(draw: st.DrawFn) -> Case:
    count, zero, other_zero = draw(counts()), draw(offsets()), draw(offsets())
    scales = [draw(weighted((5, requant_params(256)), (1, any_requant()))) for _ in range(2)]
    data = {
        "input": draw(int8_arrays(count, zero)),
        "other": draw(int8_arrays(count, other_zero)),
        "condition": draw(int8_arrays(count, 0)) & 1,
    }
    return Case(SELECT, SelectParams(count, zero, other_zero, *scales), data, {"output": count})


@generates(SELECT_FLOAT)
@st.composite
def _select_float(draw: st.DrawFn) -> Case:
    count = draw(counts())
    x, y = draw(_pair(count))
    data = {"input": x, "other": y, "condition": draw(int8_arrays(count, 0)) & 1}
    return Case(SELECT_FLOAT, SelectFloatParams(count), data, {"output": count})


@generates(CAST_FLOAT_TO_INT32)
@st.composite
def _cast_to_int32(draw: st.DrawFn) -> Case:
    count = draw(counts())
    data = draw(float32_arrays(count, draw(st.sampled_from((0.1, 1.0, 2.0**24, 2.0**31))), 0))
    return Case(CAST_FLOAT_TO_INT32, CastParams(count), {"input": data}, {"output": count})


@generates(CAST_INT32_TO_FLOAT)
@st.composite
def _cast_to_float(draw: st.DrawFn) -> Case:
    count, seed = draw(counts()), draw(st.integers(0, 2**32 - 1))
    data = np.random.default_rng(seed).integers(-(2**31), 2**31, count).astype(np.int32) >> draw(st.integers(0, 20))
    return Case(CAST_INT32_TO_FLOAT, CastParams(count), {"input": data}, {"output": count})


@generates(CAST_TRUTH_TO_FLOAT)
@st.composite
def _cast_truth(draw: st.DrawFn) -> Case:
    count = draw(counts())
    return Case(CAST_TRUTH_TO_FLOAT, CastParams(count), {"input": draw(int8_arrays(count, 0)) & 1}, {"output": count})
