"""The sums of a convolution over integers, as fast as numpy can and exact: see ``numerics.exact_dot``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.kernels.window import Window
from tinyglow.numerics.exact_dot import exact_dtype, largest_sum, product, to_int32

Floats = npt.NDArray[Any]


def convolution_sums(
    images: npt.NDArray[np.int8], offset: int, filters: npt.NDArray[np.int32], window: Window, group: int
) -> npt.NDArray[np.int32]:
    """The sums of (image - offset) * filter. Taps outside the image are left out; sums that leave 32 bits wrap.

    Args:
        images: int8 [images, height, width, channels].
        offset: Subtracted from the images.
        filters: int32 [out_c, kernel_h, kernel_w, channels / group], less their own offsets.
        window: Kernel size, strides, padding and dilation.
        group: Number of groups.

    Returns:
        int32 [images, out_h, out_w, out_c].
    """
    limits = np.iinfo(images.dtype)
    flat = filters.reshape(len(filters), -1)
    bound = largest_sum(flat.T, max(limits.max - offset, offset - limits.min))
    dtype = exact_dtype(bound)
    padded, weights = _padded(images, offset, window, dtype), filters.astype(dtype)
    size = window.output_size(images.shape[1], images.shape[2])
    if group == filters.shape[0] == images.shape[3]:
        return to_int32(_depthwise(padded, weights, window, size), bound)
    in_g, out_g = images.shape[3] // group, len(filters) // group
    parts = [
        _dense(padded[..., g * in_g : (g + 1) * in_g], weights[g * out_g : (g + 1) * out_g], window, size)
        for g in range(group)
    ]
    return to_int32(parts[0] if group == 1 else np.concatenate(parts, axis=3), bound)


def _padded(images: npt.NDArray[np.int8], offset: int, window: Window, dtype: type) -> Floats:
    """Images as floats without their offset. A padded tap is left out of a sum: here that is the same as a zero."""
    if not any(window.pads):
        return np.subtract(images, dtype(offset), dtype=dtype)
    n, height, width, channels = images.shape
    top, left, bottom, right = window.pads
    padded = np.zeros((n, top + height + bottom, left + width + right, channels), dtype)
    inside = padded[:, top : top + height, left : left + width]
    np.subtract(images, dtype(offset), out=inside, dtype=dtype)
    return padded


def _steps(window: Window, axis: int, tap: int, count: int) -> slice:
    """The rows (axis 0) or columns (axis 1) that one tap of ``count`` windows falls on."""
    begin = tap * window.dilation[axis]
    return slice(begin, begin + (count - 1) * window.strides[axis] + 1, window.strides[axis])


def _depthwise(padded: Floats, weights: Floats, window: Window, size: tuple[int, int]) -> Floats:
    """One filter for each channel: products tap by tap, all channels at once.

    The weights are there once for each column, so that numpy goes along a whole row of the image in one loop.
    """
    sums = np.empty((len(padded), *size, len(weights)), padded.dtype)
    products = np.empty_like(sums)
    along = np.repeat(weights[np.newaxis, ..., 0], size[1], axis=0)
    for ky in range(window.kernel[0]):
        rows = padded[:, _steps(window, 0, ky, size[0])]
        for kx in range(window.kernel[1]):
            tap = np.ascontiguousarray(along[:, :, ky, kx])
            columns = rows[:, :, _steps(window, 1, kx, size[1])]
            np.multiply(columns, tap, out=products if ky or kx else sums)
            if ky or kx:
                sums += products
    return sums


def _dense(padded: Floats, weights: Floats, window: Window, size: tuple[int, int]) -> Floats:
    """One matrix product for each row of the kernel.

    The windows' taps lie beside each other in ``columns`` for one row of a kernel only: a third of the copying of 3 x 3
    windows, and where rows are not skipped the products read that one copy in place.
    """
    columns = _columns(padded, window, size)
    n, units = len(padded), len(weights)
    sums = np.empty((n, size[0] * size[1], units), padded.dtype)
    products = sums if window.kernel[0] == 1 else np.empty_like(sums)
    for ky in range(window.kernel[0]):
        rows = columns[:, _steps(window, 0, ky, size[0])].reshape(n, size[0] * size[1], -1)
        product(rows, np.ascontiguousarray(weights[:, ky].reshape(units, -1).T), products if ky else sums)
        if ky:
            sums += products
    return sums.reshape(n, *size, units)


def _columns(padded: Floats, window: Window, size: tuple[int, int]) -> Floats:
    """The taps of one row of a kernel beside each other: [images, height, out_w, kernel_w * channels]."""
    n, height, width, channels = padded.shape
    if window.kernel[1] == 1 and size[1] == width:
        return padded
    taps = np.empty((n, height, size[1], window.kernel[1], channels), padded.dtype)
    for kx in range(window.kernel[1]):
        taps[:, :, :, kx] = padded[:, :, _steps(window, 1, kx, size[1])]
    return taps.reshape(n, height, size[1], -1)
