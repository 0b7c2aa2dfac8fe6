"""Quantized TFLite models: layers and operators in int8, floats at their borders and between them, uint8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.tflite.builder import Array, Quant, TFLiteBuilder
from tests.tflite.registry import RELU, RELU6, SAME, SAMPLES, VALID, Case, numbers

IN = Quant([0.05], [-3])
_CASES: dict[str, tuple[Callable[[], Case], int]] = {}
Maker = Callable[[TFLiteBuilder, int], int]


def integers(*shape: int, start: int = 0, low: int = -128, high: int = 127) -> Array:
    """int8 from low to high that look random."""
    return np.rint((numbers(*shape, start=start) + 1) / 2 * (high - low) + low).astype(np.int8)


def built(
    name: str,
    shape: tuple[int, ...],
    make: Maker,
    dtype: str = "INT8",
    samples: int = SAMPLES,
    other: Callable[[], TFLiteBuilder] | None = None,
) -> Case:
    """The model that ``make`` builds on an input of ``shape``, with inputs; other: builds one more subgraph."""
    b = TFLiteBuilder()
    is_float = dtype == "FLOAT32"
    quant = None if is_float else Quant(IN.scales, [IN.zero_points[0] + 128]) if dtype == "UINT8" else IN
    x = b.tensor("x", shape, dtype, quant)
    model = b.build([x], [make(b, x)], 0, other and other())
    data = integers(samples, *shape, start=5)
    if dtype == "UINT8":
        data = (data.astype(np.int16) + 128).astype(np.uint8)
    return Case(name, model, numbers(samples, *shape, scale=5.0, start=5) if is_float else data)


def _case(name: str, shape: tuple[int, ...], make: Maker, steps: int = 1, dtype: str = "INT8") -> None:
    """Register a model; steps: how far we may be from LiteRT."""
    assert name not in _CASES, name
    _CASES[name] = (lambda: built(name, shape, make, dtype)), steps


def names() -> list[str]:
    """Of all cases."""
    return list(_CASES)


def case(name: str) -> Case:
    """A case, built."""
    return _CASES[name][0]()


def steps(name: str) -> int:
    """How many steps our outputs may be from LiteRT's, which rounds otherwise."""
    return _CASES[name][1]


def _weights(b: TFLiteBuilder, shape: tuple[int, ...], axis: int, channels: bool, in_scale: float) -> list[int]:
    """Filters and bias, with a scale for each channel along ``axis`` or one for all."""
    count = shape[axis]
    scales = [float(np.float32(0.004 * (1 + 0.37 * index))) for index in range(count if channels else 1)]
    filters = b.constant("filters", integers(*shape, low=-127), Quant(scales, [0] * len(scales), axis))
    products = [float(np.float32(in_scale) * np.float32(scale)) for scale in scales]
    data = (integers(count, start=40).astype(np.int32) * 17).astype(np.int32)
    return [filters, b.constant("bias", data, Quant(products, [0] * len(products)))]


def _conv(filters: tuple[int, ...], out: tuple[int, ...], quant: Quant, channels: bool = True, **fields: Any) -> Maker:
    def make(b: TFLiteBuilder, x: int) -> int:
        operands = [x, *_weights(b, filters, 0, channels, IN.scales[0])]
        fields.setdefault("StrideH", 1)
        fields.setdefault("StrideW", 1)
        more = {"DilationHFactor": 1, "DilationWFactor": 1}
        return b.node("CONV_2D", operands, out, "y", "Conv2DOptions", 3, "INT8", quant, **fields, **more)

    return make


def _depthwise(filters: tuple[int, ...], out: tuple[int, ...], quant: Quant, **fields: Any) -> Maker:
    def make(b: TFLiteBuilder, x: int) -> int:
        operands = [x, *_weights(b, filters, 3, True, IN.scales[0])]
        fields.setdefault("DilationHFactor", 1)
        fields.setdefault("DilationWFactor", 1)
        return b.node("DEPTHWISE_CONV_2D", operands, out, "y", "DepthwiseConv2DOptions", 3, "INT8", quant, **fields)

    return make


_case("conv", (1, 5, 6, 3), _conv((4, 3, 3, 3), (1, 5, 6, 4), Quant([0.06], [11]), Padding=SAME))
_case("conv_one_scale", (1, 5, 6, 3), _conv((4, 3, 3, 3), (1, 5, 6, 4), Quant([0.06], [11]), False, Padding=SAME))
_case(
    "conv_relu6",
    (1, 6, 6, 2),
    _conv(
        (3, 3, 3, 2),
        (1, 3, 3, 3),
        Quant([0.0235], [-128]),
        Padding=SAME,
        StrideH=2,
        StrideW=2,
        FusedActivationFunction=RELU6,
    ),
)
# A ReLU that int8's own bounds do not do.
_case(
    "conv_relu",
    (1, 4, 4, 2),
    _conv((3, 2, 2, 2), (1, 3, 3, 3), Quant([0.05], [-20]), Padding=VALID, FusedActivationFunction=RELU),
)
_case(
    "depthwise",
    (1, 6, 5, 2),
    _depthwise((1, 3, 3, 6), (1, 6, 5, 6), Quant([0.04], [5]), StrideH=1, StrideW=1, DepthMultiplier=3),
)
_case(
    "depthwise_stride_2",
    (1, 6, 6, 4),
    _depthwise((1, 3, 3, 4), (1, 3, 3, 4), Quant([0.03], [-128]), StrideH=2, StrideW=2, FusedActivationFunction=RELU),
)


def _dense(out: tuple[int, ...], quant: Quant, **fields: Any) -> Maker:
    def make(b: TFLiteBuilder, x: int) -> int:
        operands = [x, *_weights(b, (4, 6), 0, False, IN.scales[0])]
        return b.node("FULLY_CONNECTED", operands, out, "y", "FullyConnectedOptions", 4, "INT8", quant, **fields)

    return make


def _dense_without_bias(b: TFLiteBuilder, x: int) -> int:
    weights = b.constant("w", integers(4, 6, low=-127), Quant([0.01], [0]))
    options = "FullyConnectedOptions"
    return b.node("FULLY_CONNECTED", [x, weights, -1], (2, 4), "y", options, 4, "INT8", Quant([0.06], [0]))


def _dense_by_unit(b: TFLiteBuilder, x: int) -> int:
    """A scale for each unit, as newer converters have it."""
    operands = [x, *_weights(b, (4, 6), 0, True, IN.scales[0])]
    fields = {"KeepNumDims": True, "FusedActivationFunction": RELU}
    options = "FullyConnectedOptions"
    return b.node("FULLY_CONNECTED", operands, (1, 2, 4), "y", options, 5, "INT8", Quant([0.05], [-100]), **fields)


_case("dense_by_unit", (1, 2, 6), _dense_by_unit)
_case("dense", (2, 6), _dense((2, 4), Quant([0.06], [-9])))
_case("dense_relu", (2, 6), _dense((2, 4), Quant([0.04], [-60]), FusedActivationFunction=RELU))
_case("dense_no_bias", (2, 6), _dense_without_bias)
for _kind, _out in (("MAX_POOL_2D", (1, 3, 3, 2)), ("AVERAGE_POOL_2D", (1, 3, 3, 2))):

    def _pool(b: TFLiteBuilder, x: int, kind: str = _kind, out: tuple[int, ...] = _out) -> int:
        window = {"FilterHeight": 3, "FilterWidth": 2, "StrideH": 2, "StrideW": 2, "Padding": SAME}
        return b.node(kind, [x], out, "y", "Pool2DOptions", 2, "INT8", IN, **window)

    _case(_kind.lower(), (1, 5, 6, 2), _pool)
for _kind in ("ADD", "SUB", "MUL"):

    def _binary(b: TFLiteBuilder, x: int, kind: str = _kind) -> int:
        other = b.constant("c", integers(1, 2, 2, 3, start=9), Quant([0.03], [4]))
        out = Quant([0.06 if kind != "MUL" else 0.2], [2])
        return b.node(kind, [x, other], (1, 2, 2, 3), "y", f"{kind.capitalize()}Options", 2, "INT8", out)

    def _row(b: TFLiteBuilder, x: int, kind: str = _kind) -> int:
        other = b.constant("c", integers(3, start=9), Quant([0.03], [4]))
        out = Quant([0.06 if kind != "MUL" else 0.2], [-128])
        relu = {"FusedActivationFunction": RELU}
        return b.node(kind, [x, other], (1, 2, 2, 3), "y", f"{kind.capitalize()}Options", 2, "INT8", out, **relu)

    _case(f"{_kind.lower()}_constant", (1, 2, 2, 3), _binary)
    _case(f"{_kind.lower()}_row_relu", (1, 2, 2, 3), _row)


def _unary(kind: str, quant: Quant, options: str = "", version: int = 2, **fields: Any) -> Maker:
    return lambda b, x: b.node(kind, [x], (2, 9), "y", options, version, "INT8", quant, **fields)


_case("logistic", (2, 9), _unary("LOGISTIC", Quant([1 / 256], [-128])))
_case("tanh", (2, 9), _unary("TANH", Quant([1 / 128], [0])))
_case("elu", (2, 9), _unary("ELU", Quant([0.03], [-60]), version=1))
_case("hard_swish", (2, 9), _unary("HARD_SWISH", Quant([0.03], [-110]), version=1))
_case("relu", (2, 9), _unary("RELU", Quant([0.025], [-128])))
_case("relu6", (2, 9), _unary("RELU6", Quant([0.0235], [-128])))
_case("leaky_relu", (2, 9), _unary("LEAKY_RELU", Quant([0.04], [-40]), "LeakyReluOptions", Alpha=0.2))
_case("softmax", (2, 9), _unary("SOFTMAX", Quant([1 / 256], [-128]), "SoftmaxOptions", Beta=1.0))
_case("requantize", (2, 9), _unary("QUANTIZE", Quant([0.07], [13]), "QuantizeOptions"))
# Float between conversions.
_case(
    "exp",
    (2, 9),
    lambda b, x: b.node("EXP", [_small(b, x)], (2, 9), "y", "ExpOptions", 2, "INT8", Quant([0.03], [-128])),
)
_case(
    "prelu",
    (2, 9),
    lambda b, x: b.node(
        "PRELU",
        [x, b.constant("slopes", integers(9), Quant([0.01], [0]))],
        (2, 9),
        "y",
        "",
        1,
        "INT8",
        Quant([0.06], [0]),
    ),
)


def _small(b: TFLiteBuilder, x: int) -> int:
    """The input between 0 and 1: nothing to overflow."""
    return b.node("LOGISTIC", [x], (2, 9), "small", "", 2, "INT8", Quant([1 / 256], [-128]))


def _mean(b: TFLiteBuilder, x: int) -> int:
    axes = b.constant("axes", [1, 2])
    return b.node("MEAN", [x, axes], (1, 2), "y", "ReducerOptions", 2, "INT8", IN)


_case("mean", (1, 4, 5, 2), _mean)


def _moved(b: TFLiteBuilder, x: int) -> int:
    """Reshape, transpose, pad, slice, concatenation of two scales, space to depth."""
    flat = b.node("RESHAPE", [x, b.constant("s", [1, 4, 2, 3])], (1, 4, 2, 3), "flat", "ReshapeOptions", 1, "INT8", IN)
    turned = b.node("TRANSPOSE", [flat, b.constant("p", [0, 2, 1, 3])], (1, 2, 4, 3), "turned", "", 2, "INT8", IN)
    pads = b.constant("pads", [[0, 0], [1, 1], [0, 0], [0, 0]])
    padded = b.node("PAD", [turned, pads], (1, 4, 4, 3), "padded", "PadOptions", 2, "INT8", IN)
    deep = b.node("SPACE_TO_DEPTH", [padded], (1, 2, 2, 12), "deep", "SpaceToDepthOptions", 2, "INT8", IN, BlockSize=2)
    other = b.constant("c", integers(1, 2, 2, 1), IN)
    joined = b.node(
        "CONCATENATION", [deep, other], (1, 2, 2, 13), "joined", "ConcatenationOptions", 2, "INT8", IN, Axis=3
    )
    begin, size = b.constant("b", [0, 0, 1, 2]), b.constant("n", [1, 2, 1, -1])
    return b.node("SLICE", [joined, begin, size], (1, 2, 1, 11), "y", "SliceOptions", 2, "INT8", IN)


_case("moved", (1, 24), _moved, steps=0)


def _arg_max(b: TFLiteBuilder, x: int) -> int:
    axis = b.constant("axis", np.array(1, np.int32))
    return b.node("ARG_MAX", [x, axis], (2,), "y", "ArgMaxOptions", 2, "INT64", OutputType=4)


_case("arg_max", (2, 9), _arg_max, steps=0)
for _kind, _table in (("NEAREST_NEIGHBOR", "NearestNeighbor"), ("BILINEAR", "Bilinear")):

    def _resize(b: TFLiteBuilder, x: int, kind: str = _kind, table: str = _table) -> int:
        size = b.constant("size", [6, 7])
        return b.node(f"RESIZE_{kind}", [x, size], (1, 6, 7, 2), "y", f"Resize{table}Options", 2, "INT8", IN)

    _case(f"resize_{_kind.lower()}", (1, 3, 4, 2), _resize)


def _float_borders(b: TFLiteBuilder, x: int) -> int:
    """float -> int8 -> float, as the model's file has it."""
    start = b.node("QUANTIZE", [x], (2, 6), "start", "QuantizeOptions", 1, "INT8", IN)
    dense = _dense((2, 4), Quant([0.06], [-9]))(b, start)
    return b.node("DEQUANTIZE", [dense], (2, 4), "real", "DequantizeOptions", 2)


_case("float_borders", (2, 6), _float_borders, dtype="FLOAT32")


def _uint8(b: TFLiteBuilder, x: int) -> int:
    """A layer as converters made them before int8: activations and weights are uint8, offsets above 0."""
    data = (integers(4, 6, low=-127).astype(np.int16) + 128).astype(np.uint8)
    weights = b.constant("w", data, Quant([0.01], [131]))
    product = float(np.float32(IN.scales[0]) * np.float32(0.01))
    bias = b.constant("bias", integers(4).astype(np.int32), Quant([product], [0]))
    out = Quant([0.06], [120])
    return b.node("FULLY_CONNECTED", [x, weights, bias], (2, 4), "y", "FullyConnectedOptions", 1, "UINT8", out)


_case("uint8", (2, 6), _uint8, dtype="UINT8")

# Models that the project may not carry, their inputs' shapes, and how far from LiteRT their outputs may be.
MODELS: dict[str, tuple[tuple[int, ...], int]] = {
    "mlperf_tiny/ad01_int8.tflite": ((1, 640), 4),
    "mlperf_tiny/kws_ref_model.tflite": ((1, 49, 10, 1), 12),
    "mlperf_tiny/pretrainedResnet_quant.tflite": ((1, 32, 32, 3), 4),
    "mlperf_tiny/vww_96_int8.tflite": ((1, 96, 96, 3), 4),
    "mlperf_tiny/str_ww_ref_model.tflite": ((1, 30, 1, 40), 4),
}


def model_inputs() -> dict[str, Array]:
    """Inputs of the models of the folder shared/models, by the file's name there."""
    return {name: integers(SAMPLES, *shape, start=11) for name, (shape, _) in MODELS.items()}


def residual_network() -> bytes:
    """A small network: 3x3, depthwise and 1x1 convolutions, and the sum of the first and the last."""
    b, once = TFLiteBuilder(), {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1, "Padding": SAME}
    relu = {**once, "FusedActivationFunction": RELU}
    x = b.tensor("x", (1, 6, 6, 4), "INT8", IN)

    def layer(source: int, filters: tuple[int, ...], quant: Quant, kind: str, fields: dict[str, Any]) -> int:
        options = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}[kind]
        axis = 0 if kind == "CONV_2D" else 3
        operands = [source, *_weights(b, filters, axis, True, b.tensors[source].quant.scales[0])]
        name = f"y{len(b.tensors)}"
        return b.node(kind, operands, (1, 6, 6, filters[axis]), name, options, 3, "INT8", quant, **fields)

    first = layer(x, (8, 3, 3, 4), Quant([0.05], [-128]), "CONV_2D", relu)
    second = layer(first, (1, 3, 3, 8), Quant([0.04], [-128]), "DEPTHWISE_CONV_2D", relu)
    third = layer(second, (8, 1, 1, 8), Quant([0.06], [3]), "CONV_2D", once)
    total = b.node("ADD", [third, first], (1, 6, 6, 8), "sum", "AddOptions", 2, "INT8", Quant([0.07], [-20]))
    return b.build([x], [total])
