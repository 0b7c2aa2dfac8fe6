"""ONNX's operators that combine elements along dimensions, or put them in order."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.exp import Exp
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.generic.indexing import numbers_along, strides, taken, weighted
from tinyglow.operators.log import Log
from tinyglow.operators.sqrt import Sqrt

_KINDS = {"ReduceSum": "sum", "ReduceProd": "prod", "ReduceMax": "max", "ReduceMin": "min"}


def _axes(build: Build, rank: int) -> list[int] | None:
    """The axes that a node reduces; None if it is to do nothing."""
    node = build.node
    given = build.integers(1, "axes") if build.has(1) else list(node.ints("axes", ()))
    if not given and node.integer("noop_with_empty_axes", 0):
        return None
    axes = [normalize_axis(axis, rank) for axis in given] or list(range(rank))
    if len(set(axes)) != len(axes):
        raise UnsupportedError(f"axes {given}", "each once")
    return axes


def _root(build: Build, x: Value) -> Value:
    return build.cast(build.add(Sqrt(), build.cast(x, "float32")), x.type.dtype)


@makes(
    *_KINDS,
    *("ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"),
    attributes=("axes", "keepdims", "noop_with_empty_axes"),
)
def reduce_(build: Build) -> Value:
    """Totals of all kinds over dimensions."""
    x, name, keep = build.input(0), build.node.op_type, bool(build.node.integer("keepdims", 1))
    axes = _axes(build, len(x.type.shape))
    skip = axes is None
    numbers = [] if axes is None else axes
    if name in _KINDS:
        return x if skip else build.fold(_KINDS[name], x, numbers, keep)
    if name == "ReduceMean":
        return x if skip else build.mean(x, numbers, keep)
    if name == "ReduceL1":
        size = build.absolute(x)
        return size if skip else build.fold("sum", size, numbers, keep)
    if name in ("ReduceSumSquare", "ReduceL2"):
        square = build.each("mul", x, x)
        total = square if skip else build.fold("sum", square, numbers, keep)
        return total if name == "ReduceSumSquare" else _root(build, total)
    if name == "ReduceLogSum":
        return build.add(Log(), x if skip else build.fold("sum", x, numbers, keep))
    if skip:
        return x
    largest = build.fold("max", x, numbers)
    powers = build.add(Exp(), build.each("sub", x, largest))
    result = build.each("add", build.add(Log(), build.fold("sum", powers, numbers)), largest)
    shape = x.type.shape
    return result if keep else build.reshape(result, [size for n, size in enumerate(shape) if n not in numbers])


@makes("ArgMax", "ArgMin", attributes=("axis", "keepdims", "select_last_index"))
def arg_max(build: Build) -> Value:
    """The place of the largest or smallest element along an axis, the first or the last one."""
    x, node = build.input(0), build.node
    shape = x.type.shape
    axis = normalize_axis(node.integer("axis", 0), len(shape))
    smallest, last = node.op_type == "ArgMin", bool(node.integer("select_last_index", 0))
    best = build.order(x, axis, 1, smallest, last)
    return best if node.integer("keepdims", 1) else build.reshape(best, [s for n, s in enumerate(shape) if n != axis])


@makes("CumSum", "CumProd", attributes=("exclusive", "reverse"))
def running(build: Build) -> Value:
    """Running totals, from either end."""
    x, node = build.input(0), build.node
    axis = normalize_axis(build.integers(1, "an axis")[0], len(x.type.shape))
    back = bool(node.integer("reverse", 0))
    kind = "sum" if node.op_type == "CumSum" else "prod"
    turned = build.moved(x, lambda places: np.flip(places, axis)) if back else x
    total = build.scan(kind, turned, axis, bool(node.integer("exclusive", 0)))
    return build.moved(total, lambda places: np.flip(places, axis)) if back else total


@makes("TopK", attributes=("axis", "largest", "k"), ignored={"sorted": "the results are always in order"})
def top_k(build: Build) -> list[Value]:
    """The largest or smallest elements along an axis in order, and their places."""
    x, node = build.input(0), build.node
    shape = x.type.shape
    axis = normalize_axis(node.integer("axis", -1), len(shape))
    rows = build.integers(1, "k")[0] if build.has(1) else node.integer("k", 1)
    if not 1 <= rows <= shape[axis]:
        raise UnsupportedError(f"{rows} of {shape[axis]} elements", f"1 to {shape[axis]}")
    order = build.order(x, axis, rows, smallest=not node.integer("largest", 1))
    found = order.type.shape
    parts = [
        build.cast(order, "int32") if n == axis else build.constant(numbers_along(found, n)) for n in range(len(shape))
    ]
    places = build.expand(weighted(build, parts, strides(shape)), found)
    return [taken(build, x, places), order]
