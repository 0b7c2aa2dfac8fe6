"""Constants of requantization as kernels of each numerics take them, and strategies for scales and parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics import glow, tflite
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW as GLOW_EPILOGUE
from tinyglow.numerics.epilogues.glow import within_int32
from tinyglow.numerics.epilogues.onnx import ONNX as ONNX_EPILOGUE
from tinyglow.numerics.epilogues.tflite import TFLITE as ONCE
from tinyglow.numerics.epilogues.tflm import TFLM as TWICE
from tinyglow.numerics.glow import Requant
from tinyglow.numerics.names import GLOW, ONNX, TFLITE
from tinyglow.testing.values import fitting_scales, offsets, scales

_LEAST_SCALE, _MOST_SCALE = 2.0**-40, 2.0**20


def parts(prefix: str, numerics: str) -> tuple[tuple[str, str], ...]:
    """Names and dtypes of the constants that stand for a scale.

    glow: multiplier, pre_shift, post_shift of ``numerics.glow.Requant``. tflite and tflm: multiplier and shift, which
    mean ``multiplier * 2**(shift - 31)``; a positive shift is one to the left. onnx: the scale itself.
    """
    if numerics == GLOW:
        names: Sequence[str] = ("multiplier", "pre_shift", "post_shift")
    else:
        names = ("requant_scale",) if numerics == ONNX else ("multiplier", "shift")
    return tuple((prefix + name, "float32" if numerics == ONNX else "int32") for name in names)


def constants(prefix: str, scale: float, numerics: str) -> dict[str, int | float]:
    """The constants for a scale, by the names of ``parts``."""
    if numerics == GLOW:
        made = glow.requantize_params(glow.float32(scale))
        values: Sequence[int | float] = (made.multiplier, made.pre, made.post)
    elif numerics == ONNX:
        values = (glow.float32(scale),)
    else:
        by = tflite.multiplier_of(scale)
        values = (by.multiplier, by.shift)
    return dict(zip((name for name, _ in parts(prefix, numerics)), values, strict=True))


def epilogue_of(numerics: str, once: bool = False) -> Epilogue:
    """The rounding rule of a numerics; once: of an operator that LiteRT rounds once, as fully connected layers."""
    if numerics == GLOW:
        return GLOW_EPILOGUE
    if numerics == ONNX:
        return ONNX_EPILOGUE
    return ONCE if once and numerics == TFLITE else TWICE


def requant_of(prefix: str, numbers: Mapping[str, int | float], numerics: str, offset: int, once: bool) -> Requant:
    """The constants as an epilogue takes them, from numbers by the names of ``parts``."""
    values = [numbers[name] for name, _ in parts(prefix, numerics)]
    if numerics == GLOW:
        multiplier, pre, post = map(int, values)
        return Requant(pre, post, multiplier, offset)
    if numerics == ONNX:
        return ONNX_EPILOGUE.constants(float(values[0]), offset)
    multiplier, shift = map(int, values)
    if epilogue_of(numerics, once) is ONCE:
        pre = max(0, shift + 2)
        return Requant(pre, pre - 1 - shift, multiplier, offset)
    return Requant(1 + max(shift, 0), max(-shift, 0), multiplier, offset)


def multiplier_of(prefix: str, numbers: Mapping[str, int | float]) -> tflite.Multiplier:
    """LiteRT's multiplier from numbers by the names of ``parts``."""
    return tflite.Multiplier(int(numbers[f"{prefix}multiplier"]), int(numbers[f"{prefix}shift"]))


def channel_requants(inputs: Mapping[str, Array], numerics: str, offset: int) -> list[Requant]:
    """The constants of each output channel from the tensors by the names of ``parts``."""
    names = [name for name, _ in parts("", numerics)]
    rows = zip(*(inputs[name].tolist() for name in names), strict=True)
    return [requant_of("", dict(zip(names, row, strict=True)), numerics, offset, once=False) for row in rows]


def holds(total: int, numerics: str, numbers: Mapping[str, int | float], offset: int, once: bool = False) -> bool:
    """Whether a sum may be requantized: no step of 32 bits overflows, which C leaves undefined."""
    own = requant_of("", numbers, numerics, offset, once)
    if numerics == GLOW:
        return own.multiplier == 0 or within_int32(total, own, abs(offset))
    return epilogue_of(numerics, once).holds(total, own)


def safe_constants(
    scale: float, numerics: str, totals: Iterable[int], offset: int, once: bool = False
) -> dict[str, int | float]:
    """Constants for a scale, or for the next power of two below at which none of these sums overflows."""
    ends = list(totals)
    while True:
        made = constants("", scale, numerics)
        if scale < _LEAST_SCALE or all(holds(total, numerics, made, offset, once) for total in ends):
            return made
        scale /= 2


def half_way(sums: Array, scale: float) -> Array:
    """The nearest sums that a scale of 2**-n maps half way between two integers; for other scales, sums as they are.

    Every other one is moved. Rounding rules differ in what they do with such ties.
    """
    mantissa, exponent = math.frexp(scale)
    if mantissa != 0.5 or not -30 < exponent - 1 < 0:
        return sums
    unit = 1 << (1 - exponent)
    moved = sums.astype(np.int64) // unit * unit + unit // 2
    return np.where(np.arange(sums.size).reshape(sums.shape) % 2 == 0, moved, sums)


_RAISED = {"int8": 0, "uint8": 128}  # what a zero point has more than one of int8


@st.composite
def quant_params(draw: st.DrawFn, dtype: str = "int8") -> QuantParams:
    """Scale and offset of a tensor: those of trained networks, and adversarial ones.

    Adversarial are powers of two, the neighbours of powers of two, scales from 2**-40 to 2**20, and the offsets at both
    ends of the type and in its middle.

    Args:
        draw: Given by hypothesis.
        dtype: "int8", "uint8", or "int16", whose offset is 0.

    Returns:
        The parameters.

    Raises:
        InputError: Tensors of another dtype have none.
    """
    if dtype not in (*_RAISED, "int16"):
        raise InputError("no quantized type", [Problem(repr(dtype), "is none", "int8, uint8 or int16")])
    kind = draw(st.sampled_from(("real", "real", "power", "any")))
    offset = draw(offsets()) + _RAISED[dtype] if dtype in _RAISED else 0
    if kind == "power":
        return QuantParams(2.0 ** draw(st.integers(-20, 4)), offset)
    return QuantParams(draw(scales(-12, 0) if kind == "real" else scales()), offset)


@st.composite
def tensor_types(draw: st.DrawFn, rank: int | None = None, most: int = 8, dtype: str = "int8") -> TensorType:
    """Types of quantized tensors: a shape of ``rank`` (default: 1 to 4) dimensions from 1 to ``most``, and parameters.

    Args:
        draw: Given by hypothesis.
        rank: How many dimensions.
        most: The largest dimension.
        dtype: "int8", "uint8" or "int16".

    Returns:
        The type.

    Raises:
        InputError: Tensors of another dtype have no parameters.
    """
    ranks = st.integers(1, 4) if rank is None else st.just(rank)
    shape = tuple(draw(st.integers(1, most)) for _ in range(draw(ranks)))
    return TensorType(shape, dtype, draw(quant_params(dtype)))


@st.composite
def ratios(draw: st.DrawFn, magnitude: float) -> float:
    """A scale for sums of that magnitude: most fit int8, some saturate, some give the offset; exact ties too."""
    if draw(st.sampled_from((False, False, True))):  # a power of two: every other sum may be a tie
        middle = round(np.log2(64 / max(magnitude, 1)))
        return float(2.0 ** draw(st.integers(middle - 2, middle + 3)))
    return min(max(draw(fitting_scales(magnitude)), _LEAST_SCALE), _MOST_SCALE)


@st.composite
def bounds(draw: st.DrawFn, offset: int) -> dict[str, int]:
    """``act_min`` and ``act_max``: none, a ReLU's, or any."""
    if draw(st.sampled_from((True, True, False))):
        return {"act_min": draw(st.sampled_from((-128, offset))), "act_max": 127}
    low = draw(st.integers(-128, 127))
    return {"act_min": low, "act_max": draw(st.integers(low, 127))}
