"""A small TFLite model for each operator and form of it, with inputs; what LiteRT answers is recorded beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.tflite.builder import Array, TFLiteBuilder

RELU, RELU_N1_TO_1, RELU6, TANH = range(1, 5)
SAME, VALID = 0, 1
SAMPLES = 2


def numbers(*shape: int, scale: float = 1.0, start: int = 0) -> Array:
    """float32 between -scale and scale that look random, the same everywhere."""
    steps = np.arange(start, start + int(np.prod(shape)), dtype=np.int64)
    return ((steps * 7919 + 31) % 1009 / np.float64(504.5) - 1).astype(np.float32).reshape(shape) * np.float32(scale)


@dataclass(frozen=True)
class Case:
    """A model of one input ``x`` and its inputs [samples, *shape]."""

    name: str
    model: bytes
    inputs: Array


_CASES: dict[str, Callable[[], Case]] = {}


def _case(
    name: str, shape: tuple[int, ...], make: Callable[[TFLiteBuilder, int], int | list[int]], scale: float = 1.0
) -> None:
    """Register the model that ``make`` builds on an input of ``shape``; it returns the outputs."""

    def build() -> Case:
        builder = TFLiteBuilder()
        x = builder.tensor("x", shape)
        outputs = make(builder, x)
        model = builder.build([x], outputs if isinstance(outputs, list) else [outputs])
        return Case(name, model, numbers(SAMPLES, *shape, scale=scale, start=5))

    assert name not in _CASES, name
    _CASES[name] = build


def names() -> list[str]:
    """Of all cases."""
    return list(_CASES)


def case(name: str) -> Case:
    """A case, built."""
    return _CASES[name]()


def _conv(
    shape: tuple[int, ...], filters: tuple[int, ...], out: tuple[int, ...], bias: bool = True, **fields: Any
) -> Callable[[TFLiteBuilder, int], int]:
    def make(b: TFLiteBuilder, x: int) -> int:
        weights = b.constant("filters", numbers(*filters))
        operands = [x, weights, b.constant("bias", numbers(filters[0], start=77)) if bias else -1]
        return b.node("CONV_2D", operands, out, "conv", "Conv2DOptions", 2, **fields)

    return make


def _depthwise(
    filters: tuple[int, ...], out: tuple[int, ...], bias: bool = True, **fields: Any
) -> Callable[[TFLiteBuilder, int], int]:
    def make(b: TFLiteBuilder, x: int) -> int:
        weights = b.constant("filters", numbers(*filters))
        operands = [x, weights] + ([b.constant("bias", numbers(filters[3], start=9))] if bias else [])
        return b.node("DEPTHWISE_CONV_2D", operands, out, "depthwise", "DepthwiseConv2DOptions", 2, **fields)

    return make


def _pool(op_type: str, out: tuple[int, ...], **fields: Any) -> Callable[[TFLiteBuilder, int], int]:
    return lambda b, x: b.node(op_type, [x], out, "pool", "Pool2DOptions", **fields)


_1X1 = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
_CONVS: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "conv_same": ((1, 5, 6, 2), (3, 3, 3, 2), (1, 5, 6, 3), {"Padding": SAME}),
    "conv_valid_relu": (
        (1, 5, 6, 2),
        (3, 3, 2, 2),
        (1, 3, 5, 3),
        {"Padding": VALID, "FusedActivationFunction": RELU},
    ),
    "conv_stride_2_even": ((1, 6, 8, 1), (2, 3, 3, 1), (1, 3, 4, 2), {"Padding": SAME, "StrideH": 2, "StrideW": 2}),
    "conv_stride_3_even_kernel": (
        (1, 7, 8, 1),
        (2, 4, 2, 1),
        (1, 3, 4, 2),
        {"Padding": SAME, "StrideH": 3, "StrideW": 2},
    ),
    "conv_stride_beyond_kernel": (
        (1, 7, 7, 1),
        (1, 1, 1, 1),
        (1, 3, 3, 1),
        {"Padding": SAME, "StrideH": 3, "StrideW": 3},
    ),
    "conv_dilated": (
        (1, 7, 6, 2),
        (2, 3, 2, 2),
        (1, 7, 6, 2),
        {"Padding": SAME, "DilationHFactor": 2, "DilationWFactor": 3},
    ),
    "conv_grouped": ((1, 4, 4, 4), (6, 3, 3, 2), (1, 4, 4, 6), {"Padding": SAME, "FusedActivationFunction": RELU6}),
    "conv_batch_n1_to_1": (
        (2, 3, 3, 2),
        (2, 2, 2, 2),
        (2, 3, 3, 2),
        {"Padding": SAME, "FusedActivationFunction": RELU_N1_TO_1},
    ),
}
for _name, (_in, _filters, _out, _fields) in _CONVS.items():
    _case(_name, _in, _conv(_in, _filters, _out, **{**_1X1, **_fields}))
_case("depthwise_same", (1, 5, 5, 3), _depthwise((1, 3, 3, 3), (1, 5, 5, 3), **_1X1, DepthMultiplier=1))
_case(
    "depthwise_multiplier",
    (1, 4, 5, 2),
    _depthwise((1, 3, 2, 6), (1, 2, 4, 6), **_1X1, DepthMultiplier=3, Padding=VALID),
)
_case(
    "depthwise_stride_2",
    (1, 6, 6, 2),
    _depthwise(
        (1, 3, 3, 2), (1, 3, 3, 2), False, StrideH=2, StrideW=2, DepthMultiplier=1, FusedActivationFunction=RELU6
    ),
)
_case(
    "depthwise_dilated",
    (1, 6, 6, 2),
    _depthwise(
        (1, 3, 3, 2), (1, 6, 6, 2), StrideH=1, StrideW=1, DepthMultiplier=1, DilationHFactor=2, DilationWFactor=2
    ),
)

for _kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
    _short = _kind.split("_", maxsplit=1)[0].lower()
    _case(
        f"{_short}_pool",
        (1, 6, 4, 2),
        _pool(_kind, (1, 3, 2, 2), FilterHeight=2, FilterWidth=2, StrideH=2, StrideW=2, Padding=VALID),
    )
    _case(
        f"{_short}_pool_same",
        (1, 5, 5, 2),
        _pool(_kind, (1, 3, 5, 2), FilterHeight=3, FilterWidth=2, StrideH=2, StrideW=1, Padding=SAME),
    )
    _case(
        f"{_short}_pool_relu",
        (1, 4, 4, 1),
        _pool(
            _kind,
            (1, 3, 3, 1),
            FilterHeight=2,
            FilterWidth=2,
            StrideH=1,
            StrideW=1,
            Padding=VALID,
            FusedActivationFunction=RELU,
        ),
    )


def _dense(out: tuple[int, ...], bias: bool = True, **fields: Any) -> Callable[[TFLiteBuilder, int], int]:
    def make(b: TFLiteBuilder, x: int) -> int:
        weights = b.constant("weights", numbers(4, 6))
        operands = [x, weights, b.constant("bias", numbers(4, start=3)) if bias else -1]
        return b.node("FULLY_CONNECTED", operands, out, "dense", "FullyConnectedOptions", 5, **fields)

    return make


_case("dense", (2, 6), _dense((2, 4)))
_case("dense_no_bias_relu", (1, 6), _dense((1, 4), False, FusedActivationFunction=RELU))
_case("dense_flattens", (1, 2, 3), _dense((1, 4)))
_case("dense_keeps_dimensions", (1, 2, 3, 6), _dense((1, 2, 3, 4), KeepNumDims=True, FusedActivationFunction=RELU))
_case("softmax", (2, 7), lambda b, x: b.node("SOFTMAX", [x], (2, 7), options="SoftmaxOptions", Beta=1.0), scale=4)
_case("softmax_4d", (1, 2, 2, 5), lambda b, x: b.node("SOFTMAX", [x], (1, 2, 2, 5), options="SoftmaxOptions", Beta=1.0))
_case(
    "reshape",
    (1, 4, 3),
    lambda b, x: b.node(
        "RESHAPE", [x, b.constant("shape", [2, -1])], (2, 6), options="ReshapeOptions", NewShape=[2, -1]
    ),
)
_case(
    "squeeze", (1, 4, 1, 3), lambda b, x: b.node("SQUEEZE", [x], (4, 3), options="SqueezeOptions", SqueezeDims=[0, 2])
)
_case(
    "expand_dims",
    (4, 3),
    lambda b, x: b.node("EXPAND_DIMS", [x, b.constant("axis", [1])], (4, 1, 3), options="ExpandDimsOptions"),
)

# Elementwise: with itself rotated, with a constant that broadcasts, with an activation.
_BINARY = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"}
for _kind, _of in _BINARY.items():
    _options = f"{_of}Options"

    def _with_constant(b: TFLiteBuilder, x: int, kind: str = _kind, options: str = _options) -> int:
        return b.node(kind, [x, b.constant("c", numbers(3, scale=2, start=50))], (1, 2, 2, 3), options=options)

    def _reversed(b: TFLiteBuilder, x: int, kind: str = _kind, options: str = _options) -> int:
        relu = {"FusedActivationFunction": RELU}
        return b.node(kind, [b.constant("c", numbers(1, 2, 2, 3, start=8)), x], (1, 2, 2, 3), options=options, **relu)

    def _both(b: TFLiteBuilder, x: int, kind: str = _kind, options: str = _options) -> int:
        row = b.node(
            "SLICE",
            [x, b.constant("begin", [0, 0, 0, 0]), b.constant("size", [1, 1, -1, -1])],
            (1, 1, 2, 3),
            options="SliceOptions",
        )
        return b.node(kind, [x, row], (1, 2, 2, 3), options=options)

    _case(f"{_kind.lower()}_constant", (1, 2, 2, 3), _with_constant)
    _case(f"{_kind.lower()}_reversed_relu", (1, 2, 2, 3), _reversed)
    _case(f"{_kind.lower()}_both", (1, 2, 2, 3), _both)
for _kind in ("MAXIMUM", "MINIMUM"):
    _case(
        _kind.lower(),
        (1, 2, 2, 3),
        lambda b, x, kind=_kind: b.node(
            kind, [x, b.constant("c", numbers(3, start=50))], (1, 2, 2, 3), options="MaximumMinimumOptions"
        ),
    )
_case(
    "pow",
    (2, 3),
    lambda b, x: b.node(
        "POW",
        [b.node("ABS", [x], (2, 3), options="AbsOptions"), b.constant("c", numbers(3, scale=3))],
        (2, 3),
        options="PowOptions",
    ),
)

# Functions of one element.
_UNARY = {
    "RELU": "",
    "RELU6": "",
    "RELU_N1_TO_1": "",
    "RELU_0_TO_1": "",
    "LOGISTIC": "",
    "TANH": "",
    "ABS": "AbsOptions",
}
_UNARY |= {
    "HARD_SWISH": "HardSwishOptions",
    "EXP": "ExpOptions",
    "NEG": "NegOptions",
    "FLOOR": "",
    "CEIL": "",
    "ROUND": "",
}
_UNARY |= {"SQUARE": "SquareOptions"}
for _kind, _options in _UNARY.items():
    _case(
        _kind.lower(),
        (2, 9),
        lambda b, x, kind=_kind, options=_options: b.node(kind, [x], (2, 9), options=options),
        scale=8,
    )
for _kind in ("LOG", "SQRT", "RSQRT"):
    _case(
        _kind.lower(),
        (2, 9),
        lambda b, x, kind=_kind: b.node(kind, [b.node("EXP", [x], (2, 9), options="ExpOptions")], (2, 9)),
    )
_case("leaky_relu", (2, 9), lambda b, x: b.node("LEAKY_RELU", [x], (2, 9), options="LeakyReluOptions", Alpha=0.3))
_case("prelu", (1, 2, 2, 3), lambda b, x: b.node("PRELU", [x, b.constant("slopes", numbers(1, 1, 3))], (1, 2, 2, 3)))

# Reductions.
for _kind in ("MEAN", "SUM", "REDUCE_MAX"):
    for _axes, _keep, _out in (
        ([1, 2], True, (1, 1, 1, 2)),
        ([2, 1], False, (1, 2)),
        ([-1], False, (1, 3, 4)),
        ([0, 3], True, (1, 3, 4, 1)),
    ):

        def _reduce(
            b: TFLiteBuilder,
            x: int,
            kind: str = _kind,
            axes: list[int] = _axes,
            keep: bool = _keep,
            out: tuple[int, ...] = _out,
        ) -> int:
            return b.node(kind, [x, b.constant("axes", axes)], out, options="ReducerOptions", KeepDims=keep)

        _case(f"{_kind.lower()}_{'_'.join(map(str, _axes)).replace('-', 'm')}", (1, 3, 4, 2), _reduce)
for _kind in ("ARG_MAX", "ARG_MIN"):
    _case(
        _kind.lower(),
        (2, 3, 4),
        lambda b, x, kind=_kind: b.node(
            kind,
            [x, b.constant("axis", np.array(1, np.int32))],
            (2, 4),
            options=f"Arg{kind[4:].capitalize()}Options",
            dtype="INT64",
            OutputType=4,
        ),
    )

# Elements moved.
_case(
    "concat",
    (1, 2, 3),
    lambda b, x: b.node(
        "CONCATENATION", [x, b.constant("c", numbers(1, 2, 2)), x], (1, 2, 8), options="ConcatenationOptions", Axis=-1
    ),
)
_case(
    "pack",
    (2, 3),
    lambda b, x: b.node(
        "PACK", [x, b.constant("c", numbers(2, 3)), x], (2, 3, 3), options="PackOptions", Axis=1, ValuesCount=3
    ),
)
_case("unpack", (2, 3), lambda b, x: b.nodes("UNPACK", [x], [(2,)] * 3, "UnpackOptions", Axis=1, Num=3))
_case(
    "split",
    (2, 6),
    lambda b, x: b.nodes(
        "SPLIT", [b.constant("axis", np.array(1, np.int32)), x], [(2, 2)] * 3, "SplitOptions", NumSplits=3
    ),
)
_case(
    "split_v",
    (2, 6),
    lambda b, x: b.nodes(
        "SPLIT_V",
        [x, b.constant("sizes", [1, -1, 2]), b.constant("axis", np.array(-1, np.int32))],
        [(2, 1), (2, 3), (2, 2)],
        "SplitVOptions",
        NumSplits=3,
    ),
)
_case(
    "slice",
    (2, 5, 3),
    lambda b, x: b.node(
        "SLICE", [x, b.constant("begin", [0, 1, 1]), b.constant("size", [2, 3, -1])], (2, 3, 2), options="SliceOptions"
    ),
)


def _strided(
    out: tuple[int, ...], begin: list[int], end: list[int], strides: list[int], **masks: int
) -> Callable[[TFLiteBuilder, int], int]:
    def make(b: TFLiteBuilder, x: int) -> int:
        operands = [x, b.constant("begin", begin), b.constant("end", end), b.constant("strides", strides)]
        return b.node("STRIDED_SLICE", operands, out, options="StridedSliceOptions", **masks)

    return make


_case(
    "strided_slice",
    (4, 6, 3),
    _strided((2, 2, 2), [1, -2, 1], [3, -6, 9], [1, -2, 1]),
)
_case("strided_slice_masks", (4, 6, 3), _strided((4, 3, 2), [2, 5, -2], [1, 1, 1], [1, 2, 1], BeginMask=3, EndMask=7))
_case("strided_slice_index", (4, 6, 3), _strided((6,), [1, 0, -1], [2, 6, 0], [1, 1, 1], ShrinkAxisMask=5))
_case(
    "gather",
    (3, 4),
    lambda b, x: b.node("GATHER", [x, b.constant("indices", [2, 0, 1, 2])], (3, 4), options="GatherOptions", Axis=1),
)
_case("tile", (2, 3), lambda b, x: b.node("TILE", [x, b.constant("repeats", [3, 2])], (6, 6), options="TileOptions"))
_case(
    "transpose",
    (2, 3, 4),
    lambda b, x: b.node("TRANSPOSE", [x, b.constant("perm", [2, 0, 1])], (4, 2, 3), options="TransposeOptions"),
)
_case(
    "pad",
    (1, 2, 3, 1),
    lambda b, x: b.node(
        "PAD", [x, b.constant("pads", [[0, 0], [1, 2], [0, 1], [1, 0]])], (1, 5, 4, 2), options="PadOptions"
    ),
)
_case(
    "pad_value",
    (2, 3),
    lambda b, x: b.node(
        "PADV2",
        [x, b.constant("pads", [[1, 0], [0, 2]]), b.constant("value", np.array([2.5], np.float32))],
        (3, 5),
        options="PadV2Options",
    ),
)
_case(
    "mirror_pad",
    (3, 4),
    lambda b, x: b.node(
        "MIRROR_PAD", [x, b.constant("pads", [[1, 2], [3, 0]])], (6, 7), options="MirrorPadOptions", Mode=0
    ),
)
_case(
    "space_to_depth",
    (1, 4, 6, 3),
    lambda b, x: b.node("SPACE_TO_DEPTH", [x], (1, 2, 3, 12), options="SpaceToDepthOptions", BlockSize=2),
)
_case(
    "depth_to_space",
    (1, 2, 3, 12),
    lambda b, x: b.node("DEPTH_TO_SPACE", [x], (1, 4, 6, 3), options="DepthToSpaceOptions", BlockSize=2),
)

# Sizes whose ratio float32 does not hold.
for _form, _fields in (("", {}), ("_aligned", {"AlignCorners": True}), ("_half", {"HalfPixelCenters": True})):
    for _height, _width in ((6, 7), (4, 9), (11, 3)):

        def _resize(
            b: TFLiteBuilder,
            x: int,
            kind: str,
            table: str,
            size: tuple[int, int] = (_height, _width),
            fields: dict[str, bool] = _fields,
        ) -> int:
            return b.node(kind, [x, b.constant("size", list(size))], (1, *size, 2), options=table, **fields)

        _case(
            f"nearest{_form}_{_height}_{_width}",
            (1, 6, 5, 2),
            lambda b, x, make=_resize: make(b, x, "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
        )
        _case(
            f"bilinear{_form}_{_height}_{_width}",
            (1, 6, 5, 2),
            lambda b, x, make=_resize: make(b, x, "RESIZE_BILINEAR", "ResizeBilinearOptions"),
        )


def _dynamic_flatten(b: TFLiteBuilder, x: int) -> int:
    """What Keras makes of Flatten: the batch's size is taken from the input."""
    shape = b.node("SHAPE", [x], (3,), dtype="INT32", options="ShapeOptions", OutType=2)
    ends = [b.constant(name, [value]) for name, value in (("begin", 0), ("end", 1), ("step", 1))]
    batch = b.node("STRIDED_SLICE", [shape, *ends], (), dtype="INT32", options="StridedSliceOptions", ShrinkAxisMask=1)
    target = b.node(
        "PACK",
        [batch, b.constant("rest", np.array(-1, np.int32))],
        (2,),
        dtype="INT32",
        options="PackOptions",
        ValuesCount=2,
    )
    return b.node("RESHAPE", [x, target], (2, 6), options="ReshapeOptions")


_case("dynamic_flatten", (2, 2, 3), _dynamic_flatten)


def _float16(b: TFLiteBuilder, x: int) -> int:
    """float16 weights behind a DEQUANTIZE."""
    weights = b.constant("half", numbers(4, 6).astype(np.float16))
    real = b.node("DEQUANTIZE", [weights], (4, 6), "weights")
    return b.node("FULLY_CONNECTED", [x, real, -1], (2, 4), options="FullyConnectedOptions")


_case("float16_weights", (2, 6), _float16)


def _cast(b: TFLiteBuilder, x: int) -> int:
    """A constant of integers as floats."""
    cast = b.node("CAST", [b.constant("c", [1, -2, 3])], (3,), options="CastOptions", InDataType=2, OutDataType=0)
    return b.node("MUL", [x, cast], (2, 3), options="MulOptions")


_case("cast", (2, 3), _cast)


def _network(b: TFLiteBuilder, x: int) -> int:
    """A few layers in a row, with a branch."""
    conv = b.node(
        "CONV_2D",
        [x, b.constant("f", numbers(4, 3, 3, 1)), b.constant("fb", numbers(4))],
        (1, 4, 4, 4),
        "conv",
        "Conv2DOptions",
        StrideH=2,
        StrideW=2,
        FusedActivationFunction=RELU6,
        DilationHFactor=1,
        DilationWFactor=1,
    )
    deep = b.node(
        "DEPTHWISE_CONV_2D",
        [conv, b.constant("d", numbers(1, 3, 3, 4)), b.constant("db", numbers(4))],
        (1, 4, 4, 4),
        "deep",
        "DepthwiseConv2DOptions",
        StrideH=1,
        StrideW=1,
        DepthMultiplier=1,
        FusedActivationFunction=RELU,
    )
    total = b.node("ADD", [conv, deep], (1, 4, 4, 4), "sum", "AddOptions", FusedActivationFunction=RELU)
    mean = b.node("MEAN", [total, b.constant("axes", [1, 2])], (1, 4), "mean", "ReducerOptions")
    dense = b.node(
        "FULLY_CONNECTED", [mean, b.constant("w", numbers(3, 4)), -1], (1, 3), "dense", "FullyConnectedOptions"
    )
    return b.node("SOFTMAX", [dense], (1, 3), "y", "SoftmaxOptions", Beta=1.0)


_case("network", (1, 8, 8, 1), _network)


# Models that the project may not carry, with the shape and size of what they are asked.
_MODELS: dict[str, tuple[tuple[int, ...], float]] = {
    "mlperf_tiny/ad01_fp32.tflite": ((1, 640), 8.0),
    "mlperf_tiny/kws_ref_model_float32.tflite": ((1, 49, 10, 1), 20.0),
    "mlperf_tiny/pretrainedResnet.tflite": ((1, 32, 32, 3), 128.0),
    "mlperf_tiny/vww_96_float.tflite": ((1, 96, 96, 3), 1.0),
}


def model_inputs() -> dict[str, Array]:
    """Inputs of the models of the folder shared/models, by the file's name there."""
    return {name: numbers(SAMPLES, *shape, scale=scale) for name, (shape, scale) in _MODELS.items()}
