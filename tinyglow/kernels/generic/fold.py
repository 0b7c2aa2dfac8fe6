"""Kernels that combine the elements along one dimension, one after the other: totals, and running totals."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import CTYPES, MEMORY_CTYPES, U8, U32, In, Kernel, Out, Params
from tinyglow.kernels.generic.each import SHORT
from tinyglow.kernels.generic.functions import class_of
from tinyglow.numerics.nan import one_nan


class FoldParams(Params):
    """Elements [outer, length, inner], which are combined along the middle."""

    outer: U32
    length: U32
    inner: U32


class ScanParams(FoldParams):
    """exclusive: whether an element itself does not count for its own running total."""

    exclusive: U8


def _largest(total: Array, x: Array) -> Array:
    return np.where(np.isnan(total) | (total >= x), total, x) if x.dtype.kind == "f" else np.maximum(total, x)


def _smallest(total: Array, x: Array) -> Array:
    return np.where(np.isnan(total) | (total <= x), total, x) if x.dtype.kind == "f" else np.minimum(total, x)


# What a total begins with (None: with the first element), how an element is added, and the same in C.
_STEPS: dict[str, tuple[int | None, Callable[[Array, Array], Array], dict[str, str]]] = {
    "sum": (
        0,
        lambda total, x: total + x,
        {"f": "total + x", "s": "(T)((U)total + (U)x)", "u": "(T)((U)total + (U)x)"},
    ),
    "prod": (
        1,
        lambda total, x: total * x,
        {"f": "total * x", "s": "(T)((U)total * (U)x)", "u": "(T)((U)total * (U)x)"},
    ),
    "max": (
        None,
        _largest,
        {"f": "tg_is_nan_f32(total) || total >= x ? total : x", **dict.fromkeys("sub", "total >= x ? total : x")},
    ),
    "min": (
        None,
        _smallest,
        {"f": "tg_is_nan_f32(total) || total <= x ? total : x", **dict.fromkeys("sub", "total <= x ? total : x")},
    ),
}


def _expression(kind: str, dtype: str) -> str:
    wide = dtype in ("int64", "uint64")
    text = _STEPS[kind][2][class_of(dtype)]
    return text.replace("(T)", f"({CTYPES[dtype]})").replace("(U)", "(uint64_t)" if wide else "(uint32_t)")


def _loops(symbol: str, dtype: str, result: str, body: str, summary: str) -> str:
    """The C file of a kernel that does ``body`` for each ``line``, whose elements are ``inner`` apart."""
    return (
        f"/* {summary[0].upper()}{summary[1:]}. */\n"
        '#include "tg_float.h"\n#include "tg_kernels.h"\n\n'
        f"void {symbol}(const {symbol}_params *restrict p, const {MEMORY_CTYPES[dtype]} *input,"
        f" {MEMORY_CTYPES[result]} *output) {{\n"
        "  for (uint32_t o = 0; o < p->outer; o++) {\n"
        "    for (uint32_t i = 0; i < p->inner; i++) {\n"
        f"      const {MEMORY_CTYPES[dtype]} *const line = input + (o * p->length * p->inner + i);\n"
        f"{body}    }}\n  }}\n}}\n"
    )


def _total(kind: str, dtype: str) -> str:
    start = _STEPS[kind][0]
    first = "line[0]" if start is None else f"{start}.0f" if dtype == "float32" else str(start)
    return f"      {CTYPES[dtype]} total = {first};\n"


def _plain(dtype: str) -> str:
    return "tg_one_nan_f32(total)" if dtype == "float32" else "total"


@cache
def fold_kernel(kind: str, dtype: str) -> Kernel:
    """The kernel of a total: sum, prod, max or min. Raises KeyError if there is none for the type."""
    symbol, start = f"tg_fold_{kind}_{SHORT[dtype]}", _STEPS[kind][0]
    expression, add = _expression(kind, dtype), _STEPS[kind][1]

    def reference(p: FoldParams, x: Array, out: Array) -> None:
        lines = x.reshape(-1, p.outer, p.length, p.inner)
        total = lines[:, :, 0] if start is None else np.full(lines[:, :, 0].shape, start, lines.dtype)
        with np.errstate(all="ignore"):
            for index in range(p.length):
                total = add(total, lines[:, :, index])
        out[...] = (one_nan(total) if dtype == "float32" else total).reshape(out.shape)

    body = (
        f"{_total(kind, dtype)}      for (uint32_t k = 0; k < p->length; k++) {{\n"
        f"        const {CTYPES[dtype]} x = line[k * p->inner];\n        total = {expression};\n      }}\n"
        f"      output[o * p->inner + i] = {_plain(dtype)};\n"
    )
    summary = f"{kind} along one dimension, {dtype}"
    text = _loops(symbol, dtype, dtype, body, summary)
    operands = (In("input", dtype), Out("output", dtype))
    return Kernel(symbol, f"generic/{symbol}.c", FoldParams, operands, reference, summary, text)


@cache
def scan_kernel(kind: str, dtype: str) -> Kernel:
    """The kernel of running totals: sum or prod."""
    symbol, start = f"tg_scan_{kind}_{SHORT[dtype]}", _STEPS[kind][0]
    expression, add = _expression(kind, dtype), _STEPS[kind][1]

    def reference(p: ScanParams, x: Array, out: Array) -> None:
        lines = x.reshape(-1, p.outer, p.length, p.inner)
        total = np.full(lines[:, :, 0].shape, start, lines.dtype)
        result = np.empty_like(lines)
        with np.errstate(all="ignore"):
            for index in range(p.length):
                after = add(total, lines[:, :, index])
                result[:, :, index] = total if p.exclusive else after
                total = after
        out[...] = (one_nan(result) if dtype == "float32" else result).reshape(out.shape)

    written = "output[(o * p->length + k) * p->inner + i]"
    body = (
        f"{_total(kind, dtype)}      for (uint32_t k = 0; k < p->length; k++) {{\n"
        f"        const {CTYPES[dtype]} x = line[k * p->inner];\n"
        f"        if (p->exclusive) {{\n          {written} = {_plain(dtype)};\n        }}\n"
        f"        total = {expression};\n"
        f"        if (!p->exclusive) {{\n          {written} = {_plain(dtype)};\n        }}\n      }}\n"
    )
    summary = f"running {kind} along one dimension, {dtype}"
    text = _loops(symbol, dtype, dtype, body, summary)
    operands = (In("input", dtype), Out("output", dtype))
    return Kernel(symbol, f"generic/{symbol}.c", ScanParams, operands, reference, summary, text)


class OrderParams(FoldParams):
    """The numbers of the first ``rows`` elements in order along the middle.

    smallest: whether the order rises; of equal elements the first comes first, or the last.
    """

    rows: U32
    smallest: U8
    last: U8


@cache
def order_kernel(dtype: str) -> Kernel:
    """The kernel of the places of the largest or smallest elements. NaN counts as larger than all."""
    symbol = f"tg_order_{SHORT[dtype]}"

    def reference(p: OrderParams, x: Array, out: Array) -> None:
        lines = x.reshape(-1, p.outer, p.length, p.inner)
        turned = lines[:, :, ::-1] if p.last else lines
        if p.smallest:
            order = np.argsort(turned, axis=2, kind="stable")
        else:  # the same from behind, of elements that lie the other way round
            order = p.length - 1 - np.argsort(turned[:, :, ::-1], axis=2, kind="stable")[:, :, ::-1]
        order = p.length - 1 - order if p.last else order
        out[...] = order[:, :, : p.rows].reshape(out.shape)

    nan = "tg_is_nan_f32({})" if dtype == "float32" else "0"
    less = f"({nan.format('y')} ? !{nan.format('x')} : x < y)" if dtype == "float32" else "(x < y)"
    more = f"({nan.format('x')} ? !{nan.format('y')} : x > y)" if dtype == "float32" else "(x > y)"
    ctype = CTYPES[dtype]
    body = (
        "      /* Each round finds the next one behind the one before. */\n"
        "      uint32_t before = 0;\n"
        "      for (uint32_t r = 0; r < p->rows; r++) {\n"
        "        uint32_t best = p->length;\n"
        "        for (uint32_t n = 0; n < p->length; n++) {\n"
        "          const uint32_t k = p->last ? p->length - 1 - n : n;\n"
        f"          const {ctype} x = line[k * p->inner];\n"
        "          if (r > 0) {\n"
        f"            const {ctype} y = line[before * p->inner];\n"
        f"            const int32_t next = p->last ? k < before : k > before;\n"
        f"            const int32_t later = {less} ? !p->smallest : {more} ? p->smallest : next;\n"
        "            if (!later) {\n              continue;\n            }\n"
        "          }\n"
        "          if (best < p->length) {\n"
        f"            const {ctype} y = line[best * p->inner];\n"
        f"            if (!(p->smallest ? {less} : {more})) {{\n              continue;\n            }}\n"
        "          }\n          best = k;\n        }\n"
        "        output[(o * p->rows + r) * p->inner + i] = (int64_t)best;\n        before = best;\n      }\n"
    )
    summary = f"places of the largest or smallest elements along one dimension, {dtype}"
    text = _loops(symbol, dtype, "int64", body, summary)
    operands = (In("input", dtype), Out("output", "int64"))
    return Kernel(symbol, f"generic/{symbol}.c", OrderParams, operands, reference, summary, text)
