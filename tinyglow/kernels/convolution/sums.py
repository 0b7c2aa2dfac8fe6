"""The sums of a convolution over integers, as fast as numpy can and exact: see ``numerics.exact_dot``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.ir.record import Record
from tinyglow.kernels.convolution import fast_sums
from tinyglow.kernels.convolution.fast_sums import Sums
from tinyglow.kernels.window import Window
from tinyglow.numerics.exact_dot import exact_dtype, largest_sum, product, product_by_blocks, to_int32
from tinyglow.numerics.staircase import MOST, Rule, add_bias, repeated, staircase_for

Floats = npt.NDArray[Any]
Size = tuple[int, int]
Way = Callable[[npt.NDArray[np.int8]], Sums]

# How many taps are copied in the time in which one result is stored, loaded and added.
_RESULT_AGAINST_TAP = 2
# Elements of image and result, of each so many times as there are floats at once: what a core's cache holds.
_BLOCK_FLOATS, _EACH_INPUT, _EACH_RESULT = 2**20, 2, 5
_LIGHT = 2  # ways that keep no copies of images or sums take so many times the images
# Windows of images with up to so many channels are laid out tap by tap; those of more are pixels that lie together.
_FEW_CHANNELS = 4


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
    size = window.output_size(images.shape[1], images.shape[2])
    return SumsOf(images, offset, filters, window, group, size).whole()


class SumsOf(Record):
    """The sums of a convolution: ``convolution_sums`` says what the attributes are; size: height and width of them."""

    images: npt.NDArray[np.int8]
    offset: int
    filters: npt.NDArray[np.int32]
    window: Window
    group: int
    size: Size

    @cached_property
    def _most(self) -> int:
        """The largest magnitude of images and padding."""
        return max(-int(np.iinfo(self.images.dtype).min), abs(self.offset))

    @cached_property
    def _bound(self) -> int:
        return largest_sum(self.filters.reshape(len(self.filters), -1).T, self._most)

    def start(self, bias: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """The biases when images and padding keep their offset: int64 [units]."""
        flat = self.filters.reshape(len(self.filters), -1)
        return bias.astype(np.int64).ravel() - self.offset * flat.sum(axis=1, dtype=np.int64)

    def bound(self, bias: npt.NDArray[np.int32]) -> int:
        """What no partial sum exceeds, with the bias in it or not."""
        return self._bound + int(np.abs(self.start(bias)).max(initial=0))

    def whole(self) -> npt.NDArray[np.int32]:
        """All of the sums: int32 [images, out_h, out_w, out_c]; what does not fit wraps."""
        none = np.zeros(len(self.filters), np.int32)
        bound = self.bound(none)
        result = np.empty((len(self.images), *self.size, len(self.filters)), np.int32)
        for chosen, sums in self._sums(none, exact_dtype(bound)):
            result[chosen] = to_int32(sums.images(sums.values), bound)
        return result

    def requantized(self, bias: npt.NDArray[np.int32], rule: Rule, out: npt.NDArray[np.int8]) -> bool:
        """Sums with their bias through an epilogue, if floats can do all of it (``numerics.staircase``).

        Args:
            bias: int32 [units].
            rule: The epilogue, its constants, the least and the largest result.
            out: int8 [images, out_h, out_w, out_c], for the results. Those of an image are stored when all are there.

        Returns:
            Whether ``out`` has them.
        """
        stairs = staircase_for(rule, self.bound(bias), out.size)
        if stairs is None:
            return False
        for chosen, sums in self._sums(bias, np.float32, stairs.unit):
            results = np.empty(sums.values.shape, np.int8)
            stairs.apply(sums.values, results)
            out[chosen] = sums.images(results)
        return True

    def _sums(self, bias: npt.NDArray[np.int32], dtype: type, unit: float = 1.0) -> Iterator[tuple[slice, Sums]]:
        """The sums with their bias in steps of ``unit``, a power of two: of some images at a time."""
        way = self._way((self.start(bias) * unit).astype(dtype), dtype, unit)
        height, width, channels = self.images.shape[1:]
        results = self.size[0] * self.size[1] * len(self.filters)
        floats = _BLOCK_FLOATS * (_LIGHT if self._is_light else 1)
        step = max(1, floats // (_EACH_INPUT * height * width * channels + _EACH_RESULT * results))
        for begin in range(0, len(self.images), step):
            chosen = slice(begin, begin + step)
            yield chosen, way(self.images[chosen])

    def _way(self, start: Floats, dtype: type, unit: float) -> Way:
        """The fastest way for this window."""
        channels, units = self.images.shape[3], len(self.filters)
        if self.group == channels == units:
            return self._each_channel(start, dtype, unit)
        weights = self.filters.astype(dtype) * dtype(unit)
        few = weights.shape[3] <= _FEW_CHANNELS and self._fills_rows
        pairs = not few and dtype is np.float32 and self._in_pairs(float(np.abs(start).max(initial=0)) / unit)
        if self.group == 1:
            return self._all_channels(weights, start, few, pairs)
        in_g, out_g = channels // self.group, units // self.group
        own = [slice(g * out_g, (g + 1) * out_g) for g in range(self.group)]
        ways = [self._all_channels(weights[chosen], start[chosen], few, pairs) for chosen in own]

        def grouped(images: npt.NDArray[np.int8]) -> Sums:
            parts = [way(images[..., g * in_g : (g + 1) * in_g]) for g, way in enumerate(ways)]
            return self._plain(np.concatenate([part.images(part.values) for part in parts], axis=3))

        return grouped

    def _plain(self, values: Floats) -> Sums:
        """Sums [images, out_h, out_w, units]."""
        return Sums(values, self.size)

    def _each_channel(self, start: Floats, dtype: type, unit: float) -> Way:
        fill, window, size = self.offset, self.window, self.size
        weights = self.filters.astype(dtype) * dtype(unit)
        if window.strides[1] == 1 and self._fills_rows:
            row = repeated(start)
            return lambda images: fast_sums.depthwise(images, fill, weights[..., 0], window, size, row)

        def one_pass(images: npt.NDArray[np.int8]) -> Sums:
            return self._plain(_depthwise(_padded(images, fill, window, dtype), weights, window, size) + start)

        return one_pass

    def _all_channels(self, weights: Floats, start: Floats, few: bool, pairs: bool) -> Way:
        fill, window, size = self.offset, self.window, self.size
        if few:
            factors = np.ascontiguousarray(np.concatenate([weights.reshape(len(weights), -1).T, start[np.newaxis]]))
            return lambda images: fast_sums.few_channels(images, fill, factors, window, size)
        row = repeated(start)
        if pairs:
            parts = fast_sums.transformed(weights)
            fours = np.ascontiguousarray(np.stack([part.reshape(len(part), -1).T for part in parts]))
            return lambda images: fast_sums.by_pairs_of_rows(images, fill, fours, window, size, row)

        def plain(images: npt.NDArray[np.int8]) -> Sums:
            values = _dense(_padded(images, fill, window, weights.dtype.type), weights, window, size)
            add_bias(values, row)
            return self._plain(values)

        return plain

    @property
    def _is_light(self) -> bool:
        return self.window.kernel == (1, 1) or self.group == len(self.filters)

    @property
    def _fills_rows(self) -> bool:
        """Whether at least half of what is computed for whole rows of images are results."""
        return 2 * self.size[1] * self.window.strides[1] >= self.images.shape[2]

    def _in_pairs(self, start: float) -> bool:
        """Whether ``by_pairs_of_rows`` takes the window, and float32 holds what it adds. start: the largest of biases.

        The middle products are halves, and the bias is added to one of them; all other sums are integers.
        """
        window = self.window
        if window.kernel[0] != 3 or {*window.strides, *window.dilation} != {1} or not self._fills_rows:
            return False
        parts = [np.abs(part).sum(axis=(1, 2)) for part in fast_sums.transformed(self.filters.astype(np.float64))]
        taps, half = 2 * self._most, np.maximum(parts[1], parts[2])  # a tap is the sum of two elements
        whole = parts[1] + parts[2] + np.maximum(parts[0], parts[3])
        return bool(2 * (taps * half.max(initial=0) + start) <= MOST and taps * whole.max(initial=0) + start <= MOST)


def _padded(images: npt.NDArray[np.int8], fill: int, window: Window, dtype: type) -> Floats:
    """Images as floats, ``fill`` around them."""
    if not any(window.pads):
        return images.astype(dtype)
    n, height, width, channels = images.shape
    top, left, bottom, right = window.pads
    padded = np.full((n, top + height + bottom, left + width + right, channels), fill, dtype)
    padded[:, top : top + height, left : left + width] = images
    return padded


def _steps(window: Window, axis: int, tap: int, count: int) -> slice:
    """The rows (axis 0) or columns (axis 1) that one tap of ``count`` windows falls on."""
    begin = tap * window.dilation[axis]
    return slice(begin, begin + (count - 1) * window.strides[axis] + 1, window.strides[axis])


def _depthwise(padded: Floats, weights: Floats, window: Window, size: Size) -> Floats:
    """One filter for each channel: einsum multiplies and adds in one pass, tap by tap."""
    return np.einsum("nhwyxc,cyx->nhwc", window.view(padded, size), weights[..., 0])


def _dense(padded: Floats, weights: Floats, window: Window, size: Size) -> Floats:
    """One matrix product for each row of the kernel, or one for all where there are few taps.

    The windows' taps lie beside each other in ``columns`` for one row of a kernel only: a third of the copying of 3 x 3
    windows, and where rows are not skipped the products read that one copy in place. Their results are added up, which
    is more work than copying the taps of all rows where these are fewer than the results.
    """
    n, units, rows = len(padded), len(weights), window.kernel[0]
    flat = (n, size[0] * size[1])
    if weights[0].size <= _RESULT_AGAINST_TAP * (rows - 1) * units or window.kernel == (1, 1):
        taps = np.ascontiguousarray(window.view(padded, size)).reshape(n * flat[1], -1)
        factors = np.ascontiguousarray(weights.reshape(units, -1).T)
        return product_by_blocks(taps, factors).reshape(n, *size, units)
    columns = _columns(padded, window, size)
    sums = np.empty((*flat, units), padded.dtype)
    products = sums if rows == 1 else np.empty_like(sums)
    for ky in range(rows):
        line = columns[:, _steps(window, 0, ky, size[0])].reshape(*flat, -1)
        product(line, np.ascontiguousarray(weights[:, ky].reshape(units, -1).T), products if ky else sums)
        if ky:
            sums += products
    return sums.reshape(n, *size, units)


def _columns(padded: Floats, window: Window, size: Size) -> Floats:
    """The taps of one row of a kernel beside each other: [images, height, out_w, kernel_w * channels]."""
    n, height, width, _ = padded.shape
    if window.kernel[1] == 1 and size[1] == width:
        return padded
    single = Window((1, window.kernel[1]), (1, window.strides[1]), dilation=(1, window.dilation[1]))
    return np.ascontiguousarray(single.view(padded, (height, size[1]))).reshape(n, height, size[1], -1)
