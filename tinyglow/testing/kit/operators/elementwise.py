"""Operators element by element: sums, products, requantization, ReLU, tables."""

from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.elementwise.add import add_s8
from tinyglow.kernels.elementwise.add_tflite import LEFT_SHIFT, SumTfliteParams, add_tflite_s8
from tinyglow.kernels.elementwise.addends import AddendParams
from tinyglow.kernels.elementwise.mul import ProductParams, mul_s8
from tinyglow.kernels.elementwise.mul_tflite import ProductTfliteParams, mul_tflite_s8
from tinyglow.kernels.elementwise.rescale import RescaleParams, rescale_s8
from tinyglow.kernels.elementwise.sub import sub_s8
from tinyglow.numerics import glow, onnx, tflite
from tinyglow.numerics.names import GLOW, ONNX, TFLITE, TFLM
from tinyglow.testing.kit.problem import Numbers, Operator, Question, Tensors, declare
from tinyglow.testing.kit.scaling import (
    bounds,
    constants,
    epilogue_of,
    half_way,
    holds,
    multiplier_of,
    ratios,
    requant_of,
    safe_constants,
)
from tinyglow.testing.values import int8_arrays, int32_arrays, offsets, weighted

_OFFSETS = ("input_offset", "other_offset", "output_offset")
_BOUNDS = ("act_min", "act_max")
_TWO = (("input", "int8"), ("other", "int8"))
_FAR = 255  # an int8 less an offset


def _counts() -> st.SearchStrategy[int]:
    return weighted((5, st.integers(1, 40)), (1, st.integers(256, 270)))


def _loops(count: int) -> dict[str, int]:
    return {"outer": 1, "middle": 1, "inner": count, "outer_stride": 0, "middle_stride": 0, "inner_stride": 1}


def _real(data: Array, scale: float, offset: int) -> Array:
    """float32: what integers stand for."""
    return glow.dequantize(data, scale, offset)


@st.composite
def _two(draw: st.DrawFn, numerics: str, name: str) -> Question:
    """A sum, a difference or a product of two arrays."""
    count = draw(_counts())
    own = {key: draw(offsets()) for key in _OFFSETS}
    numbers: dict[str, int | float] = {"count": count, **own}
    inputs = {key: draw(int8_arrays(count, own[f"{key}_offset"])) for key in ("input", "other")}
    scales = _scales_of_two(draw, name)
    if numerics == ONNX:
        numbers |= dict(zip(("input_scale", "other_scale", "output_scale"), scales, strict=True))
    elif name == "mul":
        limit = [-_FAR * _FAR, _FAR * _FAR]
        numbers |= safe_constants(scales[0] * scales[1] / scales[2], numerics, limit, own["output_offset"])
        numbers |= draw(bounds(own["output_offset"])) if numerics != GLOW else {}
    elif numerics == GLOW:
        for key, scale in zip(("input_", "other_"), scales[:2], strict=True):
            made = _safe_addend(glow.divide_float32(scale, scales[2]), own["output_offset"])
            numbers |= {key + part: value for part, value in made.items()}
    else:
        twice = 2 * max(scales[:2])
        numbers |= {"left_shift": LEFT_SHIFT, **draw(bounds(own["output_offset"]))}
        numbers |= constants("input_", scales[0] / twice, numerics) | constants("other_", scales[1] / twice, numerics)
        numbers |= constants("", min(twice / (1 << LEFT_SHIFT) / scales[2], 2.0**-12), numerics)
    return Question(name, numerics, numbers, inputs, (count,))


def _scales_of_two(draw: st.DrawFn, name: str) -> tuple[float, float, float]:
    """Of two operands and the result: alike, or powers of two, or far apart."""
    if draw(st.sampled_from((False, False, True))):
        own = [2.0 ** draw(st.integers(-7, -1)) for _ in range(2)]
        return own[0], own[1], 2.0 ** draw(st.integers(-8, 0))
    own = [glow.float32(draw(st.floats(2.0**-8, 1.0, width=32))) for _ in range(2)]
    size = 64 * (own[0] * own[1] * 64 if name == "mul" else max(own))
    return own[0], own[1], glow.float32(size / 64 * draw(st.floats(0.25, 8.0, width=32)))


def _safe_addend(scale: float, offset: int) -> dict[str, int | float]:
    """Glow's constants of an operand whose requantization can't overflow."""
    return safe_constants(scale, GLOW, (-_FAR, _FAR), offset)


def _sum_answer(numerics: str, n: Numbers, x: Tensors, sign: int) -> Array:
    count, offset = int(n["count"]), int(n["output_offset"])
    if numerics == ONNX:
        a, b = (_real(x[key], float(n[f"{key}_scale"]), int(n[f"{key}_offset"])) for key in ("input", "other"))
        return onnx.quantize(a + np.float32(sign) * b, float(n["output_scale"]), offset)
    out = np.empty((1, count), np.int8)
    pair = x["input"].reshape(1, -1), x["other"].reshape(1, -1)
    operands = {"input_offset": int(n["input_offset"]), "other_offset": int(n["other_offset"])}
    if numerics == GLOW:
        params = AddendParams(
            **_loops(count),
            **operands,
            is_reversed=0,
            input_scale=requant_of("input_", n, numerics, offset, once=False),
            other_scale=requant_of("other_", n, numerics, 0, once=False),
        )
        (sub_s8 if sign < 0 else add_s8)(params, *pair, out)
        return out
    own, other = multiplier_of("input_", n), multiplier_of("other_", n)
    tflite_params = SumTfliteParams(
        **_loops(count),
        **operands,
        **_tflite_output(n),
        input_shift=own.shift,
        other_shift=other.shift,
        input_sign=1,
        other_sign=sign,
        input_multiplier=own.multiplier,
        other_multiplier=other.multiplier,
    )
    add_tflite_s8(tflite_params, *pair, out)
    return out


def _tflite_output(n: Numbers) -> dict[str, int]:
    names = {"out_offset": "output_offset", **{name: name for name in ("act_min", "act_max", "shift", "multiplier")}}
    return {field: int(n[name]) for field, name in names.items()}


def _product_answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    count, offset = int(n["count"]), int(n["output_offset"])
    if numerics == ONNX:
        a, b = (_real(x[key], float(n[f"{key}_scale"]), int(n[f"{key}_offset"])) for key in ("input", "other"))
        return onnx.quantize(a * b, float(n["output_scale"]), offset)
    out = np.empty((1, count), np.int8)
    pair = x["input"].reshape(1, -1), x["other"].reshape(1, -1)
    common = {**_loops(count), "input_offset": int(n["input_offset"]), "other_offset": int(n["other_offset"])}
    if numerics == GLOW:
        mul_s8(ProductParams(**common, out=requant_of("", n, numerics, offset, once=False)), *pair, out)
    else:
        mul_tflite_s8(ProductTfliteParams(**common, **_tflite_output(n)), *pair, out)
    return out


_ADDENDS = {
    GLOW: ("count", *_OFFSETS, "input_*", "other_*"),
    ONNX: ("count", *_OFFSETS, "input_scale", "other_scale", "output_scale"),
    **dict.fromkeys((TFLITE, TFLM), ("count", *_OFFSETS, "left_shift", "input_*", "other_*", "*", *_BOUNDS)),
}
_FACTORS = {GLOW: ("count", *_OFFSETS, "*"), ONNX: _ADDENDS[ONNX]}
_FACTORS |= dict.fromkeys((TFLITE, TFLM), ("count", *_OFFSETS, "*", *_BOUNDS))


@st.composite
def _requantize(draw: st.DrawFn, numerics: str) -> Question:
    """int32 sums of any size."""
    count, offset = draw(_counts()), draw(offsets())
    bits = draw(st.integers(4, 26))
    limit = np.full(count, 1 << bits)
    sums = draw(int32_arrays(limit, np.zeros(count), limit / 4))
    scale = draw(ratios(float(1 << bits)))
    sums = half_way(sums, scale).clip(-(1 << bits), 1 << bits).astype(np.int32)
    numbers: dict[str, int | float] = {"count": count, "output_offset": offset, **draw(bounds(offset))}
    numbers |= safe_constants(scale, numerics, (-(1 << bits), 1 << bits), offset)
    return Question("requantize", numerics, numbers, {"input": sums}, (count,))


def _requantize_answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    own = requant_of("", n, numerics, int(n["output_offset"]), once=False)
    with np.errstate(over="ignore"):
        result = epilogue_of(numerics).requantize(x["input"].astype(np.int32), own)
    return np.clip(result, int(n["act_min"]), int(n["act_max"])).astype(np.int8)


@st.composite
def _relu(draw: st.DrawFn, numerics: str) -> Question:
    count = draw(_counts())
    own = {key: draw(offsets()) for key in ("input_offset", "output_offset")}
    scale = draw(st.one_of(st.integers(-3, 3).map(lambda power: 2.0**power), st.floats(2.0**-6, 8.0, width=32)))
    made = constants("", scale, numerics)
    assert all(holds(end, numerics, made, own["output_offset"]) for end in (-_FAR, _FAR))
    x = draw(int8_arrays(count, own["input_offset"]))
    return Question("relu", numerics, {"count": count, **own, **made}, {"input": x}, (count,))


def _relu_answer(numerics: str, n: Numbers, x: Tensors) -> Array:
    in_offset, offset = int(n["input_offset"]), int(n["output_offset"])
    if numerics == ONNX:  # one product by the ratio of scales
        positive = np.maximum(x["input"].astype(np.int32) - in_offset, 0)
        return glow.saturate_int8(epilogue_of(ONNX).requantize(positive, requant_of("", n, ONNX, offset, False)))
    if numerics == GLOW:
        out = np.empty((1, x["input"].size), np.int8)
        params = RescaleParams(x["input"].size, in_offset, in_offset, requant_of("", n, GLOW, offset, once=False))
        rescale_s8(params, x["input"].reshape(1, -1), out)
        return out
    scaled = tflite.scaled_twice(x["input"].astype(np.int64) - in_offset, multiplier_of("", n)) + offset
    return tflite.saturate_int8(scaled, max(-128, offset), 127)


@st.composite
def _lookup(draw: st.DrawFn, numerics: str) -> Question:
    count = draw(_counts())
    inputs = {"input": draw(int8_arrays(count)), "table": draw(int8_arrays(256))}
    return Question("lookup", numerics, {"count": count}, inputs, (count,))


def _declare(name: str, summary: str, numbers: dict[str, tuple[str, ...]], answer: object) -> None:
    declare(
        Operator(
            name,
            summary,
            _TWO,
            (),
            lambda draw, numerics: draw(_two(numerics, name)),
            answer,  # type: ignore[arg-type]
            in_place=("input", "other"),
            data=("input", "other"),
            own_numbers=numbers,
        )
    )


_declare("add", "sum of two arrays", _ADDENDS, partial(_sum_answer, sign=1))
_declare("sub", "difference of two arrays, input - other", _ADDENDS, partial(_sum_answer, sign=-1))
_declare("mul", "product of two arrays", _FACTORS, _product_answer)
declare(
    Operator(
        "requantize",
        "int32 sums to int8",
        (("input", "int32"),),
        ("count", "output_offset", "*", *_BOUNDS),
        lambda draw, numerics: draw(_requantize(numerics)),
        _requantize_answer,
    )
)
declare(
    Operator(
        "relu",
        "max(x, 0), to another scale and offset",
        (("input", "int8"),),
        ("count", "input_offset", "output_offset", "*"),
        lambda draw, numerics: draw(_relu(numerics)),
        _relu_answer,
        in_place=("input",),
    )
)
declare(
    Operator(
        "lookup",
        "a function of one element: table[x + 128]",
        (("input", "int8"), ("table", "int8")),
        ("count",),
        lambda draw, numerics: draw(_lookup(numerics)),
        lambda numerics, n, x: x["table"].ravel()[x["input"].astype(np.int32) + 128],
        in_place=("input",),
        data=("input", "table"),
    )
)
