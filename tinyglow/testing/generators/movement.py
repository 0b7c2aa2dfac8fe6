"""Kernels that copy, fill, resize and look for elements."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.reduce.arg_max import ARG_MAX_F32, ARG_MAX_S8, ArgMaxParams
from tinyglow.kernels.reshape.fill import FILL, FillParams
from tinyglow.kernels.reshape.gather import GATHER, GatherParams
from tinyglow.kernels.reshape.gather_at import GATHER_AT, GatherAtParams
from tinyglow.kernels.reshape.strided_copy import STRIDED_COPY, StridedCopyParams
from tinyglow.kernels.resize.ranges import FRACTION_BITS
from tinyglow.kernels.resize.resize_bilinear import (
    RESIZE_BILINEAR,
    RESIZE_BILINEAR_FLOAT,
    RESIZE_BILINEAR_FUSED,
    ResizeBilinearFloatParams,
    ResizeBilinearParams,
    pack_taps,
)
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import counts, float32_arrays, int8_arrays


@st.composite
def _strides(draw: st.DrawFn, dims: list[int]) -> tuple[list[int], int]:
    """Distances of ``dims`` in any order of memory and direction, the last forwards, and the first element's offset."""
    strides, size = [0] * len(dims), 1
    offset = 0
    for axis in [len(dims) - 1, *draw(st.permutations(range(len(dims) - 1)))]:
        strides[axis] = size
        if axis < len(dims) - 1 and draw(st.booleans()):
            strides[axis] = -size
            offset += (dims[axis] - 1) * size
        size *= dims[axis]
    return strides, offset


@generates(STRIDED_COPY)
@st.composite
def _strided_copy(draw: st.DrawFn) -> Case:
    """All of the output is written, in any order; the input may be larger than what is read, or read repeatedly."""
    dims = [draw(st.integers(1, 5)) for _ in range(3)] + [draw(st.integers(1, 9))]
    out_strides, out_offset = draw(_strides(dims))
    repeated = [draw(st.sampled_from((False, False, True))) for _ in range(3)]
    spread = [1 if again else dim for dim, again in zip(dims, repeated, strict=False)]
    in_strides, in_offset = draw(_strides([*spread, dims[3]]))
    begin, gap = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    steps = [0 if again else stride for again, stride in zip(repeated, in_strides, strict=False)]
    fields = [*dims, in_offset + begin, *steps, out_offset, *out_strides[:3]]
    params = StridedCopyParams(*fields)
    data = draw(int8_arrays(begin + math.prod(spread) * dims[3] + gap))
    return Case(STRIDED_COPY, params, {"input": data}, {"output": math.prod(dims)})


@generates(FILL)
@st.composite
def _fill(draw: st.DrawFn) -> Case:
    params = FillParams(draw(counts()), draw(st.integers(-128, 127)))
    return Case(FILL, params, {}, {"output": params.count})


@generates(GATHER)
@st.composite
def _gather(draw: st.DrawFn) -> Case:
    blocks, run = draw(st.integers(1, 3)), draw(st.integers(1, 9))
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    rows = draw(st.lists(st.integers(0, height - 1), min_size=1, max_size=7))
    columns = draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=7))
    params = GatherParams(blocks, len(rows), len(columns), run, height * width * run)
    inputs = {
        "input": draw(int8_arrays(blocks * height * width * run)),
        "row_offsets": np.array(rows, np.int32) * width * run,
        "column_offsets": np.array(columns, np.int32) * run,
    }
    return Case(GATHER, params, inputs, {"output": blocks * len(rows) * len(columns) * run})


@generates(GATHER_AT)
@st.composite
def _gather_at(draw: st.DrawFn) -> Case:
    params = GatherAtParams(*(draw(st.integers(1, most)) for most in (3, 6, 9, 7)))
    indices = draw(st.lists(st.integers(-2, params.length + 1), min_size=params.count, max_size=params.count))
    indices = draw(st.sampled_from((indices, [-(2**31)] * params.count, [2**31 - 1] * params.count)))
    inputs = {
        "input": draw(int8_arrays(params.blocks * params.length * params.run)),
        "indices": np.array(indices, np.int32),
    }
    return Case(GATHER_AT, params, inputs, {"output": params.blocks * params.count * params.run})


@st.composite
def _taps(draw: st.DrawFn, size: int, weights: bool) -> Array:
    """A table of pairs of neighbours among ``size`` pixels, or of a pixel with itself."""
    first = np.array(draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=6)), np.int64)
    second = np.minimum(first + draw(st.sampled_from((0, 1, 1))), size - 1)
    limit = 1 << FRACTION_BITS if weights else 0
    chosen = [draw(st.one_of(st.sampled_from((0, limit)), st.integers(0, limit))) for _ in first]
    return pack_taps(first, second, np.array(chosen, np.int64))


@st.composite
def _images(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Images, height, width and channels."""
    return draw(st.integers(1, 2)), draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 5))


@generates(RESIZE_BILINEAR)
@st.composite
def _resize_bilinear(draw: st.DrawFn) -> Case:
    images, height, width, channels = draw(_images())
    rows, columns = draw(_taps(height, weights=True)), draw(_taps(width, weights=True))
    bits = 2 * FRACTION_BITS
    rounding = draw(st.sampled_from((((1 << bits) - 1, 0), (1 << (bits - 1),) * 2)))
    params = ResizeBilinearParams(height, width, channels, len(rows), len(columns), images, *rounding)
    inputs = {"input": draw(int8_arrays(images * height * width * channels)), "rows": rows, "columns": columns}
    return Case(RESIZE_BILINEAR, params, inputs, {"output": images * len(rows) * len(columns) * channels})


@st.composite
def _float_weights(draw: st.DrawFn, count: int) -> Array:
    """As scales like 3 or 1.7 make them, those next to 0 and 1 among them."""
    edges = st.sampled_from((0.0, 2.0**-24, 1.0 - 2.0**-24, 0.5, 1 / 3, 2 / 3))
    some = st.floats(0, 1, width=32, exclude_max=True, allow_subnormal=False)
    return np.array([draw(st.one_of(edges, some)) for _ in range(count)], np.float32)


@st.composite
def _resize_bilinear_float(draw: st.DrawFn, kernel: Kernel) -> Case:
    images, height, width, channels = draw(_images())
    rows, columns = draw(_taps(height, weights=False)), draw(_taps(width, weights=False))
    params = ResizeBilinearFloatParams(height, width, channels, len(rows), len(columns), images)
    inputs = {
        "input": draw(int8_arrays(images * height * width * channels)),
        "rows": rows,
        "row_weights": draw(_float_weights(len(rows))),
        "columns": columns,
        "column_weights": draw(_float_weights(len(columns))),
    }
    return Case(kernel, params, inputs, {"output": images * len(rows) * len(columns) * channels})


for _kernel in (RESIZE_BILINEAR_FLOAT, RESIZE_BILINEAR_FUSED):
    generates(_kernel)(partial(_resize_bilinear_float, _kernel))


@st.composite
def _arg_max_params(draw: st.DrawFn) -> ArgMaxParams:
    outer, length, inner = draw(st.integers(1, 4)), draw(st.integers(1, 8)), draw(st.integers(1, 4))
    return ArgMaxParams(outer, length, inner, *(draw(st.integers(0, 1)) for _ in range(3)))


@generates(ARG_MAX_S8)
@st.composite
def _arg_max_s8(draw: st.DrawFn) -> Case:
    params = draw(_arg_max_params())
    data = draw(int8_arrays(params.outer * params.length * params.inner))
    return Case(ARG_MAX_S8, params, {"input": data}, {"output": (1 + params.wide) * params.outer * params.inner})


@generates(ARG_MAX_F32)
@st.composite
def _arg_max_f32(draw: st.DrawFn) -> Case:
    params = draw(_arg_max_params())
    data = draw(float32_arrays(params.outer * params.length * params.inner, 1.0, 0))
    return Case(ARG_MAX_F32, params, {"input": data}, {"output": (1 + params.wide) * params.outer * params.inner})
