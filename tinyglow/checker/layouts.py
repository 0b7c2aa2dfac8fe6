"""The weights of a layer, as they lie in the bundle: each kernel has an order of its own for them.

What comes out is the same for all: for each output unit the numbers that inputs are multiplied by, what the sum begins
with, and what is taken off an input before. ``docs/how-to/proof.md`` describes the orders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from tinyglow.checker import small_layers, streams, winograd
from tinyglow.checker.extents import loop_of, words_of_scale
from tinyglow.checker.findings import BrokenError
from tinyglow.checker.grammar import INSTRUCTION
from tinyglow.checker.instructions import check_instructions
from tinyglow.checker.layer_reader import Array, Data, Layer, Reader, folded, halves
from tinyglow.checker.shapes import dsp_lines
from tinyglow.checker.source import Call

_STATEMENT = re.compile(
    r"sums\[(\d+)\] = sums\[(\d+)\] = 0;|tg_add_halfwords\(([^&]*), &sums\[(\d+)\], &sums\[(\d+)\]\);"
)
_TERM = re.compile(r"([-+]?) ?x\[(\d+)\] \* (\d+)u")


def layer_of(call: Call, data: Data, functions: Mapping[str, str], bytes_of: Mapping[str, int]) -> Layer | None:
    """The layer that a call computes; None if its kernel has no constant weights of integers.

    Args:
        call: The call.
        data: The bytes of the memory of constants from an operand's first on, by the operand's name.
        functions: Bodies of the functions that stand for weights.
        bytes_of: How many bytes of each operand the kernel reads.

    Raises:
        BrokenError: The operands are not what they should be.
    """
    known = loop_of(call.kernel)
    if known is None or known[2] == "f32":
        return None
    loop, epilogue, _ = known
    read = Reader(call, data, bytes_of, words_of_scale(call.kernel, loop, epilogue))
    if "code" in loop:
        return _code(read, functions)
    for pattern, function in _LAYOUTS:
        if re.fullmatch(pattern, loop):
            return function(read)
    raise BrokenError(call.where, "is a kernel whose weights the checker cannot read")


def _portable(read: Reader) -> Layer:
    """conv2d: filters row by row."""
    weights = read.array("filter", "<i1").reshape(read.whole("out_c"), -1)
    if read.call.kernel.endswith("_s16"):
        return Layer(weights, _wide(read, "bias", len(weights)), 0, read.words("channels").reshape(-1, 2))
    if "filter_offset" in read.call.params:
        return Layer(weights - read.whole("filter_offset"), read.words("bias"), read.whole("in_offset"))
    channels = read.words("channels").reshape(-1, 2)
    return Layer(weights - (channels[:, 1:] >> 16), read.words("bias"), read.whole("in_offset"), channels)


def _wide(read: Reader, name: str, units: int) -> Array:
    """Biases of one word, or of two with the lower one first."""
    words = read.words(name)
    return words if len(words) == units else (words[1::2] << 32) + (words[::2] & 0xFFFFFFFF)


def _fours(read: Reader, flat: Array, offsets: Array | int) -> Array:
    """Weights [out_c, terms], from pairs of channels, by turns four taps of each; offsets: each channel's, or all's."""
    out_c = read.whole("out_c")
    lines, taps = dsp_lines(read.whole("kernel_h"), read.whole("kernel_w") * read.whole("in_c"))
    fours = flat.reshape(-(-out_c // 2), -1, 2, 4).transpose(0, 2, 1, 3)
    rows = fours.reshape(2 * len(fours), lines, -1)[:out_c] - np.reshape(offsets, (-1, 1, 1))
    if np.any(rows[..., taps:]):  # what lies beside a window is multiplied by these
        raise BrokenError(read.call.where, "multiplies inputs beside its windows", "zeros for them")
    return rows[..., :taps].reshape(out_c, -1)


def _dsp(read: Reader) -> Layer:
    """Bytes of the one channel and of the other by turns; each channel with its scale and offset."""
    channels = read.words("channels").reshape(-1, 2)
    weights = _fours(read, read.array("filter", "<i1")[:-8], channels[: read.whole("out_c"), 1] >> 16)
    return folded(weights, read.words("bias")[: len(weights)], channels)


def _dsp_pairs(read: Reader) -> Layer:
    """A halfword holds a term of two channels, the even one plus 128; 256 times a sum of the odd one must fit."""
    halfwords = read.array("filter", "<u1")[:-8].reshape(-1, 4, 2)[:, [0, 2, 1, 3]].transpose(0, 2, 1)
    stored = halfwords ^ np.array([[0x80], [0]])
    weights = _fours(read, (stored ^ 0x80) - 0x80, read.whole("filter_offset"))
    units = len(weights)
    pairs = read.words("bias").reshape(-(-units // 2), -1)
    words = pairs[:, 2:].reshape(2 * len(pairs), -1)[:units] if read.scale else None
    start = pairs[:, :2].ravel()[:units]
    return folded(weights, start, words, halfwords=small_layers.largest_odd(weights, start))


def _dsp_quads(read: Reader) -> Layer:
    """Of four channels: what their sums begin with, words of two taps of two channels, words of scales."""
    out_c, offset = read.whole("out_c"), read.call.params.get("filter_offset")
    lines = dsp_lines(read.whole("kernel_h"), read.whole("kernel_w") * read.whole("in_c"))
    rows = read.words("filter").reshape(out_c // 4, -1)
    found = small_layers.quads(rows, *lines, None if offset is None else read.whole("filter_offset"))
    if found is None:
        raise BrokenError(
            read.call.where, "two channels begin with sums that are no pair's, or inputs beside windows count"
        )
    weights, start, words = found
    return folded(weights, start, words if read.scale else None, halfwords=small_layers.largest_odd(weights, start))


def _dual_mac(read: Reader) -> Layer:
    """A stream of chunks; the even pixels' sums begin lower by 2**15 for each chunk of the channel."""
    out_c = read.whole("out_c")
    terms = read.whole("kernel_h") * read.whole("kernel_w") * read.whole("in_c")
    stored, chunks, _ = streams.dual_mac(read.raw("filter"), out_c, terms)
    weights = stored - read.whole("filter_offset")
    odd, words = read.biases(2)
    even = read.words("bias").reshape(out_c, -1)[:, 0]
    counts = np.array([len(set(row.tolist())) for row in chunks])
    if not np.array_equal(even + (counts << 15), odd):
        raise BrokenError(read.call.where, "even and odd pixels' sums begin with different biases")
    sums = np.bincount(chunks.ravel(), np.abs(weights).ravel())
    return folded(weights, odd, words, halfwords=(int(sums.max(initial=0)) * 128, 32767), lowest=_below(even))


def _below(even: Array) -> tuple[int, int]:
    return int(max(0, -even.min(initial=0))), 2**31


def _winograd(read: Reader) -> Layer:
    """Places of each filter's transform, by blocks of output channels."""
    out_c, in_c = read.whole("out_c"), read.whole("in_c")
    if "winograd_4x4" in read.call.kernel:
        block, found = 4, winograd.narrow_4x4(read.words("filter"), out_c, in_c)
    elif "_dsp_" in read.call.kernel:
        block, found = 4, winograd.narrow(read.words("filter"), out_c, in_c)
    else:
        block, found = 8, winograd.wide(read.words("filter"), out_c, in_c, read.whole("corners"))
    if found is None:
        raise BrokenError(read.call.where, "its filter is no transform of 3x3 filters")
    weights, limits = found
    biases = read.words("bias").reshape(-(-out_c // block) * block, -1)[:out_c]
    return folded(weights, biases[:, 0], biases[:, 1:] if read.scale else None, **limits)


def _first_layer(read: Reader) -> Layer:
    """3x3 filters over one channel: a bias, then (w0, w1), (w1, w2) of each row."""
    rows = read.words("filter").reshape(read.whole("out_c"), -1)
    low, high = halves(rows[:, 1:7].reshape(-1, 3, 2))
    if not np.array_equal(high[..., 0], low[..., 1]):
        raise BrokenError(read.call.where, "its filter has two numbers for one weight")
    weights = np.concatenate([low[..., :1], high], axis=2).reshape(len(rows), 9)
    return folded(weights, rows[:, 0], rows[:, 7:] if read.scale else None)


def _four_channels(read: Reader) -> Layer:
    """3x3 filters over four channels, two output channels at a time."""
    out_c = read.whole("out_c")
    pairs = read.words("filter").reshape(-(-out_c // 2), -1)
    low, high = halves(pairs[:, 2:38].reshape(len(pairs), 3, 2, 3, 2).transpose(0, 4, 3, 1, 2))
    weights = np.concatenate([low, high], axis=4).reshape(2 * len(pairs), -1)[:out_c]
    words = pairs[:, 38:].reshape(2 * len(pairs), -1)[:out_c] if read.scale else None
    return folded(weights, pairs[:, :2].ravel()[:out_c], words)


def _small(read: Reader) -> Layer:
    """Two output channels at a time: biases, words of weights, and those of scales."""
    out_c, rows, width = read.whole("out_c"), read.whole("kernel_h"), read.whole("kernel_w") * read.whole("in_c")
    end = 2 + 2 * small_layers.weight_words(rows, width)
    pairs = read.words("filter")[:-1].reshape(-(-out_c // 2), -1)
    own = pairs[:, 2:end].reshape(len(pairs), -1, 2).transpose(0, 2, 1).reshape(2 * len(pairs), -1)[:out_c]
    weights = small_layers.weights(*halves(own), rows, width)
    if weights is None:
        raise BrokenError(read.call.where, "its filter has a weight that belongs to no tap")
    words = pairs[:, end:].reshape(2 * len(pairs), -1)[:out_c] if read.scale else None
    return folded(weights, pairs[:, :2].ravel()[:out_c], words)


def _pointwise(read: Reader) -> Layer:
    """4 to 8 inputs in two words of halves each; words of a scale come first."""
    in_c = read.whole("in_c")
    rows = read.words("filter").reshape(read.whole("out_c"), -1)
    own = rows[:, -5:]
    low, high = halves(own[:, 1:].reshape(-1, 2, 2))
    taps = np.concatenate([low, high], axis=2)
    weights = np.concatenate([taps[:, 0], taps[:, 1, 8 - in_c :]], axis=1)
    return folded(weights, own[:, 0], rows[:, :-5] if read.scale else None)


def _depthwise_bytes(read: Reader) -> Layer:
    """Filters of each channel side by side, less one offset; biases apart."""
    start, words = read.biases()
    weights = read.array("filter", "<i1").reshape(len(start), -1) - read.whole("filter_offset")
    return folded(weights, start, words)


def _depthwise_block(read: Reader) -> Layer:
    """Three words of three bytes each, a bias, words of a scale."""
    rows = read.words("filter").reshape(read.whole("in_c"), -1)
    taps = np.ascontiguousarray(rows[:, :3].astype("<i4")).view("<i1").astype(np.int64).reshape(len(rows), 3, 4)
    weights = taps[..., :3].reshape(len(rows), 9) - read.whole("filter_offset")
    return folded(weights, rows[:, 3], rows[:, 4:] if read.scale else None)


def _depthwise_3x3(read: Reader) -> Layer:
    """Groups of four channels: biases, nine words of a byte for each channel, words of scales."""
    channels = read.whole("in_c")
    groups = read.words("filter").reshape(channels // 4, -1)
    taps = np.ascontiguousarray(groups[:, 4:13].astype("<i4")).view("<i1").astype(np.int64).reshape(-1, 9, 4)
    weights = taps.transpose(0, 2, 1).reshape(channels, 9) - read.whole("filter_offset")
    return folded(weights, groups[:, :4].ravel(), groups[:, 13:].reshape(channels, -1) if read.scale else None)


def _depthwise_fours(read: Reader) -> Layer:
    """Groups of four channels: biases, two words a tap, words of scales."""
    channels = read.whole("in_c")
    taps = read.call.get("kernel_h", 3) * read.call.get("kernel_w", 3)
    groups = read.words("filter").reshape(-(-channels // 4), -1)
    low, high = halves(groups[:, 4 : 4 + 2 * taps].reshape(-1, taps, 2))
    weights = np.concatenate([low, high], axis=2).transpose(0, 2, 1).reshape(-1, taps)[:channels]
    words = groups[:, 4 + 2 * taps :].reshape(4 * len(groups), -1)[:channels] if read.scale else None
    return Layer(weights, groups[:, :4].ravel()[:channels], read.whole("in_offset"), words)


def _vectors(read: Reader) -> Layer:
    """conv2d_mve: filters row by row, biases with the input's offset in them. depthwise_mve: filters tap by tap."""
    weights = read.array("filter", "<i1") - read.whole("filter_offset")
    words = read.words("channels").reshape(-1, 2) if "out" not in read.call.params else None
    if "depthwise" in read.call.kernel:
        by_channel = weights.reshape(-1, read.whole("in_c")).T
        return Layer(by_channel, read.words("bias"), read.whole("in_offset"), words)
    return folded(weights.reshape(read.whole("out_c"), -1), read.words("bias"), words)


def _packed_conv(read: Reader) -> Layer:
    call = read.call
    form = call.whole("index_bits"), call.whole("table_bytes"), call.whole("bias_bits"), call.get("word_bits", 0)
    units = call.get("out_c", 0) or call.whole("units")
    if "depth" in call.params:
        terms = call.whole("depth")
    else:
        terms = call.whole("kernel_h") * call.whole("kernel_w") * call.whole("in_c") // max(call.whole("group"), 1)
    weights, start, words, _ = streams.packed(read.raw("packed"), units, terms, form)
    limits = {"halfwords": (int(np.abs(weights).max(initial=0)), 32767)}
    own = np.stack([words >> 10, (words >> 5 & 31) + ((words & 31) << 8)], axis=1) if form[3] else None
    return Layer(weights, start, call.whole("in_offset"), own, limits)


def _dense(read: Reader) -> Layer:
    """fully_connected: a row for each unit."""
    weights = read.array("weights", "<i1").reshape(read.whole("units"), -1)
    if read.call.kernel.endswith("_s16"):
        return Layer(weights, _wide(read, "bias", len(weights)), 0, read.words("channels").reshape(-1, 2))
    return folded(weights - read.whole("weights_offset"), read.words("bias"))


def _dense_fours(read: Reader) -> Layer:
    """Four units by turns, four taps each; then the rest, rows filled up to fours."""
    units, depth = read.whole("units"), read.whole("depth")
    padded, whole = -(-depth // 4) * 4, units // 4 * 4
    flat = read.array("weights", "<i1")
    blocks = flat[: whole * padded].reshape(-1, padded // 4, 4, 4).transpose(0, 2, 1, 3).reshape(whole, padded)
    weights = np.concatenate([blocks, flat[whole * padded :].reshape(-1, padded)])[:, :depth]
    return folded(weights - read.whole("weights_offset"), read.words("bias"))


def _dense_words(read: Reader) -> Layer:
    """A word holds a term of four units, each plus 128, eight units' words by turns; 256 times a sum must fit."""
    units, depth = read.whole("units"), read.whole("depth")
    whole, eights = units // 4 * 4 * depth, units // 8 * 8 * depth
    flat = read.array("weights", "<u1")
    flat[:whole] ^= 0x80
    turns = (flat[:eights].reshape(-1, depth, 8), flat[eights:whole].reshape(-1, depth, 4))
    rows = [part.transpose(0, 2, 1).reshape(-1, depth) for part in turns]
    stored = np.concatenate([*rows, flat[whole:].reshape(-1, depth)])
    weights = (stored ^ 0x80) - 0x80
    most = int(np.abs(weights).sum(axis=1).max(initial=0)) * 128 * 256
    return folded(weights - read.whole("weights_offset"), read.words("bias"), halfwords=(most, 2**31 - 1))


def _dense_pairs(read: Reader) -> Layer:
    """A halfword holds a term of two units, the even one plus 128; 256 times a sum must fit. Four pairs take turns."""
    units, depth = read.whole("units"), read.whole("depth")
    groups, whole = -(-depth // 4), units // 8 * 4
    flat = read.array("weights", "<u1")
    split = whole * groups * 8
    turns = flat[:split].reshape(-1, groups, 4, 4, 2).transpose(0, 2, 1, 3, 4).reshape(whole, groups, 4, 2)
    words = np.concatenate([turns, flat[split:].reshape(-1, groups, 4, 2)])[:, :, [0, 2, 1, 3]]
    words[..., 0] ^= 0x80
    weights = ((words ^ 0x80) - 0x80).transpose(0, 3, 1, 2).reshape(-1, 4 * groups)[:units, :depth]
    most = int(np.abs(weights).sum(axis=1).max(initial=0)) * 128 * 256
    return folded(weights - read.whole("weights_offset"), read.words("bias"), halfwords=(most, 2**31 - 1))


def _code(read: Reader, functions: Mapping[str, str]) -> Layer:
    """Weights that are statements in C: words times numbers, chunk by chunk."""
    where, out_c = read.call.where, read.whole("out_c")
    text = functions.get(read.call.argument("weights").label)
    if text is None:
        raise BrokenError(where, "its weights are a function that the bundle does not have")
    portable = text.partition("#else")[2].partition("#endif")[0]
    terms = read.whole("kernel_w") * read.whole("in_c") * read.whole("kernel_h")
    weights, largest, seen = np.zeros((out_c, terms), np.int64), 0, 0
    for match in _STATEMENT.finditer(portable):
        place, other = int(match[1] or match[4]), int(match[2] or match[5])
        channel = 2 * (place // 8) + place % 8
        if place % 8 > 1 or channel >= out_c or other != place + 2:
            found = f"its function writes sums[{place}] and sums[{other}]"
            raise BrokenError(where, found, f"the sums of {out_c} channels")
        if match[1]:
            seen += 1
            continue
        magnitude = 0
        for sign, word, number in _TERM.findall(match[3]):
            if int(word) >= terms:
                raise BrokenError(where, f"its function reads x[{word}]", f"less than {terms}")
            weights[channel, int(word)] += -int(number) if sign == "-" else int(number)
            magnitude += int(number)
        largest = max(largest, magnitude)
    if seen != out_c or portable.count(";") != len(_STATEMENT.findall(portable)):
        raise BrokenError(where, f"its function sums {seen} channels", f"{out_c}, and nothing else")
    check_instructions(where, re.findall(INSTRUCTION, text), weights)
    start, words = read.biases()
    return folded(weights, start, words, halfwords=(largest * 128, 32767))


_LAYOUTS: tuple[tuple[str, Callable[[Reader], Layer]], ...] = (
    (r"conv2d|conv2d_channelwise|conv2d_wide|conv2d_twice", _portable),
    (r"conv2d_channelwise_dsp", _dsp),
    (r"conv2d_dsp|conv2d_channelwise_high_dsp", _dsp_pairs),
    (r"conv2d_quads(?:_channelwise)?_dsp", _dsp_quads),
    (r"conv2d(?:_channelwise)?_dual_mac", _dual_mac),
    (r"conv2d_winograd(?:_4x4)?(?:_channelwise)?(?:_dsp)?", _winograd),
    (r"conv2d_3x3_pool(?:_channelwise)?_dsp", _first_layer),
    (r"conv2d_3x3(?:_channelwise)?_dsp", _four_channels),
    (r"conv2d_small(?:_channelwise)?_dsp", _small),
    (r"pointwise(?:_channelwise)?_dsp", _pointwise),
    (r"depthwise_3x3_block(?:_channelwise)?_dsp", _depthwise_block),
    (r"depthwise_(?:3x3|plane)(?:_channelwise)?|depthwise_plane(?:_channelwise)?_dsp", _depthwise_bytes),
    (r"depthwise_3x3(?:_channelwise)?_dsp", _depthwise_3x3),
    (r"depthwise(?:_window)?(?:_channelwise)?_dsp", _depthwise_fours),
    (r"(?:conv2d|depthwise)(?:_channelwise)?_mve", _vectors),
    (r"conv2d_packed|fully_connected_packed", _packed_conv),
    (r"fully_connected|fully_connected_wide|fully_connected_mve", _dense),
    (r"fully_connected_dsp", _dense_fours),
    (r"fully_connected_four_units", _dense_words),
    (r"fully_connected_eight_units_dsp", _dense_pairs),
)
