"""The numbers inside of kernels whose tables or weights count: softmax, functions of int16, resizes, LSTM and SVDF."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.checker.findings import BrokenError
from tinyglow.checker.fixed16 import INT16, MOST_BITS, by_table, gemmlowp
from tinyglow.checker.ranges import INT32, Data, Found, Range, away_from_zero, clipped, plus, scaled_twice, times
from tinyglow.checker.source import Call

Array = npt.NDArray[Any]
_INT8 = (-128, 127)
_MOST_BIAS, _MOST_SHIFT64 = 2**46, 62  # of an LSTM with sums of 64 bits
_FAR = (-(1 << 20), 1 << 20)  # what an LSTM's scaled sums are brought between


def _array(call: Call, data: Data, name: str, dtype: str, count: int) -> Array:
    """The first elements of a constant operand. The extents of the call have been checked."""
    item = np.dtype(dtype).itemsize
    raw = data(name)[: count * item]
    if len(raw) < count * item or count <= 0:
        raise BrokenError(call.where, f"its {name} has {len(raw)} bytes", f"{count} elements")
    found = np.frombuffer(raw, dtype)
    return found if dtype == "<f4" else found.astype(np.int64)


def _ends(x: Array) -> Range:
    return int(x.min()), int(x.max())


def _row(found: Found, columns: int, own: int, others: Range, kind: str) -> Range:
    """The sum of a row: of its largest element, and of the others, which are anywhere below it."""
    total = found.add("sum", (own + (columns - 1) * others[0], own + (columns - 1) * others[1]), kind=kind)
    found.require(total[0] > 0, f"a sum of {total[0]}, by which is divided", "sums above 0")
    return total


def _columns(call: Call) -> int:
    columns = call.whole("columns")
    if columns < 1:
        raise BrokenError(call.where, f"has rows of {columns} elements", "1 or more")
    return columns


def _softmax(call: Call, data: Data, found: Found) -> None:
    """Glow's: exponentials of 31 bits, and the inverse of their sum by a division."""
    columns, zeros, offset = _columns(call), call.whole("zeros"), call.whole("out_offset")
    whole = call.shift("inverse_bits", most=31)
    part = call.shift("sum_bits", least=1, most=32) - 1
    powers = _array(call, data, "table", "<u4", 256 - zeros)
    low, high = (0 if zeros else int(powers.min())), int(powers.max())
    total = _row(found, columns, int(powers[-1]) >> part, (low >> part, high >> part), "unsigned")
    inverse = call.whole("inverse_scale")
    span = inverse + 16384, inverse + 32767  # half of a sum of 16 bits whose highest is 1
    held = found.add("dividend", span, wraps=True, kind="unsigned")
    quotient = found.add("quotient", (span[1] // 65535, span[0] // 32768) if held == span else (0, 131071), 17,
                         kind="unsigned")  # fmt: skip
    shifts = range(part + total[0].bit_length() - whole, part + total[1].bit_length() - whole + 1)
    found.require(shifts.start >= 1, f"shifts of {shifts.start} bits", "1 or more")
    products = quotient[0] * low >> 16, quotient[1] * high >> 16
    more = max((1 << shift >> 1 for shift in shifts if 0 <= shift < 16), default=0)
    found.add("product", (products[0], products[1] + more), kind="unsigned")
    results = [_shifted(product, shift) + offset for product in products for shift in shifts if shift >= 0]
    found.add("result", (min(results, default=0), max(results, default=0)), wraps=True)


def _shifted(x: int, shift: int) -> int:
    """x / 2**shift as libjit rounds it with 32 bits."""
    if shift == 16:
        return ((x >> 15) + 1 >> 1) - 1
    return x + (1 << shift >> 1) >> shift if shift < 16 else x >> shift


def _softmax_micro(call: Call, data: Data, found: Found) -> None:
    """CMSIS-NN's: the inverse of the sum by Newton's steps."""
    powers = _array(call, data, "table", "<i4", 256)
    own, low, high = (away_from_zero(int(power), 12) for power in (powers[0], powers.min(), powers.max()))
    total = _row(found, _columns(call), own, (low, high), "unsigned")
    product = scaled_twice(INT32[1], int(powers.max()), 0)
    found.add("product", (0, product))
    found.add("steps", (0, away_from_zero(product, 3 + total[0].bit_length())))


def _softmax16(call: Call, data: Data, found: Found) -> None:
    """LiteRT's of int16: distances from the largest, powers and the inverse of their sum from tables."""
    shift = call.shift("shift", least=-31, most=31)
    found.twice("distance", (-65535, 0), call.whole("multiplier"), shift)
    places = np.array([scaled_twice(_wrapped(d << max(shift, 0)), call.whole("multiplier"), max(-shift, 0))
                       for d in range(-65535, 1)])  # fmt: skip
    powers = _between(_array(call, data, "powers", "<i2", 513), np.clip(places + 32767, *INT16))
    inverses = _between(_array(call, data, "inverses", "<i2", 513), np.arange(INT16[0], INT16[1] + 1))
    total = _row(found, _columns(call), int(powers[-1]), _ends(powers), "signed")
    low, high = times(_ends(powers), _ends(inverses))
    found.add("product", (low, high + (1 << max(total[1].bit_length() - 1, 0) >> 1)))


def _wrapped(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


def _between(table: Array, x: Array) -> Array:
    place = x - INT16[0]
    low = table[place >> 7]
    return low + (((table[(place >> 7) + 1] - low) * (place & 127) + 64) >> 7)


def _softmax_of_floats(call: Call, data: Data, found: Found) -> None:
    """onnxruntime's and LiteRT's of int8: floats, of which the result is bounded before it is a whole number."""
    is_onnx = "_onnx_" in call.kernel
    powers = _array(call, data, "table", "<f4", 256)
    if not (np.isfinite(powers).all() and powers.min() >= 0 and powers[0] > 0):
        raise BrokenError(call.where, "its table has something else than powers", "numbers of at least 0")
    steps = call.params.get("steps_of_one" if is_onnx else "scale")
    usable = isinstance(steps, (int, float)) and math.isfinite(steps) and steps > 0
    found.require(usable, f"a scale of {str(steps)[:20]}", "one above 0")
    own, low, high = (Fraction(float(power)) for power in (powers[0], powers.min(), powers.max()))
    others = _columns(call) - 1
    found.add("sum", (math.floor(own + others * low), math.ceil(own + others * high)), kind="float")
    offset = call.whole("offset")
    found.add("result", (offset, (512 if is_onnx else 65536) + offset))


def _sigmoid(call: Call, data: Data, found: Found) -> None:
    """Sigmoid and tanh of int16, with the sigmoid's table."""
    shift = call.shift("shift", most=31)
    table = _array(call, data, "table", "<u2", 256)
    argument, line, result = by_table(call.kernel.split("_")[1], call.whole("multiplier"), shift, table)
    found.add("argument", argument)
    found.add("line", line)
    found.add("result", result, 16)


def _line(call: Call, data: Data, found: Found) -> None:
    """Between two entries of a table of int16."""
    rises = np.diff(_array(call, data, "table", "<i2", 513))
    low, high = times(_ends(rises), (0, 127))
    found.add("rise", (low + 64, high + 64))


def _blend(call: Call, data: Data, name: str, count: str, pixels: Range) -> Range:
    words = _array(call, data, name, "<u4", call.whole(count))
    weights = np.unique(np.where(words >> 15 & 1 == 1, words & 0x7FFF, 0))
    spans = [plus(times((2048 - weight,) * 2, pixels), times((weight,) * 2, pixels)) for weight in weights.tolist()]
    return min(low for low, _ in spans), max(high for _, high in spans)


def _resize(call: Call, data: Data, found: Found) -> None:
    """Four pixels with weights of 11 bits."""
    rows = found.add("rows", _blend(call, data, "rows", "out_h", _INT8))
    low, high = _blend(call, data, "columns", "out_w", rows)
    corners = [x for x in (low, high, 0, -1) if low <= x <= high]
    rounded = [x + call.whole("round_negative" if x < 0 else "round_positive") for x in corners]
    found.add("columns", (min(rounded), max(rounded)))
    found.add("result", (min(rounded) >> 22, max(rounded) >> 22), 8)


def _resize_by_floats(call: Call, data: Data, found: Found) -> None:
    """With weights from 0 to 1, no step leaves the range of the pixels."""
    for name, count in (("row_weights", "out_h"), ("column_weights", "out_w")):
        weights = _array(call, data, name, "<f4", call.whole(count))
        found.require(bool(((weights >= 0) & (weights <= 1)).all()), f"{name} that are no shares", "0 to 1")
    found.add("result", _INT8, 8)


def _sums(weights: Array, start: Array | int, inputs: Range) -> Range:
    """The least and the largest of ``start`` + weights [rows, terms] times inputs."""
    each = np.stack([weights * inputs[0], weights * inputs[1]])
    return int((each.min(axis=0).sum(axis=1) + start).min()), int((each.max(axis=0).sum(axis=1) + start).max())


def _svdf(call: Call, data: Data, found: Found) -> None:
    """Features of the input, then times of the state, of which any is in the state before."""
    units, rank, memory, depth = (call.whole(name) for name in ("units", "rank", "memory", "depth"))
    kind, limits = ("<i1", _INT8) if "_state_" in call.kernel else ("<i2", INT16)
    features = _array(call, data, "features", "<i1", units * rank * depth).reshape(units * rank, depth)
    times_ = _array(call, data, "times", kind, units * rank * memory).reshape(units, rank * memory)
    bias = _array(call, data, "bias", "<i4", units)
    offset = call.whole("in_offset")
    feature = found.add("feature", _sums(features, 0, (-128 - offset, 127 - offset)), wraps=True)
    shift, out_shift = (call.shift(name, least=-31, most=31) for name in ("shift", "out_shift"))
    found.twice("input", feature, call.whole("multiplier"), shift)
    past = limits[0] - call.whole("state_offset"), limits[1] - call.whole("state_offset")
    found.add("term", times(past, _ends(times_)))
    total = found.add("total", _sums(times_, bias, past), wraps=True)
    found.twice("result", total, call.whole("out_multiplier"), out_shift)


def _lstm(call: Call, data: Data, found: Found) -> None:
    """Four gates of two sums each, their functions, and the cell."""
    units, depth, bits = (call.whole(name) for name in ("units", "depth", "cell_bits"))
    if not 0 <= bits < MOST_BITS:
        raise BrokenError(call.where, f"has a cell of {bits} integer bits", f"0 to {MOST_BITS - 1}")
    by_table_ = "_tflm_" in call.kernel
    scales = _array(call, data, "scales", "<i4", 16).reshape(4, 2, 2).tolist()
    bias = _array(call, data, "bias", "<i4", 8 * units).reshape(2, 4, units)
    sides = [
        _array(call, data, name, "<i1", 4 * units * terms).reshape(4, units, terms)
        for name, terms in (("weights", depth), ("recurrent", units))
    ]
    sums, inputs, gates = [], [], []
    for gate in range(4):
        both = []
        for side in (0, 1):
            multiplier, shift = scales[gate][side]
            if not -31 <= shift <= 31:
                raise BrokenError(call.where, f"a gate's scale shifts by {shift} bits", "-31 to 31")
            own = Found()
            sums.append(_sums(sides[side][gate], bias[side, gate], _INT8))
            held = own.add("sum", sums[-1], wraps=True)
            both.append(clipped(own.twice("input", held, multiplier, shift), _FAR))
            inputs.append((own.stated["input"]["low"], own.stated["input"]["high"]))
        gates.append(plus(clipped(both[0], INT16), both[1]))
    for name, spans, wraps in (("sum", sums, True), ("input", inputs, True), ("gate", gates, False)):
        found.add(name, (min(low for low, _ in spans), max(high for _, high in spans)), wraps=wraps)
    functions = [_function(call, data, found, name, own, by_table_)
                 for name, own in (("sigmoid", 3), ("tanh", 3), ("shown", bits))]  # fmt: skip
    sigmoid, tanh, shown = functions
    parts = []
    for name, product, right in (("kept", times(sigmoid, INT16), 15), ("added", times(sigmoid, tanh), 15 + bits)):
        if by_table_:
            parts.append(found.twice(name, product, 1 << 30, 1 - right))
        else:
            low, high = found.add(name, product)
            parts.append((away_from_zero(low, right), away_from_zero(high, right)))
    found.add("cell", plus(clipped(parts[0], INT16), parts[1]))
    found.litert("result", times(shown, sigmoid), call)


def _lstm16(call: Call, data: Data, found: Found) -> None:
    """Of int16: sums of 64 bits and their products, functions from a table, and the cell."""
    units, depth, bits = (call.whole(name) for name in ("units", "depth", "cell_bits"))
    if not 0 <= bits < MOST_BITS:
        raise BrokenError(call.where, f"has a cell of {bits} integer bits", f"0 to {MOST_BITS - 1}")
    scales = _array(call, data, "scales", "<i4", 16).reshape(4, 2, 2).tolist()
    bias = _array(call, data, "bias", "<i8", 4 * units).reshape(4, units)
    if max(abs(end) for end in _ends(bias)) > _MOST_BIAS:
        raise BrokenError(call.where, f"has biases of {_ends(bias)}", f"at most {_MOST_BIAS}")
    sides = (
        (_array(call, data, "weights", "<i1", 4 * units * depth).reshape(4, units, depth), bias),
        (_array(call, data, "recurrent", "<i1", 4 * units * units).reshape(4, units, units), np.zeros_like(bias)),
    )
    sums, products = [], []
    for gate in range(4):
        for side, (weights, start) in enumerate(sides):
            multiplier, shift = scales[gate][side]
            if not 0 <= shift <= _MOST_SHIFT64:
                raise BrokenError(call.where, f"a gate's scale shifts by {shift} bits", f"0 to {_MOST_SHIFT64}")
            sums.append(_sums(weights[gate], start[gate], INT16))
            low, high = (end * multiplier + (1 << shift) // 2 for end in sums[-1])
            products.append((min(low, high), max(low, high)))
    for name, spans in (("sum", sums), ("product", products)):
        found.add(name, (min(span[0] for span in spans), max(span[1] for span in spans)), 64)
    sigmoid, tanh, shown = (
        _function(call, data, found, name, own, True) for name, own in (("sigmoid", 3), ("tanh", 3), ("shown", bits))
    )
    found.twice("kept", times(sigmoid, INT16), 1 << 30, -14)
    found.litert("added", times(sigmoid, tanh), call, "added_")
    found.litert("result", times(shown, sigmoid), call)


def _function(call: Call, data: Data, found: Found, name: str, bits: int, from_table: bool) -> Range:
    """What a function computes on the way; its results."""
    kind = "sigmoid" if name == "sigmoid" else "tanh"
    if not from_table:
        inside, result = gemmlowp(kind, bits)
        found.add(f"{name} inside", inside)
        return result
    table = _array(call, data, "table", "<u2", 256)
    argument, line, result = by_table(kind, 3 << max(bits - 3, 0), max(3 - bits, 0), table)
    found.add(f"{name} argument", argument)
    found.add(f"{name} line", line)
    found.require(INT16[0] <= result[0] and result[1] <= INT16[1], f"a {kind} of {result}", "numbers of 16 bits")
    return result


TABLE_KERNELS: tuple[tuple[str, Callable[[Call, Data, Found], None]], ...] = (
    (r"tg_softmax_s8", _softmax),
    (r"tg_softmax_tflm_s8", _softmax_micro),
    (r"tg_softmax_tflite_s16", _softmax16),
    (r"tg_softmax_(?:tflite|onnx)_s8", _softmax_of_floats),
    (r"tg_(?:sigmoid|tanh)_tflite_s16", _sigmoid),
    (r"tg_lookup_s16", _line),
    (r"tg_resize_bilinear_s8", _resize),
    (r"tg_resize_bilinear_(?:float|fused)_s8", _resize_by_floats),
    (r"tg_svdf(?:_state)?_s8", _svdf),
    (r"tg_lstm_(?:tflite|tflm)_s8", _lstm),
    (r"tg_lstm_tflm_s16", _lstm16),
)
