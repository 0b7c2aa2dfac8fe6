"""Kernels of layers with a memory."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.recurrent.svdf import SVDF, SVDF_OF_INT8, SvdfParams
from tinyglow.testing.case import Case
from tinyglow.testing.generators.other_numerics import multipliers
from tinyglow.testing.registry import generates
from tinyglow.testing.values import int8_arrays, int16_arrays, offsets


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
