"""Integers as integers of another width and scale, as LiteRT's reference kernels round it."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.intermediates import Ends, int8_ends, scaled_twice
from tinyglow.numerics import tflite
from tinyglow.numerics.tflite import Multiplier

MOST_SHIFT = 14  # to the left, with which any difference of two of these integers leaves 32 bits some room


class RescaleWidthParams(Params):
    """``count`` elements; ``shift`` is to the left where it is above 0, and at most ``MOST_SHIFT``.

    int32 has the offset 0, and as an input no shift to the left.
    """

    count: U32
    in_offset: I8
    out_offset: I8
    shift: I8
    multiplier: I32


def rescale_width(p: RescaleWidthParams, x: Array, out: Array) -> None:
    """Definition of all these kernels (reference/requantize.h): rounded twice, plus the offset, saturated."""
    scaled = tflite.scaled_twice(x.astype(np.int64) - p.in_offset, Multiplier(p.multiplier, p.shift))
    limits = np.iinfo(out.dtype)
    out[...] = np.clip(scaled + p.out_offset, limits.min, limits.max).astype(out.dtype)


def _ends(dtype: str) -> Ends:
    """All elements of an input's type."""
    limits = np.iinfo(dtype)
    return int8_ends("input", 0, int(limits.min), int(limits.max))


def _numbers(p: RescaleWidthParams, elements: Ends) -> Numbers:
    """A difference from the offset, shifted to the left before its product."""
    difference = elements.made(elements.low - p.in_offset, elements.high - p.in_offset)
    return {"result": scaled_twice(difference, p.multiplier, p.shift)[0]}


RESCALE_WIDEN = Kernel(
    symbol="tg_rescale_tflite_widen_s16",
    c_file="elementwise/tg_rescale_tflite_widen_s16.c",
    params=RescaleWidthParams,
    operands=(In("input", "int8"), Out("output", "int16")),
    reference=rescale_width,
    summary="int8 as int16 of another scale, rounded as LiteRT does",
    numbers_of=lambda p: _numbers(p, _ends("int8")),
)
_FROM_INT32 = {"TG_INPUT": "tg_i32"}
_TO_INT8 = {"TG_OUTPUT": "int8_t", "TG_PLUS": "tg_offset_s8", "TG_LEAST": "INT8_MIN", "TG_MOST": "INT8_MAX"}
_TO_INT32 = {"TG_OUTPUT": "tg_i32", "TG_PLUS": "tg_offset_s32", "TG_LEAST": "INT32_MIN", "TG_MOST": "INT32_MAX"}


def _between(symbol: str, settings: dict[str, str], source: str, result: str) -> Kernel:
    operands = (In("input", source), Out("output", result))
    summary = f"{source} as {result} of another scale, rounded as LiteRT does"
    ends = _ends(source)
    return RESCALE_WIDEN.with_settings(
        symbol, settings, operands=operands, summary=summary, numbers_of=lambda p: _numbers(p, ends)
    )


RESCALE_NARROW = _between("tg_rescale_tflite_narrow_s8", {"TG_INPUT": "tg_i16"} | _TO_INT8, "int16", "int8")
RESCALE_INT8_TO_INT32 = _between("tg_rescale_tflite_widen_s8_s32", _TO_INT32, "int8", "int32")
RESCALE_INT16_TO_INT32 = _between(
    "tg_rescale_tflite_widen_s16_s32", {"TG_INPUT": "tg_i16"} | _TO_INT32, "int16", "int32"
)
RESCALE_INT32_TO_INT8 = _between("tg_rescale_tflite_narrow_s32_s8", _FROM_INT32 | _TO_INT8, "int32", "int8")
RESCALE_INT32_TO_INT16 = _between("tg_rescale_tflite_narrow_s32_s16", _FROM_INT32, "int32", "int16")
_ALL = (
    RESCALE_WIDEN,
    RESCALE_NARROW,
    RESCALE_INT8_TO_INT32,
    RESCALE_INT16_TO_INT32,
    RESCALE_INT32_TO_INT8,
    RESCALE_INT32_TO_INT16,
)
# By the dtypes of input and output.
RESCALE_WIDTH = {(kernel.operands[0].dtype, kernel.operands[1].dtype): kernel for kernel in _ALL}
