"""int8 as int16 and int16 as int8, of another scale, as LiteRT's reference kernels round it."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, U32, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.intermediates import Ends, int8_ends, int16_ends, scaled_twice
from tinyglow.numerics import tflite
from tinyglow.numerics.tflite import Multiplier

MOST_SHIFT = 14  # to the left, with which any difference of two of these integers leaves 32 bits some room


class RescaleWidthParams(Params):
    """``count`` elements; ``shift`` is to the left where it is above 0, and at most ``MOST_SHIFT``."""

    count: U32
    in_offset: I8
    out_offset: I8
    shift: I8
    multiplier: I32


def rescale_width(p: RescaleWidthParams, x: Array, out: Array) -> None:
    """Definition of both kernels (reference/requantize.h): rounded twice, plus the offset, saturated."""
    scaled = tflite.scaled_twice(x.astype(np.int64) - p.in_offset, Multiplier(p.multiplier, p.shift))
    limits = np.iinfo(out.dtype)
    out[...] = np.clip(scaled + p.out_offset, limits.min, limits.max).astype(out.dtype)


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
    numbers_of=lambda p: _numbers(p, int8_ends("input")),
)
RESCALE_NARROW = RESCALE_WIDEN.with_settings(
    "tg_rescale_tflite_narrow_s8",
    {
        "TG_INPUT": "tg_i16",
        "TG_OUTPUT": "int8_t",
        "TG_PLUS": "tg_offset_s8",
        "TG_LEAST": "INT8_MIN",
        "TG_MOST": "INT8_MAX",
    },
    operands=(In("input", "int16"), Out("output", "int8")),
    summary="int16 as int8 of another scale, rounded as LiteRT does",
    numbers_of=lambda p: _numbers(p, int16_ends("input")),
)
