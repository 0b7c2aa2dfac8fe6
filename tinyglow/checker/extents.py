"""How much of each operand a kernel touches: elements from the operand's first on, by the call's parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.checker import winograd
from tinyglow.checker.findings import BrokenError
from tinyglow.checker.shapes import check_shape, dsp_lines
from tinyglow.checker.small_layers import scratch_words, weight_words
from tinyglow.checker.source import Call
from tinyglow.checker.streams import dual_mac_bytes, packed_bytes

Array = npt.NDArray[Any]
Extents = dict[str, int]

EPILOGUES = ("tflite20", "onnxi20", "tflmr20", "tflite", "tflmr", "tflm", "onnxi", "onnx")
_LOOPS = re.compile(
    rf"tg_((?:conv2d|depthwise|pointwise|fully_connected)\w*?)(?:_({'|'.join(EPILOGUES)}))?_(s8|s16|f32)"
)
# Loops whose channels have their scales in an operand of their own.
_SCALES_APART = ("conv2d_channelwise", "conv2d_channelwise_dsp", "conv2d_channelwise_mve", "depthwise_channelwise_mve")
_LONGEST = 1 << 24  # elements of a table of places


def loop_of(kernel: str) -> tuple[str, str, str] | None:
    """A layer's loop, epilogue and type: tg_conv2d_dsp_tflm_s8 -> conv2d_dsp, tflm, s8. None for other kernels."""
    match = _LOOPS.fullmatch(kernel)
    return (match[1], match[2] or "glow", match[3]) if match else None


def words_of_scale(kernel: str, loop: str, epilogue: str) -> int:
    """Words of a channel's own scale that stand beside its weights; 0 where the call's parameters have one for all."""
    if "channelwise" not in loop or loop in _SCALES_APART:
        return 0
    return 1 if epilogue == "glow" else 2


def extents(call: Call, data: Callable[[str], bytes]) -> Extents:
    """How many elements of each operand a call touches.

    Args:
        call: The call.
        data: The bytes of the memory of constants from an operand's first on, by the operand's name.

    Returns:
        Elements by the operand's name; of ``scratch`` bytes.

    Raises:
        BrokenError: The checker does not know the kernel, its loop is not made for the shape, or a table points outside
            of what it is for.
    """
    known = loop_of(call.kernel)
    if known is not None:
        check_shape(call, known[0])
        found = _layer(call, *known, data)
        if "scratch" in found:
            found["scratch"] *= 4  # words
        elif "halfwords" in found:
            found["scratch"] = 2 * found.pop("halfwords")
        return found
    for pattern, function in _OTHERS:
        if re.fullmatch(pattern, call.kernel):
            return function(call, data)
    raise BrokenError(call.where, "is a kernel that the checker does not know")


def _up(value: int, step: int) -> int:
    return -(-value // step)


def _image(call: Call, loop: str) -> Extents:
    p, whole = call, call.whole
    if loop.startswith("pointwise"):
        return {"input": whole("pixels") * whole("in_c"), "output": whole("pixels") * whole("out_c")}
    in_c = {"conv2d_3x3_dsp": 4, "conv2d_3x3_channelwise_dsp": 4, "conv2d_3x3_pool_dsp": 1}.get(loop, 0)
    in_c = 1 if loop == "conv2d_3x3_pool_channelwise_dsp" else in_c or whole("in_c")
    out_c = p.get("out_c", in_c)
    return {
        "input": whole("images") * whole("in_h") * whole("in_w") * in_c,
        "output": whole("images") * whole("out_h") * whole("out_w") * out_c,
    }


def _layer(call: Call, loop: str, epilogue: str, dtype: str, data: Callable[[str], bytes]) -> Extents:
    """Convolutions and fully connected layers."""
    whole, scale = call.whole, words_of_scale(call.kernel, loop, epilogue)
    if loop.startswith("fully_connected"):
        return _dense(call, loop, data)
    found = _image(call, loop)
    out_c = call.get("out_c", 0) or whole("in_c")
    if loop.startswith("pointwise"):
        return found | {"filter": out_c * (5 + scale)}
    if loop in ("conv2d", "conv2d_channelwise", "conv2d_wide", "conv2d_twice"):
        terms = whole("kernel_h") * whole("kernel_w") * (whole("in_c") // max(whole("group"), 1))
        wide = 2 if loop == "conv2d_wide" else 1
        return found | {"filter": out_c * terms, "bias": wide * out_c, "channels": 2 * out_c}
    if loop.endswith("_mve"):
        terms = whole("kernel_h") * whole("kernel_w") * (1 if loop.startswith("depthwise") else whole("in_c"))
        return found | {"filter": out_c * terms, "bias": out_c, "channels": 2 * out_c}
    pairs = _up(out_c, 2)
    if loop.startswith("conv2d_3x3_pool"):
        return found | {"filter": out_c * (7 + scale), "scratch": 4 * (whole("out_w") + 1) + 2}
    if loop.startswith("conv2d_3x3"):
        width = whole("out_w") * (whole("pool") or 1)
        return found | {"filter": pairs * (38 + 2 * scale), "scratch": 4 * 2 * (_up(width, 2) * 2 + 2)}
    if loop.startswith("conv2d_small"):
        words = weight_words(whole("kernel_h"), whole("kernel_w") * whole("in_c"))
        return found | {"filter": pairs * 2 * (1 + words + scale) + 1, "scratch": scratch_words(call)}
    if "winograd" in loop:
        return found | winograd.extents(loop, whole("in_c"), out_c, scale)
    if loop.startswith("depthwise"):
        return found | _depthwise(call, loop, scale)
    terms = whole("kernel_h") * whole("kernel_w") * whole("in_c")
    if "dual_mac" in loop:
        stream = dual_mac_bytes(data("filter"), out_c, terms)
        return found | {"filter": stream, "bias": out_c * (2 + scale), "scratch": 2 * terms}
    if "code" in loop:
        columns = (whole("at_once") - 1) * whole("stride_w") + whole("kernel_w")
        scratch = 8 * pairs + columns * whole("in_c") * whole("kernel_h")
        return found | {"bias": out_c * (1 + scale), "scratch": scratch}
    if loop == "conv2d_packed":
        terms //= max(whole("group"), 1)
        form = whole("index_bits"), whole("table_bytes"), whole("bias_bits"), whole("word_bits")
        return found | {"packed": packed_bytes(data("packed"), out_c, terms, form), "halfwords": terms}
    if loop in ("conv2d_dsp", "conv2d_channelwise_dsp", "conv2d_channelwise_high_dsp") or "quads" in loop:
        lines, taps = dsp_lines(whole("kernel_h"), whole("kernel_w") * whole("in_c"))
        groups = lines * _up(taps, 4)
        more = {0: 4 * _up(whole("kernel_w") * whole("in_c"), 4), 3: 4 * groups + 4}.get(whole("layout"), 0)
        # Of pixels side by side, no words are read after the columns but by the loop with any scales.
        ahead = 0 if "quads" in loop or (whole("layout") == 2 and loop != "conv2d_channelwise_dsp") else 8
        found |= {"filter": pairs * groups * 8 + 8, "scratch": _up(2 * 4 * 4 * groups + max(ahead, more), 4)}
        if "quads" in loop:
            return found | {"filter": out_c // 4 * (4 + 4 * groups + 4 * scale)}
        high = loop == "conv2d_channelwise_high_dsp"
        return found | {"bias": pairs * (2 + 2 * scale) if high else 2 * pairs, "channels": 2 * out_c}
    raise BrokenError(call.where, "is a kernel that the checker does not know")


def _depthwise(call: Call, loop: str, scale: int) -> Extents:
    whole, channels = call.whole, call.whole("in_c")
    taps = call.get("kernel_h", 3) * call.get("kernel_w", 3)
    if "block" in loop:
        columns, rows = _up(whole("out_w"), 2) + 1, whole("band") + 2
        kept = 2 * columns if whole("band") < whole("out_h") else 0
        return {"filter": channels * (4 + scale), "scratch": 4 * (columns + 2 * (rows - 1) + kept)}
    if "plane" in loop:
        out_c = whole("out_c")
        sides = [
            ((whole(f"out_{a}") - 1) * whole(f"stride_{a}") + (whole(f"kernel_{a}") - 1) * whole(f"dilation_{a}") + 1)
            for a in "hw"
        ]
        turned = (whole("out_h"), whole("kernel_h")) > (whole("out_w"), whole("kernel_w"))
        step = whole("stride_h" if turned else "stride_w")
        plane = sides[0] * sides[1] + 3 * step
        rows, columns = (whole(f"kernel_{side}") for side in ("wh" if turned else "hw"))
        pairs = rows * _up(columns, 2)
        scratch = plane + (pairs if "dsp" in loop else taps)
        return {"filter": out_c * taps, "bias": out_c * (1 + scale), "scratch": scratch}
    if not loop.endswith("dsp"):  # depthwise_3x3
        across, along = sorted((whole("out_h"), whole("out_w")))
        half = 2 * _up(along, 4)
        scratch = (across + 2) * (half + 2) + 2 * half
        return {"filter": channels * 9, "bias": channels * (1 + scale), "scratch": scratch}
    groups = _up(channels, 4)
    if "3x3" in loop:
        return {"filter": groups * (4 + taps + 4 * scale), "scratch": _up(taps * channels, 4)}
    found = {"filter": groups * (4 + 2 * taps + 4 * scale)}
    if "window" in loop:
        found["scratch"] = _up(taps * channels, 4) if _is_cut(call) else 1
    return found


def _is_cut(call: Call) -> bool:
    """Whether the image cuts any window."""
    for a, side in (("h", "top"), ("w", "left")):
        before = call.whole(f"pad_{side}")
        last = (call.whole(f"out_{a}") - 1) * call.whole(f"stride_{a}") - before + call.whole(f"kernel_{a}")
        if before > 0 or last > call.whole(f"in_{a}"):
            return True
    return False


def _dense(call: Call, loop: str, data: Callable[[str], bytes]) -> Extents:
    units, depth, rows = call.whole("units"), call.whole("depth"), call.get("rows", 1)
    found = {"input": rows * depth, "output": rows * units, "bias": units, "weights": units * depth}
    found["channels"] = 2 * units
    if loop == "fully_connected_dsp":
        found["weights"] = units * 4 * _up(depth, 4)
    elif loop == "fully_connected_eight_units_dsp":
        found["weights"] = 2 * _up(units, 2) * 4 * _up(depth, 4)
    elif loop == "fully_connected_wide":
        found["bias"] = 2 * units
    elif loop == "fully_connected_packed":
        form = call.whole("index_bits"), call.whole("table_bytes"), call.whole("bias_bits"), 0
        found["packed"] = packed_bytes(data("packed"), units, depth, form)
        found["halfwords"] = depth
    return found


def _places(counts: list[int], strides: list[int]) -> tuple[int, int]:
    """The least and the largest place that loops of these counts and strides reach from 0."""
    if min(counts) < 1:
        return 0, 0
    reach = [(count - 1) * stride for count, stride in zip(counts, strides, strict=True)]
    return sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach)


def _broadcast(call: Call, data: Callable[[str], bytes]) -> Extents:
    counts = [call.whole(name) for name in ("outer", "middle", "inner")]
    strides = [call.whole(f"{name}_stride") for name in ("outer", "middle", "inner")]
    count = math.prod(counts)
    return {"input": count, "output": count, "other": _places(counts, strides)[1] + 1}


def _count(call: Call, data: Callable[[str], bytes]) -> Extents:
    count = call.whole("count")
    found = dict.fromkeys(("input", "other", "condition", "product", "output"), count)
    return found | {"table": 513 if call.kernel == "tg_lookup_s16" else 256}


def _pool(call: Call, data: Callable[[str], bytes]) -> Extents:
    whole = call.whole
    pixels = whole("images") * whole("channels")
    square = "2x2" in call.kernel
    height, width = (whole(f"in_{axis}") // 2 if square else whole(f"out_{axis}") for axis in "hw")
    out = height * width
    return {"input": pixels * whole("in_h") * whole("in_w"), "output": pixels * out}


def _reduce(call: Call, data: Callable[[str], bytes]) -> Extents:
    keep, drop = ([call.whole(f"{kind}{i}") for i in range(3)] for kind in ("keep", "drop"))
    steps = [call.whole(f"{kind}{i}_stride") for kind in ("keep", "drop") for i in range(3)]
    return {"input": _places([*keep, *drop], steps)[1] + 1, "output": math.prod(keep)}


def _lines(call: Call, data: Callable[[str], bytes]) -> Extents:
    outer, length, inner = (call.whole(name) for name in ("outer", "length", "inner"))
    out = outer * inner
    if "scan" in call.kernel:
        out *= length
    elif "order" in call.kernel:
        out *= call.whole("rows")
    elif "arg_max" in call.kernel:
        out *= 1 + (call.whole("wide") != 0)
    return {"input": outer * length * inner, "output": out}


def _svdf(call: Call, data: Callable[[str], bytes]) -> Extents:
    rows, depth, units, rank, memory = (call.whole(name) for name in ("rows", "depth", "units", "rank", "memory"))
    filters = units * rank
    state = rows * filters * memory
    return {
        "input": rows * depth,
        "state": state,
        "features": filters * depth,
        "times": filters * memory,
        "bias": units,
        "after": state,
        "output": rows * units,
    }


def _lstm(call: Call, data: Callable[[str], bytes]) -> Extents:
    rows, steps, depth, units = (call.whole(name) for name in ("rows", "steps", "depth", "units"))
    state = rows * units
    return {
        **dict.fromkeys(("hidden", "cell", "next_hidden", "next_cell"), state),
        "input": rows * steps * depth,
        "weights": 4 * units * depth,
        "recurrent": 4 * units * units,
        "bias": 8 * units,
        "scales": 16,
        "table": 256 if "_tflm_" in call.kernel else 1,
        "output": steps * state,
        "scratch": 8 * units,
    }


def _rows(call: Call, data: Callable[[str], bytes]) -> Extents:
    count = call.whole("rows") * call.whole("columns")
    table = 256 - call.get("zeros", 0)
    return {"input": count, "output": count, "table": table, "powers": 513, "inverses": 513}


def _matmul(call: Call, data: Callable[[str], bytes]) -> Extents:
    batch, rows, depth, columns = (call.whole(name) for name in ("batch", "rows", "depth", "columns"))
    return {"lhs": batch * rows * depth, "rhs": batch * depth * columns, "output": batch * rows * columns}


def _strided(call: Call, data: Callable[[str], bytes]) -> Extents:
    dims = [call.whole(f"dim{i}") for i in range(3)]
    found = {}
    for name, short in (("input", "in"), ("output", "out")):
        low, high = _places(dims, [call.whole(f"{short}_stride{i}") for i in range(3)])
        offset = call.whole(f"{short}_offset")
        if offset + low < 0:
            raise BrokenError(call.where, f"its strides reach {-offset - low} bytes before its {name}")
        found[name] = offset + high + call.whole("run")
    return found


def _transpose(call: Call, data: Callable[[str], bytes]) -> Extents:
    dims, strides = ([call.whole(f"{kind}{i}") for i in range(6)] for kind in ("dim", "stride"))
    return {"input": _places(dims, strides)[1] + 1, "output": math.prod(dims)}


def _table(call: Call, data: Callable[[str], bytes], name: str, count: int) -> Array:
    if not 0 < count <= _LONGEST:
        raise BrokenError(call.where, f"its table {name} has {count} entries")
    raw = data(name)[: 4 * count]
    if len(raw) < 4 * count:
        raise BrokenError(call.where, f"its table {name} ends after {len(raw)} bytes", f"{4 * count} bytes")
    return np.frombuffer(raw, "<i4").astype(np.int64)


def _gather(call: Call, data: Callable[[str], bytes]) -> Extents:
    rows, columns = call.whole("rows"), call.whole("columns")
    first, second = _table(call, data, "row_offsets", rows), _table(call, data, "column_offsets", columns)
    low = int(first.min() + second.min())
    if low < 0:
        raise BrokenError(call.where, f"its tables reach {-low} bytes before its input")
    blocks, run = call.whole("blocks"), call.whole("run")
    reach = (blocks - 1) * call.whole("block_stride") + int(first.max() + second.max()) + run
    return {"input": reach, "output": blocks * rows * columns * run, "row_offsets": rows, "column_offsets": columns}


def _gather_at(call: Call, data: Callable[[str], bytes]) -> Extents:
    blocks, run, count = call.whole("blocks"), call.whole("run"), call.whole("count")
    return {"input": blocks * call.whole("length") * run, "indices": count, "output": blocks * count * run}


def _resize(call: Call, data: Callable[[str], bytes]) -> Extents:
    whole = call.whole
    tables = {}
    for name, out, size in (("rows", "out_h", "in_h"), ("columns", "out_w", "in_w")):
        words = _table(call, data, name, whole(out)) & 0xFFFFFFFF
        last = int(((words >> 16) + (words >> 15 & 1)).max())
        if last >= whole(size):
            raise BrokenError(call.where, f"its table {name} reads number {last}", f"less than {whole(size)}")
        tables[name] = whole(out)
    pixels = whole("images") * whole("channels")
    found = {"input": pixels * whole("in_h") * whole("in_w"), "output": pixels * whole("out_h") * whole("out_w")}
    return found | tables | {"row_weights": whole("out_h"), "column_weights": whole("out_w")}


def _each(call: Call, data: Callable[[str], bytes]) -> Extents:
    count, found = call.whole("count"), {"output": call.whole("count")}
    for name in ("input", "other", "third"):
        found[name] = max(count - 1, 0) * call.get(f"{name}_step", 0) + 1
    return found


def _put(call: Call, data: Callable[[str], bytes]) -> Extents:
    count, rows = call.whole("count"), call.whole("rows")
    return {"input": count, "output": count, "places": rows, "updates": rows}


def _fill(call: Call, data: Callable[[str], bytes]) -> Extents:
    return {"input": call.whole("count"), "output": call.whole("count")}


_Function = Callable[[Call, Callable[[str], bytes]], Extents]
_TYPE = r"_(?:s8|s16|f32)"
_OTHERS: tuple[tuple[str, _Function], ...] = (
    (r"tg_(?:add|sub|mul|div|max|min|pow)(?:_linear|_tflite|_onnx)?" + _TYPE, _broadcast),
    (r"tg_prelu_tflite_s8", _broadcast),
    (r"tg_(?:max|avg)_pool(?:_2x2|_tflite|_ties_up|_onnx|_dsp)*" + _TYPE, _pool),
    (r"tg_reduce_(?:max|sum|mean_onnx|mean_onnx_float|mean_tflite)" + _TYPE, _reduce),
    (r"tg_arg_max" + _TYPE, _lines),
    (r"tg_(?:fold|scan|order)(?:_\w+)?_[fsub]\d+", _lines),
    (r"tg_softmax(?:_tflite|_tflm|_onnx)?" + _TYPE, _rows),
    (rf"tg_matmul(?:_(?:{'|'.join(EPILOGUES)}))?" + _TYPE, _matmul),
    (r"tg_svdf(?:_state)?_s8", _svdf),
    (r"tg_lstm_(?:tflite_s8|tflm_s8|tflm_s16)", _lstm),
    (r"tg_strided_copy_s8", _strided),
    (r"tg_transpose_s8", _transpose),
    (r"tg_gather_s8", _gather),
    (r"tg_gather_at_s8", _gather_at),
    (r"tg_resize_bilinear(?:_float|_fused)?" + _TYPE, _resize),
    (r"tg_each_\w+|tg_cast_[fsub]\d+_to_[fsub]\d+", _each),
    (r"tg_put_\w+", _put),
    (r"tg_fill_s8|tg_copy_s(?:8|32)", _fill),
    (
        r"tg_(?:sigmoid_tflite|tanh_tflite|lookup|rescale|rescale_tflite|clip|leaky_relu|relu|prelu|select|compare|logic|quantize|quantize_fused|quantize_steps"
        r"|dequantize|cast|map)(?:_[a-z0-9_]+?)?_(?:s8|s16|s32|f32)",
        _count,
    ),
)
