"""The sums of a convolution, fast: ways that numpy has for some windows, each of them exact.

Each takes images as they are, with the input's offset in their padding. What the offset adds to a sum is a constant,
which the caller puts into ``start``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from tinyglow.ir.graph import Array
from tinyglow.ir.record import Record
from tinyglow.kernels.convolution.rows import rows_of
from tinyglow.kernels.window import Window
from tinyglow.numerics.exact_dot import block_rows, product
from tinyglow.numerics.staircase import add_bias

Floats = npt.NDArray[Any]
Size = tuple[int, int]


class Sums(Record):
    """The sums of a convolution in the order in which they were computed.

    Attributes:
        values: Floats, contiguous: [images, rows, columns, units]; or [parts, rows, images, columns, units], whose rows
            are taken from the parts by turns, and whose last rows and columns need not be results.
        size: Height and width of the result.
    """

    values: Floats
    size: Size

    def images(self, values: Array) -> Array:
        """Elements in the order of ``values`` as [images, height, width, units]."""
        if self.values.ndim == 4:
            return values
        parts, rows, n, columns, units = self.values.shape
        whole = values.transpose(2, 1, 0, 3, 4).reshape(n, rows * parts, columns, units)
        return whole[:, : self.size[0], : self.size[1]]


def few_channels(images: npt.NDArray[np.int8], fill: int, factors: Floats, window: Window, size: Size) -> Sums:
    """One product with a matrix that has a row for each tap and channel, all of it copied in long runs.

    Args:
        images: [images, height, width, channels].
        fill: Of the padding.
        factors: [taps * channels + 1, units]: weights; the last ones are biases, of a tap that is always 1.
        window: Any.
        size: Height and width of the result.

    Returns:
        The sums with their bias, in the type of ``factors``.
    """
    down, right = window.strides
    taps, units = factors.shape
    count = (size[0] - 1) * down + window.extent(0)
    rows = rows_of(images, fill, window, size[1], factors.dtype.type, (0, 1, count), window.extent(1))
    planes = np.ascontiguousarray(rows.flat.T)
    line = rows.step // right
    pixels = size[0] * line
    block = block_rows(taps, units, pixels)
    blocks = -(-pixels // block)
    matrix = np.empty((taps, blocks * block), planes.dtype)
    matrix[:-1, pixels:] = 0
    matrix[-1] = 1
    shape = (*window.kernel, len(planes), size[0], line)
    over, across = window.dilation
    strides = (over * rows.step, across, planes.shape[1], down * rows.step, right)
    source = as_strided(
        planes[:, rows.begin(window, 0) :], shape, [planes.itemsize * stride for stride in strides], writeable=False
    )
    matrix[:-1, :pixels].reshape(shape)[...] = source
    sums = product(matrix.reshape(taps, blocks, block).transpose(1, 2, 0), factors)
    return Sums(sums.reshape(-1, units)[:pixels].reshape(1, size[0], len(images), -1, units), size)


def depthwise(
    images: npt.NDArray[np.int8], fill: int, weights: Floats, window: Window, size: Size, start: Floats
) -> Sums:
    """One filter for each channel: einsum multiplies and adds in one pass, a row of all images at a time.

    The weights of a tap are repeated for each pixel of a row, so that einsum's inner loop is a whole row.

    Args:
        images: int8 [images, height, width, channels].
        fill: Of the padding.
        weights: [channels, kernel_h, kernel_w].
        window: With a horizontal stride of 1.
        size: Height and width of the result.
        start: The biases, ``repeated``, in the type of the weights.

    Returns:
        The sums with their bias.
    """
    (down, _), (over, across), channels = window.strides, window.dilation, len(weights)
    count = (size[0] - 1) * down + window.extent(0)
    rows = rows_of(images, fill, window, size[1], weights.dtype.type, (0, 1, count), window.extent(1))
    factors = np.tile(weights.transpose(1, 2, 0), (1, 1, rows.step))
    first = rows.flat[rows.begin(window, 0) :]
    pixel, number = first.strides
    line = rows.step * pixel
    strides = (down * line, over * line, across * pixel, number)
    taps = as_strided(first, (size[0], *window.kernel, rows.step * channels), strides, writeable=False)
    values = np.einsum("ryxj,yxj->rj", taps, factors)
    add_bias(values, start)
    return Sums(values.reshape(1, size[0], len(images), rows.width, channels), size)


def by_pairs_of_rows(
    images: npt.NDArray[np.int8], fill: int, factors: Floats, window: Window, size: Size, start: Floats
) -> Sums:
    """Windows of three rows: four products for two rows of results, instead of six (Winograd's F(2, 3)).

    A product reads the taps of a row where the image has them: those of every ``kernel_w``-th window follow each other.

    Args:
        images: [images, height, width, channels].
        fill: Of the padding.
        factors: float32 [4, kernel_w * channels, units]: those of ``transformed``.
        window: Three rows high, with strides and dilation of 1.
        size: Height and width of the result.
        start: The biases, ``repeated``.

    Returns:
        The sums with their bias.
    """
    width, channels = window.kernel[1], images.shape[3]
    tiles, (terms, units) = -(-size[0] // 2), factors.shape[1:]
    probe = rows_of(images[:, :1], fill, window, size[1], np.int8, (0, 1, 0))
    pixels = tiles * probe.step
    each = -(-pixels // width)
    block = block_rows(terms, units, each)
    blocks = -(-each // block)
    slack = blocks * block * width + width - pixels
    even, odd = (
        rows_of(images, fill, window, size[1], np.float32, (first, 2, tiles + 1), slack).flat.reshape(-1)
        for first in (0, 1)
    )
    row = probe.step * channels
    taps = np.empty((4, even.size - row), np.float32)
    np.subtract(even[:-row], even[row:], out=taps[0])
    np.add(odd[:-row], even[row:], out=taps[1])
    np.subtract(even[row:], odd[:-row], out=taps[2])
    np.subtract(odd[:-row], odd[row:], out=taps[3])
    products = np.empty((4, blocks, block, width, units), np.float32)
    line, number = taps.strides
    pixel = number * channels
    strides = (line, pixel, block * width * pixel, width * pixel, number)
    first_taps = taps[:, probe.begin(window, 0) * channels :]
    source = as_strided(first_taps, (4, width, blocks, block, terms), strides, writeable=False)
    product(source, factors[:, np.newaxis, np.newaxis], products.transpose(0, 3, 1, 2, 4))
    top, upper, lower, bottom = products.reshape(4, -1)[:, : pixels * units]
    add_bias(upper.reshape(-1, units), start)  # it is a part of both rows
    sums = np.empty((2, pixels * units), np.float32)
    np.add(upper, lower, out=sums[0])
    np.add(sums[0], top, out=sums[0])
    np.subtract(upper, lower, out=sums[1])
    np.subtract(sums[1], bottom, out=sums[1])
    return Sums(sums.reshape(2, tiles, len(images), probe.width, units), size)


def transformed(weights: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Filters [units, 3, kernel_w, channels] as the four that ``by_pairs_of_rows`` multiplies."""
    top, middle, bottom = (weights[:, row] for row in range(3))
    half = weights.dtype.type(0.5)
    return top, (top + middle + bottom) * half, (top - middle + bottom) * half, bottom
