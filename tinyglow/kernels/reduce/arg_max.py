"""Kernels that find the place of the largest or smallest element along a dimension."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U8, U32, In, Kernel, Out, Params


class ArgMaxParams(Params):
    """Elements outer x length x inner.

    smallest: whether the smallest is looked for. last: whether, of equals, the last counts. wide: whether an index is
    an int64, else an int32.
    """

    outer: U32
    length: U32
    inner: U32
    smallest: U8
    last: U8
    wide: U8


def places_of_largest(p: ArgMaxParams, x: Array) -> Array:
    """Indices [samples, outer, inner]; NaN is larger and smaller than nothing, so it never takes another's place."""
    blocks = x.reshape(len(x), p.outer, p.length, p.inner)
    best, index = blocks[:, :, 0], np.zeros((len(x), p.outer, p.inner), np.int64)
    for i in range(1, p.length):
        candidate = blocks[:, :, i]
        better = candidate < best if p.smallest else candidate > best
        better = better | (candidate == best) if p.last else better
        best, index = np.where(better, candidate, best), np.where(better, i, index)
    return index


def arg_max(p: ArgMaxParams, x: Array, out: Array) -> None:
    """Definition of tg_arg_max_s8, tg_arg_max_s16 and tg_arg_max_f32.

    out: each index as a word, or as two, the lower first: an int64 on a little-endian machine, aligned to 4 bytes only.
    """
    places = places_of_largest(p, x).reshape(len(x), -1)
    if p.wide:
        out[:, 0::2], out[:, 1::2] = places, 0
    else:
        out[...] = places


ARG_MAX_S8 = Kernel(
    symbol="tg_arg_max_s8",
    c_file="reduce/tg_arg_max_s8.c",
    params=ArgMaxParams,
    operands=(In("input", "int8"), Out("output", "int32")),
    reference=arg_max,
    summary="place of the largest or smallest element",
)

ARG_MAX_S16 = ARG_MAX_S8.with_settings(
    "tg_arg_max_s16",
    {"TG_ELEMENT": "tg_i16"},
    operands=(In("input", "int16"), Out("output", "int32")),
    summary="place of the largest or smallest element, in int16",
)

ARG_MAX_F32 = ARG_MAX_S8.with_settings(
    "tg_arg_max_f32",
    {"TG_ELEMENT": "tg_f32"},
    operands=(In("input", "float32"), Out("output", "int32")),
    summary="place of the largest or smallest element, in float",
)
