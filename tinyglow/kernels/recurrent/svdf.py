"""SVDF in int8 (a layer of rank-limited filters over the features of the last inputs), as LiteRT computes it."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I16, I32, U16, In, Kernel, Out, Params
from tinyglow.kernels.recurrent.ranges import svdf_numbers
from tinyglow.numerics import tflite
from tinyglow.numerics.tflite import Multiplier


class SvdfParams(Params):
    """Sizes in elements: features [units * rank, depth]; times, and the state of a row, [units * rank, memory].

    A feature's sum times ``multiplier`` goes into the state; what the filters make of that, times ``out_multiplier``
    and with ``out_offset``, is the output.
    """

    rows: U16
    depth: U16
    units: U16
    rank: U16
    memory: U16
    in_offset: I16
    state_offset: I8
    out_offset: I8
    shift: I8
    out_shift: I8
    multiplier: I32
    out_multiplier: I32


def svdf(
    p: SvdfParams, x: Array, state: Array, features: Array, times: Array, bias: Array, after: Array, out: Array
) -> None:
    """Definition of tg_svdf_s8 and tg_svdf_state_s8 (svdf.h, EvalIntegerSVDF). Sums of 32 bits wrap."""
    filters, limits = p.units * p.rank, np.iinfo(state.dtype)
    rows = x.reshape(-1, p.rows, p.depth).astype(np.int64) - p.in_offset
    sums = (rows @ features.reshape(filters, p.depth).T.astype(np.int64)).astype(np.int32)
    new = tflite.scaled_twice(sums.astype(np.int64), Multiplier(p.multiplier, p.shift))
    new = (np.clip(new, limits.min, limits.max) + p.state_offset).astype(state.dtype)  # the sum wraps, as in LiteRT
    before = np.broadcast_to(state.reshape(-1, p.rows, filters, p.memory), (len(new), p.rows, filters, p.memory))
    past = np.concatenate([before[..., 1:], new[..., np.newaxis]], axis=-1)
    after[...] = past.reshape(after.shape)
    terms = (past.astype(np.int64) - p.state_offset) * times.reshape(filters, p.memory)
    totals = terms.reshape(*terms.shape[:-2], p.units, p.rank * p.memory).sum(axis=-1) + bias.reshape(p.units)
    result = tflite.scaled_twice(totals.astype(np.int32).astype(np.int64), Multiplier(p.out_multiplier, p.out_shift))
    out[...] = tflite.saturate_int8(result + p.out_offset).reshape(out.shape)


SVDF = Kernel(
    symbol="tg_svdf_s8",
    c_file="recurrent/tg_svdf_s8.c",
    params=SvdfParams,
    operands=(
        In("input", "int8"),
        In("state", "int16"),
        In("features", "int8"),
        In("times", "int16"),
        In("bias", "int32"),
        Out("after", "int16", may_alias="state"),
        Out("output", "int8"),
    ),
    reference=svdf,
    summary="SVDF layer: filters over the features of the last inputs",
    table_numbers_of=lambda p, constants: svdf_numbers(p, constants, "int16"),
)
# The same with state and filters of int8, which TensorFlow Lite Micro alone has.
SVDF_OF_INT8 = SVDF.with_settings(
    "tg_svdf_state_s8",
    {"TG_STATE": "int8_t", "TG_STATE_MIN": "INT8_MIN", "TG_STATE_MAX": "INT8_MAX"},
    summary="the same with filters and state of int8",
    table_numbers_of=lambda p, constants: svdf_numbers(p, constants, "int8"),
    operands=(
        In("input", "int8"),
        In("state", "int8"),
        In("features", "int8"),
        In("times", "int8"),
        In("bias", "int32"),
        Out("after", "int8", may_alias="state"),
        Out("output", "int8"),
    ),
)
