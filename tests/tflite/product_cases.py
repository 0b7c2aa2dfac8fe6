"""BATCH_MATMUL in float, int8 and int16: of an input with itself, and with constants."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.tflite import int16_cases, numerics_cases
from tests.tflite.builder import Quant, TFLiteBuilder
from tests.tflite.int8_cases import IN, integers
from tests.tflite.registry import numbers, register

_OPTIONS = "BatchMatMulOptions"
_TYPES = {"INT8": (IN, Quant([0.4], [7])), "INT16": (int16_cases.IN, Quant([0.013], [0])), "FLOAT32": (None, None)}


def _of_itself(dtype: str, turned: str, b: TFLiteBuilder, x: int) -> int:
    """x: [2, 3, 4, 5] times a slice of itself, which repeats along the first dimension."""
    own, out = _TYPES[dtype]
    of: dict[str, Any] = {"dtype": dtype, "quant": own}
    ends = [b.constant("begin", [1, 0, 0, 0]), b.constant("size", [1, 3, 4, 5])]
    one = b.node("SLICE", [x, *ends], (1, 3, 4, 5), "one", "SliceOptions", **of)
    sides = [x, one] if turned == "right" else [one, x]
    shape = (2, 3, 4, 4) if turned == "right" else (2, 3, 5, 5)
    adjoint = {"AdjX": turned == "left", "AdjY": turned == "right"}
    return b.node("BATCH_MATMUL", sides, shape, "y", _OPTIONS, 1, dtype, out, **adjoint)


def _by_constant(dtype: str, columns: bool, b: TFLiteBuilder, x: int) -> int:
    """x: [2, 4, 5] times constant columns, or constant rows times it."""
    own, out = _TYPES[dtype]
    shape = (5, 3) if columns else (3, 4)
    data = numbers(*shape) if own is None else integers(*shape)
    if dtype == "INT16":
        data = int16_cases.wide(*shape)
    constant = b.constant("matrix", data, own)
    sides = [x, constant] if columns else [constant, x]
    return b.node("BATCH_MATMUL", sides, (2, 4, 3) if columns else (2, 3, 5), "y", _OPTIONS, 1, dtype, out)


for _dtype, _register in (("FLOAT32", register), ("INT8", numerics_cases.register), ("INT16", int16_cases.register)):
    for _turned in ("left", "right"):
        _register(f"batch_matmul_{_turned}", (2, 3, 4, 5), partial(_of_itself, _dtype, _turned))
    for _columns in (True, False):
        _name = f"batch_matmul_{'columns' if _columns else 'rows'}"
        _register(_name, (2, 4, 5), partial(_by_constant, _dtype, _columns))
