"""The sums of a convolution over integers, as fast as numpy can and exact: see ``numerics.exact_dot``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from tinyglow.kernels.window import Window
from tinyglow.numerics.exact_dot import exact_dtype, largest_sum, product, to_int32

Floats = npt.NDArray[Any]

# How many taps are copied in the time in which one result is stored, loaded and added.
_RESULT_AGAINST_TAP = 2


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
    return to_int32(*float_sums(images, offset, filters, window, group))


def float_sums(
    images: npt.NDArray[np.int8], offset: int, filters: npt.NDArray[np.int32], window: Window, group: int
) -> tuple[Floats, int]:
    """``convolution_sums`` as exact floats, of no more bits than they need, before they wrap; and their bound."""
    limits = np.iinfo(images.dtype)
    flat = filters.reshape(len(filters), -1)
    bound = largest_sum(flat.T, max(limits.max - offset, offset - limits.min))
    dtype = exact_dtype(bound)
    padded, weights = _padded(images, offset, window, dtype), filters.astype(dtype)
    size = window.output_size(images.shape[1], images.shape[2])
    if group == filters.shape[0] == images.shape[3]:
        return _depthwise(padded, weights, window, size), bound
    in_g, out_g = images.shape[3] // group, len(filters) // group
    parts = [
        _dense(padded[..., g * in_g : (g + 1) * in_g], weights[g * out_g : (g + 1) * out_g], window, size)
        for g in range(group)
    ]
    return parts[0] if group == 1 else np.concatenate(parts, axis=3), bound


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


def _windows(padded: Floats, window: Window, size: tuple[int, int], rows: int) -> Floats:
    """A view of the taps of ``rows`` rows of a kernel: [images, out_h, out_w, rows, kernel_w, channels]."""
    image, line, column, channel = padded.strides
    (down, right), (over, across) = window.strides, window.dilation
    shape = (len(padded), *size, rows, window.kernel[1], padded.shape[3])
    strides = (image, down * line, right * column, over * line, across * column, channel)
    return as_strided(padded, shape, strides, writeable=False)


def _depthwise(padded: Floats, weights: Floats, window: Window, size: tuple[int, int]) -> Floats:
    """One filter for each channel: einsum multiplies and adds in one pass, tap by tap, a row of the image at once.

    The weights are there once for each column: numpy is slow where its inner loop is short.
    """
    taps = _windows(padded, window, size, window.kernel[0])
    if window.strides[1] != 1:
        return np.einsum("nhwyxc,cyx->nhwc", taps, weights[..., 0])
    units = len(weights)
    along = np.repeat(np.moveaxis(weights[..., 0], 0, 2)[:, :, np.newaxis], size[1], axis=2)
    # Neighbouring columns of a tap are neighbours in the image.
    merged = (len(padded), size[0], *window.kernel, size[1] * units)
    image, row, _, over, across, channel = taps.strides
    view = as_strided(taps, merged, (image, row, over, across, channel), writeable=False)
    sums = np.einsum("nhyxj,yxj->nhj", view, along.reshape(*window.kernel, -1))
    return sums.reshape(len(padded), *size, units)


def _dense(padded: Floats, weights: Floats, window: Window, size: tuple[int, int]) -> Floats:
    """One matrix product for each row of the kernel, or one for all where there are few taps.

    The windows' taps lie beside each other in ``columns`` for one row of a kernel only: a third of the copying of 3 x 3
    windows, and where rows are not skipped the products read that one copy in place. Their results are added up, which
    is more work than copying the taps of all rows where these are fewer than the results.
    """
    n, units, rows = len(padded), len(weights), window.kernel[0]
    flat = (n, size[0] * size[1])
    if weights[0].size <= _RESULT_AGAINST_TAP * (rows - 1) * units:
        taps = np.ascontiguousarray(_windows(padded, window, size, rows)).reshape(*flat, -1)
        return product(taps, np.ascontiguousarray(weights.reshape(units, -1).T)).reshape(n, *size, units)
    columns = _columns(padded, window, size)
    sums = np.empty((*flat, units), padded.dtype)
    products = sums if rows == 1 else np.empty_like(sums)
    for ky in range(rows):
        taps = columns[:, _steps(window, 0, ky, size[0])].reshape(*flat, -1)
        product(taps, np.ascontiguousarray(weights[:, ky].reshape(units, -1).T), products if ky else sums)
        if ky:
            sums += products
    return sums.reshape(n, *size, units)


def _columns(padded: Floats, window: Window, size: tuple[int, int]) -> Floats:
    """The taps of one row of a kernel beside each other: [images, height, out_w, kernel_w * channels]."""
    n, height, width, _ = padded.shape
    if window.kernel[1] == 1 and size[1] == width:
        return padded
    single = Window((1, window.kernel[1]), (1, window.strides[1]), dilation=(1, window.dilation[1]))
    return np.ascontiguousarray(_windows(padded, single, (height, size[1]), 1)).reshape(n, height, size[1], -1)
