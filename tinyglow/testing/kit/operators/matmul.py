"""Products of two computed matrices."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.matmul.matmul import MatMulParams, matmul_s8
from tinyglow.testing.kit.problem import Numbers, Operator, Question, Tensors, declare
from tinyglow.testing.kit.scaling import epilogue_of, ratios, requant_of, safe_constants
from tinyglow.testing.values import int8_arrays, offsets

_SIZES = ("batch", "rows", "depth", "columns")


@st.composite
def _drawn(draw: st.DrawFn, numerics: str) -> Question:
    batch, rows, columns = draw(st.sampled_from((1, 1, 2, 3))), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    depth = draw(st.one_of(st.integers(1, 20), st.integers(1, 20), st.integers(255, 270)))
    own = {name: draw(offsets()) for name in ("input_offset", "other_offset", "output_offset")}
    x = draw(int8_arrays(batch * rows * depth, own["input_offset"])).reshape(batch, rows, depth)
    other = draw(int8_arrays(batch * depth * columns, own["other_offset"])).reshape(batch, depth, columns)
    exact = (x.astype(np.int64) - own["input_offset"]) @ (other.astype(np.int64) - own["other_offset"])
    limit = 255 * 255 * depth
    numbers: dict[str, int | float] = {"batch": batch, "rows": rows, "depth": depth, "columns": columns, **own}
    scale = draw(ratios(float(np.abs(exact).max())))
    numbers |= safe_constants(scale, numerics, (-limit, limit), own["output_offset"])
    return Question("matmul", numerics, numbers, {"input": x, "other": other}, (batch, rows, columns))


def _answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    batch, rows, depth, columns = (int(n[name]) for name in _SIZES)
    out = requant_of("", n, numerics, int(n["output_offset"]), once=False)
    params = MatMulParams(batch, rows, depth, columns, int(n["input_offset"]), int(n["other_offset"]), out)
    result = np.empty((1, batch * rows * columns), np.int8)
    with np.errstate(over="ignore"):
        matmul_s8(params, x["input"].reshape(1, -1), x["other"].reshape(1, -1), result, epilogue_of(numerics))
    return result


declare(
    Operator(
        "matmul",
        "input [batch, rows, depth] times other [batch, depth, columns]",
        (("input", "int8"), ("other", "int8")),
        (*_SIZES, "input_offset", "other_offset", "output_offset", "*"),
        lambda draw, numerics: draw(_drawn(numerics)),
        _answer,
        data=("input", "other"),
    )
)
