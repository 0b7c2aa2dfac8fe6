"""The numbers inside of kernels but layers' sums: their ranges over all inputs, by parameters, tables and weights."""

from __future__ import annotations

import re
from collections.abc import Callable

from tinyglow.checker.ranges import Data, Found, Range, plus, times
from tinyglow.checker.source import Call
from tinyglow.checker.sums import window_sums
from tinyglow.checker.table_numbers import TABLE_KERNELS

_HALF = {"s8": 128, "s16": 1 << 15}


def _operand(call: Call, offset: str = "", low: int | None = None, high: int | None = None) -> Range:
    """Elements of the call's type between two bounds, less an offset of the call."""
    half = _HALF[call.kernel.rpartition("_")[2]]
    away = call.whole(offset) if offset else 0
    return (-half if low is None else low) - away, (half - 1 if high is None else high) - away


def _pair(call: Call, found: Found) -> None:
    a = found.glow("input", _operand(call, "input_offset"), call.scale("input_scale"))
    b = found.glow("other", _operand(call, "other_offset"), call.scale("other_scale"))
    if "_add_" in call.kernel:
        found.add("result", plus(a, b), wraps=True)
    elif "_sub_" in call.kernel:
        found.add("result", plus(b, a, -1) if call.whole("is_reversed") else plus(a, b, -1), wraps=True)


def _pair16(call: Call, found: Found) -> None:
    a, b = (times(_operand(call), 2 * (call.whole(f"{name}_multiplier"),)) for name in ("input", "other"))
    if "_add_" in call.kernel:
        found.wide("result", plus(a, b), call)
    else:
        found.wide("input", a, call)
        found.wide("other", b, call)


def _product(call: Call, found: Found) -> None:
    if call.kernel.endswith("_s16"):
        product = times(_operand(call), _operand(call))
    else:
        product = times(_operand(call, "input_offset"), _operand(call, "other_offset"))
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


def _quotient(call: Call, found: Found) -> None:
    bits = call.shift("fraction_bits")
    low, high = _operand(call, "other_offset" if call.whole("is_reversed") else "input_offset")
    dividend = found.add("dividend", (low << bits, high << bits))
    most = min(max(-dividend[0], dividend[1]), call.whole("limit"))
    found.glow("result", (-most, most), call.scale("out"))


def _one(call: Call, found: Found) -> None:
    if "clip" in call.kernel:
        low, high = (min(max(end, call.whole("low")), call.whole("high")) for end in (-128, 127))
    else:
        low, high = max(-128, call.whole("in_min")), 127
    found.glow("result", _operand(call, "in_offset", low, high), call.scale("out"))


def _by_sign(call: Call, found: Found) -> None:
    zero = call.whole("in_offset")
    found.glow("positive", _operand(call, "in_offset", low=zero), call.scale("positive"))
    leaky = "leaky" in call.kernel
    below = _operand(call, "in_offset", high=zero) if leaky else _operand(call, "product_offset")
    found.glow("negative", below, call.scale("negative"))


def _by_sign16(call: Call, found: Found) -> None:
    below = _operand(call) if "prelu" in call.kernel else _operand(call, high=-1)
    if "tflite" in call.kernel:
        found.litert("positive", _operand(call, low=0), call)
        found.litert("negative", below, call, "below_")
    else:
        found.wide("positive", _operand(call, low=0), call, "positive")
        found.wide("negative", below, call, "negative")


def _slopes(call: Call, found: Found) -> None:
    zero = call.whole("input_offset")
    above = _operand(call, "input_offset", low=zero)
    found.litert("positive", above, call)
    product = times(_operand(call, "input_offset", high=zero), _operand(call, "other_offset"))
    product = found.add("product", product)
    found.litert("negative", product, call, "below_")


def _choice(call: Call, found: Found) -> None:
    if "compare" in call.kernel:
        found.glow("input", _operand(call, "input_offset"), call.scale("to_other"))
        return
    for name in ("input", "other"):
        found.glow(name, _operand(call, f"{name}_offset"), call.scale(f"{name}_scale"))


def _sum_of_litert(call: Call, found: Found) -> None:
    more, narrow = (20, True) if call.kernel.endswith("_s8") else (15, False)
    ends = []
    for name in ("input", "other"):
        low, high = _operand(call, f"{name}_offset" if narrow else "")
        span = low << more, high << more
        ends.append(found.litert(name, span, call, f"{name}_"))
    first = ends[0] if call.whole("input_sign") > 0 else (-ends[0][1], -ends[0][0])
    total = found.add("sum", plus(first, ends[1], call.whole("other_sign")))
    found.litert("result", total, call)


def _linear(call: Call, found: Found) -> None:
    a, b = (times(_operand(call), 2 * (call.whole(f"{name}_multiplier"),)) for name in ("input", "other"))
    products = found.add("products", plus(a, b))
    found.add("result", plus(products, 2 * (call.whole("start"),)))


def _mean(call: Call, found: Found) -> None:
    bits = call.shift("fraction_bits")
    start = (call.whole("out_offset") << bits) + ((1 << bits) >> 1) + call.whole("near")
    found.add("result", plus(times(_operand(call, "in_offset"), 2 * (call.whole("multiplier"),)), 2 * (start,)))


def _many(call: Call, found: Found) -> None:
    total = window_sums(call)
    assert total is not None
    if "mean_onnx" in call.kernel:
        found.add("sum", total, 32 if "float" in call.kernel else 25)
    elif "tflite" in call.kernel:
        found.litert("result", total, call)
    elif call.kernel.endswith("_s16"):
        found.wide("result", total, call, "multiplier")
    else:
        result = found.glow("result", total, call.scale("out"))
        if call.get("divide", 0):
            _dividend(call, found, result, wraps=True)


def _matrices16(call: Call, found: Found) -> None:
    low, high = times(_operand(call), _operand(call))
    total = found.add("sum", (call.whole("depth") * low, call.whole("depth") * high), 64)
    found.wide("result", total, call, "multiplier")


def _width(call: Call, found: Found) -> None:
    """A change between int8 and int16: the elements are of the other type."""
    half, offset = 1 << (8 * call.argument("input").item - 1), call.whole("in_offset")
    found.litert("result", (-half - offset, half - 1 - offset), call)


def _litert_pool(call: Call, found: Found) -> None:
    total = window_sums(call)
    assert total is not None
    _dividend(call, found, total)


def _dividend(call: Call, found: Found, span: Range, wraps: bool = False) -> None:
    half = call.whole("kernel_h") * call.whole("kernel_w") // 2
    found.add("dividend", (span[0] - half, span[1] + half), wraps=wraps)


_KERNELS: tuple[tuple[str, Callable[[Call, Found], None]], ...] = (
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
    (r"tg_rescale_tflite_(?:widen|narrow)(?:_s8|_s16|_s32)+", _width),
    (r"tg_avg_pool_tflite_s(?:8|16)|tg_avg_pool_tflite_ties_up_s8", _litert_pool),
)


def numbers(call: Call, data: Data) -> Found | None:
    """What a proof must state of a call's numbers.

    Args:
        call: The call.
        data: The bytes of the constants from an operand's first on.

    Returns:
        The ranges, and what refuses the call; None if there is nothing to state.
    """
    found = Found()
    for pattern, of_parameters in _KERNELS:
        if re.fullmatch(pattern, call.kernel):
            of_parameters(call, found)
            return found
    for pattern, of_tables in TABLE_KERNELS:
        if re.fullmatch(pattern, call.kernel):
            of_tables(call, data, found)
            return found
    return None
