"""Kernels of which a proof states no numbers, and why there are none that could overflow."""

from __future__ import annotations

import re

# What symbols match, and why there is nothing to state.
UNSTATED: tuple[tuple[str, str], ...] = (
    (
        r"tg_(?:copy|fill|strided_copy|transpose|gather|gather_at)_s8|tg_copy_s32|tg_put_\w+",
        "moves elements as they are; its accesses are proved",
    ),
    (
        r"tg_(?:max_pool|max_pool_2x2|reduce_max|arg_max)_s(?:8|16)|tg_order_\w+",
        "compares elements, and keeps one as it is, or its place",
    ),
    (r"tg_lookup_s8|tg_logic_s8", "takes each result from a table, or makes truth values of truth values"),
    (
        r"tg_(?:fold|scan|each)_\w+|tg_cast_[fsub]\d+_to_[fsub]\d+",
        "integers of ONNX, which wrap as ONNX says: they are computed with unsigned numbers",
    ),
    (r"tg_dequantize_s(?:8|16)_f32|tg_cast_s(?:8|32)_f32", "makes a float of an integer, less an offset of its type"),
    (
        r"tg_quantize(?:_steps|_fused)?_f32_s(?:8|16)|tg_cast_f32_s32",
        "brings a float between bounds before it becomes an integer, NaN included",
    ),
    (r"tg_\w+_f32", "floats alone, which become no integer"),
)


def reason_of(kernel: str) -> str | None:
    """Why a proof states no numbers of a kernel; None if it must state some, or nothing is known of it."""
    return next((reason for pattern, reason in UNSTATED if re.fullmatch(pattern, kernel)), None)
