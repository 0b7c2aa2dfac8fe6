"""ONNX's pools over any number of dimensions and types, and what else looks at windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.generic.indexing import put, taken
from tinyglow.operators.generic.products import borders, columns, ints, window_places

_POOL = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")


def _image(x: Value) -> Sequence[int]:
    """The shape of an input of samples and channels. Raises UnsupportedError if it has no other dimensions."""
    if len(x.type.shape) < 3:
        raise UnsupportedError(f"input shape {list(x.type.shape)}", "3 or more dimensions")
    return x.type.shape


def _windows(build: Build, sizes: Sequence[int]) -> tuple[Array, list[int], Array]:
    """Places of the taps of each window [results, taps], the shape of the results, and which taps lie in the padding.

    Those of windows that reach beyond the padding by ceil_mode lie nowhere: neither in the input nor in the padding.
    """
    node, ones = build.node, [1] * len(sizes)
    kernel = ints(build, "kernel_shape", ones)
    steps, gaps = ints(build, "strides", ones), ints(build, "dilations", ones)
    if node.text("auto_pad", "NOTSET").startswith("SAME") and gaps != ones:
        raise UnsupportedError(f"auto_pad with dilations {gaps}", "pads")
    before, after = borders(build, sizes, kernel, steps, gaps)
    results = []
    for size, low, high, taps, gap, step in zip(sizes, before, after, kernel, gaps, steps, strict=True):
        room = size + low + high - (taps - 1) * gap - 1
        count = (-(-room // step) if node.integer("ceil_mode", 0) else room // step) + 1
        if node.integer("ceil_mode", 0) and (count - 1) * step >= size + low:
            count -= 1  # a window that begins in the padding behind the input
        results.append(count)
    if min(results) < 1:
        raise UnsupportedError(f"a result of shape {results}", "at least one element")
    places = window_places(sizes, kernel, steps, gaps, before, results)
    padded = [size + low + high for size, low, high in zip(sizes, before, after, strict=True)]
    within = window_places(padded, kernel, steps, gaps, [0] * len(sizes), results) >= 0
    taps = places.shape[-1]
    return places.reshape(-1, taps), results, within.reshape(-1, taps)


def _lowest(x: Value) -> float:
    return -math.inf if x.type.dtype == "float32" else float(np.iinfo(x.type.dtype).min)


@makes("MaxPool", attributes=(*_POOL, "storage_order"))
def max_pool(build: Build) -> list[Value]:
    """The largest element of each window, and where it lies."""
    x = build.input(0)
    n, c, *sizes = _image(x)
    places, results, _ = _windows(build, sizes)
    taps = columns(build, x, places, build.like(_lowest(x), x))
    shape = (n, c, *results)
    largest = build.reshape(build.fold("max", taps, [3]), shape)
    if len(build.node.outputs) < 2 or not build.node.outputs[1]:
        return [largest]
    best = build.cast(build.order(taps, 3, 1, smallest=False), "int32")
    numbers = np.arange(math.prod(sizes)).reshape(sizes)
    if build.node.integer("storage_order", 0):
        numbers = np.arange(math.prod(sizes)).reshape(sizes[::-1]).T
    table = np.where(places < 0, 0, numbers.ravel()[places])
    table = table + (np.arange(n * c) * math.prod(sizes)).reshape(n, c, 1, 1)
    row = (np.arange(table.size // table.shape[-1]) * table.shape[-1]).reshape(n, c, -1, 1)
    at = build.each("add", best, build.constant(row.astype(np.int32)))
    return [largest, build.reshape(taken(build, build.constant(table.astype(np.int64)), at), shape)]


@makes("AveragePool", attributes=(*_POOL, "count_include_pad"))
def average_pool(build: Build) -> Value:
    """The mean of each window: of its elements, or with those of the padding."""
    x = build.input(0)
    n, c, *sizes = _image(x)
    places, results, within = _windows(build, sizes)
    total = build.fold("sum", columns(build, x, places, build.like(0, x)), [3])
    counted = within if build.node.integer("count_include_pad", 0) else places >= 0
    counts = counted.sum(axis=1).astype(np.float32).reshape(1, 1, -1, 1)
    return build.reshape(build.each("div", total, build.constant(counts)), (n, c, *results))


@makes("LpPool", attributes=(*_POOL, "p"))
def lp_pool(build: Build) -> Value:
    """The p-norm of each window."""
    x, p = build.input(0), build.node.integer("p", 2)
    n, c, *sizes = _image(x)
    places, results, _ = _windows(build, sizes)
    taps = columns(build, x, places, build.like(0, x))
    return build.reshape(norm(build, taps, [3], p), (n, c, *results))


def norm(build: Build, x: Value, axes: Sequence[int], p: int) -> Value:
    """The p-norm over ``axes``, which stay with size 1."""
    if p < 1:
        raise UnsupportedError(f"p = {p}", "at least 1")
    size = build.absolute(x)
    if p == 1:
        return build.fold("sum", size, axes)
    powers = build.each("mul", x, x) if p == 2 else build.each("pow", size, build.like(p, size))
    return build.each("pow", build.fold("sum", powers, axes), build.like(1 / p, size))


@makes("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", attributes=("p",))
def global_pool(build: Build) -> Value:
    """Mean, maximum or norm of each channel."""
    x = build.input(0)
    if len(x.type.shape) < 3:
        raise UnsupportedError(f"input shape {list(x.type.shape)}", "3 or more dimensions")
    axes = list(range(2, len(x.type.shape)))
    if build.node.op_type == "GlobalLpPool":
        return norm(build, x, axes, build.node.integer("p", 2))
    return build.fold("max", x, axes) if build.node.op_type == "GlobalMaxPool" else build.mean(x, axes)


@makes("MaxUnpool", attributes=("kernel_shape", "pads", "strides"))
def max_unpool(build: Build) -> Value:
    """Elements back at the places that a MaxPool took them from."""
    x, indices = build.input(0), build.input(1)
    n, c, *sizes = _image(x)
    ones = [1] * len(sizes)
    kernel, steps, pads = (
        ints(build, "kernel_shape", ones),
        ints(build, "strides", ones),
        ints(build, "pads", [0] * (2 * len(sizes))),
    )
    own = [
        (size - 1) * step + taps - pads[axis] - pads[axis + len(sizes)]
        for axis, (size, step, taps) in enumerate(zip(sizes, steps, kernel, strict=True))
    ]
    wanted = build.integers(2, "a shape") if build.has(2) else [n, c, *own]
    if len(wanted) != len(x.type.shape) or min(wanted) < 1 or min(own, default=0) < 1:
        raise UnsupportedError(f"a result of shape {wanted}", f"{len(x.type.shape)} sizes of at least 1")
    build.require(wanted)
    target = build.constant(np.zeros(wanted, np.float32))
    places = build.cast(indices, "int32")
    if wanted[2:] != own:
        # The indices count in the smaller result.
        plane = math.prod(own)
        within = build.each("mod", places, build.like(plane, places))
        row = build.each("div", within, build.like(own[-1], within))
        column = build.each("mod", within, build.like(own[-1], within))
        if len(own) != 2:
            raise UnsupportedError(f"an output_shape of {len(own)} dimensions", "2")
        planes = build.each(
            "mul", build.each("div", places, build.like(plane, places)), build.like(math.prod(wanted[2:]), places)
        )
        places = build.each(
            "add", planes, build.each("add", build.each("mul", row, build.like(wanted[-1], row)), column)
        )
    return put(build, target, places, x, "none")


@makes("LRN", attributes=("alpha", "beta", "bias", "size"))
def lrn(build: Build) -> Value:
    """Each element over a power of the squares of its neighbours in other channels."""
    x, node = build.input(0), build.node
    n, c, *sizes = _image(x)
    size, before = node.integer("size", 1), (node.integer("size", 1) - 1) // 2
    if not 1 <= size <= 2 * c + 1:
        raise UnsupportedError(f"size {size} of {c} channels", f"1 to {2 * c + 1}")
    build.require((x.type.elements, size))
    channels = np.arange(c)[:, None] + np.arange(size) - before
    plane = math.prod(sizes)
    index = np.where((channels < 0) | (channels >= c), -1, channels)
    starts = (np.arange(n) * c * plane).reshape(n, 1, 1, 1)
    table = np.where(index[None, :, :, None] < 0, -1, index[None, :, :, None] * plane + np.arange(plane) + starts)
    squares = build.filled(build.each("mul", x, x), build.like(0, x), table)
    total = build.reshape(build.fold("sum", squares, [2]), x.type.shape)
    scaled = build.each("mul", total, build.like(node.real("alpha", 1e-4) / size, x))
    base = build.each("add", scaled, build.like(node.real("bias", 1.0), x))
    return build.each("div", x, build.each("pow", base, build.like(node.real("beta", 0.75), x)))


@makes("Col2Im", attributes=("dilations", "pads", "strides"))
def col2im(build: Build) -> Value:
    """The sums of what the columns of windows hold for each pixel."""
    x, image, block = build.input(0), build.integers(1, "a shape"), build.integers(2, "a block")
    ones = [1] * len(image)
    if len(block) != len(image) or min((*image, *block), default=0) < 1:
        raise UnsupportedError(f"blocks {block} of an image {image}", "sizes of at least 1, as many of both")
    steps, gaps, pads = (
        ints(build, "strides", ones),
        ints(build, "dilations", ones),
        ints(build, "pads", [0] * (2 * len(image))),
    )
    n, depth, _ = _image(x)
    c, taps = depth // math.prod(block), math.prod(block)
    results = [
        (size + pads[axis] + pads[axis + len(image)] - (block[axis] - 1) * gaps[axis] - 1) // steps[axis] + 1
        for axis, size in enumerate(image)
    ]
    if min(results) < 1 or depth % taps or x.type.shape != (n, depth, math.prod(results)):
        raise UnsupportedError(
            f"columns of shape {list(x.type.shape)}", f"[n, channels * {taps}, {math.prod(results)}]"
        )
    build.require((n, c, *image))
    places = window_places(image, block, steps, gaps, pads[: len(image)], results).reshape(-1, taps)
    plane = math.prod(image)
    starts = (np.arange(n * c) * plane).reshape(n, c, 1, 1)
    table = np.where(places.T < 0, -1, places.T + starts).astype(np.int32)
    target = build.constant(np.zeros((n, c, *image), np.float32))
    return put(build, target, build.constant(table), x, "add")
