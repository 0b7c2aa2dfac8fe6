"""The numbers inside of kernels without constant weights: their ranges over all inputs, by the call's parameters."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tinyglow.checker.source import MOST_SHIFT, Call
from tinyglow.checker.sums import window_sums

Range = tuple[int, int]
Stated = dict[str, dict[str, Any]]
_INT32 = (-(2**31), 2**31 - 1)
_HALF = {"s8": 128, "s16": 1 << 15}


class _Found:
    """Ranges by name, and which of them C may let wrap."""

    def __init__(self) -> None:
        self.stated: Stated = {}
        self.unsound: list[str] = []

    def add(self, name: str, span: Range, bits: int = 32, wraps: bool = False) -> Range:
        """Note a number; what the integer holds of it."""
        entry: dict[str, Any] = {"bits": bits, "low": span[0], "high": span[1]}
        most = 1 << (bits - 1)
        self.stated[name] = entry
        if -most <= span[0] and span[1] < most:
            return span
        if wraps:
            entry["wraps"] = True
        else:
            self.unsound.append(name)
        return -most, most - 1

    def glow(self, name: str, span: Range, scale: dict[str, int]) -> Range:
        """``((x >> pre) * multiplier + half >> post) + offset``."""
        post, half = scale["post"], (1 << scale["post"]) // 2
        inside = _sorted(*((x >> scale["pre"]) * scale["multiplier"] + half for x in span))
        result = (inside[0] >> post) + scale["offset"], (inside[1] >> post) + scale["offset"]
        whole = min(inside[0], result[0]), max(inside[1], result[1])
        return result if self.add(name, whole, wraps=True) == whole else _INT32

    def litert(self, name: str, span: Range, call: Call, prefix: str = "") -> Range:
        """A number shifted to the left, times a multiplier of 31 bits, shifted to the right: rounded twice."""
        multiplier, shift = call.whole(f"{prefix}multiplier"), call.shift(f"{prefix}shift", least=-MOST_SHIFT)
        held = self.add(name, (span[0] << max(shift, 0), span[1] << max(shift, 0)), wraps=True)
        return _sorted(*(_twice(x, multiplier, max(-shift, 0)) for x in held))

    def wide(self, name: str, span: Range, call: Call, multiplier: str = "") -> None:
        """A product of 64 bits, and half of what its shift takes off."""
        half, factor = (1 << call.shift("shift")) // 2, call.whole(multiplier) if multiplier else 1
        self.add(name, _sorted(span[0] * factor + half, span[1] * factor + half), 64)


def _sorted(a: int, b: int) -> Range:
    return min(a, b), max(a, b)


def _twice(x: int, multiplier: int, right: int) -> int:
    """The upper word of the doubled product, ties upwards; over 2**right, ties away from zero."""
    high = min((x * multiplier + (1 << 30)) >> 31, _INT32[1])
    away = abs(high) + ((1 << right) >> 1) >> right
    return away if high >= 0 else -away


def _times(a: Range, b: Range) -> Range:
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _plus(a: Range, b: Range, sign: int = 1) -> Range:
    return (a[0] + b[0], a[1] + b[1]) if sign > 0 else (a[0] - b[1], a[1] - b[0])


def _operand(call: Call, offset: str = "", low: int | None = None, high: int | None = None) -> Range:
    """Elements of the call's type between two bounds, less an offset of the call."""
    half = _HALF[call.kernel.rpartition("_")[2]]
    away = call.whole(offset) if offset else 0
    return (-half if low is None else low) - away, (half - 1 if high is None else high) - away


def _pair(call: Call, found: _Found) -> None:
    a = found.glow("input", _operand(call, "input_offset"), call.scale("input_scale"))
    b = found.glow("other", _operand(call, "other_offset"), call.scale("other_scale"))
    if "_add_" in call.kernel:
        found.add("result", _plus(a, b), wraps=True)
    elif "_sub_" in call.kernel:
        found.add("result", _plus(b, a, -1) if call.whole("is_reversed") else _plus(a, b, -1), wraps=True)


def _pair16(call: Call, found: _Found) -> None:
    a, b = (_times(_operand(call), 2 * (call.whole(f"{name}_multiplier"),)) for name in ("input", "other"))
    if "_add_" in call.kernel:
        found.wide("result", _plus(a, b), call)
    else:
        found.wide("input", a, call)
        found.wide("other", b, call)


def _product(call: Call, found: _Found) -> None:
    if call.kernel.endswith("_s16"):
        product = _times(_operand(call), _operand(call))
    else:
        product = _times(_operand(call, "input_offset"), _operand(call, "other_offset"))
    if call.kernel == "tg_mul_onnx_s8":
        found.add("product", product, 25)  # a float holds it
        return
    found.add("product", product)
    if "tflite" in call.kernel:
        found.litert("result", product, call)
    elif call.kernel == "tg_mul_s16":
        found.wide("result", product, call, "multiplier")
    else:
        found.glow("result", product, call.scale("out"))


def _quotient(call: Call, found: _Found) -> None:
    bits = call.shift("fraction_bits")
    low, high = _operand(call, "other_offset" if call.whole("is_reversed") else "input_offset")
    dividend = found.add("dividend", (low << bits, high << bits))
    most = min(max(-dividend[0], dividend[1]), call.whole("limit"))
    found.glow("result", (-most, most), call.scale("out"))


def _one(call: Call, found: _Found) -> None:
    if "clip" in call.kernel:
        low, high = (min(max(end, call.whole("low")), call.whole("high")) for end in (-128, 127))
    else:
        low, high = max(-128, call.whole("in_min")), 127
    found.glow("result", _operand(call, "in_offset", low, high), call.scale("out"))


def _by_sign(call: Call, found: _Found) -> None:
    zero = call.whole("in_offset")
    found.glow("positive", _operand(call, "in_offset", low=zero), call.scale("positive"))
    leaky = "leaky" in call.kernel
    below = _operand(call, "in_offset", high=zero) if leaky else _operand(call, "product_offset")
    found.glow("negative", below, call.scale("negative"))


def _by_sign16(call: Call, found: _Found) -> None:
    below = _operand(call) if "prelu" in call.kernel else _operand(call, high=-1)
    if "tflite" in call.kernel:
        found.litert("positive", _operand(call, low=0), call)
        found.litert("negative", below, call, "below_")
    else:
        found.wide("positive", _operand(call, low=0), call, "positive")
        found.wide("negative", below, call, "negative")


def _slopes(call: Call, found: _Found) -> None:
    zero = call.whole("input_offset")
    above = _operand(call, "input_offset", low=zero)
    found.litert("positive", above, call)
    product = _times(_operand(call, "input_offset", high=zero), _operand(call, "other_offset"))
    product = found.add("product", product)
    found.litert("negative", product, call, "below_")


def _choice(call: Call, found: _Found) -> None:
    if "compare" in call.kernel:
        found.glow("input", _operand(call, "input_offset"), call.scale("to_other"))
        return
    for name in ("input", "other"):
        found.glow(name, _operand(call, f"{name}_offset"), call.scale(f"{name}_scale"))


def _sum_of_litert(call: Call, found: _Found) -> None:
    more, narrow = (20, True) if call.kernel.endswith("_s8") else (15, False)
    ends = []
    for name in ("input", "other"):
        low, high = _operand(call, f"{name}_offset" if narrow else "")
        span = low << more, high << more
        ends.append(found.litert(name, span, call, f"{name}_"))
    first = ends[0] if call.whole("input_sign") > 0 else (-ends[0][1], -ends[0][0])
    total = found.add("sum", _plus(first, ends[1], call.whole("other_sign")))
    found.litert("result", total, call)


def _linear(call: Call, found: _Found) -> None:
    a, b = (_times(_operand(call), 2 * (call.whole(f"{name}_multiplier"),)) for name in ("input", "other"))
    products = found.add("products", _plus(a, b))
    found.add("result", _plus(products, 2 * (call.whole("start"),)))


def _mean(call: Call, found: _Found) -> None:
    bits = call.shift("fraction_bits")
    start = (call.whole("out_offset") << bits) + ((1 << bits) >> 1) + call.whole("near")
    found.add("result", _plus(_times(_operand(call, "in_offset"), 2 * (call.whole("multiplier"),)), 2 * (start,)))


def _many(call: Call, found: _Found) -> None:
    total = window_sums(call)
    assert total is not None
    if "mean_onnx" in call.kernel:
        found.add("sum", total, 32 if "float" in call.kernel else 25)
    elif "tflite" in call.kernel:
        found.litert("result", total, call)
    elif call.kernel.endswith("_s16"):
        found.wide("result", total, call, "multiplier")
    else:
        found.glow("result", total, call.scale("out"))


def _matrices16(call: Call, found: _Found) -> None:
    low, high = _times(_operand(call), _operand(call))
    total = found.add("sum", (call.whole("depth") * low, call.whole("depth") * high), 64)
    found.wide("result", total, call, "multiplier")


_KERNELS: tuple[tuple[str, Callable[[Call, _Found], None]], ...] = (
    (r"tg_(?:add|sub|max|min)_s8", _pair),
    (r"tg_(?:add|max|min)_s16", _pair16),
    (r"tg_mul(?:_onnx|_tflite)?_s8|tg_mul(?:_tflite)?_s16", _product),
    (r"tg_div_s8", _quotient),
    (r"tg_(?:rescale|clip)_s8", _one),
    (r"tg_(?:leaky_relu|prelu)_s8", _by_sign),
    (r"tg_(?:prelu|rescale|rescale_tflite)_s16", _by_sign16),
    (r"tg_prelu_tflite_s8", _slopes),
    (r"tg_(?:select|compare)_s8", _choice),
    (r"tg_add_tflite_s(?:8|16)", _sum_of_litert),
    (r"tg_add_linear_s8", _linear),
    (r"tg_(?:avg_pool|reduce_sum)_s(?:8|16)|tg_reduce_mean_tflite_s(?:8|16)|tg_reduce_mean_onnx(?:_float)?_s8", _many),
    (r"tg_avg_pool_onnx_s8", _mean),
    (r"tg_matmul_s16", _matrices16),
)


def numbers(call: Call) -> tuple[Stated | None, list[str]]:
    """What a proof must state of a call's numbers.

    Args:
        call: The call.

    Returns:
        By name ``bits``, ``low`` and ``high``, and ``wraps`` where the range leaves them; None if nothing is to be
        stated. And the names of those that leave their bits though C may not let them wrap.
    """
    for pattern, function in _KERNELS:
        if re.fullmatch(pattern, call.kernel):
            found = _Found()
            function(call, found)
            return found.stated, found.unsound
    return None, []
