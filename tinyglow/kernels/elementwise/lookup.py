"""Functions of one element by table: of 256 entries in int8, of 512 straight pieces in int16."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.numerics import wide

_PIECE_BITS = 7
PIECE = 2**_PIECE_BITS  # inputs on one straight line


class Lookup16Params(Params):
    """``count`` elements."""

    count: U32


def _numbers_s16(p: Lookup16Params, constants: Sequence[Array | None]) -> Numbers:
    """A rise between two entries times the place between them, before it is rounded."""
    assert constants[1] is not None
    rises = np.diff(constants[1].reshape(-1).astype(np.int64)) * (PIECE - 1)
    half = PIECE // 2
    return {"rise": Number(min(int(rises.min()), 0) + half, max(int(rises.max()), 0) + half)}


def lookup_s16(p: Lookup16Params, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_lookup_s16: between the two entries around the input, in proportion, ties upwards."""
    place, ends = x.astype(np.int32) - wide.INT16_MIN, table[0].astype(np.int32)
    piece, rest = place >> _PIECE_BITS, place & (PIECE - 1)
    low = ends[piece]
    out[...] = low + (((ends[piece + 1] - low) * rest + PIECE // 2) >> _PIECE_BITS)


LOOKUP_INT16 = Kernel(
    symbol="tg_lookup_s16",
    c_file="elementwise/tg_lookup_s16.c",
    params=Lookup16Params,
    operands=(In("input", "int16"), In("table", "int16"), Out("output", "int16", may_alias="input")),
    reference=lookup_s16,
    summary="function of one element, by table and interpolation, in int16",
    table_numbers_of=_numbers_s16,
)


def interpolation_table(function: Callable[[Array], Array], source: float, result: float) -> Array:
    """int16 [513]: ``function`` (of float64) at the ends of all pieces of the inputs, for two scales."""
    x = (np.arange(2**16 // PIECE + 1) * PIECE + wide.INT16_MIN) * source
    steps = wide.steps(function(x).astype(np.float32), result)
    return np.clip(steps, wide.INT16_MIN, wide.INT16_MAX).astype(np.int16)


class LookupParams(Params):
    """``count`` elements."""

    count: U32


def lookup_s8(p: LookupParams, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_lookup_s8: table[x + 128]."""
    out[...] = table[0][x.astype(np.int32) + 128]


LOOKUP = Kernel(
    symbol="tg_lookup_s8",
    c_file="elementwise/tg_lookup_s8.c",
    params=LookupParams,
    operands=(In("input", "int8"), In("table", "int8"), Out("output", "int8", may_alias="input")),
    reference=lookup_s8,
    summary="function of one element, by table",
)
