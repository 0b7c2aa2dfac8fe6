"""Images of another size, as TensorFlow Lite computes them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.resize.ranges import FRACTION_BITS
from tinyglow.kernels.resize.resize_bilinear import ResizeBilinearParams, resize_bilinear_s8
from tinyglow.numerics.names import LIKE_LITERT
from tinyglow.operators.litert import bilinear_taps
from tinyglow.operators.resize_nearest import ResizeNearest
from tinyglow.testing.kit.problem import Numbers, Operator, Question, Tensors, declare
from tinyglow.testing.values import int8_arrays

_SIZES = ("batch", "in_h", "in_w", "channels", "out_h", "out_w")
_WAYS = ("align_corners", "half_pixel_centers")


@st.composite
def _drawn(draw: st.DrawFn, numerics: str, name: str) -> Question:
    sides = st.one_of(st.integers(1, 9), st.integers(1, 9), st.just(20))
    size = {"batch": draw(st.sampled_from((1, 1, 2))), "channels": draw(st.integers(1, 5))}
    size |= {side: draw(sides) for side in ("in_h", "in_w", "out_h", "out_w")}
    way = draw(st.sampled_from((*_WAYS, "")))
    shape = tuple(size[key] for key in ("batch", "in_h", "in_w", "channels"))
    x = draw(int8_arrays(int(np.prod(shape)))).reshape(shape)
    numbers = {**size, **{key: int(key == way) for key in _WAYS}}
    return Question(name, numerics, numbers, {"input": x}, (shape[0], size["out_h"], size["out_w"], shape[3]))


def _coordinates(n: Numbers) -> str:
    return (
        "tflite_align_corners" if n["align_corners"] else "tflite_half_pixel" if n["half_pixel_centers"] else "tflite"
    )


def _bilinear(numerics: str, n: Numbers, x: Tensors) -> Array:
    batch, in_h, in_w, channels, out_h, out_w = (int(n[name]) for name in _SIZES)
    half = 1 << (2 * FRACTION_BITS - 1)
    params = ResizeBilinearParams(in_h, in_w, channels, out_h, out_w, batch, half - 1, half)
    rows, columns = (bilinear_taps(_coordinates(n), *sides).reshape(1, -1) for sides in ((in_h, out_h), (in_w, out_w)))
    out = np.empty((1, batch * out_h * out_w * channels), np.int8)
    resize_bilinear_s8(params, x["input"].reshape(1, -1), rows, columns, out)
    return out


def _nearest(numerics: str, n: Numbers, x: Tensors) -> Array:
    batch, in_h, in_w, channels, out_h, out_w = (int(n[name]) for name in _SIZES)
    coordinates, rounding = _coordinates(n), "round_prefer_ceil" if n["align_corners"] else "floor"
    coordinates += "_for_nn" if n["half_pixel_centers"] else ""
    scales = tuple(float(np.float32(a) / np.float32(b)) for a, b in ((out_h, in_h), (out_w, in_w)))
    rows, columns = ResizeNearest((out_h, out_w), scales, coordinates, rounding).picks((in_h, in_w))
    return x["input"].reshape(batch, in_h, in_w, channels)[:, rows][:, :, columns]


for _name, _summary, _answer in (
    (
        "resize_nearest",
        "the pixel of the image [batch, h, w, channels] that is nearest to each of the result",
        _nearest,
    ),
    ("resize_bilinear", "each pixel of the result between four of the image [batch, h, w, channels]", _bilinear),
):
    declare(
        Operator(
            _name,
            _summary,
            (("input", "int8"),),
            (*_SIZES, *_WAYS),
            lambda draw, numerics, name=_name: draw(_drawn(numerics, name)),  # type: ignore[misc]
            _answer,
            numerics=LIKE_LITERT,
        )
    )
