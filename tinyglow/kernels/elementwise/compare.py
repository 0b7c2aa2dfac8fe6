"""Kernels of comparisons, which make truth values.

A truth value is a byte, 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, U8, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.intermediates import int8_ends, requantized
from tinyglow.numerics import glow

# In C, the number of each is its place here.
RELATIONS: dict[str, Callable[[Array, Array], Array]] = {
    "EQ": np.equal,
    "NEQ": np.not_equal,
    "LT": np.less,
    "LTE": np.less_equal,
}


class CompareFloatParams(Params):
    """``count`` elements; relation: the place in ``RELATIONS``."""

    count: U32
    relation: U8


def compare_f32(p: CompareFloatParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_compare_f32: whether input is in a relation to other; NaN only in that of being unequal."""
    with np.errstate(invalid="ignore"):
        out[...] = list(RELATIONS.values())[p.relation](x, other)


COMPARE_FLOAT = Kernel(
    symbol="tg_compare_f32",
    c_file="elementwise/tg_compare_f32.c",
    params=CompareFloatParams,
    operands=(In("input", "float32"), In("other", "float32"), Out("output", "int8")),
    reference=compare_f32,
    summary="whether elements are equal, unequal, less, or not greater than others, in float",
)


class CompareParams(Params):
    """``count`` elements; relation: the place in ``RELATIONS``; to_other: from input's scale to other's."""

    count: U32
    relation: U8
    input_offset: I8
    other_offset: I8
    to_other: glow.Requant


def compare_s8(p: CompareParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_compare_s8 (``libjit_element_cmp_lt_kernel_i8``): input at other's scale, in relation to it."""
    left = glow.requantize(x.astype(np.int32) - np.int32(p.input_offset), p.to_other)
    right = other.astype(np.int32) - np.int32(p.other_offset)
    out[...] = list(RELATIONS.values())[p.relation](left, right)


def _numbers(p: CompareParams) -> Numbers:
    return {"input": requantized(int8_ends("input", p.input_offset), p.to_other)[0]}


COMPARE = Kernel(
    symbol="tg_compare_s8",
    c_file="elementwise/tg_compare_s8.c",
    params=CompareParams,
    operands=(In("input", "int8"), In("other", "int8"), Out("output", "int8", may_alias="input")),
    reference=compare_s8,
    summary="whether elements are equal, unequal, less, or not greater than others",
    numbers_of=_numbers,
)
