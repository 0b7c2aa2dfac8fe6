"""ONNX's operators whose places come from indices: constant ones are tables, others are computed at run time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.gather import GatherAt
from tinyglow.operators.generic.build import MOST_ELEMENTS, Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.generic.fold import Put
from tinyglow.operators.generic.pick import Pick

_MEETINGS = ("none", "add", "mul", "max", "min")


def wrapped(build: Build, indices: Value, size: int) -> Value:
    """Indices as int32 from 0 on, where negative ones count from the end."""
    indices = build.cast(indices, "int32")
    below = build.each("less", indices, build.like(0, indices))
    return build.each("where", below, build.each("add", indices, build.like(size, indices)), indices)


def checked(indices: Value, size: int) -> None:
    """Raises UnsupportedError for constant indices of elements that there are not."""
    data = indices.data
    if data is not None and data.size and not -size <= data.min() <= data.max() < size:
        raise UnsupportedError(
            f"indices from {data.min()} to {data.max()} of {size} elements", f"{-size} to {size - 1}"
        )


def weighted(build: Build, places: Sequence[Value], strides: Sequence[int]) -> Value:
    """The sum of int32 values times numbers."""
    total = build.constant(np.zeros((), np.int32))
    for value, stride in zip(places, strides, strict=True):
        total = build.each("add", total, build.each("mul", value, build.like(stride, value)))
    return total


def taken(build: Build, x: Value, places: Value) -> Value:
    """The elements of flat x at int32 ``places``, in their shape."""
    if places.data is not None:
        return build.add(Pick.of(places.data), x)
    return build.add(GatherAt(0), build.flat(x), places)


def strides(shape: Sequence[int]) -> list[int]:
    """Elements from one index to the next along each dimension."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def numbers_along(shape: Sequence[int], axis: int) -> Array:
    """The int32 number of each element along ``axis``, as an array that broadcasts."""
    return np.arange(shape[axis], dtype=np.int32).reshape([-1 if n == axis else 1 for n in range(len(shape))])


@makes("Gather", attributes=("axis",))
def gather(build: Build) -> Value:
    """Elements along one dimension."""
    x, indices = build.input(0), build.input(1)
    shape = x.type.shape
    axis = normalize_axis(build.node.integer("axis", 0), len(shape))
    checked(indices, shape[axis])
    if indices.data is not None:
        index = indices.data
        return build.moved(x, lambda places: np.take(places, index % shape[axis], axis))
    return build.add(GatherAt(axis), x, wrapped(build, indices, shape[axis]))


def _element_places(build: Build, indices: Value, shape: Sequence[int], axis: int) -> Value:
    """Of GatherElements and ScatterElements: places in flat data of ``shape``, in the shape of the indices."""
    if len(indices.type.shape) != len(shape):
        raise UnsupportedError(f"indices of shape {list(indices.type.shape)}", f"{len(shape)} dimensions")
    checked(indices, shape[axis])
    parts = [
        wrapped(build, indices, shape[axis])
        if number == axis
        else build.constant(numbers_along(indices.type.shape, number))
        for number in range(len(shape))
    ]
    return build.expand(weighted(build, parts, strides(shape)), indices.type.shape)


@makes("GatherElements", attributes=("axis",))
def gather_elements(build: Build) -> Value:
    """For each index the element there along one dimension, and at the index's own place along the others."""
    x, indices = build.input(0), build.input(1)
    axis = normalize_axis(build.node.integer("axis", 0), len(x.type.shape))
    return taken(build, x, _element_places(build, indices, x.type.shape, axis))


def _tuple_places(build: Build, indices: Value, shape: Sequence[int], batch: int) -> Value:
    """Of GatherND and ScatterND: places of whole slices, in the shape of the indices without the last dimension."""
    *outer, count = indices.type.shape or (0,)
    if batch < 0 or not 0 < count <= len(shape) - batch or tuple(outer[:batch]) != tuple(shape[:batch]):
        found = f"indices of shape {list(indices.type.shape)} into {list(shape)}, batch_dims {batch}"
        raise UnsupportedError(found, "tuples of as many indices as there are dimensions, or fewer")
    numbers = build.places(indices)
    parts = [build.constant(numbers_along(outer, axis)) for axis in range(batch)]
    for column in range(count):
        part = build.pick(indices, numbers[..., column])
        checked(part, shape[batch + column])
        parts.append(wrapped(build, part, shape[batch + column]))
    return build.expand(weighted(build, parts, strides(shape)[: batch + count]), outer)


def _slices(build: Build, places: Value, shape: Sequence[int], used: int) -> Value:
    """The places of all elements of slices that begin at ``places`` and have the dimensions after ``used``."""
    rest = tuple(shape[used:])
    inside = np.arange(math.prod(rest), dtype=np.int32).reshape(rest)
    begin = build.reshape(places, (*places.type.shape, *(1,) * len(rest)))
    return build.each("add", begin, build.constant(inside))


@makes("GatherND", attributes=("batch_dims",))
def gather_nd(build: Build) -> Value:
    """Slices by tuples of indices."""
    x, indices, batch = build.input(0), build.input(1), build.node.integer("batch_dims", 0)
    places = _tuple_places(build, indices, x.type.shape, batch)
    return taken(build, x, _slices(build, places, x.type.shape, batch + indices.type.shape[-1]))


def _meeting(build: Build) -> str:
    meeting = build.node.text("reduction", "none")
    if meeting not in _MEETINGS:
        raise UnsupportedError(f"reduction {meeting!r}", ", ".join(_MEETINGS))
    return meeting


def put(build: Build, x: Value, places: Value, updates: Value, meeting: str) -> Value:
    """X with updates at int32 places; constant places that are written once are a table."""
    if places.type.elements != updates.type.elements:
        raise UnsupportedError(f"updates of shape {list(updates.type.shape)}", f"{list(places.type.shape)}")
    if places.data is not None and meeting == "none":
        table = build.places(x).ravel().copy()
        table[places.data.ravel()] = x.type.elements + np.arange(places.type.elements)
        return build.pick_of([x, updates], table.reshape(x.type.shape))
    return build.add(Put(meeting), x, build.flat(places), build.flat(updates))


@makes("ScatterElements", "Scatter", attributes=("axis", "reduction"))
def scatter_elements(build: Build) -> Value:
    """Updates at indices along one dimension."""
    x, indices, updates = (build.input(index) for index in range(3))
    axis = normalize_axis(build.node.integer("axis", 0), len(x.type.shape))
    places = _element_places(build, indices, x.type.shape, axis)
    return put(build, x, places, updates, _meeting(build))


@makes("ScatterND", attributes=("reduction",))
def scatter_nd(build: Build) -> Value:
    """Updates of slices at tuples of indices."""
    x, indices, updates = (build.input(index) for index in range(3))
    places = _slices(build, _tuple_places(build, indices, x.type.shape, 0), x.type.shape, indices.type.shape[-1])
    return put(build, x, places, updates, _meeting(build))


@makes("TensorScatter", attributes=("axis", "mode"))
def tensor_scatter(build: Build) -> Value:
    """An update written into a cache from an index on; in circles, or within it."""
    x, update, node = build.input(0), build.input(1), build.node
    shape, added = x.type.shape, update.type.shape
    axis = normalize_axis(node.integer("axis", -2), len(shape))
    if build.has(2):
        begin = build.cast(build.input(2), "int32")
        begin = build.reshape(begin, (*begin.type.shape, *(1,) * (len(shape) - 1)))
    else:
        begin = build.constant(np.zeros((1,) * len(shape), np.int32))
    along = build.each("add", begin, build.constant(numbers_along(added, axis)))
    if node.text("mode", "linear") == "circular":
        along = build.each("mod", along, build.like(shape[axis], along))
    parts = [along if n == axis else build.constant(numbers_along(added, n)) for n in range(len(shape))]
    return put(build, x, build.expand(weighted(build, parts, strides(shape)), added), update, "none")


@makes("OneHot", attributes=("axis",))
def one_hot(build: Build) -> Value:
    """The one of two values at the index along a new dimension, the other elsewhere; floats are indices too."""
    depths = build.integers(1, "a depth")
    if len(depths) != 1 or not 1 <= depths[0] <= MOST_ELEMENTS or build.input(2).type.elements != 2:
        raise UnsupportedError(f"depth {depths}, {build.input(2).type.elements} values", "one depth, two values")
    depth = depths[0]
    indices, values = build.cast(build.input(0), "int32"), build.input(2)
    axis = normalize_axis(build.node.integer("axis", -1), len(indices.type.shape) + 1)
    indices = wrapped(build, indices, depth)
    shape = [*indices.type.shape[:axis], 1, *indices.type.shape[axis:]]
    full = [*indices.type.shape[:axis], depth, *indices.type.shape[axis:]]
    hit = build.each("equal", build.reshape(indices, shape), build.constant(numbers_along(full, axis)))
    off, on = (build.pick(values, np.array([place])) for place in range(2))
    return build.each("where", build.expand(hit, full), build.reshape(on, ()), build.reshape(off, ()))
