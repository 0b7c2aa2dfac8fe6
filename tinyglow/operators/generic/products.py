"""ONNX's operators that are sums of products: matrices, convolutions in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.generic.build import MOST_ELEMENTS, Build
from tinyglow.operators.generic.declare import makes

_AT_LEAST_ONE = ("kernel_shape", "strides", "dilations")
_LARGEST = 2**31 - 1


@makes("MatMul", "MatMulInteger")
def matmul(build: Build) -> Value:
    """Products of stacks of matrices; vectors are matrices of one row or column; of integers also in int32."""
    x, y = build.input(0), build.input(1)
    if build.node.op_type == "MatMulInteger":
        x, y = (_centered(build, value, index, -1 - offset) for value, index, offset in ((x, 2, 1), (y, 3, 0)))
    vectors = [len(value.type.shape) == 1 for value in (x, y)]
    left = build.reshape(x, (1, *x.type.shape)) if vectors[0] else x
    right = build.reshape(y, (*y.type.shape, 1)) if vectors[1] else y
    result = build.matmul(left, right)
    *outer, n, m = result.type.shape
    return build.reshape(result, [*outer, *([] if vectors[0] else [n]), *([] if vectors[1] else [m])])


def _centered(build: Build, value: Value, index: int, axis: int) -> Value:
    """Integers as int32, less their zero point: one for all, or one for each index of a dimension."""
    value = build.cast(value, "int32")
    if not build.has(index):
        return value
    zero = build.cast(build.input(index), "int32")
    if zero.type.elements > 1 and len(zero.type.shape) == 1 and axis != -1:
        zero = build.reshape(zero, (zero.type.elements, *(1,) * (-axis - 1)))
    return build.each("sub", value, zero if zero.type.elements > 1 else build.reshape(zero, ()))


@makes("Gemm", attributes=("alpha", "beta", "transA", "transB"))
def gemm(build: Build) -> Value:
    """Alpha A B + beta C."""
    node = build.node
    x, y = build.input(0), build.input(1)
    x = build.transpose(x, (1, 0)) if node.integer("transA", 0) else x
    y = build.transpose(y, (1, 0)) if node.integer("transB", 0) else y
    result, alpha, beta = build.matmul(x, y), node.real("alpha", 1.0), node.real("beta", 1.0)
    result = build.each("mul", result, build.like(alpha, result)) if alpha != 1.0 else result
    if build.has(2):
        c = build.input(2)
        result = build.each("add", result, build.each("mul", c, build.like(beta, c)) if beta != 1.0 else c)
    return result


@makes("Einsum", attributes=("equation",))
def einsum(build: Build) -> Value:
    """Sums of products by the names of dimensions: products of all operands, summed over what the result lacks."""
    equation = build.node.text("equation", "").replace(" ", "")
    values = [build.input(index) for index in range(len(build.node.inputs))]
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(values):
        raise UnsupportedError(f"equation {equation!r} of {len(values)} operands", "a term for each")
    spread = max((len(v.type.shape) - len(t.replace("...", "")) for t, v in zip(terms, values, strict=True)), default=0)
    names = [_named(term, len(value.type.shape), spread) for term, value in zip(terms, values, strict=True)]
    if arrow:
        result = _named(right, len(right.replace("...", "")) + (spread if "..." in right else 0), spread)
    else:
        flat = "".join(names)
        result = "".join(chr(0x100 + i) for i in range(spread)) if "..." in left else ""
        result += "".join(sorted(n for n in set(flat) if ord(n) < 0x100 and flat.count(n) == 1))
    order = [*result, *sorted(set("".join(names)) - set(result))]
    total: Value | None = None
    for value, own in zip(values, names, strict=True):
        part = _diagonal(build, value, own)
        kept = "".join(dict.fromkeys(own))
        part = build.transpose(part, [kept.index(name) for name in order if name in kept])
        sizes = iter(part.type.shape)
        part = build.reshape(part, [next(sizes) if name in kept else 1 for name in order])
        total = part if total is None else build.each("mul", total, part)
    assert total is not None
    return (
        build.fold("sum", total, range(len(result), len(order)), keepdims=False) if len(order) > len(result) else total
    )


def _named(term: str, rank: int, spread: int) -> str:
    """A term with a letter for each dimension; those that "..." stands for are counted from the last one."""
    count = rank - len(term.replace("...", ""))
    dots = "".join(chr(0x100 + spread - count + index) for index in range(count))
    named = term.replace("...", dots)
    if len(named) != rank:
        raise UnsupportedError(f"the term {term!r} of {rank} dimensions", "a letter for each")
    return named


def _diagonal(build: Build, value: Value, names: str) -> Value:
    """A value whose dimensions of the same name are one."""
    kept = "".join(dict.fromkeys(names))
    if kept == names:
        return value
    sizes = set(zip(names, value.type.shape, strict=True))
    if len(sizes) > len(kept):
        raise UnsupportedError(f"dimensions {names!r} of shape {list(value.type.shape)}", "one size for each letter")
    return build.moved(value, lambda places: np.einsum(places, [kept.index(n) for n in names], range(len(kept))))


def ints(build: Build, name: str, default: Sequence[int]) -> list[int]:
    """An attribute that is a list of integers, as many as the default has. Raises UnsupportedError for others.

    Sizes of windows and steps are at least 1.
    """
    found, least = list(build.node.ints(name, default)), 1 if name in _AT_LEAST_ONE else -(2**31)
    if (default and len(found) != len(default)) or min(found, default=1) < least or max(found, default=1) > _LARGEST:
        raise UnsupportedError(f"{name} {found}", f"{len(default)} numbers of at least {max(0, least)}")
    return found


def groups(build: Build, channels: int) -> int:
    """The attribute group. Raises UnsupportedError unless the channels are whole groups."""
    group = build.node.integer("group", 1)
    if group < 1 or channels % group:
        raise UnsupportedError(f"{channels} channels in {group} groups", "whole groups")
    return group


def _check_ranks(x: Value, w: Value) -> None:
    if not 3 <= len(x.type.shape) == len(w.type.shape):
        found = f"weights of shape {list(w.type.shape)} on an input of {list(x.type.shape)}"
        raise UnsupportedError(found, "as many dimensions, 3 or more")


def _check_bias(bias: Value | None, units: int) -> None:
    if bias is not None and bias.type.elements != units:
        raise UnsupportedError(f"a bias of shape {list(bias.type.shape)}", f"[{units}]")


def auto_pad(build: Build) -> str:
    """The attribute of that name. Raises UnsupportedError for a value that ONNX does not have."""
    mode = build.node.text("auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedError(f"auto_pad {mode!r}", "NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    return mode


def borders(
    build: Build, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[list[int], list[int]]:
    """The padding before and after each dimension, by auto_pad or the attribute pads."""
    rank, mode = len(sizes), auto_pad(build)
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        whole = [
            max(0, (-(-size // step) - 1) * step + (taps - 1) * gap + 1 - size)
            for size, taps, step, gap in zip(sizes, kernel, strides, dilations, strict=True)
        ]
        small, large = [size // 2 for size in whole], [size - size // 2 for size in whole]
        return (small, large) if mode == "SAME_UPPER" else (large, small)
    pads = [0] * (2 * rank) if mode == "VALID" else ints(build, "pads", [0] * (2 * rank))
    if len(pads) != 2 * rank or min(pads) < 0:
        raise UnsupportedError(f"pads {pads}", f"{2 * rank} sizes of at least 0")
    return pads[:rank], pads[rank:]


def window_places(
    shape: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    before: Sequence[int],
    results: Sequence[int],
) -> Array:
    """Places in a channel of ``shape`` of the taps of each window: [*results, taps]; -1 outside of it."""
    if min((*kernel, *strides, *dilations), default=1) < 1 or math.prod(results) * math.prod(kernel) > MOST_ELEMENTS:
        raise UnsupportedError(f"windows {list(kernel)}, steps {list(strides)}", "sizes of at least 1, and few taps")
    total = np.zeros((1,) * (2 * len(shape)), np.int64)
    inside = np.ones((1,) * (2 * len(shape)), bool)
    rank = len(shape)
    for axis, size in enumerate(shape):
        index = (
            np.arange(results[axis])[:, None] * strides[axis] + np.arange(kernel[axis]) * dilations[axis] - before[axis]
        )
        form = [1] * (2 * rank)
        form[axis], form[rank + axis] = index.shape
        index = index.reshape(form)
        total = total * size + index
        inside = inside & (index >= 0) & (index < size)
    found = np.where(inside, total, -1)
    return found.reshape(*results, math.prod(kernel))


def columns(build: Build, x: Value, places: Array, fill: Value) -> Value:
    """Taps of windows over each channel of x [n, c, ...]: [n, c, results, taps]."""
    n, c, *spatial = x.type.shape
    plane = math.prod(spatial)
    flat = places.reshape(-1, places.shape[-1])
    starts = (np.arange(n * c) * plane).reshape(n, c, 1, 1)
    return build.filled(x, fill, np.where(flat < 0, -1, flat + starts))


_CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


@makes("Conv", "ConvInteger", attributes=_CONV)
def conv(build: Build) -> Value:
    """A convolution over any number of dimensions, as a product with the windows in rows."""
    x, w = build.input(0), build.input(1)
    if build.node.op_type == "ConvInteger":
        x = _centered(build, x, 2, -1)
        w = _centered(build, w, 3, -len(w.type.shape))
    return _convolved(build, x, w, build.optional(2) if build.node.op_type == "Conv" else None)


def _convolved(build: Build, x: Value, w: Value, bias: Value | None) -> Value:
    _check_ranks(x, w)
    n, c, *sizes = x.type.shape
    units, share, *kernel = w.type.shape
    group, ones = groups(build, c), [1] * len(sizes)
    _check_bias(bias, units)
    if share != c // group or len(kernel) != len(sizes):
        raise UnsupportedError(f"weights of shape {list(w.type.shape)} on an input of {list(x.type.shape)}")
    if ints(build, "kernel_shape", kernel) != kernel:
        raise UnsupportedError(f"kernel_shape {ints(build, 'kernel_shape', kernel)}", f"{kernel}, as the weights have")
    steps, gaps = ints(build, "strides", ones), ints(build, "dilations", ones)
    before, after = borders(build, sizes, kernel, steps, gaps)
    results = [
        (size + low + high - (taps - 1) * gap - 1) // step + 1
        for size, low, high, taps, gap, step in zip(sizes, before, after, kernel, gaps, steps, strict=True)
    ]
    if min(results) < 1 or units % group:
        raise UnsupportedError(f"a result of shape {results}", "at least one element, channels in whole groups")
    rows = columns(build, x, window_places(sizes, kernel, steps, gaps, before, results), build.like(0, x))
    count, taps = math.prod(results), math.prod(kernel)
    # [n, group, depth, results], and weights [group, units, depth].
    rows = build.reshape(rows, (n, group, c // group, count, taps))
    rows = build.reshape(build.transpose(rows, (0, 1, 2, 4, 3)), (n, group, c // group * taps, count))
    weights = build.reshape(w, (1, group, units // group, c // group * taps))
    result = build.reshape(build.matmul(weights, rows), (n, units, *results))
    return build.each("add", result, build.reshape(bias, (units, *ones))) if bias is not None else result


@makes("ConvTranspose", attributes=(*_CONV, "output_padding", "output_shape"))
def conv_transpose(build: Build) -> Value:
    """A transposed convolution: each input's products are added up where the windows of a convolution meet."""
    x, w, bias = build.input(0), build.input(1), build.optional(2)
    _check_ranks(x, w)
    n, c, *sizes = x.type.shape
    depth, share, *kernel = w.type.shape
    group = groups(build, c)
    _check_bias(bias, group * share)
    if depth != c or ints(build, "kernel_shape", kernel) != kernel or len(kernel) != len(sizes):
        raise UnsupportedError(f"weights of shape {list(w.type.shape)} on an input of {list(x.type.shape)}")
    ones = [1] * len(sizes)
    steps, gaps = ints(build, "strides", ones), ints(build, "dilations", ones)
    extra = ints(build, "output_padding", [0] * len(sizes))
    reach = [(taps - 1) * gap + 1 for taps, gap in zip(kernel, gaps, strict=True)]
    full = [step * (size - 1) + more + span for step, size, more, span in zip(steps, sizes, extra, reach, strict=True)]
    mode, wanted = auto_pad(build), ints(build, "output_shape", ())
    if mode in ("SAME_UPPER", "SAME_LOWER") and not wanted:
        wanted = [size * step for size, step in zip(sizes, steps, strict=True)]
    if wanted:
        wanted = wanted[-len(sizes) :]
        if len(wanted) != len(sizes):
            raise UnsupportedError(f"output_shape {wanted}", f"{len(sizes)} sizes")
        totals = [whole - size for whole, size in zip(full, wanted, strict=True)]
        before = [total // 2 if mode == "SAME_UPPER" else total - total // 2 for total in totals]
    else:
        pads = [0] * (2 * len(sizes)) if mode == "VALID" else ints(build, "pads", [0] * (2 * len(sizes)))
        before = pads[: len(sizes)]
        wanted = [whole - low - high for whole, low, high in zip(full, before, pads[len(sizes) :], strict=True)]
    if min(wanted, default=0) < 1:
        raise UnsupportedError(f"a result of shape {wanted}", "at least one element")
    build.require([n * c, *(size + span for size, span in zip(wanted, reach, strict=True))])
    # A convolution, with turned filters, of the input with zeros between its elements.
    places = _stretched(sizes, steps, reach, before, wanted)
    plane = math.prod(sizes)
    starts = (np.arange(n * c) * plane).reshape(n, c, *ones)
    wide = build.filled(x, build.like(0, x), np.where(places < 0, -1, places + starts))
    weights = build.reshape(w, (group, c // group, share, *kernel))
    axes = tuple(range(3, 3 + len(sizes)))
    weights = build.moved(weights, lambda table: np.flip(table.swapaxes(1, 2), axes))
    results = list(wanted)
    inner = window_places(wide.type.shape[2:], kernel, ones, gaps, [0] * len(sizes), results)
    rows, taps, count = columns(build, wide, inner, build.like(0, x)), math.prod(kernel), math.prod(results)
    rows = build.reshape(rows, (n, group, c // group, count, taps))
    rows = build.reshape(build.transpose(rows, (0, 1, 2, 4, 3)), (n, group, c // group * taps, count))
    weights = build.reshape(weights, (1, group, share, c // group * taps))
    result = build.reshape(build.matmul(weights, rows), (n, group * share, *results))
    return build.each("add", result, build.reshape(bias, (group * share, *ones))) if bias is not None else result


def _stretched(
    sizes: Sequence[int], steps: Sequence[int], reach: Sequence[int], before: Sequence[int], results: Sequence[int]
) -> Array:
    """Places of an input's elements with ``steps`` - 1 holes (-1) between them, as far as results reach."""
    whole = [size + span - 1 for size, span in zip(results, reach, strict=True)]
    places = np.full(whole, -1)
    for index in product(*(range(size) for size in sizes)):
        # The window of result r begins at r + before - (reach - 1) of the stretched input.
        at = [i * step + span - 1 - low for i, step, span, low in zip(index, steps, reach, before, strict=True)]
        if all(0 <= place < size for place, size in zip(at, whole, strict=True)):
            places[tuple(at)] = np.ravel_multi_index(index, tuple(sizes))
    return places
