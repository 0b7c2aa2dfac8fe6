"""How large the sums of a layer can get, over all inputs that its type holds, and what is made of them.

A sum begins with a bias and takes one product after the other. Each product's range holds 0, so that no partial sum, in
whatever order, lies outside of the range of the whole one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.checker.extents import loop_of
from tinyglow.checker.layer_reader import Layer
from tinyglow.checker.source import Call

Array = npt.NDArray[Any]

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)
# Bits of a sum that epilogues other than Glow's take: float32 holds 24 exactly, loops of ARMv6-M have 20.
_SUM_BITS = {"onnxi": 24, "onnxi20": 20, "tflite20": 20, "tflmr20": 20}


@dataclass(frozen=True)
class Sums:
    """What a call's sums can be.

    Attributes:
        low: The least sum of any unit.
        high: The largest.
        channel: The unit with the largest magnitude; the first of several.
        bits: Of the kernel's sums, 32 or 64.
        requantized: The largest number inside the requantization.
        requantized_limit: The most that it may be, so that nothing wraps.
        must_not_wrap: Whether the kernel is right only where nothing wraps.
        limits: See ``Layer``.
    """

    low: int
    high: int
    channel: int
    bits: int
    requantized: int
    requantized_limit: int
    must_not_wrap: bool
    limits: dict[str, tuple[int, int]]

    @property
    def fits(self) -> bool:
        """Whether the sums fit the kernel's integers."""
        least, most = INT32 if self.bits == 32 else INT64
        return least <= self.low and self.high <= most


def ranges(layer: Layer, bits: int) -> tuple[Array, Array]:
    """The least and the largest sum of each unit, int64, for inputs of 8 or 16 ``bits``."""
    least, most = -(1 << (bits - 1)) - layer.offset, (1 << (bits - 1)) - 1 - layer.offset
    positive = np.maximum(layer.weights, 0).sum(axis=1)
    negative = np.minimum(layer.weights, 0).sum(axis=1)
    return layer.start + positive * least + negative * most, layer.start + positive * most + negative * least


# Loops whose sums are unsigned numbers, so that they may wrap.
WRAPPING = ("conv2d", "conv2d_channelwise", "fully_connected")


def layer_sums(call: Call, layer: Layer, wraps: bool = False) -> Sums:
    """The sums of a layer with constant weights. wraps: whether they may leave 32 bits, and wrap."""
    known = loop_of(call.kernel)
    assert known is not None
    loop, epilogue, dtype = known
    low, high = ranges(layer, 16 if dtype == "s16" else 8)
    magnitude = np.maximum(-low, high)
    channel = int(magnitude.argmax())
    bits = 64 if "wide" in loop else 32
    limits = dict(layer.limits)
    if dtype == "s16":
        return Sums(int(low.min()), int(high.max()), channel, bits, *_scaled16(magnitude, layer), True, limits)
    ends = (np.clip(low, *INT32), np.clip(high, *INT32)) if wraps else (low, high)
    largest, limit = _requantized(call, loop, epilogue, ends, layer)
    must = epilogue != "glow" or form_of(loop) != "plain"
    return Sums(int(low.min()), int(high.max()), channel, bits, largest, limit, must, limits)


def form_of(loop: str) -> str:
    """How a kernel with Glow's rounding requantizes: "plain", "folded" or "high".

    Plain: by Glow's formula, which may wrap as Glow's does. Folded: the output's offset is added before the last shift.
    High: by the upper word of a product of 64 bits. The last two are right only where nothing wraps.
    """
    if re.fullmatch(
        r"conv2d_(?:dsp|channelwise_high_dsp|winograd\w*_dsp|3x3\w*|small\w*|quads\w*)|pointwise\w*|depthwise_3x3_block\w*",
        loop,
    ):
        return "high"
    if re.fullmatch(r"depthwise\w*_channelwise_dsp", loop):
        return "high"
    if re.fullmatch(r"conv2d(?:_channelwise)?_dual_mac|conv2d_winograd(?:_channelwise)?", loop):
        return "folded"
    if re.fullmatch(r"depthwise_(?:3x3|plane)(?:_channelwise)?", loop):
        return "folded"
    return "folded" if loop == "conv2d_channelwise_code" else "plain"


def constants(call: Call, layer: Layer, epilogue: str) -> list[tuple[int, int, int]]:
    """(multiplier, pre, post) of each unit's scale, as the call or the weights have them."""
    units = len(layer.weights)
    if layer.words is None:
        own = call.scale("out")
        return [(own["multiplier"], own["pre"], own["post"])] * units
    words = layer.words
    if words.shape[1] == 1:  # Glow's word: high (a shift, a multiplier of 24 bits), or folded
        column = words[:, 0] & 0xFFFFFFFF
        if "dsp" in call.kernel:
            return [(int(word) >> 8, int(word) & 0xFF, 24) for word in column]
        return [(int(word) >> 16, int(word) & 0xFF, (int(word) >> 8 & 0xFF) + 1) for word in column]
    if epilogue in ("glow", "onnx") or "channels" in {argument.name for argument in call.arguments}:
        return [(int(m), int(s) & 0xFF, int(s) >> 8 & 0xFF) for m, s in words]
    if epilogue == "tflm" or epilogue.startswith("tflmr"):
        return [(int(m), 1, int(s) + 1) for m, s in words]
    return [(int(m), 5 if epilogue.startswith("onnxi") else 0, int(s) + 1) for m, s in words]


def strange_shifts(call: Call, layer: Layer) -> list[tuple[str, str]]:
    """Shifts of a layer's scales that C does not define: how far they go, and how far they may."""
    known = loop_of(call.kernel)
    assert known is not None
    if known[2] == "s16":
        assert layer.words is not None
        shifts = [int(shift) for shift in layer.words[:, 1]]
        return [(f"{shift}", "0 to 62") for shift in sorted(set(shifts)) if not 0 <= shift <= 62][:1]
    if known[1].startswith("onnx"):  # they have no shifts, or one that is the epilogue's own
        return []
    least = 1 if known[1].startswith("tflite") else 0
    each = {(pre, post) for _, pre, post in constants(call, layer, known[1])}
    strange = [pair for pair in sorted(each) if not (0 <= pair[0] <= 31 and least <= pair[1] <= 32)]
    return [(f"{pre} and {post}", f"0 to 31, and {least} to 32") for pre, post in strange[:1]]


def _requantized(call: Call, loop: str, epilogue: str, bounds: tuple[Array, Array], layer: Layer) -> tuple[int, int]:
    """The largest number inside the requantization, and the most that it may be."""
    ends = zip(bounds[0].tolist(), bounds[1].tolist(), strict=True)
    way = epilogue, form_of(loop), _output_offset(call)
    each = (_inside(pair, own, way) for pair, own in zip(ends, constants(call, layer, epilogue), strict=True))
    return max(each, default=0), _limit(epilogue)


def _limit(epilogue: str) -> int:
    """The most that a number inside the requantization may be."""
    return (1 << _SUM_BITS[epilogue]) - 1 if epilogue in _SUM_BITS else INT32[1]


def _inside(ends: tuple[int, int], scale: tuple[int, int, int], way: tuple[str, str, int]) -> int:
    """The largest number on the way from sums between two ends, by a multiplier and its shifts.

    way: the epilogue, the form of Glow's, and the output's offset.
    """
    (multiplier, pre, post), (epilogue, form, offset) = scale, way
    magnitude = max(abs(total) for total in ends)
    if epilogue in _SUM_BITS or epilogue == "onnx":
        return magnitude
    if epilogue != "glow":
        return magnitude << pre
    product = max(abs((total >> pre) * multiplier) for total in ends)
    more = {"plain": (1 << post) >> 1, "folded": (abs(offset) + 1) << post}.get(form)
    return (product >> post) + 1 if more is None else product + more


def _output_offset(call: Call) -> int:
    return call.whole("out_offset") if "out_offset" in call.params else call.scale("out")["offset"]


def _scaled16(magnitude: Array, layer: Layer) -> tuple[int, int]:
    """Of int16 layers: a sum times its multiplier in 64 bits."""
    assert layer.words is not None
    products = [m * int(abs(w)) for m, w in zip(magnitude.tolist(), layer.words[:, 0], strict=True)]
    return max(products, default=0), INT64[1]


POOLS16 = ("tg_avg_pool_s16", "tg_avg_pool_tflite_s16")


def window_sums(call: Call) -> tuple[int, int] | None:
    """The range of the sums of a kernel without constant weights; None if it adds nothing up.

    Args:
        call: A call of a pool's mean, a sum over dimensions, or a product of two matrices.
    """
    kernel = call.kernel
    if kernel in ("tg_avg_pool_s8", "tg_avg_pool_onnx_s8", "tg_avg_pool_tflite_s8", "tg_avg_pool_tflite_ties_up_s8"):
        taps, offset = call.whole("kernel_h") * call.whole("kernel_w"), call.get("in_offset", 0)
        return taps * (-128 - offset), taps * (127 - offset)
    if kernel.startswith(("tg_reduce_sum_s", "tg_reduce_mean_")) or kernel in POOLS16:
        if kernel in POOLS16:
            terms = call.whole("kernel_h") * call.whole("kernel_w")
        else:
            terms = call.whole("drop0") * call.whole("drop1") * call.whole("drop2")
        half = 1 << 15 if kernel.endswith("_s16") else 128
        start = call.get("start", 0)
        return start - terms * half, start + terms * (half - 1)
    if re.fullmatch(r"tg_matmul(?:_\w+)?_s8", kernel):
        a, b = ([-128 - call.whole(name), 127 - call.whole(name)] for name in ("lhs_offset", "rhs_offset"))
        products = [x * y for x in a for y in b]
        return call.whole("depth") * min(products), call.whole("depth") * max(products)
    return None


_MATMUL = re.compile(r"tg_matmul(?:_(\w+))?_s8")


def window_requantization(call: Call, ends: tuple[int, int]) -> tuple[int, int, bool] | None:
    """Of a product of two int8 matrices: the largest number inside the requantization of its sums.

    Args:
        call: The call.
        ends: The range of its sums.

    Returns:
        It, the most that it may be, and whether it must not be more; None for other kernels.
    """
    match = _MATMUL.fullmatch(call.kernel)
    if match is None:
        return None
    scale, epilogue = call.scale("out"), match[1] or "glow"
    largest = _inside(ends, (scale["multiplier"], scale["pre"], scale["post"]), (epilogue, "plain", 0))
    return largest, _limit(epilogue), epilogue != "glow"
