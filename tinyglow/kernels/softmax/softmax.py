"""SoftMax over the rows of a matrix; in int8 with a table of exponentials, in float with its own exponential."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, U8, U16, U32, In, Kernel, Out, Params, Work
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.ir.op import UnsupportedError
from tinyglow.kernels.softmax.ranges import data_of, row_sum
from tinyglow.numerics import float32, glow

_UINT32_MAX = 2**32 - 1


class SoftMaxParams(Params):
    """A softmax of rows.

    Attributes:
        rows: Number of rows.
        columns: Elements of a row.
        inverse_scale: 1 / output scale in unsigned fixed point.
        inverse_bits: Bits of it before the point, 0 to 31.
        sum_bits: Integer bits of the sum of a row's exponentials: as many as ``columns`` has.
        out_offset: The output's offset.
        zeros: How many zeros the table lacks at its start.
    """

    rows: U16
    columns: U16
    inverse_scale: U32
    inverse_bits: U8
    sum_bits: U8
    out_offset: I8
    zeros: U8


def softmax_s8(p: SoftMaxParams, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_softmax_s8 (libjit_softmax_i8): exponentials and the inverse of their sum in fixed point.

    table: e ** (input scale * (index - 255)) with 31 fractional bits, from index ``zeros`` on.
    """
    rows = x.reshape(-1, p.columns).astype(np.int64)
    powers = np.concatenate([np.zeros(p.zeros, np.int64), table.reshape(-1).view(np.uint32).astype(np.int64)])
    exponentials = powers[255 + rows - rows.max(axis=1, keepdims=True)]
    total = (exponentials >> (p.sum_bits - 1)).sum(axis=1, keepdims=True)
    # Zeros above the sum's highest bit: the sum is shifted up by them, and 16 bits of it are kept.
    spare = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    total = (total << spare) >> 16
    division = ((p.inverse_scale + total // 2) & _UINT32_MAX) // total
    shift = 31 - p.inverse_bits + p.sum_bits - spare
    value = glow.wrap_int32(_scaled((division * exponentials) >> 16, shift))
    out[...] = glow.saturate_int8(value + np.int32(p.out_offset)).reshape(out.shape)


def _scaled(x: Array, shift: Array) -> Array:
    """x >> shift with libjit's rounding; x below 2**32, shift from 1 on, both int64.

    libjit rounds with a 32-bit ``1 << (shift + 15)`` (x lacks 16 bits of its number). From shift 17 on, which is where
    real outputs are, C leaves that undefined and the cores that bundles are made for give 0; at 16 it is negative.
    """
    rounding = np.where(shift < 16, (1 << np.minimum(shift, 15)) >> 1, 0)
    return np.where(shift == 16, ((x + 0x8000) >> 16) - 1, (x + rounding) >> shift)


_LEAST_DIVISOR, _MOST_DIVISOR = 1 << 15, (1 << 16) - 1  # a sum shifted up, without its lower 16 bits


def _numbers(p: SoftMaxParams, constants: Sequence[Array | None]) -> Numbers:
    """The sum of a row; what is divided by it, the quotient; its product with a power, and that rounded."""
    table = data_of(constants, 1).reshape(-1).view(np.uint32).astype(np.int64)
    least, most, part = 0 if p.zeros else int(table.min()), int(table.max()), p.sum_bits - 1
    total = row_sum(int(table[-1]) >> part, (least >> part, most >> part), p.columns)
    half, whole = _LEAST_DIVISOR // 2, _MOST_DIVISOR // 2
    at = ("any row", "any row")
    dividend = Number(p.inverse_scale + half, p.inverse_scale + whole, may_wrap=True, at=at, held="unsigned")
    quotients = dividend.low // _LEAST_DIVISOR, dividend.high // _MOST_DIVISOR
    quotient = (quotients[1], quotients[0]) if dividend.fits else (0, _UINT32_MAX // _LEAST_DIVISOR)
    product = quotient[0] * least >> 16, quotient[1] * most >> 16
    shifts = range(_shift(p, total.low), _shift(p, total.high) + 1)
    rounding = max((_half(shift) for shift in shifts), default=0)
    results = [int(_scaled(np.array(end), np.array(shift))) for end in product for shift in shifts]
    return {
        "sum": replace(total.number(), held="unsigned"),
        "dividend": dividend,
        "quotient": Number(*quotient, bits=17, held="unsigned"),
        "product": Number(product[0], product[1] + rounding, held="unsigned"),
        "result": Number(min(results) + p.out_offset, max(results) + p.out_offset, may_wrap=True, at=at),
    }


def _shift(p: SoftMaxParams, total: int) -> int:
    """The shift of a row's results, by its sum."""
    return p.sum_bits - p.inverse_bits - 1 + total.bit_length()


def _half(shift: int) -> int:
    return (1 << shift) >> 1 if shift < 16 else 0


def work(p: SoftMaxParams, constants: Sequence[Array | None]) -> Work:
    """Elements and rows."""
    return {"elements": p.rows * p.columns, "rows": p.rows}


SOFTMAX = Kernel(
    symbol="tg_softmax_s8",
    c_file="softmax/tg_softmax_s8.c",
    params=SoftMaxParams,
    operands=(In("input", "int8"), In("table", "int32"), Out("output", "int8", may_alias="input")),
    reference=softmax_s8,
    summary="softmax of rows",
    turns_by_data=32,  # a sum is shifted until its first bit is 1
    work=work,
    table_numbers_of=_numbers,
)


class SoftMaxFloatParams(Params):
    """Sizes in elements."""

    rows: U32
    columns: U32


def softmax_f32(p: SoftMaxFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_softmax_f32: e ** (x - largest) of a row, added up in order, each times the sum's inverse.

    The largest is the first to which no other compares larger, which NaN can only be as the first of its row.
    """
    rows = x.reshape(-1, p.columns)
    largest = rows[:, 0]
    for column in range(1, p.columns):
        largest = np.where(rows[:, column] > largest, rows[:, column], largest)
    with np.errstate(invalid="ignore", over="ignore"):
        powers = float32.exp(rows - largest[:, np.newaxis])
    total = np.zeros_like(largest)
    for column in range(p.columns):
        total = total + powers[:, column]
    out[...] = (powers * (np.float32(1) / total)[:, np.newaxis]).reshape(out.shape)


SOFTMAX_FLOAT = Kernel(
    symbol="tg_softmax_f32",
    c_file="softmax/tg_softmax_f32.c",
    params=SoftMaxFloatParams,
    operands=(In("input", "float32"), Out("output", "float32", may_alias="input")),
    reference=softmax_f32,
    summary="softmax of rows, in float",
)


def fixed_point(value: float, integer_bits: int) -> int:
    """A float32 value >= 0 with 32 - integer_bits fractional bits, ties away from zero (Glow, FixedPointUInt32)."""
    return math.floor(math.ldexp(value, 32 - integer_bits) + 0.5)


def exponential_table(scale: float) -> Array:
    """e ** (scale * -255) ... e ** 0 for an input scale, 31 fractional bits in int32's bits (Glow, SoftMaxInst)."""
    powers = [math.exp(glow.multiply_float32(scale, index - 255)) for index in range(256)]
    return np.array([fixed_point(glow.float32(power), 1) for power in powers], np.uint32).view(np.int32)


def leading_zeros(table: Array) -> int:
    """How many zeros a table of exponentials starts with: far below the largest, they are less than one unit."""
    return int(np.flatnonzero(table)[0])  # the last one is e ** 0


def softmax_params(rows: int, columns: int, scale: float, offset: int, zeros: int = 0) -> SoftMaxParams:
    """Parameters for an output's scale and offset, and a table without its zeros.

    Glow, lib/LLVMIRCodeGen/LLVMIRGen.cpp, SoftMaxInst.
    """
    inverse = glow.divide_float32(1.0, scale)
    bits = int(inverse).bit_length()
    if bits > 31:
        raise UnsupportedError(f"an output scale of {scale:g}", "a scale above 2**-31")
    return SoftMaxParams(rows, columns, fixed_point(inverse, bits), bits, columns.bit_length(), offset, zeros)
