"""Fourier transforms, as products with matrices; mel weights; determinants."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes

_LARGEST_DETERMINANT = 8  # rows, for the number of terms doubles with each


def _matrix(size: int, parts: int, length: int, inverse: bool, onesided: bool) -> Array:
    """The transform of ``size`` numbers of 1 (real) or 2 parts as a matrix [size * parts, results * parts of them]."""
    basis = np.eye(size, dtype=complex)
    basis = basis[:, np.newaxis] if parts == 1 else np.stack([basis, 1j * basis], 1)
    rows = basis.reshape(size * parts, size)
    if inverse and onesided:
        return np.fft.irfft(rows, n=length, axis=1)
    spectrum = np.fft.ifft(rows, n=length, axis=1) if inverse else np.fft.fft(rows, n=length, axis=1)
    spectrum = spectrum[:, : length // 2 + 1] if onesided else spectrum
    return np.stack([spectrum.real, spectrum.imag], -1).reshape(size * parts, -1)


def _transformed(build: Build, x: Value, axis: int, length: int | None, inverse: bool, onesided: bool) -> Value:
    """The transform along ``axis`` of x, whose last dimension has the real part alone or both parts."""
    *outer, parts = x.type.shape
    if parts not in (1, 2) or not outer:
        raise UnsupportedError(f"a signal of shape {list(x.type.shape)}", "a last dimension of 1 or 2")
    size = outer[axis]
    if length is None:
        length = 2 * (size - 1) if inverse and onesided else size
    if length < 1:
        raise UnsupportedError(f"a transform of length {length}", "at least 1")
    results = 1 if inverse and onesided else 2
    bins = length // 2 + 1 if onesided and not inverse else length
    build.require((size * parts, bins * results))
    matrix = _matrix(size, parts, length, inverse, onesided).astype(np.float32)
    rank = len(outer) + 1
    order = [*(n for n in range(rank - 1) if n != axis), axis, rank - 1]
    turned = build.transpose(x, order)
    rows = build.reshape(turned, (x.type.elements // (size * parts), size * parts))
    product = build.matmul(rows, build.constant(matrix))
    shaped = build.reshape(product, (*turned.type.shape[:-2], bins, results))
    return build.transpose(shaped, [order.index(n) for n in range(rank)])


@makes("DFT", version=20, attributes=("axis", "inverse", "onesided"))
def dft(build: Build) -> Value:
    """The discrete Fourier transform along one dimension."""
    x, node = build.input(0), build.node
    lengths = build.integers(1, "a length") if build.has(1) else [None]
    given = build.integers(2, "an axis") if build.has(2) else [node.integer("axis", 1 if node.opset < 20 else -2)]
    if len(lengths) != 1 or len(given) != 1:
        raise UnsupportedError(f"lengths {lengths} along {given}", "one of each")
    axis = normalize_axis(given[0], len(x.type.shape))
    if axis == len(x.type.shape) - 1:
        raise UnsupportedError(f"axis {given[0]}", "a dimension before the last one, which has the parts")
    return _transformed(build, x, axis, lengths[0], bool(node.integer("inverse", 0)), bool(node.integer("onesided", 0)))


@makes("STFT", version=17, attributes=("onesided",))
def stft(build: Build) -> Value:
    """The transforms of frames of a signal [N, samples, parts], each times a window."""
    x, steps = build.input(0), build.integers(1, "a step")
    window = build.optional(2)
    if len(x.type.shape) == 2:
        x = build.reshape(x, (*x.type.shape, 1))
    if len(x.type.shape) != 3:
        raise UnsupportedError(f"a signal of shape {list(x.type.shape)}", "[N, samples, 1 or 2]")
    samples = x.type.shape[1]
    default = window.type.elements if window is not None else samples
    (length,) = build.integers(3, "a length of frames") if build.has(3) else [default]
    if len(steps) != 1 or steps[0] < 1 or not 1 <= length <= samples or default not in (length, samples):
        found = f"frames of {length} of {samples} samples, a window of {default}, steps {steps}"
        raise UnsupportedError(found, "frames within the signal, a window as long, one step")
    begins = np.arange(1 + (samples - length) // steps[0]) * steps[0]
    frames = build.moved(x, lambda places: places[:, begins[:, np.newaxis] + np.arange(length)])
    if window is not None:
        frames = build.each("mul", frames, build.reshape(window, (window.type.elements, 1)))
    return _transformed(build, frames, 2, length, False, bool(build.node.integer("onesided", 1)))


@makes("MelWeightMatrix", version=17, ignored={"output_datatype": "the type of the result, which is known"})
def mel_weight_matrix(build: Build) -> Value:
    """Triangles over the bins of a spectrum, evenly spaced on the mel scale, [bins, mel bins]; of constants alone."""
    bins, length, rate = (build.integers(index, "numbers")[0] for index in range(3))
    edges = [float(build.static(index, "edges").ravel()[0]) for index in (3, 4)]
    if min(bins, length, rate) < 1 or not 0 <= edges[0] < edges[1]:
        raise UnsupportedError(f"{bins} bins from {edges[0]} to {edges[1]} Hz", "at least one, from below to above")
    build.require((length // 2 + 1, bins))
    low, high = (2595 * math.log10(1 + edge / 700) for edge in edges)
    mels = low + np.arange(bins + 2) * (high - low) / (bins + 2)
    points = ((length + 1) * (700 * (10 ** (mels / 2595) - 1)) // rate).astype(int)
    if points.max() > length // 2 + 1:
        raise UnsupportedError(f"frequencies up to {edges[1]} Hz at a rate of {rate}", "half the rate at most")
    result = np.zeros((length // 2 + 1, bins))
    number = np.arange(length // 2 + 1)
    for column, (left, centre, right) in enumerate(zip(points, points[1:], points[2:], strict=False)):
        if centre == left:
            result[number == centre, column] = 1
        else:
            rising = (left <= number) & (number <= centre)
            result[rising, column] = (number[rising] - left) / (centre - left)
        falling = (centre <= number) & (number < right)
        result[falling, column] = (right - number[falling]) / max(1, right - centre)
    return build.cast(build.constant(result.astype(np.float32)), build.result_dtype(0))


@makes("Det", version=22)
def determinant(build: Build) -> Value:
    """Determinants of matrices [..., n, n], row by row: those of all choices of columns, from those of one row less."""
    x = build.input(0)
    *outer, n, m = x.type.shape if len(x.type.shape) > 1 else (0, 1)
    if n != m or not 1 <= n <= _LARGEST_DETERMINANT:
        raise UnsupportedError(f"matrices of shape {list(x.type.shape)}", f"square ones of 1 to {_LARGEST_DETERMINANT}")
    count = math.prod(outer)
    matrices = build.reshape(x, (count, n, n))
    at = build.places(matrices)
    minors = build.pick(matrices, at[:, 0])
    before: list[tuple[int, ...]] = [(column,) for column in range(n)]
    for row in range(1, n):
        chosen: list[tuple[int, ...]] = list(combinations(range(n), row + 1))
        columns = np.array(chosen)
        numbers = {own: index for index, own in enumerate(before)}
        rest = np.array([[numbers[own[:i] + own[i + 1 :]] for i in range(row + 1)] for own in chosen])
        signs = (-1.0) ** (row + np.arange(row + 1))
        elements = build.pick(matrices, at[:, row][:, columns])
        smaller = build.pick(minors, build.places(minors)[:, rest])
        terms = build.each("mul", build.each("mul", elements, smaller), build.constant(signs.astype(np.float32)))
        minors, before = build.fold("sum", terms, [2], keepdims=False), chosen
    return build.reshape(minors, outer)
