"""Functions of elements, reductions, and elements moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.tflite.builder import TFLiteBuilder
from tests.tflite.registry import RELU, numbers, register

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

    register(f"{_kind.lower()}_constant", (1, 2, 2, 3), _with_constant)
    register(f"{_kind.lower()}_reversed_relu", (1, 2, 2, 3), _reversed)
    register(f"{_kind.lower()}_both", (1, 2, 2, 3), _both)
for _kind in ("MAXIMUM", "MINIMUM"):
    register(
        _kind.lower(),
        (1, 2, 2, 3),
        lambda b, x, kind=_kind: b.node(
            kind, [x, b.constant("c", numbers(3, start=50))], (1, 2, 2, 3), options="MaximumMinimumOptions"
        ),
    )
register(
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
    "SIN": "",
    "COS": "CosOptions",
    "EXP": "ExpOptions",
    "NEG": "NegOptions",
    "FLOOR": "",
    "CEIL": "",
    "ROUND": "",
}
_UNARY |= {"SQUARE": "SquareOptions", "ELU": ""}
for _kind, _options in _UNARY.items():
    register(
        _kind.lower(),
        (2, 9),
        lambda b, x, kind=_kind, options=_options: b.node(kind, [x], (2, 9), options=options),
        scale=8,
    )
for _kind in ("LOG", "SQRT", "RSQRT"):
    register(
        _kind.lower(),
        (2, 9),
        lambda b, x, kind=_kind: b.node(kind, [b.node("EXP", [x], (2, 9), options="ExpOptions")], (2, 9)),
    )
register("log_softmax", (2, 9), lambda b, x: b.node("LOG_SOFTMAX", [x], (2, 9), options="LogSoftmaxOptions"), scale=4)
register("log_softmax_3d", (2, 3, 4), lambda b, x: b.node("LOG_SOFTMAX", [x], (2, 3, 4), options="LogSoftmaxOptions"))
register("leaky_relu", (2, 9), lambda b, x: b.node("LEAKY_RELU", [x], (2, 9), options="LeakyReluOptions", Alpha=0.3))
register("prelu", (1, 2, 2, 3), lambda b, x: b.node("PRELU", [x, b.constant("slopes", numbers(1, 1, 3))], (1, 2, 2, 3)))

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

        register(f"{_kind.lower()}_{'_'.join(map(str, _axes)).replace('-', 'm')}", (1, 3, 4, 2), _reduce)
for _kind in ("ARG_MAX", "ARG_MIN"):
    register(
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
register(
    "concat",
    (1, 2, 3),
    lambda b, x: b.node(
        "CONCATENATION", [x, b.constant("c", numbers(1, 2, 2)), x], (1, 2, 8), options="ConcatenationOptions", Axis=-1
    ),
)
register(
    "pack",
    (2, 3),
    lambda b, x: b.node(
        "PACK", [x, b.constant("c", numbers(2, 3)), x], (2, 3, 3), options="PackOptions", Axis=1, ValuesCount=3
    ),
)
register("unpack", (2, 3), lambda b, x: b.nodes("UNPACK", [x], [(2,)] * 3, "UnpackOptions", Axis=1, Num=3))
register(
    "split",
    (2, 6),
    lambda b, x: b.nodes(
        "SPLIT", [b.constant("axis", np.array(1, np.int32)), x], [(2, 2)] * 3, "SplitOptions", NumSplits=3
    ),
)
register(
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
register(
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


register(
    "strided_slice",
    (4, 6, 3),
    _strided((2, 2, 2), [1, -2, 1], [3, -6, 9], [1, -2, 1]),
)
register(
    "strided_slice_masks", (4, 6, 3), _strided((4, 3, 2), [2, 5, -2], [1, 1, 1], [1, 2, 1], BeginMask=3, EndMask=7)
)
register(
    "strided_slice_ellipsis",
    (4, 6, 3),
    _strided((4, 6, 1), [0, 0, 1], [0, 0, 2], [1, 1, 1], BeginMask=1, EndMask=1, EllipsisMask=2),
)
register("strided_slice_new_axis", (4, 6, 3), _strided((2, 1, 6, 3), [1, 7, 0], [3, 9, 6], [1, 1, 1], NewAxisMask=2))
register(
    "strided_slice_all_masks",
    (4, 6, 3),
    _strided(
        (1, 6, 2, 1),
        [0, 2, 0, -2, 5],
        [1, 3, 1, 9, 1],
        [1, 1, 1, 1, 1],
        NewAxisMask=17,
        EllipsisMask=4,
        ShrinkAxisMask=2,
    ),
)
register("strided_slice_index", (4, 6, 3), _strided((6,), [1, 0, -1], [2, 6, 0], [1, 1, 1], ShrinkAxisMask=5))
register(
    "gather",
    (3, 4),
    lambda b, x: b.node("GATHER", [x, b.constant("indices", [2, 0, 1, 2])], (3, 4), options="GatherOptions", Axis=1),
)
register("tile", (2, 3), lambda b, x: b.node("TILE", [x, b.constant("repeats", [3, 2])], (6, 6), options="TileOptions"))
register(
    "transpose",
    (2, 3, 4),
    lambda b, x: b.node("TRANSPOSE", [x, b.constant("perm", [2, 0, 1])], (4, 2, 3), options="TransposeOptions"),
)
register(
    "pad",
    (1, 2, 3, 1),
    lambda b, x: b.node(
        "PAD", [x, b.constant("pads", [[0, 0], [1, 2], [0, 1], [1, 0]])], (1, 5, 4, 2), options="PadOptions"
    ),
)
register(
    "pad_value",
    (2, 3),
    lambda b, x: b.node(
        "PADV2",
        [x, b.constant("pads", [[1, 0], [0, 2]]), b.constant("value", np.array([2.5], np.float32))],
        (3, 5),
        options="PadV2Options",
    ),
)
register(
    "mirror_pad",
    (3, 4),
    lambda b, x: b.node(
        "MIRROR_PAD", [x, b.constant("pads", [[1, 2], [3, 0]])], (6, 7), options="MirrorPadOptions", Mode=0
    ),
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

        register(
            f"nearest{_form}_{_height}_{_width}",
            (1, 6, 5, 2),
            lambda b, x, make=_resize: make(b, x, "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
        )
        register(
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


register("dynamic_flatten", (2, 2, 3), _dynamic_flatten)


def _float16(b: TFLiteBuilder, x: int) -> int:
    """float16 weights after a DEQUANTIZE."""
    weights = b.constant("half", numbers(4, 6).astype(np.float16))
    real = b.node("DEQUANTIZE", [weights], (4, 6), "weights")
    return b.node("FULLY_CONNECTED", [x, real, -1], (2, 4), options="FullyConnectedOptions")


register("float16_weights", (2, 6), _float16)


def _cast(b: TFLiteBuilder, x: int) -> int:
    """A constant of integers as floats."""
    cast = b.node("CAST", [b.constant("c", [1, -2, 3])], (3,), options="CastOptions", InDataType=2, OutDataType=0)
    return b.node("MUL", [x, cast], (2, 3), options="MulOptions")


register("cast", (2, 3), _cast)


# Truth values: each relation with a constant, logic of two comparisons, and the choices that they make.
_RELATIONS = {
    "EQUAL": "EqualOptions",
    "NOT_EQUAL": "NotEqualOptions",
    "LESS": "LessOptions",
    "LESS_EQUAL": "LessEqualOptions",
    "GREATER": "GreaterOptions",
    "GREATER_EQUAL": "GreaterEqualOptions",
}


def _related(b: TFLiteBuilder, x: int, kind: str, start: int = 5) -> int:
    return b.node(
        kind, [x, b.constant("c", numbers(3, start=start))], (2, 2, 3), dtype="BOOL", options=_RELATIONS[kind]
    )


for _kind in _RELATIONS:
    register(f"{_kind.lower()}", (2, 2, 3), lambda b, x, kind=_kind: _related(b, x, kind))
register(
    "logic",
    (2, 2, 3),
    lambda b, x: b.node(
        "LOGICAL_OR",
        [
            b.node(
                "LOGICAL_AND",
                [_related(b, x, "LESS"), _related(b, x, "GREATER", 50)],
                (2, 2, 3),
                dtype="BOOL",
                options="LogicalAndOptions",
            ),
            b.node("LOGICAL_NOT", [_related(b, x, "EQUAL")], (2, 2, 3), dtype="BOOL", options="LogicalNotOptions"),
        ],
        (2, 2, 3),
        dtype="BOOL",
        options="LogicalOrOptions",
    ),
)
register(
    "select",
    (2, 2, 3),
    lambda b, x: b.node(
        "SELECT",
        [_related(b, x, "LESS"), x, b.node("NEG", [x], (2, 2, 3), options="NegOptions")],
        (2, 2, 3),
        options="SelectOptions",
    ),
)
register(
    "select_v2",
    (2, 2, 3),
    lambda b, x: b.node(
        "SELECT_V2",
        [_related(b, x, "GREATER_EQUAL"), x, b.constant("other", numbers(2, 1, start=9))],
        (2, 2, 3),
        options="SelectV2Options",
    ),
)
register(
    "cast_int32_at_run_time",
    (2, 2, 3),
    lambda b, x: b.node(
        "CAST",
        [b.node("CAST", [x], (2, 2, 3), options="CastOptions", dtype="INT32")],
        (2, 2, 3),
        options="CastOptions",
    ),
    scale=9,
)
register(
    "cast_truth",
    (2, 2, 3),
    lambda b, x: b.node("CAST", [_related(b, x, "LESS")], (2, 2, 3), options="CastOptions"),
)
