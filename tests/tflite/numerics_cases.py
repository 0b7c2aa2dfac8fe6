"""Int8 models that tell one rounding from another: other scales, and operators with an arithmetic of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.tflite.builder import Array, Quant, TFLiteBuilder
from tests.tflite.int8_cases import IN, Maker, built, integers
from tests.tflite.int16_cases import transposed
from tests.tflite.registry import RELU, SAME, VALID, Case
from tests.tflite.state_cases import CALLS, first_values, lstm, ring, svdf

_CASES: dict[str, Callable[[], Case]] = {}


def register(name: str, shape: tuple[int, ...], make: Maker, dtype: str = "INT8", **more: Any) -> None:
    """Register the model that ``make`` builds on an input of ``shape``; more: as of ``built``."""
    assert name not in _CASES, name
    _CASES[name] = partial(built, name, shape, make, dtype, **more)


def names() -> list[str]:
    """Of all cases."""
    return list(_CASES)


def case(name: str) -> Case:
    """A case, built."""
    return _CASES[name]()


def model_inputs() -> dict[str, Array]:
    """None: those of ``int8_cases`` are enough."""
    return {}


def _dense_other_bias(b: TFLiteBuilder, x: int) -> int:
    """A bias whose scale is twice what the sums have: LiteRT takes its integers, for the result's steps are larger."""
    weights = b.constant("w", integers(4, 6, low=-127), Quant([0.01], [0]))
    bias = b.constant("bias", np.array([900, -400, 77, 2000], np.int32), Quant([0.001], [0]))
    options = "FullyConnectedOptions"
    return b.node("FULLY_CONNECTED", [x, weights, bias], (2, 4), "y", options, 4, "INT8", Quant([0.06], [0]))


register("dense_other_bias", (2, 6), _dense_other_bias)


def _reduced(axes: list[int], out: tuple[int, ...], quant: Quant, **fields: Any) -> Maker:
    return lambda b, x: b.node(
        "MEAN", [x, b.constant("axes", axes)], out, "y", "ReducerOptions", 2, "INT8", quant, **fields
    )


def _uint8_pool(b: TFLiteBuilder, x: int) -> int:
    """Of uint8, whose ties go up."""
    quant = Quant(IN.scales, [IN.zero_points[0] + 128])
    window = {"FilterHeight": 2, "FilterWidth": 2, "StrideH": 1, "StrideW": 1, "Padding": SAME}
    return b.node("AVERAGE_POOL_2D", [x], (1, 5, 6, 2), "y", "Pool2DOptions", 2, "UINT8", quant, **window)


register("average_pool_uint8", (1, 5, 6, 2), _uint8_pool, dtype="UINT8")
register("mean_of_20", (1, 4, 5, 2), _reduced([1, 2], (1, 2), IN))
register("mean_scaled", (1, 7, 7, 3), _reduced([1, 2], (1, 1, 1, 3), Quant([0.031], [-100]), KeepDims=True))
register("mean_of_rows", (1, 6, 5, 3), _reduced([1], (1, 5, 3), Quant([0.031], [-7])))
register("mean_of_channels", (1, 2, 3, 7), _reduced([3], (1, 2, 3), Quant([0.031], [-7])))


def _prelu(quant: Quant) -> Maker:
    def make(b: TFLiteBuilder, x: int) -> int:
        slopes = b.constant("slopes", integers(9), Quant([0.01], [5]))
        return b.node("PRELU", [x, slopes], (2, 9), "y", "", 1, "INT8", quant)

    return make


register("prelu_offset", (2, 9), _prelu(Quant([0.11], [-50])))


def _compared(kind: str, scale: float) -> Maker:
    """The input with a scale and with another one: fine scales make equal numbers of different integers."""

    def make(b: TFLiteBuilder, x: int) -> int:
        sides = [
            b.node("QUANTIZE", [x], (2, 9), f"x{times}", "QuantizeOptions", 2, "INT8", Quant([scale * times], [zero]))
            for times, zero in ((1.0, 9), (1.31, -7))
        ]
        words = "".join(word.capitalize() for word in kind.split("_"))
        return b.node(kind, sides, (2, 9), "y", f"{words}Options", 2, "BOOL")

    return make


for _kind in ("EQUAL", "LESS", "LESS_EQUAL", "GREATER"):
    for _scale in (0.0007, 0.09):
        register(f"{_kind.lower()}_{_scale:g}", (2, 9), _compared(_kind, _scale))
register(
    "absolute",
    (2, 9),
    lambda b, x: b.node("ABS", [x], (2, 9), "y", "AbsOptions", 2, "INT8", Quant([0.031], [-100])),
)
_OPPOSITE = Quant(IN.scales, [-IN.zero_points[0]])
register("negated", (2, 9), lambda b, x: b.node("NEG", [x], (2, 9), "y", "NegOptions", 1, "INT8", _OPPOSITE))


def _root(b: TFLiteBuilder, x: int) -> int:
    positive = b.node("LOGISTIC", [x], (2, 9), "positive", "", 2, "INT8", Quant([1 / 256], [-128]))
    return b.node("SQRT", [positive], (2, 9), "y", "", 2, "INT8", Quant([0.0051], [-100]))


register("root", (2, 9), _root)
for _name, _fields in (("plain", {}), ("half", {"HalfPixelCenters": True}), ("align", {"AlignCorners": True})):
    for _size in ((3, 3), (9, 12)):

        def _bilinear(b: TFLiteBuilder, x: int, fields: dict[str, Any] = _fields, size: tuple[int, int] = _size) -> int:
            target, options = b.constant("size", list(size)), "ResizeBilinearOptions"
            return b.node("RESIZE_BILINEAR", [x, target], (1, *size, 2), "y", options, 3, "INT8", IN, **fields)

        register(f"bilinear_{_name}_{_size[0]}", (1, 3, 4, 2), _bilinear)


def _after_scale(
    scale: float, kind: str, quant: Quant, options: str = "", with_input: bool = False, **fields: Any
) -> Maker:
    """An operator on the input with another scale; with_input: and on the input itself."""

    def make(b: TFLiteBuilder, x: int) -> int:
        scaled = b.node("QUANTIZE", [x], (2, 9), "scaled", "QuantizeOptions", 2, "INT8", Quant([scale], [9]))
        inputs = [scaled, x] if with_input else [scaled]
        return b.node(kind, inputs, (2, 9), "y", options, 2 if kind != "HARD_SWISH" else 1, "INT8", quant, **fields)

    return make


for _scale in (0.013, 0.21, 0.0021):
    _end = f"_{_scale:g}"
    register(f"logistic{_end}", (2, 9), _after_scale(_scale, "LOGISTIC", Quant([1 / 256], [-128])))
    register(f"tanh{_end}", (2, 9), _after_scale(_scale, "TANH", Quant([1 / 128], [0])))
    _softmax = _after_scale(_scale, "SOFTMAX", Quant([1 / 256], [-128]), "SoftmaxOptions", Beta=1.0)
    register(f"softmax{_end}", (2, 9), _softmax)
    register(f"hard_swish{_end}", (2, 9), _after_scale(_scale, "HARD_SWISH", Quant([_scale * 1.1], [-20])))
    _leaky = _after_scale(_scale, "LEAKY_RELU", Quant([_scale * 0.37], [-20]), "LeakyReluOptions", Alpha=0.3)
    register(f"leaky_relu{_end}", (2, 9), _leaky)
    for _kind in ("ADD", "SUB", "MUL"):
        _options = f"{_kind.capitalize()}Options"
        _maker = _after_scale(_scale, _kind, Quant([_scale * 0.7], [11]), _options, True)
        register(f"{_kind.lower()}{_end}", (2, 9), _maker)
register(
    "quantize_floats",
    (2, 9),
    lambda b, x: b.node("QUANTIZE", [x], (2, 9), "y", "QuantizeOptions", 1, "INT8", Quant([0.025], [-12])),
    dtype="FLOAT32",
)


def _average(b: TFLiteBuilder, x: int) -> int:
    window = {"FilterHeight": 3, "FilterWidth": 5, "StrideH": 1, "StrideW": 1, "Padding": SAME}
    relu = {"FusedActivationFunction": RELU}
    return b.node("AVERAGE_POOL_2D", [x], (1, 5, 6, 2), "y", "Pool2DOptions", 2, "INT8", IN, **window, **relu)


register("average_pool_relu", (1, 5, 6, 2), _average)
for _padding, _kernel, _out, _stride in (
    (SAME, (3, 3), (8, 10), 2),
    (VALID, (3, 3), (9, 11), 2),
    (SAME, (2, 5), (4, 5), 1),
    (SAME, (2, 2), (12, 15), 3),
    (VALID, (5, 4), (14, 16), 3),
):
    _name = f"transposed_{_padding}_{_kernel[0]}x{_kernel[1]}_{_stride}"
    register(_name, (1, 4, 5, 3), transposed("INT8", _padding, _kernel, _out, _stride))
register(
    "variables",
    (1, 1, 3),
    partial(ring, "INT8", IN, True),
    samples=CALLS,
    other=partial(first_values, IN),
)
register("svdf", (2, 5), partial(svdf, "INT8", 2, RELU, True), samples=CALLS)
register("svdf_rank_1", (2, 5), partial(svdf, "INT8", 1, RELU, True), samples=CALLS)
register("lstm", (3, 5, 6), partial(lstm, "INT8", False, 0.0), samples=CALLS)
register("lstm_clipped", (3, 5, 6), partial(lstm, "INT8", True, 0.7), samples=CALLS)
