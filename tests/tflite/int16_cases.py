"""Models with int16 activations and int8 weights (16x8): biases of 64 bits as converters write them, and of 32."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tests.tflite.builder import Array, Quant, TFLiteBuilder
from tests.tflite.int8_cases import Maker, integers
from tests.tflite.registry import RELU, RELU6, SAME, SAMPLES, VALID, Case, numbers

IN = Quant([0.00031], [0])
IN_INT32 = Quant([2.3e-8], [0])
_CASES: dict[str, tuple[tuple[int, ...], Maker, str]] = {}


def register(name: str, shape: tuple[int, ...], make: Maker, dtype: str = "INT16") -> None:
    """Register the model that ``make`` builds on an input of ``shape``."""
    assert name not in _CASES, name
    _CASES[name] = shape, make, dtype


def names() -> list[str]:
    """Of all cases."""
    return list(_CASES)


def wide(*shape: int, start: int = 0) -> Array:
    """int16 of the whole range that look random."""
    return np.rint(numbers(*shape, start=start) * 32767).astype(np.int16)


def case(name: str) -> Case:
    """A case, built."""
    shape, make, dtype = _CASES[name]
    b = TFLiteBuilder()
    x = b.tensor("x", shape, dtype, {"INT16": IN, "INT32": IN_INT32}.get(dtype))
    model = b.build([x], [make(b, x)])
    reals = numbers(SAMPLES, *shape, scale=11.0, start=5)
    data = {"INT16": wide(SAMPLES, *shape, start=5), "INT32": np.rint(reals * np.float64(1.9e8)).astype(np.int32)}
    return Case(name, model, data.get(dtype, reals))


def model_inputs() -> dict[str, Array]:
    """None."""
    return {}


def _weights(
    b: TFLiteBuilder, shape: tuple[int, ...], axis: int, channels: bool = True, dtype: type = np.int64
) -> list[int]:
    count = shape[axis]
    scales = [float(np.float32(0.004 * (1 + 0.37 * index))) for index in range(count if channels else 1)]
    filters = b.constant("filters", integers(*shape, low=-127), Quant(scales, [0] * len(scales), axis))
    products = [float(np.float32(IN.scales[0]) * np.float32(scale)) for scale in scales]
    bias = integers(count, start=40).astype(dtype) * dtype(40003)
    return [filters, b.constant("bias", bias, Quant(products, [0] * len(products)))]


_STRIDES = {"StrideH": 1, "StrideW": 1}
_INT32 = 2  # as the schema numbers types


def _conv(out: tuple[int, ...], scale: float, bias: type = np.int64, **fields: Any) -> Maker:
    def make(b: TFLiteBuilder, x: int) -> int:
        more = _STRIDES | {"DilationHFactor": 1, "DilationWFactor": 1} | fields
        operands = [x, *_weights(b, (4, 3, 3, 3), 0, dtype=bias)]
        return b.node("CONV_2D", operands, out, "y", "Conv2DOptions", 4, "INT16", Quant([scale], [0]), **more)

    return make


register("conv", (1, 5, 6, 3), _conv((1, 5, 6, 4), 0.0004, Padding=SAME))
register("conv_relu", (1, 5, 6, 3), _conv((1, 3, 4, 4), 0.0002, Padding=VALID, FusedActivationFunction=RELU))
# Without this option LiteRT takes the bias for one of 64 bits.
register("conv_bias32", (1, 5, 6, 3), _conv((1, 5, 6, 4), 0.0004, np.int32, Padding=SAME, QuantizedBiasType=_INT32))
register("conv_relu6", (1, 6, 6, 3), _conv((1, 3, 3, 4), 0.0002, StrideH=2, StrideW=2, FusedActivationFunction=RELU6))


def _depthwise(b: TFLiteBuilder, x: int) -> int:
    operands, more = [x, *_weights(b, (1, 3, 3, 6), 3)], _STRIDES | {"DilationHFactor": 1, "DilationWFactor": 1}
    quant, fields = Quant([0.0003], [0]), {"DepthMultiplier": 3}
    options = "DepthwiseConv2DOptions"
    return b.node("DEPTHWISE_CONV_2D", operands, (1, 6, 5, 6), "y", options, 5, "INT16", quant, **fields, **more)


def _dense(scale: float, channels: bool = False, bias: type = np.int64) -> Maker:
    """A result near the ends of int16 tells multipliers of 16 bits and of 31 from each other."""

    def make(b: TFLiteBuilder, x: int) -> int:
        operands, options = [x, *_weights(b, (4, 6), 0, channels, bias)], "FullyConnectedOptions"
        of_bias = {} if bias is np.int64 else {"QuantizedBiasType": _INT32}
        return b.node("FULLY_CONNECTED", operands, (2, 4), "y", options, 9, "INT16", Quant([scale], [0]), **of_bias)

    return make


def transposed(dtype: str, padding: int, kernel: tuple[int, int], out: tuple[int, int], stride: int) -> Maker:
    """TRANSPOSE_CONV of an image [1, 4, 5, 3] to one of 2 channels."""

    def make(b: TFLiteBuilder, x: int) -> int:
        step = 0.05 if dtype == "INT8" else IN.scales[0]
        scales = [0.004, float(np.float32(0.0061))]
        filters = b.constant("filters", integers(2, *kernel, 3, low=-127), Quant(scales, [0, 0], 0))
        products = [float(np.float32(step) * np.float32(scale)) for scale in scales]
        bias = np.array([731, -2011], np.int32 if dtype == "INT8" else np.int64)
        operands = [b.constant("shape", [1, *out, 2]), filters, x, b.constant("bias", bias, Quant(products, [0, 0]))]
        quant, fields = Quant([step], [3 if dtype == "INT8" else 0]), {"StrideH": stride, "StrideW": stride}
        options = "TransposeConvOptions"
        return b.node(
            "TRANSPOSE_CONV", operands, (1, *out, 2), "y", options, 3, dtype, quant, Padding=padding, **fields
        )

    return make


def _one(kind: str, scale: float, options: str = "", version: int = 2, **fields: Any) -> Maker:
    return lambda b, x: b.node(kind, [x], (2, 9), "y", options, version, "INT16", Quant([scale], [0]), **fields)


def _two(kind: str, scale: float, options: str, version: int, **fields: Any) -> Maker:
    def make(b: TFLiteBuilder, x: int) -> int:
        other = b.node("QUANTIZE", [x], (2, 9), "scaled", "QuantizeOptions", 2, "INT16", Quant([0.00047], [0]))
        return b.node(kind, [other, x], (2, 9), "y", options, version, "INT16", Quant([scale], [0]), **fields)

    return make


register("depthwise", (1, 6, 5, 2), _depthwise)
register("dense", (2, 6), _dense(0.0007))
register("dense_fine", (2, 6), _dense(0.00027))
register("dense_by_unit", (2, 6), _dense(0.0004, True))
register("dense_bias32", (2, 6), _dense(0.00027, False, np.int32))
register("transposed_same", (1, 4, 5, 3), transposed("INT16", SAME, (3, 3), (8, 10), 2))
register("transposed_valid", (1, 4, 5, 3), transposed("INT16", VALID, (4, 2), (13, 14), 3))
register("rescale", (2, 9), _one("QUANTIZE", 0.00047, "QuantizeOptions"))


def _widths(scale: float, offset: int, back: float) -> Maker:
    """The input as int8, and that as int16 again."""

    def make(b: TFLiteBuilder, x: int) -> int:
        of = {"options": "QuantizeOptions", "version": 2}
        narrow = b.node("QUANTIZE", [x], (2, 9), "narrow", dtype="INT8", quant=Quant([scale], [offset]), **of)
        return b.node("QUANTIZE", [narrow], (2, 9), "y", dtype="INT16", quant=Quant([back], [0]), **of)

    return make


register("widths", (2, 9), _widths(0.081, -7, 0.00029))
register("widths_saturated", (2, 9), _widths(0.023, 100, 0.00007))


def _from_int32(dtype: str, scale: float, offset: int) -> Maker:
    """Activations of 32 bits as narrower ones."""
    quant = Quant([scale], [offset])
    return lambda b, x: b.node("QUANTIZE", [x], (2, 9), "y", "QuantizeOptions", 2, dtype, quant)


register("int32_as_int16", (2, 9), _from_int32("INT16", 0.0013, 0), "INT32")
register("int32_as_int8", (2, 9), _from_int32("INT8", 0.47, -3), "INT32")
register("leaky_relu", (2, 9), _one("LEAKY_RELU", 0.00021, "LeakyReluOptions", Alpha=0.3))
register("relu", (2, 9), _one("RELU", 0.00023))
register("absolute", (2, 9), _one("ABS", 0.00021, "AbsOptions", 5))
register("exp", (2, 9), _one("EXP", 0.7, "ExpOptions"))
register("log", (2, 9), _one("LOG", 0.00023))


def _reciprocal_root(b: TFLiteBuilder, x: int) -> int:
    positive = b.node("ABS", [x], (2, 9), "positive", "AbsOptions", 5, "INT16", IN)
    return b.node("RSQRT", [positive], (2, 9), "y", "", 3, "INT16", Quant([0.0004], [0]))


register("reciprocal_root", (2, 9), _reciprocal_root)
register("relu6", (2, 9), _one("RELU6", 0.00023))
register("add", (2, 9), _two("ADD", 0.0006, "AddOptions", 3, PotScaleInt16=False))
register("add_relu", (2, 9), _two("ADD", 0.0006, "AddOptions", 3, PotScaleInt16=False, FusedActivationFunction=RELU))
register("sub", (2, 9), _two("SUB", 0.0003, "SubOptions", 4, PotScaleInt16=False))
for _kind in ("MAXIMUM", "MINIMUM"):
    register(
        _kind.lower(),
        (2, 9),
        lambda b, x, kind=_kind: b.node(
            kind, [x, b.constant("c", wide(2, 9, start=90), IN)], (2, 9), "y", "MaximumMinimumOptions", 4, "INT16", IN
        ),
    )
register("mul", (2, 9), _two("MUL", 0.003, "MulOptions", 4))
register(
    "quantize_floats",
    (2, 9),
    lambda b, x: b.node("QUANTIZE", [x], (2, 9), "y", "QuantizeOptions", 1, "INT16", IN),
    "FLOAT32",
)
register("dequantize", (2, 9), lambda b, x: b.node("DEQUANTIZE", [x], (2, 9), "y", "DequantizeOptions", 3))


def _shifted(kind: str, scales: tuple[float, float, float]) -> Maker:
    """ADD or SUB with pot_scale_int16: of the input as two tensors with scales near powers of two."""

    def make(b: TFLiteBuilder, x: int) -> int:
        left, right = (
            b.node("QUANTIZE", [x], (2, 9), f"x{scale}", "QuantizeOptions", 2, "INT16", Quant([scale], [0]))
            for scale in scales[:2]
        )
        options, quant = f"{kind.capitalize()}Options", Quant([scales[2]], [0])
        return b.node(kind, [left, right], (2, 9), "y", options, 3, "INT16", quant, PotScaleInt16=True)

    return make


for _kind in ("ADD", "SUB"):
    _step, _ten = 2.0**-11, 2.0**-12 * 1.0001
    register(f"{_kind.lower()}_shifted", (2, 9), _shifted(_kind, (_step, 2.0**-14, _step)))
    register(f"{_kind.lower()}_shifted_first", (2, 9), _shifted(_kind, (2.0**-15, _ten, 2.0**-12)))
    register(f"{_kind.lower()}_not_shifted", (2, 9), _shifted(_kind, (_step, 0.0003, _step)))


def _after_scale(kind: str, scale: float, out: float, options: str = "", **fields: Any) -> Maker:
    """A function of the input with another scale."""

    def make(b: TFLiteBuilder, x: int) -> int:
        own = b.node("QUANTIZE", [x], (2, 9), "scaled", "QuantizeOptions", 2, "INT16", Quant([scale], [0]))
        return b.node(kind, [own], (2, 9), "y", options, 3, "INT16", Quant([out], [0]), **fields)

    return make


for _scale in (2.0**-12, 2.0**-11, 0.00031, 0.000731, 0.0021):
    for _kind in ("LOGISTIC", "TANH"):
        register(f"{_kind.lower()}_{_scale:g}", (2, 9), _after_scale(_kind, _scale, 2.0**-15))
    register(f"softmax_{_scale:g}", (2, 9), _after_scale("SOFTMAX", _scale, 2.0**-15, "SoftmaxOptions", Beta=1.0))


def _pool(relu: int, b: TFLiteBuilder, x: int) -> int:
    window = {"FilterHeight": 3, "FilterWidth": 5, "StrideH": 1, "StrideW": 1, "Padding": SAME}
    of = {**window, "FusedActivationFunction": relu}
    return b.node("AVERAGE_POOL_2D", [x], (1, 5, 6, 2), "y", "Pool2DOptions", 3, "INT16", IN, **of)


register("average_pool", (1, 5, 6, 2), partial(_pool, 0))
for _axes, _out in (([1, 2], (1, 2)), ([3], (1, 5, 6))):

    def _mean(b: TFLiteBuilder, x: int, axes: list[int] = _axes, out: tuple[int, ...] = _out) -> int:
        operands, quant = [x, b.constant("axes", axes)], Quant([0.00017], [0])
        return b.node("MEAN", operands, out, "y", "ReducerOptions", 3, "INT16", quant)

    register(f"mean_{len(_axes)}", (1, 5, 6, 2), _mean)
