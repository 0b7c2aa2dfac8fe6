"""GridSample: elements of an image at places that are computed at run time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from tinyglow.ir.graph import Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.operators.floor import Floor
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.generic.indexing import strides, taken, weighted
from tinyglow.operators.round import Round

_A = -0.75  # of cubic weights, as PyTorch has it
_MODES = {"bilinear": "linear", "bicubic": "cubic"}


class _Tap(Record):
    """One of the elements along a dimension that count: its index, int32; its weight; whether it is inside."""

    index: Value
    weight: Value | None
    inside: Value | None


class _Axis:
    """One dimension of the image."""

    def __init__(self, build: Build, size: int, padding: str, aligned: bool) -> None:
        self.build, self.size, self.padding, self.aligned = build, size, padding, aligned
        self.least, self.most = (0.0, size - 1.0) if aligned else (-0.5, size - 0.5)

    def _math(self, function: str, x: Value, number: float) -> Value:
        return self.build.each(function, x, self.build.like(number, x))

    def clipped(self, x: Value) -> Value:
        """Coordinates within the image."""
        return self._math("min", self._math("max", x, 0.0), self.size - 1.0)

    def reflected(self, x: Value) -> Value:
        """Coordinates beyond the borders thrown back by them, as often as it takes."""
        extent = self.most - self.least
        if extent <= 0:
            return self._math("mul", x, 0.0)
        round_trip = self._math("mod", self._math("sub", x, self.least), 2 * extent)
        back = self.build.each("sub", self.build.like(2 * extent, x), round_trip)
        there = self._math("add", self.build.each("min", round_trip, back), self.least)
        return self._beyond(x, there)

    def _beyond(self, x: Value, other: Value) -> Value:
        """Other coordinates for those beyond the borders."""
        below = self.build.each("less", x, self.build.like(self.least, x))
        above = self.build.each("less", self.build.like(self.most, x), x)
        return self.build.each("where", self.build.each("or", below, above), other, x)

    def coordinate(self, normal: Value) -> Value:
        """Where in the image a number from -1 to 1 is."""
        shifted = self._math("add", normal, 1.0)
        if self.aligned:
            return self._math("mul", self._math("mul", shifted, 0.5), self.size - 1.0)
        return self._math("mul", self._math("sub", self._math("mul", shifted, float(self.size)), 1.0), 0.5)

    def padded(self, x: Value) -> Value:
        """Coordinates as the padding mode has them."""
        if self.padding == "border":
            return self._beyond(x, self.clipped(x))
        return self.reflected(x) if self.padding == "reflection" else x

    def tap(self, place: Value, weight: Value | None) -> _Tap:
        """The element at a whole coordinate, which may lie outside."""
        inside = None
        if self.padding == "zeros":
            within = self.clipped(place)
            inside = self.build.each("equal", within, place)
            place = within
        elif self.padding == "reflection":
            place = self.clipped(self.build.add(Floor(), self._math("add", self.reflected(place), 1e-4)))
        else:
            place = self.clipped(place)
        return _Tap(self.build.cast(place, "int32"), weight, inside)

    def taps(self, normal: Value, mode: str) -> list[_Tap]:
        """The elements that count for each place."""
        x = self.coordinate(normal)
        if mode == "nearest":
            return [self.tap(self.padded(self.build.add(Round(), x)), None)]
        x = self.padded(x)
        first = self.build.add(Floor(), x)
        part = self.build.each("sub", x, first)
        rest = self.build.each("sub", self.build.like(1.0, part), part)
        if mode == "linear":
            weights = {0: rest, 1: part}
        else:
            weights = {0: self._near(part), 1: self._near(rest), -1: self._far(part), 2: self._far(rest)}
        return [self.tap(self._math("add", first, float(step)), weight) for step, weight in sorted(weights.items())]

    def _near(self, x: Value) -> Value:
        """The cubic weight at distance x up to 1."""
        inner = self._math("sub", self._math("mul", x, _A + 2), _A + 3)
        return self._math("add", self.build.each("mul", inner, self.build.each("mul", x, x)), 1.0)

    def _far(self, x: Value) -> Value:
        """The cubic weight at distance 1 + x up to 2."""
        y = self._math("add", x, 1.0)
        inner = self._math("sub", self._math("mul", y, _A), 5 * _A)
        inner = self._math("add", self.build.each("mul", inner, y), 8 * _A)
        return self._math("sub", self.build.each("mul", inner, y), 4 * _A)


@makes("GridSample", version=22, attributes=("align_corners", "mode", "padding_mode"))
def grid_sample(build: Build) -> Value:
    """Elements of [N, C, ...] at the places of a grid [N, ..., dimensions], which names the last dimension first."""
    x, grid, node = build.input(0), build.input(1), build.node
    mode, padding = node.text("mode", "linear"), node.text("padding_mode", "zeros")
    mode = _MODES.get(mode, mode)
    shape, dims = x.type.shape, x.type.shape[2:]
    fits = len(grid.type.shape) == len(shape) >= 3 and grid.type.shape[0] == shape[0]
    if not fits or grid.type.shape[-1] != len(dims):
        found = f"input {list(shape)}, grid {list(grid.type.shape)}"
        raise UnsupportedError(found, "[N, C, ...] and [N, ..., dimensions]")
    if mode not in ("nearest", "linear", "cubic") or padding not in ("zeros", "border", "reflection"):
        found = f"mode {mode!r} with padding_mode {padding!r}"
        raise UnsupportedError(found, "nearest, linear or cubic; zeros, border or reflection")
    aligned, count = bool(node.integer("align_corners", 0)), math.prod(grid.type.shape[1:-1])
    lines = build.places(grid).reshape(shape[0], 1, count, len(dims))
    taps = []
    for number, size in enumerate(dims):
        normal = build.pick(grid, lines[..., len(dims) - 1 - number])
        taps.append(_Axis(build, size, padding, aligned).taps(normal, mode))
    total: Value | None = None
    for chosen in product(*taps):
        part = _element(build, x, chosen)
        total = part if total is None else build.each("add", total, part)
    assert total is not None
    return build.reshape(total, (*shape[:2], *grid.type.shape[1:-1]))


def _element(build: Build, x: Value, chosen: Sequence[_Tap]) -> Value:
    """The elements [N, C, places] at one tap of each dimension, times its weights."""
    (n, channels, *dims) = x.type.shape
    step = math.prod(dims)
    begin = build.constant(np.arange(n * channels, dtype=np.int32).reshape(n, channels, 1) * step)
    places = build.each("add", begin, weighted(build, [tap.index for tap in chosen], strides(dims)))
    value = taken(build, x, places)
    for tap in chosen:
        if tap.inside is not None:
            value = build.each("where", build.expand(tap.inside, value.type.shape), value, build.like(0, value))
    for tap in chosen:
        value = value if tap.weight is None else build.each("mul", value, tap.weight)
    return value
