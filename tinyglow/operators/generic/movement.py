"""ONNX's operators that only move elements, to places that are known at import; of tensors of any type."""

from __future__ import annotations

import math

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import MAX_RANK
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.broadcast import broadcast_shape
from tinyglow.operators.generic.build import MOST_ELEMENTS, Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.reshape import resolve_shape


@makes("Identity", "Dropout", ignored={"ratio": "of training", "seed": "of training"})
def identity(build: Build) -> list[Value]:
    """The input; of a Dropout also the mask of what is kept, which is all."""
    x = build.input(0)
    if build.node.op_type == "Dropout" and build.has(2) and build.static(2, "training_mode").any():
        ratio = build.static(1, "the ratio").ravel()[0] if build.has(1) else 0.5
        if ratio:
            raise UnsupportedError("training_mode", "a Dropout of inference, whose training_mode is false")
    return [x, build.constant(np.ones(x.type.shape, bool))][: max(1, len(build.node.outputs))]


@makes("Reshape", attributes=("allowzero",))
def reshape(build: Build) -> Value:
    """Another shape."""
    x = build.input(0)
    requested = build.integers(1, "a shape")
    return build.reshape(x, resolve_shape(requested, x.type.shape, bool(build.node.integer("allowzero", 0))))


@makes("Flatten", attributes=("axis",))
def flatten(build: Build) -> Value:
    """A matrix."""
    x, axis = build.input(0), build.node.integer("axis", 1)
    axis = axis + len(x.type.shape) if axis < 0 else axis
    if not 0 <= axis <= len(x.type.shape):
        raise UnsupportedError(f"axis {axis} of {len(x.type.shape)} dimensions")
    return build.reshape(x, (math.prod(x.type.shape[:axis]), math.prod(x.type.shape[axis:])))


@makes("Squeeze", "Unsqueeze", attributes=("axes",))
def squeeze(build: Build) -> Value:
    """Without, or with further, dimensions of size 1."""
    x, node = build.input(0), build.node
    axes = build.integers(1, "axes") if build.has(1) else list(node.ints("axes", ()))
    shape = list(x.type.shape)
    if node.op_type == "Unsqueeze":
        rank = len(shape) + len(axes)
        places = {normalize_axis(axis, rank) for axis in axes}
        if len(places) != len(axes):
            raise UnsupportedError(f"axes {axes}", "different ones")
        rest = iter(shape)
        return build.reshape(x, [1 if axis in places else next(rest) for axis in range(rank)])
    gone = {normalize_axis(axis, len(shape)) for axis in axes} or {i for i, size in enumerate(shape) if size == 1}
    if any(shape[axis] != 1 for axis in gone):
        raise UnsupportedError(f"axes {axes} of shape {shape}", "dimensions of size 1")
    return build.reshape(x, [size for axis, size in enumerate(shape) if axis not in gone])


@makes("Transpose", attributes=("perm",))
def transpose(build: Build) -> Value:
    """Dimensions in another order."""
    x, rank = build.input(0), len(build.input(0).type.shape)
    perm = build.node.ints("perm", tuple(reversed(range(rank))))
    if sorted(perm) != list(range(rank)):
        raise UnsupportedError(f"a permutation of {len(perm)} numbers", f"each of {rank} dimensions once")
    return build.transpose(x, perm)


@makes("Concat", attributes=("axis",))
def concat(build: Build) -> Value:
    """Tensors one after the other."""
    values = [build.input(index) for index in range(len(build.node.inputs))]
    values = [value for value in values if value.type.elements] or values[:1]
    return build.concat(values, normalize_axis(build.node.integer("axis", 0), len(values[0].type.shape)))


@makes("Expand")
def expand(build: Build) -> Value:
    """Repeated by broadcasting."""
    x = build.input(0)
    wanted = tuple(build.integers(1, "a shape"))
    if min(wanted, default=1) < 0 or len(wanted) > MAX_RANK:
        raise UnsupportedError(f"the shape {list(wanted)}", f"at most {MAX_RANK} sizes of at least 0")
    shape = broadcast_shape(x.type.shape, wanted)
    return build.expand(x, shape)


@makes("Tile", attributes=())
def tile(build: Build) -> Value:
    """Repeated."""
    x, repeats = build.input(0), build.integers(1, "repeats")
    if len(repeats) != len(x.type.shape) or min(repeats, default=1) < 1:
        found = f"repeats {repeats} of shape {list(x.type.shape)}"
        raise UnsupportedError(found, "a positive number for each dimension")
    build.require([size * count for size, count in zip(x.type.shape, repeats, strict=True)])
    return build.moved(x, lambda places: np.tile(places, repeats))


def _slice(start: int, end: int, step: int, size: int) -> slice:
    """ONNX's rules: negative numbers count from the end, all are clamped."""
    if step == 0:
        raise UnsupportedError("a step of 0", "another step")
    start, end = (number + size if number < 0 else number for number in (start, end))
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(start, None if end < 0 else end, step)


@makes("Slice", attributes=("starts", "ends", "axes"))
def slice_(build: Build) -> Value:
    """Parts of dimensions, with steps of any sign."""
    x, node = build.input(0), build.node
    if len(node.inputs) > 1:
        starts, ends = build.integers(1, "starts"), build.integers(2, "ends")
        axes = build.integers(3, "axes", range(len(starts)))
        steps = build.integers(4, "steps", [1] * len(starts))
    else:
        starts, ends = list(node.ints("starts", ())), list(node.ints("ends", ()))
        axes, steps = list(node.ints("axes", range(len(starts)))), [1] * len(starts)
    shape = x.type.shape
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise UnsupportedError(
            f"{len(starts)} starts, {len(ends)} ends, {len(axes)} axes, {len(steps)} steps", "as many"
        )
    if len({axis % max(1, len(shape)) for axis in axes}) != len(axes):
        raise UnsupportedError(f"axes {axes}", "each once")
    parts = [slice(None)] * len(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        number = normalize_axis(axis, len(shape))
        parts[number] = _slice(start, end, step, shape[number])
    return build.moved(x, lambda places: places[tuple(parts)])


@makes("Split", attributes=("axis", "split", "num_outputs"))
def split(build: Build) -> list[Value]:
    """Parts along one dimension."""
    x, node = build.input(0), build.node
    axis = normalize_axis(node.integer("axis", 0), len(x.type.shape))
    size, count = x.type.shape[axis], len(node.outputs)
    if node.integer("num_outputs", count) != count:
        raise UnsupportedError(f"num_outputs {node.integer('num_outputs', count)}", f"{count}, as it has")
    each = -(-size // count)
    even = [min(each, max(0, size - each * index)) for index in range(count)]
    if node.opset < 18 and size % count and not build.has(1) and node.attributes.get("split") is None:
        raise UnsupportedError(f"{size} elements in {count} parts", "equal parts")
    sizes = build.integers(1, "sizes", node.ints("split", even))
    if sum(sizes) != size or len(sizes) != count or min(sizes) < 0:
        raise UnsupportedError(f"parts {sizes} of {size} elements", f"{count} parts of them all")
    cuts = np.cumsum(sizes)[:-1]
    parts = np.split(build.places(x), cuts, axis)
    return [build.pick(x, part) for part in parts]


@makes("Pad", attributes=("mode", "pads", "value"))
def pad(build: Build) -> Value:
    """Borders, in all modes; of negative sizes parts are cut off."""
    x, node = build.input(0), build.node
    pads = build.integers(1, "pads") if build.has(1) else list(node.ints("pads", ()))
    shape, rank = x.type.shape, len(x.type.shape)
    axes = [normalize_axis(axis, rank) for axis in build.integers(3, "axes", range(rank))]
    if len(set(axes)) != len(axes) or len(pads) != 2 * len(axes):
        raise UnsupportedError(f"{len(pads)} sizes for axes {axes}", "two for each, and each axis once")
    before, after = [0] * rank, [0] * rank
    for index, axis in enumerate(axes):
        before[axis], after[axis] = pads[index], pads[index + len(axes)]
    mode = node.text("mode", "constant")
    fill = build.input(2) if build.has(2) else build.like(node.real("value", 0.0), x)
    if fill.type.elements != 1:
        raise UnsupportedError(f"a padding value of shape {list(fill.type.shape)}", "a single number")
    kept = build.places(x)
    kept = kept[
        tuple(slice(max(0, -low), size - max(0, -high)) for low, high, size in zip(before, after, shape, strict=True))
    ]
    widths = [(max(0, low), max(0, high)) for low, high in zip(before, after, strict=True)]
    build.require([size + low + high for size, (low, high) in zip(kept.shape, widths, strict=True)])
    if mode == "constant":
        return build.filled(x, fill, np.pad(kept, widths, constant_values=-1))
    if mode not in ("reflect", "edge", "wrap"):
        raise UnsupportedError(f"mode {mode!r}", "constant, reflect, edge or wrap")
    for size, pair in zip(kept.shape, widths, strict=True):
        most = {"reflect": size - 1, "wrap": size}.get(mode)
        if most is not None and max(pair) > most:
            raise UnsupportedError(f"{max(pair)} elements of {mode} padding on {size} elements", f"at most {most}")
    return build.pick(x, np.pad(kept, widths, mode=mode))  # type: ignore[call-overload]


@makes("CenterCropPad", attributes=("axes",))
def center_crop_pad(build: Build) -> Value:
    """Cut or padded with zeros on both sides to a size."""
    x = build.input(0)
    target, rank = build.integers(1, "a shape"), len(x.type.shape)
    axes = [normalize_axis(axis, rank) for axis in build.node.ints("axes", range(rank))]
    if len(axes) != len(target) or len(set(axes)) != len(axes) or min(target, default=1) < 1:
        raise UnsupportedError(f"sizes {target} for axes {axes}", "a size of at least 1 for each, each axis once")
    build.require([max(x.type.elements, 1), *target])
    places = build.places(x)
    for axis, wanted in zip(axes, target, strict=True):
        size = places.shape[axis]
        if wanted < size:
            begin = (size - wanted) // 2
            places = np.take(places, range(begin, begin + wanted), axis)
        else:
            begin = (wanted - size) // 2
            widths = [(begin, wanted - size - begin) if number == axis else (0, 0) for number in range(rank)]
            places = np.pad(places, widths, constant_values=-1)
    return build.filled(x, build.like(0, x), places)


def _blocks(places: Array, size: int, mode: str, back: bool) -> Array:
    n, c, h, w = places.shape
    if back:
        parts = places.reshape(n, c, h // size, size, w // size, size)
        parts = parts.transpose(0, 3, 5, 1, 2, 4) if mode == "DCR" else parts.transpose(0, 1, 3, 5, 2, 4)
        return parts.reshape(n, c * size**2, h // size, w // size)
    if mode == "DCR":
        parts = places.reshape(n, size, size, c // size**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        parts = places.reshape(n, c // size**2, size, size, h, w).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(n, c // size**2, h * size, w * size)


@makes("DepthToSpace", "SpaceToDepth", attributes=("blocksize", "mode"))
def depth_to_space(build: Build) -> Value:
    """Channels as blocks of pixels, or blocks as channels."""
    node, size = build.node, build.node.integer("blocksize", 1)
    back, mode = node.op_type == "SpaceToDepth", node.text("mode", "DCR")
    if mode not in ("DCR", "CRD") or size < 1:
        raise UnsupportedError(f"mode {mode!r}, blocksize {size}", "DCR or CRD, at least 1")
    shape = build.input(0).type.shape
    whole = len(shape) == 4 and not (shape[2] % size or shape[3] % size if back else shape[1] % size**2)
    if not whole:
        raise UnsupportedError(f"blocks of {size} in the shape {list(shape)}", "4 dimensions, and whole blocks")
    return build.moved(build.input(0), lambda places: _blocks(places, size, mode, back))


@makes("Trilu", attributes=("upper",))
def trilu(build: Build) -> Value:
    """The upper or lower triangle of matrices, zeros elsewhere."""
    x, diagonals = build.input(0), build.integers(1, "a diagonal", [0])
    if len(diagonals) != 1 or len(x.type.shape) < 2:
        raise UnsupportedError(f"{len(diagonals)} diagonals of shape {list(x.type.shape)}", "one, of matrices")
    k = max(-(2**31), min(2**31 - 1, diagonals[0]))
    part = np.triu if build.node.integer("upper", 1) else np.tril
    mask = part(np.ones(x.type.shape[-2:], bool), k)
    return build.filled(x, build.like(0, x), np.where(mask, build.places(x), -1))


@makes("ReverseSequence", attributes=("batch_axis", "time_axis"))
def reverse_sequence(build: Build) -> Value:
    """The first elements of each sequence in reverse."""
    x, node = build.input(0), build.node
    time, batch = node.integer("time_axis", 0), node.integer("batch_axis", 1)
    lengths = build.integers(1, "lengths")
    if {time, batch} != {0, 1} or len(x.type.shape) < 2 or len(lengths) != x.type.shape[batch]:
        found = f"time_axis {time}, batch_axis {batch}, {len(lengths)} lengths for shape {list(x.type.shape)}"
        raise UnsupportedError(found, "the axes 0 and 1, a length for each of the batch")
    if not all(0 <= length <= x.type.shape[time] for length in lengths):
        raise UnsupportedError(f"lengths {lengths}", f"0 to {x.type.shape[time]}")
    places = np.moveaxis(build.places(x), (batch, time), (0, 1)).copy()
    for row, length in enumerate(lengths):
        places[row, :length] = places[row, :length][::-1]
    return build.pick(x, np.moveaxis(places, (0, 1), (batch, time)))


@makes("Compress", attributes=("axis",))
def compress(build: Build) -> Value:
    """The elements for which a constant condition is true."""
    x, condition = build.input(0), build.static(1, "a condition").astype(bool).ravel()
    axis = build.node.attributes.get("axis")
    number = None if axis is None else normalize_axis(build.node.integer("axis", 0), len(x.type.shape))
    if condition.size > (x.type.elements if number is None else x.type.shape[number]):
        raise UnsupportedError(f"{condition.size} truth values for shape {list(x.type.shape)}", "at most as many")
    return build.moved(x, lambda places: np.compress(condition, places, number))


@makes("Range", ignored={"stash_type": "of narrow floats"})
def range_(build: Build) -> Value:
    """Numbers in steps, which are known at import."""
    given = [build.static(index, "limits").ravel() for index in range(3)]
    if any(item.size != 1 or not np.isfinite(float(item[0])) for item in given):
        raise UnsupportedError(f"limits {[item.tolist() for item in given]}", "three finite numbers")
    start, limit, delta = (item[0] for item in given)
    count = max(0, math.ceil((float(limit) - float(start)) / float(delta))) if delta else 0
    if not 0 < count <= MOST_ELEMENTS:
        raise UnsupportedError(f"{count} numbers", f"1 to {MOST_ELEMENTS}")
    result = (
        (start.astype(np.float64) + np.arange(count) * delta.astype(np.float64))
        if start.dtype.kind == "f"
        else start + np.arange(count) * delta
    )
    return build.constant(result.astype(start.dtype))


@makes("ConstantOfShape", attributes=("value",))
def constant_of_shape(build: Build) -> Value:
    """One number in a shape that is known at import."""
    value = build.node.attributes.get("value")
    filling = value if isinstance(value, np.ndarray) else np.zeros(1, np.float32)
    shape = build.integers(0, "a shape")
    if filling.size != 1:
        raise UnsupportedError(f"{filling.size} values", "one")
    if min(shape, default=1) < 1 or len(shape) > MAX_RANK or math.prod(shape) > MOST_ELEMENTS:
        raise UnsupportedError(f"a constant of shape {shape}", f"1 to {MOST_ELEMENTS} elements")
    return build.constant(np.full(shape, filling.ravel()[0]).astype(build.result_dtype(0)))


@makes("EyeLike", attributes=("dtype", "k"))
def eye_like(build: Build) -> Value:
    """Ones on a diagonal."""
    shape = build.input(0).type.shape
    if len(shape) != 2:
        raise UnsupportedError(f"a shape {list(shape)}", "of a matrix")
    build.require(shape)
    k = max(-shape[0], min(shape[1], build.node.integer("k", 0)))
    return build.constant(np.eye(*shape, k=k).astype(build.result_dtype(0)))


@makes("Size")
def size_of(build: Build) -> Value:
    """The number of elements."""
    return build.constant(np.array(build.input(0).type.elements, np.int64))


@makes("Shape", attributes=("start", "end"))
def shape_of(build: Build) -> Value:
    """The dimensions."""
    node, shape = build.node, build.input(0).type.shape
    end = len(shape) if node.attributes.get("end") is None else node.integer("end", 0)
    return build.constant(np.array(shape[node.integer("start", 0) : end], np.int64))
