"""Operators over windows, rows and dimensions: pools, mean, softmax, concatenation."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.pooling.avg_pool import AvgPoolParams, avg_pool_s8
from tinyglow.kernels.pooling.avg_pool_onnx import AvgPoolOnnxParams, avg_pool_onnx_s8, in_integers
from tinyglow.kernels.pooling.avg_pool_tflite import AvgPoolTfliteParams, avg_pool_tflite
from tinyglow.kernels.pooling.max_pool import MaxPoolParams, max_pool_s8
from tinyglow.kernels.reduce.loops import ReduceParams, reduce_loops
from tinyglow.kernels.reduce.reduce_mean_tflite import ReduceMeanTfliteParams, mean_multiplier, reduce_mean_tflite
from tinyglow.kernels.reduce.reduce_sum import ReduceSumParams, reduce_sum_s8
from tinyglow.numerics import glow
from tinyglow.numerics.names import GLOW, ONNX, TFLITE, TFLM
from tinyglow.testing.kit.problem import Numbers, Operator, Question, Tensors, declare
from tinyglow.testing.kit.scaling import (
    bounds,
    epilogue_of,
    multiplier_of,
    requant_of,
    safe_constants,
)
from tinyglow.testing.values import int8_arrays, offsets

_SIZES = ("batch", "in_h", "in_w", "channels", "out_h", "out_w", "kernel_h", "kernel_w")
_POOL = (*_SIZES, "stride_h", "stride_w", "pad_top", "pad_left")
_ENDS = ("input_offset", "output_offset")
_REAL = ("input_scale", "output_scale")
_BOUNDS = ("act_min", "act_max")


@st.composite
def pool_geometries(draw: st.DrawFn) -> dict[str, int]:
    """Sizes of a pool over an image; each window has a tap inside of it."""
    numbers = {"batch": draw(st.sampled_from((1, 1, 2))), "channels": draw(st.integers(1, 6))}
    for axis, side in (("h", "top"), ("w", "left")):
        kernel, stride = draw(st.integers(1, 5)), draw(st.sampled_from((1, 1, 2, 3)))
        before, after = (draw(st.integers(0, min(kernel - 1, 2))) for _ in range(2))
        size = draw(st.integers(max(1, kernel - before - after), kernel + 6))
        numbers |= {f"in_{axis}": size, f"kernel_{axis}": kernel, f"stride_{axis}": stride, f"pad_{side}": before}
        numbers[f"out_{axis}"] = (size + before + after - kernel) // stride + 1
    return numbers


def _pool(draw: st.DrawFn, numerics: str, name: str) -> Question:
    numbers: dict[str, int | float] = dict(draw(pool_geometries()))
    size = [int(numbers[key]) for key in ("batch", "in_h", "in_w", "channels")]
    shape = tuple(int(numbers[key]) for key in ("batch", "out_h", "out_w", "channels"))
    in_offset, out_offset = draw(offsets()), draw(offsets())
    if name == "max_pool" or numerics in (TFLITE, TFLM):
        numbers |= draw(bounds(out_offset))
    else:
        numbers |= {"input_offset": in_offset, "output_offset": out_offset, "count_pads": draw(st.integers(0, 1))}
        area = int(numbers["kernel_h"]) * int(numbers["kernel_w"])
        ratio = draw(st.sampled_from((1.0, 0.5, 2.0))) * draw(st.floats(0.5, 2.0, width=32))
        if numerics == ONNX:
            numbers |= {"input_scale": ratio / 8, "output_scale": 1 / 8, "raised": draw(st.sampled_from((0, 128)))}
        else:
            scale = ratio / area if numbers["count_pads"] else ratio
            numbers |= safe_constants(scale, GLOW, (-255 * area, 255 * area), 0)
    x = draw(int8_arrays(int(np.prod(size)), in_offset)).reshape(size)
    return Question(name, numerics, numbers, {"input": x}, shape)


def _geometry(n: Numbers) -> dict[str, int]:
    return {**{name: int(n[name]) for name in _POOL if name != "batch"}, "images": int(n["batch"])}


def _outputs(n: Numbers) -> int:
    return int(n["batch"]) * int(n["out_h"]) * int(n["out_w"]) * int(n["channels"])


def _max_pool_answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    out = np.empty((1, _outputs(n)), np.int8)
    max_pool_s8(MaxPoolParams(**_geometry(n)), x["input"].reshape(1, -1), out)
    return np.clip(out, int(n["act_min"]), int(n["act_max"]))


def _avg_pool_answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    out, flat, fields = np.empty((1, _outputs(n)), np.int8), x["input"].reshape(1, -1), _geometry(n)
    if numerics == GLOW:
        params = AvgPoolParams(
            **fields,
            divide=1 - int(n["count_pads"]),
            in_offset=int(n["input_offset"]),
            out_offset=int(n["output_offset"]),
            out=requant_of("", n, GLOW, 0, once=False),
        )
        avg_pool_s8(params, flat, out)
        return out
    if numerics == ONNX:
        theirs = AvgPoolOnnxParams(
            **fields,
            count_pads=int(n["count_pads"]),
            in_offset=int(n["input_offset"]),
            out_offset=int(n["output_offset"]),
            raised=int(n["raised"]),
            in_scale=float(n["input_scale"]),
            scale=float(n["output_scale"]),
            **in_integers(float(n["input_scale"]), float(n["output_scale"]), fields["kernel_h"] * fields["kernel_w"]),
        )
        avg_pool_onnx_s8(theirs, flat, out)
        return out
    avg_pool_tflite(AvgPoolTfliteParams(**fields, act_min=int(n["act_min"]), act_max=int(n["act_max"])), flat, out)
    return out


@st.composite
def _mean(draw: st.DrawFn, numerics: str) -> Question:
    outer, inner = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    terms = draw(st.one_of(st.integers(1, 16), st.sampled_from((32, 49, 64, 300))))
    ends = {"input_offset": draw(offsets()), "output_offset": draw(offsets())}
    numbers: dict[str, int | float] = {"outer": outer, "terms": terms, "inner": inner, **ends}
    x = draw(int8_arrays(outer * terms * inner, ends["input_offset"])).reshape(outer, terms, inner)
    ratio = draw(st.sampled_from((1.0, 1.0, 0.5, 2.0))) * draw(st.sampled_from((1.0, 0.7, 1.3)))
    if numerics in (TFLITE, TFLM):
        by = mean_multiplier(ratio, terms)
        numbers |= {"multiplier": by.multiplier, "shift": by.shift}
    else:
        reach = (-255 * terms, 255 * terms)
        numbers |= safe_constants(ratio / terms, numerics, reach, ends["output_offset"])
    return Question("mean", numerics, numbers, {"input": x}, (outer, inner))


def _mean_answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    outer, terms, inner = (int(n[name]) for name in ("outer", "terms", "inner"))
    in_offset, offset = int(n["input_offset"]), int(n["output_offset"])
    loops, flat = reduce_loops((outer, terms, inner), (1,)), x["input"].reshape(1, -1)
    out, start = np.empty((1, outer * inner), np.int8), -in_offset * terms
    if numerics in (TFLITE, TFLM):
        by = multiplier_of("", n)
        own = ReduceMeanTfliteParams(**loops, start=start, multiplier=by.multiplier, shift=by.shift, out_offset=offset)
        reduce_mean_tflite(own, flat, out)
    elif numerics == GLOW:
        params = ReduceSumParams(**loops, start=start, out=requant_of("", n, GLOW, offset, once=False))
        reduce_sum_s8(params, flat, out)
    else:
        sums = (ReduceParams(**loops).groups(flat).sum(axis=2, dtype=np.int64) + start).astype(np.int32)
        out = glow.saturate_int8(epilogue_of(ONNX).requantize(sums, requant_of("", n, ONNX, offset, once=False)))
    return out


@st.composite
def _concat(draw: st.DrawFn, numerics: str) -> Question:
    outer, own, other = draw(st.integers(1, 6)), draw(st.integers(1, 9)), draw(st.integers(1, 9))
    inputs = {"input": draw(int8_arrays(outer * own)).reshape(outer, own)}
    inputs["other"] = draw(int8_arrays(outer * other)).reshape(outer, other)
    numbers = {"outer": outer, "input_size": own, "other_size": other}
    return Question("concat", numerics, numbers, inputs, (outer, own + other))


def _concat_answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    rows = [x[name].reshape(int(n["outer"]), -1) for name in ("input", "other")]
    return np.concatenate(rows, axis=1)


declare(
    Operator(
        "max_pool",
        "largest element of each window inside the image [batch, h, w, channels]",
        (("input", "int8"),),
        (*_POOL, *_BOUNDS),
        lambda draw, numerics: _pool(draw, numerics, "max_pool"),
        _max_pool_answer,
    )
)
declare(
    Operator(
        "avg_pool",
        "mean of each window inside the image [batch, h, w, channels]",
        (("input", "int8"),),
        (*_POOL, *_BOUNDS),
        lambda draw, numerics: _pool(draw, numerics, "avg_pool"),
        _avg_pool_answer,
        own_numbers={GLOW: (*_POOL, *_ENDS, "count_pads", "*"), ONNX: (*_POOL, *_ENDS, "raised", "count_pads", *_REAL)},
    )
)
declare(
    Operator(
        "mean",
        "mean over the middle dimension of [outer, terms, inner]",
        (("input", "int8"),),
        ("outer", "terms", "inner", *_ENDS, "*"),
        lambda draw, numerics: draw(_mean(numerics)),
        _mean_answer,
    )
)
declare(
    Operator(
        "concat",
        "rows of input and of other, one after the other",
        (("input", "int8"), ("other", "int8")),
        ("outer", "input_size", "other_size"),
        lambda draw, numerics: draw(_concat(numerics)),
        _concat_answer,
        data=("input", "other"),
    )
)
