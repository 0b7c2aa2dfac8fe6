"""Sliding windows over NHWC images: the geometry that convolution and pooling share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.op import ShapeError

MAX_PAD = 255  # kernels have it in a byte; and numpy pads in memory


@dataclass(frozen=True)
class Window:
    """kernel, strides, dilation: (height, width); pads: (top, left, bottom, right)."""

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

    def patches(self, x: Array, fill: int | float = 0) -> Array:
        """Windows of x [images, height, width, channels] as [images, out_h, out_w, taps, channels], padded by fill."""
        top, left, bottom, right = self.pads
        out_h, out_w = self.output_size(x.shape[1], x.shape[2])
        if any(self.pads):
            x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
        taps = []
        for row in range(self.kernel[0]):
            for column in range(self.kernel[1]):
                y0, x0 = row * self.dilation[0], column * self.dilation[1]
                y1 = y0 + (out_h - 1) * self.strides[0] + 1
                x1 = x0 + (out_w - 1) * self.strides[1] + 1
                taps.append(x[:, y0 : y1 : self.strides[0], x0 : x1 : self.strides[1], :])
        return np.stack(taps, axis=3)


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
