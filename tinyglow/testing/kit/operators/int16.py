"""Operators of int16 activations, with int8 weights and biases of 64 bits, as TensorFlow Lite computes them (16x8)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.elementwise.tflite_s16 import (
    LEFT_SHIFT_INT16,
    ProductTflite16Params,
    SumTflite16Params,
    add_tflite_s16,
    mul_tflite_s16,
)
from tinyglow.kernels.pooling.avg_pool_tflite import AvgPoolTfliteParams, avg_pool_tflite
from tinyglow.kernels.softmax.softmax_tflite_s16 import (
    SoftMaxTflite16Params,
    distance_multiplier,
    inverse_table,
    power_table,
    softmax_tflite_s16,
)
from tinyglow.numerics import tflite
from tinyglow.numerics.names import LIKE_LITERT, TFLITE, TFLM
from tinyglow.testing.kit.operators.layers import GEOMETRY, convolution_geometries
from tinyglow.testing.kit.operators.windows import pool_geometries
from tinyglow.testing.kit.problem import Numbers, Operator, Question, Tensors, declare
from tinyglow.testing.kit.scaling import constants, multiplier_of
from tinyglow.testing.values import fitting_scales, int8_arrays, int16_arrays, scales, weighted

_LOW, _HIGH = -(2**15), 2**15 - 1
_WIDER = 8  # bits that results of int16 have more than those of int8
_MOST_BIAS = 1 << 44
_MOST_RESULT = 1 << 30
_MOST_SCALE = 1 << 14
_BOUNDS = ("act_min", "act_max")
_WITH_WEIGHTS = ("input", "weights", "bias")


@st.composite
def _bounds(draw: st.DrawFn) -> dict[str, int]:
    """``act_min`` and ``act_max``: none, a ReLU's, or any."""
    if draw(st.sampled_from((True, True, False))):
        return {"act_min": draw(st.sampled_from((_LOW, 0))), "act_max": _HIGH}
    low = draw(st.integers(_LOW, _HIGH))
    return {"act_min": low, "act_max": draw(st.integers(low, _HIGH))}


@st.composite
def _biases(draw: st.DrawFn, spread: float, units: int) -> Array:
    """int64: about as large as the sums; none; or so large that only 64 bits hold them."""
    size = draw(st.sampled_from((spread, spread, spread, 0.0, float(_MOST_BIAS))))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return np.rint(generator.uniform(-1, 1, units) * size).clip(-_MOST_BIAS, _MOST_BIAS).astype(np.int64)


def _safe(scale: float, reach: float) -> dict[str, int | float]:
    """Constants for a scale, or a smaller one: no result leaves 32 bits, and sums are shifted to the right."""
    while scale * reach >= _MOST_RESULT or scale >= _MOST_SCALE:
        scale /= 2
    return constants("", max(scale, 2.0**-31), TFLITE)


@st.composite
def _scale(draw: st.DrawFn, magnitude: float) -> float:
    return draw(fitting_scales(magnitude)) * 2.0**_WIDER


def requantized(sums: Array, multiplier: int, shift: int) -> Array:
    """Sums of 64 bits, scaled and rounded once, ties upwards (common.h, MultiplyByQuantizedMultiplier of int64)."""
    upper, right = tflite.reduced(tflite.Multiplier(multiplier, shift))
    result: Array = (sums * upper + (1 << (right - 1))) >> right
    return result


def _requantized_by_31_bits(sums: Array, multiplier: int, shift: int) -> Array:
    """The same by the whole multiplier: LiteRT's fully connected layers of int16."""
    right = 31 - shift
    result: Array = ((sums.astype(object) * multiplier + (1 << (right - 1))) >> right).astype(np.int64)
    return result


def _layer(
    draw: st.DrawFn, x: Array, weights: Array, numbers: Mapping[str, int | float], by_unit: bool
) -> tuple[dict[str, int | float], dict[str, Array]]:
    """The numbers and tensors of a layer with weights [units, terms]."""
    units = len(weights)
    magnitudes = np.abs(weights.astype(np.int64)).sum(axis=1)
    spread = float(np.abs(x.astype(np.float64)).mean() * magnitudes.max() / max(1.0, np.sqrt(weights.shape[1])))
    bias = draw(_biases(spread, units))
    reach = (magnitudes * -_LOW + np.abs(bias)).astype(np.float64)
    found: dict[str, int | float] = {**numbers, **draw(_bounds())}
    inputs: dict[str, Array] = {"bias": bias}
    typical = max(spread, float(np.abs(bias).max()))
    if by_unit:
        made = [_safe(draw(_scale(typical)), float(reach[unit])) for unit in range(units)]
        inputs |= {part: np.array([own[part] for own in made], np.int32) for part in ("multiplier", "shift")}
    else:
        found |= _safe(draw(_scale(typical)), float(reach.max()))
    return found, inputs


@st.composite
def _fully_connected(draw: st.DrawFn) -> Question:
    rows, units = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    depth = draw(st.one_of(st.integers(1, 24), st.integers(1, 24), st.integers(255, 290)))
    x = draw(int16_arrays(rows * depth))
    weights = draw(int8_arrays(units * depth)).reshape(units, depth)
    numbers, inputs = _layer(draw, x, weights, {"rows": rows, "depth": depth, "units": units}, by_unit=False)
    inputs |= {"input": x.reshape(rows, depth), "weights": weights}
    return Question("fully_connected_s16", TFLITE, numbers, inputs, (rows, units))


def _fully_connected_answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    depth = int(n["depth"])
    sums = x["input"].reshape(-1, depth).astype(np.int64) @ x["weights"].reshape(-1, depth).T.astype(np.int64)
    rule = requantized if numerics == TFLM else _requantized_by_31_bits
    result = rule(sums + x["bias"], int(n["multiplier"]), int(n["shift"]))
    return np.clip(result, int(n["act_min"]), int(n["act_max"])).astype(np.int16)


@st.composite
def _convolution(draw: st.DrawFn, name: str) -> Question:
    depthwise = name.startswith("depthwise")
    numbers, shape = draw(convolution_geometries(depthwise))
    image = tuple(int(numbers[key]) for key in ("batch", "in_h", "in_w", "in_c"))
    kernel, out_c = (int(numbers["kernel_h"]), int(numbers["kernel_w"])), shape[3]
    x = draw(int16_arrays(int(np.prod(image)))).reshape(image)
    terms = kernel[0] * kernel[1] * (1 if depthwise else image[3])
    weights = draw(int8_arrays(out_c * terms)).reshape(out_c, terms)
    numbers, inputs = _layer(draw, x, weights, numbers, by_unit=True)
    shaped = weights.reshape(out_c, *kernel, -1)
    inputs |= {"input": x, "weights": shaped[..., 0].transpose(1, 2, 0) if depthwise else shaped}
    return Question(name, TFLITE, numbers, inputs, shape)


def _convolution_answer(numerics: str, n: Numbers, x: Tensors, depthwise: bool) -> Array:
    size = {name: int(value) for name, value in n.items()}
    image = x["input"].reshape(size["batch"], size["in_h"], size["in_w"], size["in_c"]).astype(np.int64)
    out_c, kernel = size["out_c"], (size["kernel_h"], size["kernel_w"])
    shape = (*kernel, out_c) if depthwise else (out_c, *kernel, size["in_c"])
    weights = x["weights"].reshape(shape).astype(np.int64)
    sums = np.zeros((size["batch"], size["out_h"], size["out_w"], out_c), np.int64) + x["bias"]
    channels = np.arange(out_c) // size["channel_multiplier"] if depthwise else np.arange(0)
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            rows, columns = (
                np.arange(size[f"out_{axis}"]) * size[f"stride_{axis}"] - size[pad] + tap * size[f"dilation_{axis}"]
                for axis, pad, tap in (("h", "pad_top", ky), ("w", "pad_left", kx))
            )
            inside = ((rows >= 0) & (rows < size["in_h"]))[:, None] & (columns >= 0) & (columns < size["in_w"])
            taken = image[:, rows.clip(0, size["in_h"] - 1)][:, :, columns.clip(0, size["in_w"] - 1)]
            taken = np.where(inside[None, :, :, None], taken, 0)
            sums += taken[..., channels] * weights[ky, kx] if depthwise else taken @ weights[:, ky, kx].T
    by = zip(x["multiplier"].tolist(), x["shift"].tolist(), strict=True)
    result = np.stack([requantized(sums[..., unit], *own) for unit, own in enumerate(by)], axis=-1)
    return np.clip(result, size["act_min"], size["act_max"]).astype(np.int16)


def _counts() -> st.SearchStrategy[int]:
    return weighted((5, st.integers(1, 40)), (1, st.integers(256, 270)))


@st.composite
def _two(draw: st.DrawFn, name: str) -> Question:
    """A sum, a difference or a product of two arrays."""
    count = draw(_counts())
    numbers: dict[str, int | float] = {"count": count, **draw(_bounds())}
    own = [draw(scales(-4, 0)) for _ in range(2)]
    if name == "mul_s16":
        numbers |= constants("", draw(scales(-18, -12)), TFLITE)
    else:
        twice, out = 2 * max(own), max(own) * draw(st.sampled_from((0.5, 1.0, 1.0, 1.7, 2.0)))
        numbers |= {"left_shift": LEFT_SHIFT_INT16}
        numbers |= constants("input_", own[0] / twice, TFLITE) | constants("other_", own[1] / twice, TFLITE)
        numbers |= constants("", twice / (1 << LEFT_SHIFT_INT16) / out, TFLITE)
    return Question(name, TFLITE, numbers, {key: draw(int16_arrays(count)) for key in ("input", "other")}, (count,))


def _two_answer(numerics: str, n: Numbers, x: Tensors, sign: int) -> Array:
    count = int(n["count"])
    loops = {"outer": 1, "middle": 1, "inner": count, "outer_stride": 0, "middle_stride": 0, "inner_stride": 1}
    common = {**loops, "multiplier": int(n["multiplier"]), "shift": int(n["shift"])}
    common |= {"low": int(n["act_min"]), "high": int(n["act_max"])}
    out = np.empty((1, count), np.int16)
    pair = x["input"].reshape(1, -1), x["other"].reshape(1, -1)
    if sign == 0:
        mul_tflite_s16(ProductTflite16Params(**common), *pair, out)
        return out
    own, other = multiplier_of("input_", n), multiplier_of("other_", n)
    common |= {"input_sign": 1, "other_sign": sign, "input_shift": own.shift, "other_shift": other.shift}
    params = SumTflite16Params(**common, input_multiplier=own.multiplier, other_multiplier=other.multiplier)
    add_tflite_s16(params, *pair, out)
    return out


@st.composite
def _pool(draw: st.DrawFn, name: str) -> Question:
    numbers: dict[str, int | float] = {**draw(pool_geometries()), **draw(_bounds())}
    image = [int(numbers[key]) for key in ("batch", "in_h", "in_w", "channels")]
    shape = tuple(int(numbers[key]) for key in ("batch", "out_h", "out_w", "channels"))
    x = draw(int16_arrays(int(np.prod(image)))).reshape(image)
    return Question(name, TFLITE, numbers, {"input": x}, shape)


_SIZES = ("batch", "in_h", "in_w", "channels", "out_h", "out_w", "kernel_h", "kernel_w")
_POOL = (*_SIZES, "stride_h", "stride_w", "pad_top", "pad_left")


def _pool_answer(numerics: str, n: Numbers, x: Tensors, mean: bool) -> Array:
    fields = {**{name: int(n[name]) for name in _POOL if name != "batch"}, "images": int(n["batch"])}
    params = AvgPoolTfliteParams(**fields, act_min=int(n["act_min"]), act_max=int(n["act_max"]))
    flat = x["input"].reshape(1, -1)
    if not mean:
        largest = params.reduced(flat.astype(np.int64), np.maximum, _LOW)
        return np.clip(largest, params.act_min, params.act_max).astype(np.int16)
    out = np.empty((1, params.images * params.out_h * params.out_w * params.channels), np.int16)
    avg_pool_tflite(params, flat, out)
    return out


@st.composite
def _softmax(draw: st.DrawFn) -> Question:
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 20))
    by = distance_multiplier(draw(scales(-16, -8)))
    numbers = {"rows": rows, "columns": columns, "multiplier": by.multiplier, "shift": by.shift}
    inputs: dict[str, Array] = {"input": draw(int16_arrays(rows * columns)).reshape(rows, columns)}
    inputs |= {"exp_table": power_table().ravel(), "one_by_one_table": inverse_table().ravel()}
    return Question("softmax_s16", TFLITE, numbers, inputs, (rows, columns))


def _softmax_answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    params = SoftMaxTflite16Params(*(int(n[name]) for name in ("rows", "columns", "multiplier", "shift")))
    data, powers, inverses = (x[name].reshape(1, -1) for name in ("input", "exp_table", "one_by_one_table"))
    out = np.empty((1, params.rows * params.columns), np.int16)
    softmax_tflite_s16(params, data, powers, inverses, out)
    return out


_LAYER = (("input", "int16"), ("weights", "int8"), ("bias", "int64"))
_PAIR = (("input", "int16"), ("other", "int16"))
_ADDENDS = ("count", "left_shift", "input_*", "other_*", "*", *_BOUNDS)

declare(
    Operator(
        "fully_connected_s16",
        "as fully_connected, of int16 by int8 with a bias of int64",
        _LAYER,
        ("rows", "depth", "units", "*", *_BOUNDS),
        lambda draw, numerics: draw(_fully_connected()),
        _fully_connected_answer,
        data=_WITH_WEIGHTS,
        output="int16",
        numerics=LIKE_LITERT,
    )
)
for _name in ("conv2d_per_channel", "depthwise_conv2d_per_channel"):
    declare(
        Operator(
            f"{_name}_s16",
            f"as {_name}, of int16 by int8 with a bias of int64",
            _LAYER,
            (*GEOMETRY, *(("channel_multiplier",) if _name.startswith("depthwise") else ()), *_BOUNDS),
            lambda draw, numerics, name=f"{_name}_s16": draw(_convolution(name)),  # type: ignore[misc]
            partial(_convolution_answer, depthwise=_name.startswith("depthwise")),
            per_channel=True,
            data=_WITH_WEIGHTS,
            output="int16",
            numerics=LIKE_LITERT,
        )
    )
for _name, _numbers, _sign in (("add", _ADDENDS, 1), ("sub", _ADDENDS, -1), ("mul", ("count", "*", *_BOUNDS), 0)):
    declare(
        Operator(
            f"{_name}_s16",
            f"as {_name}, in int16",
            _PAIR,
            _numbers,
            lambda draw, numerics, name=f"{_name}_s16": draw(_two(name)),  # type: ignore[misc]
            partial(_two_answer, sign=_sign),
            in_place=("input", "other"),
            data=("input", "other"),
            output="int16",
            numerics=LIKE_LITERT,
        )
    )
for _name in ("avg_pool", "max_pool"):
    declare(
        Operator(
            f"{_name}_s16",
            f"as {_name}, in int16",
            (("input", "int16"),),
            (*_POOL, *_BOUNDS),
            lambda draw, numerics, name=f"{_name}_s16": draw(_pool(name)),  # type: ignore[misc]
            partial(_pool_answer, mean=_name == "avg_pool"),
            output="int16",
            numerics=LIKE_LITERT,
        )
    )
declare(
    Operator(
        "softmax_s16",
        "as softmax, in int16",
        (("input", "int16"), ("exp_table", "int16"), ("one_by_one_table", "int16")),
        ("rows", "columns", "*"),
        lambda draw, numerics: draw(_softmax()),
        _softmax_answer,
        in_place=("input",),
        output="int16",
        numerics=LIKE_LITERT,
    )
)
