"""Kernels of the choice between two tensors that truth values make.

A truth value is a byte, 0 or 1.
"""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.intermediates import int8_ends, requantized
from tinyglow.numerics import glow


class SelectParams(Params):
    """``count`` elements; each of both is requantized by constants of its own."""

    count: U32
    input_offset: I8
    other_offset: I8
    input_scale: glow.Requant
    other_scale: glow.Requant


def select_s8(p: SelectParams, x: Array, other: Array, condition: Array, out: Array) -> None:
    """Definition of tg_select_s8 (``libjit_elementselect_kernel_i8``): input where condition is not 0, else other."""
    left = glow.requantize(x.astype(np.int32) - np.int32(p.input_offset), p.input_scale)
    right = glow.requantize(other.astype(np.int32) - np.int32(p.other_offset), p.other_scale)
    out[...] = glow.saturate_int8(np.where(condition != 0, left, right))


def _numbers(p: SelectParams) -> Numbers:
    return {
        "input": requantized(int8_ends("input", p.input_offset), p.input_scale)[0],
        "other": requantized(int8_ends("other", p.other_offset), p.other_scale)[0],
    }


SELECT = Kernel(
    symbol="tg_select_s8",
    c_file="elementwise/tg_select_s8.c",
    params=SelectParams,
    operands=(In("input", "int8"), In("other", "int8"), In("condition", "int8"), Out("output", "int8", "input")),
    reference=select_s8,
    summary="elements of one or another tensor",
    numbers_of=_numbers,
)


class SelectFloatParams(Params):
    """``count`` elements."""

    count: U32


def select_f32(p: SelectFloatParams, x: Array, other: Array, condition: Array, out: Array) -> None:
    """Definition of tg_select_f32: input where condition is not 0, else other; their bits as they are."""
    out[...] = np.where(condition != 0, x, other)


SELECT_FLOAT = Kernel(
    symbol="tg_select_f32",
    c_file="elementwise/tg_select_f32.c",
    params=SelectFloatParams,
    operands=(
        In("input", "float32"),
        In("other", "float32"),
        In("condition", "int8"),
        Out("output", "float32", "input"),
    ),
    reference=select_f32,
    summary="elements of one or another tensor, in float",
)
