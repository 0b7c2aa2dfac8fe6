"""Sliding windows over NHWC images: the geometry that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinyglow.ir.graph import Array
from tinyglow.ir.op import ShapeError
from tinyglow.ir.record import Record

_MOST_UNUSED = 4  # columns a result: of more, most results of a run would be for nothing
MAX_PAD = 255  # kernels have it in a byte; and numpy pads in memory


class Window(Record):
    """A sliding window over images.

    Attributes:
        kernel: Height and width.
        strides: Along height and width.
        pads: Top, left, bottom, right.
        dilation: Along height and width.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)

    def extent(self, axis: int) -> int:
        """Input rows or columns that one window spans."""
        return (self.kernel[axis] - 1) * self.dilation[axis] + 1

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the result (ONNX operator specification, Conv); raises ShapeError if it would be empty."""
        size = tuple(
            (length + self.pads[axis] + self.pads[axis + 2] - self.extent(axis)) // self.strides[axis] + 1
            for axis, length in enumerate((height, width))
        )
        if min(size) < 1:
            raise ShapeError(f"a window of {self.kernel} does not fit an input of {height} x {width}")
        return size[0], size[1]

    def patches(self, x: Array, rows: range | None = None) -> Array:
        """Windows of x [images, height, width, channels] as [images, rows, out_w, taps, channels], padded with zeros.

        rows: those of the result that are wanted, of a step of 1; by default all. The windows take as many times the
        memory of the image as they have taps.
        """
        top, left, bottom, right = self.pads
        out_h, out_w = self.output_size(x.shape[1], x.shape[2])
        rows = range(out_h) if rows is None else rows
        if any(self.pads):
            x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
        windows = self.view(x[:, rows.start * self.strides[0] :], (len(rows), out_w))
        return windows.reshape(*windows.shape[:3], -1, x.shape[3])

    def view(self, padded: Array, size: tuple[int, int]) -> Array:
        """The first windows of padded images, in place: [images, *size, kernel_h, kernel_w, channels]."""
        image, line, column, channel = padded.strides
        (down, right), (over, across) = self.strides, self.dilation
        shape = (len(padded), *size, *self.kernel, padded.shape[3])
        strides = (image, down * line, right * column, over * line, across * column, channel)
        return as_strided(padded, shape, strides, writeable=False)

    def _along(self, axis: int, length: int, out: int) -> Iterator[tuple[slice, slice]]:
        """For each tap along one axis: which of the ``out`` results have it inside the image, and where it is there."""
        stride, begin = self.strides[axis], self.pads[axis]
        for tap in range(self.kernel[axis]):
            offset = tap * self.dilation[axis] - begin
            first = max(0, -(offset // stride))
            last = min(out - 1, (length - 1 - offset) // stride)
            if first <= last:
                at = offset + first * stride
                yield slice(first, last + 1), slice(at, at + (last - first) * stride + 1, stride)

    def taps(self, height: int, width: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
        """Each tap, row by row: the results (rows, columns) that have it inside the image, and its place for each."""
        out_h, out_w = self.output_size(height, width)
        for rows, y in self._along(0, height, out_h):
            for columns, x in self._along(1, width, out_w):
                yield (rows, columns), (y, x)

    def reduced(self, x: Array, reduce: np.ufunc, initial: int | float) -> Array:
        """``reduce`` over each window of x [images, height, width, channels], in x's type; ``initial`` of no taps.

        Rows first, then columns: for maxima and for sums of integers. Takes no more memory than images and results.
        """
        for axis, out in enumerate(self.output_size(x.shape[1], x.shape[2])):
            length = x.shape[axis + 1]
            inside = not (self.pads[axis] or (out - 1) * self.strides[axis] + self.extent(axis) > length)
            if axis == 1 and inside and length <= _MOST_UNUSED * out:
                x = self._neighbours(x, reduce, out)
            else:
                x = self._reduced_along(axis, x, reduce, initial, out, inside)
        return x

    def _reduced_along(
        self, axis: int, x: Array, reduce: np.ufunc, initial: int | float, out: int, inside: bool
    ) -> Array:
        """``reduced`` along one axis; inside: whether all windows lie in the image, so that none has no taps."""
        before = (slice(None),) * (axis + 1)
        taps = iter(self._along(axis, x.shape[axis + 1], out))
        if inside:
            first = (*before, next(taps)[1])
            result: Array = x[first].copy()
        else:
            result = np.full((*x.shape[: axis + 1], out, *x.shape[axis + 2 :]), initial, x.dtype)
        for results, places in taps:
            target, source = (*before, results), (*before, places)
            reduce(result[target], x[source], out=result[target])
        return result

    def _neighbours(self, x: Array, reduce: np.ufunc, out: int) -> Array:
        """``reduced`` along columns, of windows without padding: in long runs, of which every few results are taken."""
        flat, step = x.reshape(-1), self.dilation[1] * x.shape[3]
        count = flat.size - (self.kernel[1] - 1) * step
        runs = flat.copy()
        for tap in range(1, self.kernel[1]):
            reduce(runs[:count], flat[tap * step : tap * step + count], out=runs[:count])
        result: Array = np.take(runs.reshape(x.shape), np.arange(out) * self.strides[1], axis=2)
        return result

    def taps_inside(self, height: int, width: int) -> Array:
        """How many taps of each window lie inside the image, int32 [1, out_h, out_w, 1]."""
        return self.reduced(np.ones((1, height, width, 1), np.int32), np.add, 0)


def same_pads(window: Window, size: tuple[int, int], more_before: bool = False) -> tuple[int, int, int, int]:
    """Explicit pads of SAME_UPPER / SAME_LOWER (ONNX operator specification, Conv): out = ceil(in / stride).

    more_before: where their number is odd, the larger part comes before (SAME_LOWER), else after.
    """
    begin, end = [], []
    for axis, length in enumerate(size):
        out = -(-length // window.strides[axis])
        total = max((out - 1) * window.strides[axis] + window.extent(axis) - length, 0)
        small, large = total // 2, total - total // 2
        begin.append(large if more_before else small)
        end.append(small if more_before else large)
    return begin[0], begin[1], end[0], end[1]


def require_image(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """A 4-dimensional shape; raises ShapeError for any other."""
    if len(shape) != 4:
        raise ShapeError(f"input shape {list(shape)}", "4 dimensions")
    return shape[0], shape[1], shape[2], shape[3]


def merge_batch(x: Array) -> Array:
    """[samples, n, h, w, c] -> [samples * n, h, w, c]."""
    return x.reshape(-1, *x.shape[2:])
