"""What int16 lowerings begin with. int16 is ours: Glow has no kernels of it, and leaves such networks in float.

Activations are int16 about zero, weights int8 about zero with a scale for each output unit, sums int32 where that is
proven to hold them and else int64.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.ir.types import TensorType
from tinyglow.numerics import tflite, wide

_MAGNITUDE = -wide.INT16_MIN


def int16_scales(node: Node, lowering: Lowering) -> list[float]:
    """Scales of the node's inputs and results, in that order. Raises UnsupportedError if one is not int16."""
    scales = []
    for name in (*node.inputs, *node.outputs):
        type_ = lowering.type_of(name)
        if type_.dtype != "int16" or type_.quant is None:
            raise UnsupportedError(f"{node.op.kind} of {type_.dtype} ({name})", "int16, which it has a kernel for")
        scales.append(type_.quant.scale)
    return scales


def int16_bounds(low: float, high: float, scale: float) -> tuple[int, int]:
    """The int16 values of ``scale`` that stand for two real bounds, saturated. Raises UnsupportedError for NaN."""
    if math.isnan(low) or math.isnan(high):
        raise UnsupportedError(f"bounds {low} and {high}", "numbers")
    steps = np.clip(wide.steps(np.array([low, high], np.float32), scale), wide.INT16_MIN, wide.INT16_MAX)
    return int(steps[0]), int(steps[1])


def litert_bounds(low: float, high: float, scale: float) -> tuple[int, int]:
    """The same as LiteRT rounds them, ties away from zero."""
    ends = [end if math.isinf(end) else tflite.steps_of(end, scale) for end in (low, high)]
    return int(max(ends[0], wide.INT16_MIN)), int(min(ends[1], wide.INT16_MAX))


class LayerConstants(Record, eq=False):
    """A layer's weights [units, terms], bias and scales as its kernel takes them, for sums of 32 bits or of 64 (wide).

    Attributes:
        bias: int32 [units]; wide: the lower and upper words of int64, [2 * units].
        channels: Multiplier and shift of each unit, [2 * units].
        is_wide: Whether sums have 64 bits.
    """

    bias: Array
    channels: Array
    is_wide: bool


# A unit's multiplier and shift, for the scales of input, weights and result, and what its sums may reach.
Words = Callable[[float, float, float, int], tuple[int, int]]


def own_words(x: float, weight: float, out: float, bound: int) -> tuple[int, int]:
    """As many bits as the sums leave room for."""
    (multiplier,), shift = wide.multipliers([x * weight / out], bound)
    return multiplier, shift


def litert_words(x: float, weight: float, out: float, bound: int) -> tuple[int, int]:
    """LiteRT's, of 16 bits. Raises UnsupportedError if results may leave 32 bits, where LiteRT's wrap."""
    try:
        multiplier, shift = tflite.reduced(tflite.multiplier_of(x * weight / out))
    except ValueError as error:
        raise UnsupportedError(str(error), "smaller scales") from error
    if bound * multiplier >> shift >= wide.INT32_MAX:
        raise UnsupportedError(f"a sum of up to {bound} in steps of {x * weight / out:g}", "results of 32 bits")
    return multiplier, shift


def litert_words_once(x: float, weight: float, out: float, bound: int) -> tuple[int, int]:
    """LiteRT's of 31 bits, for sums that are rounded once. Raises UnsupportedError for products beyond 64 bits."""
    try:
        by = tflite.multiplier_of(x * weight / out)
    except ValueError as error:
        raise UnsupportedError(str(error), "smaller scales") from error
    shift = 31 - by.shift
    product = bound * by.multiplier + (1 << shift)
    if shift < 1 or product >= 2**63 or product >> shift >= wide.INT32_MAX:
        raise UnsupportedError(f"a sum of up to {bound} in steps of {x * weight / out:g}", "results of 32 bits")
    return by.multiplier, shift


def litert_words_twice(x: float, weight: float, out: float, bound: int) -> tuple[int, int]:
    """LiteRT's of 31 bits, for sums of 32. Raises UnsupportedError if a sum may leave these, where LiteRT's wrap."""
    try:
        by = tflite.multiplier_of(x * weight / out)
    except ValueError as error:
        raise UnsupportedError(str(error), "smaller scales") from error
    if bound << max(by.shift, 0) > wide.INT32_MAX:
        raise UnsupportedError(f"a sum of up to {bound} with a bias of 32 bits", "sums of 32 bits, or biases of 64")
    return by.multiplier, by.shift


def sum_bounds(weights: Array, bias: Array) -> Array:
    """The largest magnitude that the sum of each unit may reach, at any point: weights [units, terms], bias int64."""
    magnitude = np.abs(weights.astype(np.int64)).sum(axis=1) * _MAGNITUDE
    bounds: Array = magnitude + np.abs(bias)
    return bounds


def layer_constants(
    weights: Array, filters: TensorType, bias: Array, x: float, out: float, words: Words = own_words
) -> LayerConstants:
    """What a layer needs for int8 ``weights`` [units, terms] of type ``filters``, a bias, and two scales.

    A bias of integers is in steps of the sums already; a float one is rounded to them. words: a unit's multiplier and
    shift.

    Interval analysis over the weights at hand decides whether sums are 32 bits wide or 64. Raises UnsupportedError if
    they do not fit either.
    """
    per_unit = filters.channel_params()
    products = [x * params.scale for params in per_unit]
    steps = bias.astype(np.float64) if bias.dtype.kind == "i" else wide.steps(bias, products)
    if not (np.abs(steps) <= wide.MAX_SUM).all():
        found = f"a bias of up to {float(np.abs(bias).max()):g} on sums in steps of {min(products):g}"
        raise UnsupportedError(found, f"at most {wide.MAX_SUM} steps", "the weights are too small beside the bias")
    starts = steps.astype(np.int64)  # exact: doubles hold all integers up to wide.MAX_SUM
    bounds = sum_bounds(weights, starts)
    largest = int(bounds.max(initial=0))
    if largest > wide.MAX_SUM:
        raise UnsupportedError(f"a sum of up to {largest}", f"at most {wide.MAX_SUM}", "use fewer inputs per output")
    channels = [
        word
        for params, bound in zip(per_unit, bounds.tolist(), strict=True)
        for word in words(x, params.scale, out, bound)
    ]
    is_wide = largest > wide.INT32_MAX
    return LayerConstants(packed_bias(starts, is_wide), np.array(channels, np.int32), is_wide)


def packed_bias(bias: Array, is_wide: bool) -> Array:
    """An int64 bias [units] as ``LayerConstants`` has it; buffers are aligned to 4 bytes, so int64 are two words."""
    if not is_wide:
        return bias.astype(np.int32)
    return np.stack([bias & 0xFFFFFFFF, bias >> 32], axis=1).astype(np.uint32).view(np.int32).ravel()


def unpacked_bias(bias: Array, units: int) -> Array:
    """The bias of a kernel as int64 [units], from either form."""
    words = bias.reshape(-1).astype(np.int64)
    if len(words) == units:
        return words
    return (words[1::2] << 32) + (words[::2] & 0xFFFFFFFF)
