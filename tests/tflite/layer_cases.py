"""Layers in all their forms, and a network of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.tflite.builder import TFLiteBuilder
from tests.tflite.registry import RELU, RELU6, RELU_N1_TO_1, SAME, VALID, numbers, register


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
    register(_name, _in, _conv(_in, _filters, _out, **{**_1X1, **_fields}))
register("depthwise_same", (1, 5, 5, 3), _depthwise((1, 3, 3, 3), (1, 5, 5, 3), **_1X1, DepthMultiplier=1))
register(
    "depthwise_multiplier",
    (1, 4, 5, 2),
    _depthwise((1, 3, 2, 6), (1, 2, 4, 6), **_1X1, DepthMultiplier=3, Padding=VALID),
)
register(
    "depthwise_stride_2",
    (1, 6, 6, 2),
    _depthwise(
        (1, 3, 3, 2), (1, 3, 3, 2), False, StrideH=2, StrideW=2, DepthMultiplier=1, FusedActivationFunction=RELU6
    ),
)
register(
    "depthwise_dilated",
    (1, 6, 6, 2),
    _depthwise(
        (1, 3, 3, 2), (1, 6, 6, 2), StrideH=1, StrideW=1, DepthMultiplier=1, DilationHFactor=2, DilationWFactor=2
    ),
)

for _kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
    _short = _kind.split("_", maxsplit=1)[0].lower()
    register(
        f"{_short}_pool",
        (1, 6, 4, 2),
        _pool(_kind, (1, 3, 2, 2), FilterHeight=2, FilterWidth=2, StrideH=2, StrideW=2, Padding=VALID),
    )
    register(
        f"{_short}_pool_same",
        (1, 5, 5, 2),
        _pool(_kind, (1, 3, 5, 2), FilterHeight=3, FilterWidth=2, StrideH=2, StrideW=1, Padding=SAME),
    )
    register(
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


register("dense", (2, 6), _dense((2, 4)))
register("dense_no_bias_relu", (1, 6), _dense((1, 4), False, FusedActivationFunction=RELU))
register("dense_flattens", (1, 2, 3), _dense((1, 4)))
register("dense_keeps_dimensions", (1, 2, 3, 6), _dense((1, 2, 3, 4), KeepNumDims=True, FusedActivationFunction=RELU))
register("softmax", (2, 7), lambda b, x: b.node("SOFTMAX", [x], (2, 7), options="SoftmaxOptions", Beta=1.0), scale=4)
register(
    "softmax_4d", (1, 2, 2, 5), lambda b, x: b.node("SOFTMAX", [x], (1, 2, 2, 5), options="SoftmaxOptions", Beta=1.0)
)
register(
    "reshape",
    (1, 4, 3),
    lambda b, x: b.node(
        "RESHAPE", [x, b.constant("shape", [2, -1])], (2, 6), options="ReshapeOptions", NewShape=[2, -1]
    ),
)
register(
    "squeeze", (1, 4, 1, 3), lambda b, x: b.node("SQUEEZE", [x], (4, 3), options="SqueezeOptions", SqueezeDims=[0, 2])
)
register(
    "expand_dims",
    (4, 3),
    lambda b, x: b.node("EXPAND_DIMS", [x, b.constant("axis", [1])], (4, 1, 3), options="ExpandDimsOptions"),
)


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


register("network", (1, 8, 8, 1), _network)


def _transposed(
    out: tuple[int, ...], kernel: tuple[int, int], bias: bool, **fields: Any
) -> Callable[[TFLiteBuilder, int], int]:
    def make(b: TFLiteBuilder, x: int) -> int:
        operands = [b.constant("shape", list(out)), b.constant("filters", numbers(2, *kernel, 3)), x]
        operands += [b.constant("bias", numbers(2, start=9))] if bias else []
        return b.node("TRANSPOSE_CONV", operands, out, "y", "TransposeConvOptions", 4 if fields else 3, **fields)

    return make


_TRANSPOSED = {
    "same": ((1, 8, 10, 2), (3, 3), True, {"Padding": SAME, "StrideH": 2, "StrideW": 2}),
    "valid_relu": (
        (1, 9, 11, 2),
        (3, 3),
        True,
        {"Padding": VALID, "StrideH": 2, "StrideW": 2, "FusedActivationFunction": RELU},
    ),
    "stride_1": ((1, 4, 5, 2), (2, 5), False, {"Padding": SAME, "StrideH": 1, "StrideW": 1}),
    "rows": ((1, 12, 5, 2), (4, 1), False, {"Padding": SAME, "StrideH": 3, "StrideW": 1}),
}
for _name, (_out, _kernel, _bias, _fields) in _TRANSPOSED.items():
    register(f"transpose_conv_{_name}", (1, 4, 5, 3), _transposed(_out, _kernel, _bias, **_fields))
