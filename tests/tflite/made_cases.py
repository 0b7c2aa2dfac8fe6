"""Operators that are made of plain ones."""

from __future__ import annotations

import numpy as np

from tests.tflite.builder import TFLiteBuilder
from tests.tflite.registry import RELU6, SAME, VALID, numbers, register

_SHAPE = (2, 3, 4)


def _constant(b: TFLiteBuilder) -> int:
    return b.constant("c", numbers(*_SHAPE, start=50))


register("add_n", _SHAPE, lambda b, x: b.node("ADD_N", [x, _constant(b), x], _SHAPE, options="AddNOptions"))
register(
    "squared_difference",
    _SHAPE,
    lambda b, x: b.node("SQUARED_DIFFERENCE", [x, _constant(b)], _SHAPE, options="SquaredDifferenceOptions"),
)
register("floor_div", _SHAPE, lambda b, x: b.node("FLOOR_DIV", [x, _constant(b)], _SHAPE, options="FloorDivOptions"))
register("floor_mod", _SHAPE, lambda b, x: b.node("FLOOR_MOD", [x, _constant(b)], _SHAPE, options="FloorModOptions"))
for _place, _name in (((1, 0, 2), "inside"), ((-1, 2, 9), "moved")):

    def _updated(b: TFLiteBuilder, x: int, place: tuple[int, ...] = _place) -> int:
        operands = [x, b.constant("part", numbers(1, 2, 2, start=77)), b.constant("place", list(place))]
        return b.node("DYNAMIC_UPDATE_SLICE", operands, _SHAPE, options="DynamicUpdateSliceOptions")

    register(f"dynamic_update_slice_{_name}", _SHAPE, _updated)


def _all_positive(b: TFLiteBuilder, x: int) -> int:
    """Whether three of four numbers are above -0.9, along a dimension; as a choice between two."""
    above = b.node(
        "GREATER", [x, b.constant("least", np.float32(-0.6))], _SHAPE, "above", "GreaterOptions", dtype="BOOL"
    )
    of = {"dtype": "BOOL", "KeepDims": True}
    every = b.node("REDUCE_ALL", [above, b.constant("axes", [1])], (2, 1, 4), "every", "ReducerOptions", **of)
    return b.node("SELECT_V2", [every, x, _constant(b)], _SHAPE, options="SelectV2Options")


register("reduce_all", _SHAPE, _all_positive)
for _padding in (SAME, VALID):

    def _pool(b: TFLiteBuilder, x: int, padding: int = _padding) -> int:
        of = {"FilterHeight": 3, "FilterWidth": 2, "StrideH": 2, "StrideW": 1, "Padding": padding}
        shape = (1, 3, 4, 2) if padding == SAME else (1, 2, 3, 2)
        return b.node("L2_POOL_2D", [x], shape, options="Pool2DOptions", FusedActivationFunction=RELU6, **of)

    register(f"l2_pool_{_padding}", (1, 5, 4, 2), _pool)
register(
    "reverse",
    _SHAPE,
    lambda b, x: b.node("REVERSE_V2", [x, b.constant("axes", [1])], _SHAPE, options="ReverseV2Options"),
)
register(
    "broadcast_to",
    (1, 3, 1),
    lambda b, x: b.node(
        "BROADCAST_TO", [x, b.constant("shape", [2, 3, 4])], _SHAPE, options="BroadcastToOptions", version=2
    ),
)


def _shape_of_two(b: TFLiteBuilder, x: int) -> int:
    shapes = [b.constant("one", [1, 4]), b.constant("two", [2, 3, 1])]
    shape = b.node("BROADCAST_ARGS", shapes, (3,), "shape", dtype="INT32")
    return b.node("BROADCAST_TO", [x, shape], _SHAPE, options="BroadcastToOptions", version=2)


def _filled(b: TFLiteBuilder, x: int) -> int:
    whole = b.node(
        "FILL", [b.constant("shape", [2, 3, 4]), b.constant("two", np.float32(2.5))], _SHAPE, options="FillOptions"
    )
    return b.node("MUL", [x, whole], _SHAPE, options="MulOptions")


def _zeros(b: TFLiteBuilder, x: int) -> int:
    return b.node(
        "MAXIMUM",
        [x, b.node("ZEROS_LIKE", [x], _SHAPE, options="ZerosLikeOptions")],
        _SHAPE,
        options="MaximumMinimumOptions",
    )


register("broadcast_args", (1, 3, 1), _shape_of_two)
register("fill", _SHAPE, _filled)
register("zeros_like", _SHAPE, _zeros)
for _exclusive, _reverse in ((False, False), (True, False), (False, True)):

    def _running(b: TFLiteBuilder, x: int, exclusive: bool = _exclusive, reverse: bool = _reverse) -> int:
        of = {"Exclusive": exclusive, "Reverse": reverse}
        return b.node("CUMSUM", [x, b.constant("axis", np.int32(1))], _SHAPE, options="CumsumOptions", **of)

    register(f"cumsum_{int(_exclusive)}{int(_reverse)}", _SHAPE, _running)
register(
    "gather_nd",
    _SHAPE,
    lambda b, x: b.node(
        "GATHER_ND", [x, b.constant("at", [[1, 2], [0, 0], [1, 0]])], (3, 4), options="GatherNdOptions"
    ),
)
for _keep in (False, True):

    def _least(b: TFLiteBuilder, x: int, keep: bool = _keep) -> int:
        shape = (2, 1, 4) if keep else (2, 4)
        return b.node("REDUCE_MIN", [x, b.constant("axes", [1])], shape, options="ReducerOptions", KeepDims=keep)

    register(f"reduce_min_{int(_keep)}", _SHAPE, _least)
register(
    "l2_normalization",
    (1, 2, 3, 4),
    lambda b, x: b.node("L2_NORMALIZATION", [x], (1, 2, 3, 4), options="L2NormOptions"),
)
register(
    "embedding_lookup", (5, 3), lambda b, x: b.node("EMBEDDING_LOOKUP", [b.constant("rows", [3, 0, 4]), x], (3, 3))
)
