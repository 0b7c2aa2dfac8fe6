"""Parameters that the convolution kernels share: sizes, the input's offset, the activation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I16, U8, U16, Params
from tinyglow.kernels.convolution.sums import SumsOf
from tinyglow.kernels.window import Window
from tinyglow.numerics import glow

# Names of the two dimensions in the fields of parameters, and of the side where their padding begins.
_AXES = (("h", "top"), ("w", "left"))


class ConvSizes(Params):
    """Sizes in elements."""

    in_h: U16
    in_w: U16
    in_c: U16
    out_h: U16
    out_w: U16
    out_c: U16
    kernel_h: U8
    kernel_w: U8
    stride_h: U8
    stride_w: U8
    pad_top: U8
    pad_left: U8
    dilation_h: U8
    dilation_w: U8
    group: U16
    images: U16

    @property
    def window(self) -> Window:
        """The window with the bottom and right padding that the output size implies."""
        kernel, dilation = (self.kernel_h, self.kernel_w), (self.dilation_h, self.dilation_w)
        strides = (self.stride_h, self.stride_w)
        extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        bottom = max(0, (self.out_h - 1) * self.stride_h + extent[0] - self.in_h - self.pad_top)
        right = max(0, (self.out_w - 1) * self.stride_w + extent[1] - self.in_w - self.pad_left)
        return Window(kernel, strides, (self.pad_top, self.pad_left, bottom, right), dilation)

    def inside(self, axis: int) -> Array:
        """How many taps of each window along height (axis 0) or width (1) lie inside the image: int64 [windows]."""
        names = [(f"out_{a}", f"stride_{a}", f"pad_{s}", f"kernel_{a}", f"dilation_{a}", f"in_{a}") for a, s in _AXES]
        out, stride, pad, kernel, dilation, size = (int(getattr(self, name)) for name in names[axis])
        taps = np.arange(out)[:, None] * stride - pad + np.arange(kernel) * dilation
        count: Array = ((taps >= 0) & (taps < size)).sum(axis=1)
        return count

    def patches(self, x: Array) -> Array:
        """Windows of ``x`` [samples, elements] as [images, out_h, out_w, taps, in_c], zeros outside the image."""
        images = x.reshape(-1, self.in_h, self.in_w, self.in_c)
        return self.window.patches(images)[:, : self.out_h, : self.out_w]


class ConvGeometry(ConvSizes):
    """Sizes in elements; in_offset is the input's; act_min..act_max bounds the output.

    leaky: values below negative.offset, which stands for 0.0, are requantized by ``negative`` before they are bounded.
    """

    in_offset: I16
    act_min: I8
    act_max: I8
    leaky: U8
    negative: glow.Requant

    def sums(self, x: Array, filters: Array, filter_offsets: Array) -> Array:
        """[images, out_h, out_w, out_c] int32: sums of (x - in_offset) * (filter - filter_offset of its channel).

        A padded tap is left out of a sum: once the offset is taken off, that is the same as a zero.
        """
        return self.layer(x, filters, filter_offsets).whole()

    def layer(self, x: Array, filters: Array, filter_offsets: Array) -> SumsOf:
        """The convolution whose sums ``sums`` has."""
        images = x.reshape(-1, self.in_h, self.in_w, self.in_c)
        weights = filters.reshape(self.out_c, -1).astype(np.int32) - filter_offsets.reshape(-1, 1)
        shape = (self.out_c, self.kernel_h, self.kernel_w, self.in_c // self.group)
        size = (self.out_h, self.out_w)
        return SumsOf(images, self.in_offset, weights.reshape(shape), self.window, self.group, size)

    def folded_sums(self, x: Array, weights: Array, bias: Array) -> Array:
        """The sums of x * weight plus the bias, where x is in_offset outside of the image.

        Args:
            x: int8 images.
            weights: int32 [out_c, terms], less their offsets.
            bias: int32 [out_c], with the input's offset folded into it.

        Returns:
            int32 [images, out_h, out_w, out_c].
        """
        flat = weights.reshape(self.out_c, -1)
        folded = bias.reshape(self.out_c) + self.in_offset * flat.sum(axis=1)  # sums() takes in_offset off every x
        return self.sums(x, flat, np.zeros(self.out_c, np.int32)) + folded.astype(np.int32)

    def activate(self, x: Array) -> Array:
        """Requantized sums as int8, after the activation."""
        if self.leaky:
            below = glow.requantize(x - np.int32(self.negative.offset), self.negative)
            x = np.where(x < self.negative.offset, below, x)
        return np.clip(x, np.int32(self.act_min), np.int32(self.act_max)).astype(np.int8)


class PooledGeometry(ConvGeometry):
    """pool: 2 if out_h x out_w are the maxima of 2x2 blocks of the convolution's pixels, 0 if they are its pixels."""

    pool: U8

    @property
    def unpooled(self) -> PooledGeometry:
        """The convolution alone."""
        factor = self.pool or 1
        return replace(self, out_h=self.out_h * factor, out_w=self.out_w * factor, pool=0)

    def pooled(self, sums: Array) -> Array:
        """Sums [images, height, width, channels] of the convolution as those of the output."""
        if not self.pool:
            return sums
        images, height, width, channels = sums.shape
        result: Array = sums.reshape(images, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))
        return result

    def pooled_sums(self, x: Array, weights: Array, bias: Array) -> Array:
        """``folded_sums`` of the convolution as those of the output: with pool the largest of 2x2 blocks."""
        return self.pooled(self.unpooled.folded_sums(x, weights, bias))

    def pixels(self) -> Iterator[tuple[int, int]]:
        """(row, column) of each of the convolution's pixels, in the order of the outputs that they are for."""
        factor = self.pool or 1
        for y in range(self.out_h):
            for x in range(self.out_w):
                for dy in range(factor):
                    for dx in range(factor):
                        yield y * factor + dy, x * factor + dx
