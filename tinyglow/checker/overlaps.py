"""Where a call's output may lie over its input, worked out from the order in which its kernel reads and writes."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.checker.extents import loop_of
from tinyglow.checker.findings import BrokenError
from tinyglow.checker.source import Call

Array = npt.NDArray[Any]

_MOST_STEPS = 1 << 24
# Kernels that read each element of their input before they write the one at the same place, and never later.
_ELEMENT_BY_ELEMENT = re.compile(
    r"tg_(?:add|sub|mul|div|max|min|pow|prelu|select|compare|logic|clip|leaky_relu|relu|rescale|lookup|sigmoid|tanh|softmax|map)"
    r"(?:_[a-z0-9]+)*?_(?:s8|s16|f32)|tg_cast_(?:f32_s32|s32_f32)|tg_put_\w+"
)
_MOST_PAD = 2  # with which depthwise kernels of blocks work in place


def copies_apart(call: Call, size: int) -> bool:
    """Whether a strided copy within one buffer of ``size`` bytes reads none of the bytes that it writes.

    An edge that is repeated is copied so: from the output to the output.
    """
    if call.kernel != "tg_strided_copy_s8":
        return False
    run, dims = call.whole("run"), [call.whole(f"dim{axis}") for axis in range(3)]
    if not 0 < run * math.prod(dims) <= size:  # each byte is written once: there are no more
        return False
    read, written = (
        functools.reduce(
            np.add.outer,
            (np.arange(dim) * call.whole(f"{side}_stride{axis}") for axis, dim in enumerate(dims)),
            np.arange(run) + call.whole(f"{side}_offset"),
        )
        for side in ("in", "out")
    )
    return not np.isin(read, written).any()


def in_place(call: Call) -> bool:
    """Whether the output may be the input itself."""
    known = loop_of(call.kernel)
    if known is not None:
        return _layer_in_place(call, known[0])
    if call.kernel.startswith(("tg_svdf", "tg_lstm")):  # a state moves up by one place, or is copied before it changes
        return True
    items = {argument.name: argument.item for argument in call.arguments}
    if items.get("input") != items["output"]:
        return False
    if call.kernel.startswith("tg_each_"):
        return call.get("input_step", 0) == 1
    # Pools have names of elements' functions too, and read windows.
    return "_pool" not in call.kernel and bool(_ELEMENT_BY_ELEMENT.fullmatch(call.kernel))


def reads_once(call: Call) -> bool:
    """Whether a second operand of an element-by-element kernel is read at the output's own element, as the first is."""
    size = 1
    for name in ("inner", "middle", "outer"):
        count = call.get(name, 1)
        if count > 1 and call.get(f"{name}_stride", 1 if size == 1 else size) != size:
            return False
        size *= count
    return "other" in {argument.name for argument in call.arguments}


def _layer_in_place(call: Call, loop: str) -> bool:
    """Depthwise kernels that lay a channel's image out before they write its outputs."""
    whole = call.whole
    if not re.fullmatch(r"depthwise_(?:3x3|plane|3x3_block|plane)(?:_channelwise)?(?:_dsp)?", loop):
        return False
    if "plane" in loop:
        fewer = whole("out_h") * whole("out_w") <= whole("in_h") * whole("in_w")
        return whole("in_c") == whole("out_c") and fewer
    if loop.startswith("depthwise_3x3") and "dsp" in loop and "block" not in loop:
        return False
    same = (whole("out_h"), whole("out_w")) == (whole("in_h"), whole("in_w"))
    return same and ("block" not in loop or whole("pad_left") <= _MOST_PAD)


def distance_of(call: Call) -> int | None:
    """The most bytes after its input's first at which a call's output may begin, if it overlaps it; None: not at all.

    The kernel goes through its work in steps. A step reads from some byte of the input on, and then writes some bytes
    of the output. Nothing that a later step reads may have been written.
    """
    if re.fullmatch(r"tg_max_pool_2x2(?:_dsp)?_s8", call.kernel):
        return 0  # an output's block never lies before it, and is read for the only time
    if call.kernel == "tg_copy_s32":
        return 0  # a few words, upward, are read before they are written
    known = loop_of(call.kernel)
    if known is None:
        return None
    loop, whole = known[0], call.whole
    pooled = max(call.get("pool", 1), 1) ** 2
    steps = call.get("pixels", 0) or call.get("out_h", 0) * call.get("out_w", 0) * pooled
    if steps > _MOST_STEPS:
        raise BrokenError(call.where, f"has {steps} pixels", f"at most {_MOST_STEPS}")
    if loop.startswith("pointwise"):
        pixels, in_c, out_c = whole("pixels"), whole("in_c"), whole("out_c")
        return _distance(np.arange(pixels) * in_c, np.arange(1, pixels + 1) * out_c, pixels * in_c)
    if "images" not in call.params or whole("images") != 1:
        return None
    if re.fullmatch(r"conv2d_3x3(?:_pool)?(?:_channelwise)?_dsp", loop):
        return _rows_of_blocks(call, loop)
    if re.fullmatch(r"conv2d_winograd(?:_4x4)?(?:_channelwise)?(?:_dsp)?", loop):
        return _tiles_of_winograd(call, (4, 4) if "4x4" in loop else (2, 4))
    if re.fullmatch(r"conv2d(?:_channelwise)?_code", loop):
        return _pairs_of_rows(call)
    if re.fullmatch(r"conv2d(?:_channelwise)?_dual_mac|conv2d(?:_channelwise)?(?:_high)?_dsp|conv2d_quads\w*", loop):
        return _tiles(call, 4, 1 if call.get("pool", 0) else 4)
    if re.fullmatch(r"conv2d_small(?:_channelwise)?_dsp", loop):
        return _tiles(call, 4, 1) if whole("pool") else _tiles_of_rows(call)
    if re.fullmatch(r"conv2d(?:_channelwise)?_mve", loop):  # a pixel's outputs are written while it is read
        pixels = whole("out_h") * whole("out_w")
        first = _first_reads(call)
        first = first.reshape(pixels, -1).min(axis=1) if len(first) >= pixels else np.zeros(pixels, np.int64)
        later = np.minimum.accumulate(first[::-1])[::-1]
        return int((later - np.arange(1, pixels + 1) * whole("out_c")).min())
    if re.fullmatch(r"depthwise(?:_3x3|_window)?(?:_channelwise)?_(?:dsp|mve)", loop):
        first = _first_reads(call)
        later = np.minimum.accumulate(first[::-1])[::-1]
        return int((later - np.arange(len(first)) * whole("in_c")).min())
    return None


def _distance(first: Array, ends: Array, size: int) -> int:
    """Of steps that read from ``first`` on, and then write up to ``ends``; ``size``: bytes of the input."""
    later = np.minimum.accumulate(first[::-1])[::-1]
    written = np.maximum.accumulate(ends)
    return min(int((later[1:] - written[:-1]).min(initial=2**31 - 1)), size)


def _first_reads(call: Call) -> Array:
    """The first byte that each of a convolution's pixels may read, in the order of the outputs that they are for."""
    whole, factor = call.whole, call.get("pool", 0) or 1
    out_h, out_w = whole("out_h"), whole("out_w")
    if out_h * out_w * factor * factor > _MOST_STEPS:
        return np.zeros(1, np.int64)
    y = (np.arange(out_h)[:, None, None, None] * factor + np.arange(factor)[:, None]) * np.ones((1, out_w, 1, factor))
    x = (np.arange(out_w)[:, None, None] * factor + np.arange(factor)) * np.ones((out_h, 1, factor, 1))
    stride_h, stride_w = call.get("stride_h", 1), call.get("stride_w", 1)
    return _read(call, y.ravel() * stride_h - whole("pad_top"), x.ravel() * stride_w - whole("pad_left"))


def _read(call: Call, top: Array, left: Array) -> Array:
    """The first byte inside of the image of windows that begin at ``top`` and ``left``."""
    row = np.clip(top, 0, call.whole("in_h") - 1)
    column = np.clip(left, 0, call.whole("in_w") - 1)
    places: Array = ((row * call.whole("in_w") + column) * call.whole("in_c")).astype(np.int64)
    return places


def _tiles(call: Call, pixels: int, outputs: int) -> int:
    """Steps of so many pixels of the convolution, which give so many pixels of the output."""
    first = _first_reads(call)
    begins = np.arange(0, len(first), pixels)
    ends = np.arange(1, len(begins) + 1) * outputs * call.whole("out_c")
    return _distance(np.minimum.reduceat(first, begins), ends, _size(call, call.whole("in_c")))


def _tiles_of_rows(call: Call) -> int:
    """Steps of four pixels, fewer at the end of a row."""
    first, width = _first_reads(call), call.whole("out_w")
    begins = np.flatnonzero(np.arange(len(first)) % width % 4 == 0)
    ends = np.append(begins[1:], len(first)) * call.whole("out_c")
    return _distance(np.minimum.reduceat(first, begins), ends, _size(call, call.whole("in_c")))


def _size(call: Call, channels: int) -> int:
    return call.whole("in_h") * call.whole("in_w") * channels


def _pairs_of_rows(call: Call) -> int:
    """Weights that are code: blocks of a pool one by one; else two rows of pixels, read while they are written."""
    whole = call.whole
    if whole("pool"):
        return _tiles(call, 4, 1)
    width = whole("out_w")
    if whole("at_once") >= width:
        return _tiles(call, 2 * width, 2 * width)
    first = _first_reads(call)
    later = np.minimum.accumulate(first[::-1])[::-1]
    begins = np.arange(0, len(later), 2 * width)
    ends = np.minimum(begins + 2 * width, len(later)) * whole("out_c")
    return int((later[begins] - ends).min())


def _rows_of_blocks(call: Call, loop: str) -> int:
    """Two rows of pixels at a time, whose inputs are laid out before; a first layer keeps two of its four rows."""
    whole = call.whole
    pooled = "pool" in loop
    channels, factor = (1, 2) if pooled else (4, whole("pool") or 1)
    height = whole("out_h") * factor
    done = np.arange(2, height, 2)
    later = np.maximum(done + (2 if pooled else 0) - whole("pad_top"), 0) * whole("in_w") * channels
    written = done // factor * whole("out_w") * whole("out_c")
    return int((later - written).min(initial=_size(call, channels)))


def _tiles_of_winograd(call: Call, tile: tuple[int, int]) -> int:
    """Winograd's: so many rows and columns of the convolution's pixels at a time."""
    whole = call.whole
    height, width = (side // (2 if whole("pool") else 1) for side in tile)
    rows, columns = -(-whole("out_h") // height), -(-whole("out_w") // width)
    y, x = np.divmod(np.arange(rows * columns), columns)
    last = np.minimum((y + 1) * height, whole("out_h")) - 1
    ends = (last * whole("out_w") + np.minimum((x + 1) * width, whole("out_w"))) * whole("out_c")
    first = _read(call, tile[0] * y - whole("pad_top"), tile[1] * x - whole("pad_left"))
    return _distance(first, ends, _size(call, whole("in_c")))
