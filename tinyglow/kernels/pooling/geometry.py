"""Parameters that the pooling kernels share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U8, U16, Params
from tinyglow.ir.types import Shape
from tinyglow.kernels.window import Window, require_image


class PoolGeometry(Params):
    """Sizes in elements."""

    in_h: U16
    in_w: U16
    channels: U16
    out_h: U16
    out_w: U16
    kernel_h: U16
    kernel_w: U16
    stride_h: U8
    stride_w: U8
    pad_top: U8
    pad_left: U8
    images: U16

    def window(self, dilation: tuple[int, int] = (1, 1)) -> Window:
        """The window, whose padding at the end is what the output's size implies."""
        size, out, strides = (self.in_h, self.in_w), (self.out_h, self.out_w), (self.stride_h, self.stride_w)
        begin = (self.pad_top, self.pad_left)
        window = Window((self.kernel_h, self.kernel_w), strides, (*begin, 0, 0), dilation)
        ends = [
            max(0, (out[axis] - 1) * strides[axis] + window.extent(axis) - size[axis] - begin[axis]) for axis in (0, 1)
        ]
        return replace(window, pads=(*begin, ends[0], ends[1]))

    def image(self, x: Array) -> Array:
        """All images in x as [images, in_h, in_w, channels]."""
        return x.reshape(-1, self.in_h, self.in_w, self.channels)

    def reduced(self, x: Array, reduce: np.ufunc, initial: int, dilation: tuple[int, int] = (1, 1)) -> Array:
        """``Window.reduced`` for all images in x: [images, out_h, out_w, channels]."""
        return self.window(dilation).reduced(self.image(x), reduce, initial)[:, : self.out_h, : self.out_w]

    def taps_inside(self, dilation: tuple[int, int] = (1, 1)) -> Array:
        """How many taps of each window lie inside the image [1, out_h, out_w, 1], int32."""
        return self.window(dilation).taps_inside(self.in_h, self.in_w)[:, : self.out_h, : self.out_w]


def geometry(window: Window, source: Shape, result: Shape) -> dict[str, int]:
    """The fields of PoolGeometry for images of shape ``source`` [n, h, w, c]."""
    n, in_h, in_w, channels = require_image(source)
    sizes = {"in_h": in_h, "in_w": in_w, "channels": channels, "out_h": result[1], "out_w": result[2], "images": n}
    kernel = dict(zip(("kernel_h", "kernel_w"), window.kernel, strict=True))
    strides = dict(zip(("stride_h", "stride_w"), window.strides, strict=True))
    return {**sizes, **kernel, **strides, "pad_top": window.pads[0], "pad_left": window.pads[1]}
