"""Kernels that write elements to places that are known at run time only."""

from __future__ import annotations

from functools import cache

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import CTYPES, MEMORY_CTYPES, U32, In, Kernel, Out, Params
from tinyglow.kernels.generic.each import SHORT
from tinyglow.kernels.generic.functions import class_of
from tinyglow.numerics.nan import one_nan


class PutParams(Params):
    """``count`` elements of the result, ``rows`` updates."""

    count: U32
    rows: U32


# How an update meets what is there already.
_MEETING = {
    "none": "u",
    "add": "(T)((U)x + (U)u)",
    "mul": "(T)((U)x * (U)u)",
    "max": "x >= u ? x : u",
    "min": "x <= u ? x : u",
}
_FLOATS = {"add": "tg_one_nan_f32(x + u)", "mul": "tg_one_nan_f32(x * u)"}


def _met(kind: str, x: Array, update: Array) -> Array:
    if kind in ("add", "mul"):
        result: Array = x + update if kind == "add" else x * update
        return one_nan(result) if result.dtype == np.float32 else result
    if kind == "none":
        return update
    return np.where(x >= update if kind == "max" else x <= update, x, update)


@cache
def put_kernel(kind: str, dtype: str) -> Kernel:
    """The kernel of a scatter: none, add, mul, max or min."""
    symbol = f"tg_put_{kind}_{SHORT[dtype]}"
    wide = dtype in ("int64", "uint64")
    text = _FLOATS.get(kind, _MEETING[kind]) if class_of(dtype) == "f" else _MEETING[kind]
    text = text.replace("(T)", f"({CTYPES[dtype]})").replace("(U)", "(uint64_t)" if wide else "(uint32_t)")

    def reference(p: PutParams, x: Array, places: Array, updates: Array, out: Array) -> None:
        out[...] = x
        with np.errstate(all="ignore"):
            for row in range(len(out)):
                at = places[row % len(places)]
                for place, update in zip(at, updates[row % len(updates)], strict=True):
                    if 0 <= place < p.count:
                        out[row, place] = _met(kind, out[row, place : place + 1], update[np.newaxis])[0]

    ctype, memory = CTYPES[dtype], MEMORY_CTYPES[dtype]
    used = f"      const {ctype} x = output[place];\n" if "x" in text.replace("max", "") else ""
    code = (
        f"/* Elements at places that are computed ({kind}), {dtype}; places that there are not count for nothing. */\n"
        '#include "tg_float.h"\n#include "tg_kernels.h"\n\n'
        f"void {symbol}(const {symbol}_params *restrict p, const {memory} *input, const tg_i32 *places,"
        f" const {memory} *updates, {memory} *output) {{\n"
        "  for (uint32_t i = 0; i < p->count; i++) {\n    output[i] = input[i];\n  }\n"
        "  for (uint32_t i = 0; i < p->rows; i++) {\n"
        "    const uint32_t place = (uint32_t)places[i];\n"
        f"    if (place < p->count) {{\n      const {ctype} u = updates[i];\n{used}"
        f"      output[place] = {text};\n    }}\n  }}\n}}\n"
    )
    return Kernel(
        symbol=symbol,
        c_file=f"generic/{symbol}.c",
        params=PutParams,
        operands=(In("input", dtype), In("places", "int32"), In("updates", dtype), Out("output", dtype, "input")),
        reference=reference,
        summary=f"elements at places that are computed ({kind}), {dtype}",
        text=code,
    )
