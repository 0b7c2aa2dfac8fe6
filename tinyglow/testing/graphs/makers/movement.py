"""What moves, picks, repeats or joins elements, and reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyglow.testing.graphs.draw import Draw, Tensor, draws

_ATTRIBUTE_AXES = 13  # axes of Squeeze, Unsqueeze and ReduceSum are inputs from this operator set on
_REDUCE_AXES = 18  # those of ReduceMean and ReduceMax


def transposed(draw: Draw, x: Tensor, perm: list[int]) -> Tensor:
    """Dimensions in another order."""
    return draw.node("Transpose", [x], [x.shape[axis] for axis in perm], perm=perm)


@draws("Transpose", weight=3)
def transpose(draw: Draw, x: Tensor) -> Tensor | None:
    """Any order that keeps the batch in front; often that of image formats."""
    if x.rank < 3:
        return None
    if x.rank == 4 and draw.chance(0.6):
        return transposed(draw, x, [0, 2, 3, 1] if draw.chance(0.5) else [0, 3, 1, 2])
    return transposed(draw, x, [0, *(int(axis) + 1 for axis in draw.rng.permutation(x.rank - 1))])


@draws("Reshape", "Flatten", weight=3)
def reshape(draw: Draw, x: Tensor) -> Tensor | None:
    """To rows, to a sequence, to an image, with one size left open at times."""
    if draw.chance(0.5):
        return draw.node("Flatten", [x], (x.shape[0], x.elements // x.shape[0]), axis=1)
    divisors = [number for number in range(1, 9) if x.elements % number == 0]
    first = draw.one_of(divisors)
    shapes = [[1, x.elements], [1, first, x.elements // first]]
    second = draw.one_of([number for number in divisors if (x.elements // first) % number == 0])
    shapes.append([1, first, second, x.elements // first // second])
    shape = shapes[draw.integer(0, 2)]
    asked = list(shape)
    if draw.chance(0.4):
        asked[-1] = -1
    if draw.chance(0.2) and x.shape[0] == 1:
        asked[0] = 0
    return draw.node("Reshape", [x, draw.constant(asked, "shape")], shape)


@draws("Squeeze", "Unsqueeze", weight=1.5)
def sizes_of_one(draw: Draw, x: Tensor) -> Tensor | None:
    """A dimension of size 1 that comes or goes."""
    ones = [axis for axis in range(1, x.rank) if x.shape[axis] == 1]
    if ones and draw.chance(0.6):
        axis, kind = ones[draw.integer(0, len(ones) - 1)], "Squeeze"
        shape = x.shape[:axis] + x.shape[axis + 1 :]
    elif x.rank < 4:
        axis, kind = draw.integer(1, x.rank), "Unsqueeze"
        shape = (*x.shape[:axis], 1, *x.shape[axis:])
    else:
        return None
    if draw.opset < _ATTRIBUTE_AXES:
        return draw.node(kind, [x], shape, axes=[axis])
    return draw.node(kind, [x, draw.constant([axis], "axes")], shape)


def concatenated(draw: Draw, parts: list[Tensor], axis: int) -> Tensor:
    """Parts one after the other."""
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    return draw.node("Concat", [part.name for part in parts], shape, axis=axis)


@draws("Concat", weight=4)
def concat(draw: Draw, x: Tensor) -> Tensor | None:
    """Values that differ along one dimension at most, the same one twice, a constant among them."""
    if x.rank < 2:
        return None
    axis = 1 if draw.chance(0.7) else draw.integer(1, x.rank - 1)
    rest = x.shape[:axis] + x.shape[axis + 1 :]
    fitting = [y for y in draw.pool if y.rank == x.rank and y.shape[:axis] + y.shape[axis + 1 :] == rest]
    parts = [x]
    for _ in range(draw.integer(1, 3)):
        if draw.chance(0.12):
            parts.append(Tensor(draw.constant(draw.rng.uniform(-1, 1, x.shape), "part"), x.shape))
        else:
            parts.append(fitting[draw.integer(0, len(fitting) - 1)])
    order = draw.rng.permutation(len(parts))
    return concatenated(draw, [parts[index] for index in order], axis)


@draws("Slice", weight=1.5)
def slice_(draw: Draw, x: Tensor) -> Tensor | None:
    """Part of one dimension, forwards or backwards."""
    axes = [axis for axis in range(1, x.rank) if x.shape[axis] > 1]
    if not axes:
        return None
    axis = draw.one_of(axes)
    size = x.shape[axis]
    begin = draw.integer(0, size - 1)
    end = draw.integer(begin + 1, size)
    step = 1 if draw.opset < 10 or draw.chance(0.6) else draw.one_of([2, -1])
    taken = range(begin, end, step) if step > 0 else range(size - 1, -1, -1)
    shape = list(x.shape)
    shape[axis] = len(taken)
    if draw.opset < 10:
        return draw.node("Slice", [x], shape, axes=[axis], starts=[begin], ends=[end])
    bounds = ([begin], [end]) if step > 0 else ([-1], [-(2**31)])
    names = [draw.constant(data, "bound") for data in (*bounds, [axis], [step])]
    return draw.node("Slice", [x, *names], shape)


@draws("Split")
def split(draw: Draw, x: Tensor) -> Tensor | None:
    """Two parts of one dimension, both of which may be read."""
    axes = [axis for axis in range(1, x.rank) if x.shape[axis] > 1]
    if not axes:
        return None
    axis = draw.one_of(axes)
    first = draw.integer(1, x.shape[axis] - 1)
    sizes = [first, x.shape[axis] - first]
    if draw.opset < _ATTRIBUTE_AXES:
        names = draw.names("Split", [x.name], 2, axis=axis, split=sizes)
    else:
        names = draw.names("Split", [x.name, draw.constant(sizes, "sizes")], 2, axis=axis)
    shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
    parts = [Tensor(name, shape) for name, shape in zip(names, shapes, strict=True)]
    draw.add(parts[0])
    return parts[1]


@draws("Gather")
def gather(draw: Draw, x: Tensor) -> Tensor | None:
    """Elements along one dimension in any order, some of them twice."""
    if x.rank < 2:
        return None
    axis = draw.integer(1, x.rank - 1)
    count = draw.integer(1, x.shape[axis] + 1)
    indices = draw.rng.integers(-x.shape[axis] if draw.opset >= 11 else 0, x.shape[axis], count)
    return draw.node(
        "Gather", [x, draw.constant(indices, "indices")], (*x.shape[:axis], count, *x.shape[axis + 1 :]), axis=axis
    )


@draws("Pad", weight=2)
def pad(draw: Draw, x: Tensor) -> Tensor | None:
    """Around images, of zeros or another number, or of the image's own elements."""
    if x.rank not in (3, 4):
        return None
    before, after = [0] * x.rank, [0] * x.rank
    for axis in range(1 if draw.chance(0.1) else 2, x.rank):
        before[axis], after[axis] = draw.integer(0, 2), draw.integer(0, 2)
    shape = [size + begin + end for size, begin, end in zip(x.shape, before, after, strict=True)]
    mode, value = "constant", 0.0
    if draw.chance(0.25):
        mode = "edge" if min(x.shape[2:]) < 3 or draw.chance(0.5) else "reflect"
        if mode == "reflect" and (before[1] or after[1]):
            mode = "edge"
    elif draw.chance(0.3):
        value = draw.real(-1, 1)
    if draw.opset < 11:
        return draw.node("Pad", [x], shape, mode=mode, pads=before + after, value=value)
    names = [draw.constant(before + after, "pads")]
    if mode == "constant" and (value or draw.chance(0.5)):
        names.append(draw.constant(np.float32(value), "value"))
    return draw.node("Pad", [x, *names], shape, mode=mode)


@draws("Pad", "Conv", weight=2)
def padded_convolution(draw: Draw, x: Tensor) -> Tensor | None:
    """A Pad, whose zeros a convolution can take, and only those."""
    if x.rank != 4:
        return None
    pads = [0, 0, draw.integer(0, 2), draw.integer(0, 2), 0, 0, draw.integer(0, 2), draw.integer(0, 2)]
    shape = [size + pads[axis] + pads[axis + 4] for axis, size in enumerate(x.shape)]
    if min(shape[2:]) < 3:
        return None
    value = 0.0 if draw.chance(0.7) else draw.real(-1, 1)
    if draw.opset < 11:
        padded = draw.node("Pad", [x], shape, mode="constant", pads=pads, value=value)
    else:
        names = [draw.constant(pads, "pads"), *([draw.constant(np.float32(value), "value")] if value else [])]
        padded = draw.node("Pad", [x, *names], shape, mode="constant")
    filters = draw.constant(draw.weights(3, x.shape[1], 3, 3), "filters")
    return draw.node("Conv", [padded, filters], (1, 3, shape[2] - 2, shape[3] - 2), kernel_shape=[3, 3])


@draws("Tile", weight=0.7)
def tile(draw: Draw, x: Tensor) -> Tensor | None:
    """Repeated along one dimension."""
    counts = [1] * x.rank
    counts[draw.integer(1, x.rank - 1) if x.rank > 1 else 0] = 2
    shape = [size * count for size, count in zip(x.shape, counts, strict=True)]
    return draw.node("Tile", [x, draw.constant(counts, "counts")], shape)


@draws("Expand", weight=0.7)
def expand(draw: Draw, x: Tensor) -> Tensor | None:
    """A dimension of size 1 repeated."""
    ones = [axis for axis in range(1, x.rank) if x.shape[axis] == 1]
    if not ones:
        return None
    shape = list(x.shape)
    shape[ones[0]] = draw.integer(2, 4)
    return draw.node("Expand", [x, draw.constant(shape, "shape")], shape)


@draws("ReduceMean", "ReduceSum", "ReduceMax", weight=2)
def reduce(draw: Draw, x: Tensor) -> Tensor | None:
    """Over one dimension or several, which stay as 1 or go."""
    if x.rank < 2:
        return None
    kind = draw.one_of(["ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax"])
    axes = [axis for axis in range(1, x.rank) if draw.chance(0.6)] or [x.rank - 1]
    keep = draw.chance(0.6) or len(axes) == x.rank - 1
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape) if keep or axis not in axes]
    if kind == "ReduceSum" and math.prod(x.shape[axis] for axis in axes) > 16:
        kind = "ReduceMean"
    as_input = draw.opset >= (_ATTRIBUTE_AXES if kind == "ReduceSum" else _REDUCE_AXES)
    if as_input:
        return draw.node(kind, [x, draw.constant(axes, "axes")], shape, keepdims=int(keep))
    return draw.node(kind, [x], shape, axes=axes, keepdims=int(keep))


@draws("ArgMax", "ArgMin", weight=0.3)
def position(draw: Draw, x: Tensor) -> Tensor | None:
    """Of the largest or smallest element: an output of the network."""
    if x.rank < 2 or x.shape[-1] < 2:
        return None
    kind = "ArgMax" if draw.chance(0.7) else "ArgMin"
    return draw.node(kind, [x], x.shape[:-1], axis=x.rank - 1, keepdims=0)


@draws("SpaceToDepth", "DepthToSpace", weight=0.8)
def blocks_of_pixels(draw: Draw, x: Tensor) -> Tensor | None:
    """Between pixels and channels."""
    if x.rank != 4:
        return None
    n, channels, height, width = x.shape
    if height % 2 == 0 and width % 2 == 0 and draw.chance(0.6):
        return draw.node("SpaceToDepth", [x], (n, channels * 4, height // 2, width // 2), blocksize=2)
    if channels % 4:
        x = draw.node("Concat", [x.name] * 4, (n, channels * 4, height, width), axis=1)
        channels *= 4
    modes = {"mode": draw.one_of(["DCR", "CRD"])} if draw.opset >= 11 else {}
    return draw.node("DepthToSpace", [x], (n, channels // 4, height * 2, width * 2), blocksize=2, **modes)


@draws("Resize", opsets=range(11, 100))
def resize(draw: Draw, x: Tensor) -> Tensor | None:
    """Images to twice the size, to the nearest element or between elements."""
    if x.rank != 4:
        return None
    mode = "nearest" if draw.chance(0.6) else "linear"
    shape = (*x.shape[:2], x.shape[2] * 2, x.shape[3] * 2)
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": "asymmetric"}
    if mode == "nearest":
        attributes["nearest_mode"] = "floor"
    elif draw.chance(0.5):
        attributes["coordinate_transformation_mode"] = "half_pixel"
    scales = draw.constant(np.array([1, 1, 2, 2], np.float32), "scales")
    empty = draw.constant(np.zeros(0, np.float32), "roi")
    return draw.node("Resize", [x, empty, scales], shape, **attributes)


@draws("Upsample", weight=2, opsets=range(9, 10))
def upsample(draw: Draw, x: Tensor) -> Tensor | None:
    """What Resize was before operator set 10."""
    if x.rank != 4:
        return None
    scales = draw.constant(np.array([1, 1, 2, 2], np.float32), "scales")
    mode = "nearest" if draw.chance(0.6) else "linear"
    return draw.node("Upsample", [x, scales], (*x.shape[:2], x.shape[2] * 2, x.shape[3] * 2), mode=mode)
