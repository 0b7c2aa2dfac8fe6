"""Images as numpy computes convolutions fastest: row by row of all images. A tap of all windows is one slice then."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyglow.ir.graph import Array
from tinyglow.ir.record import Record
from tinyglow.kernels.window import Window


class Rows(Record):
    """Some rows of images, those of one number beside each other, with padding between them.

    A window's tap lies at the same distance from its output for all rows and images: where a row ends, the padding
    begins that is the next one's too.

    Attributes:
        flat: [pixels, channels]: ``left`` pixels of padding, the rows, and some more pixels of padding.
        step: Pixels from one row of all images to the next.
        width: Pixels from one image's row to the next image's: a multiple of the window's stride.
        left: Pixels before the first row: at least the window's padding, and a multiple of its stride.
    """

    flat: Array
    step: int
    width: int
    left: int

    def begin(self, window: Window, column: int) -> int:
        """Where the tap of a kernel's column lies for the first output of the first row."""
        return self.left - window.pads[1] + column * window.dilation[1]


def rows_of(
    images: npt.NDArray[np.int8],
    fill: int,
    window: Window,
    out_w: int,
    dtype: type,
    rows: tuple[int, int, int],
    slack: int = 0,
) -> Rows:
    """Rows of images with their padding.

    Args:
        images: [images, height, width, channels].
        fill: The elements of the padding.
        window: The window that is moved over the rows.
        out_w: How many outputs a row has.
        dtype: Of the result.
        rows: The first row, counted from the top of the padding, the distance of rows, and their number.
        slack: Pixels of padding after the last row.

    Returns:
        The rows.
    """
    n, height, width, channels = images.shape
    stride, pad = window.strides[1], window.pads[1]
    beyond = (out_w - 1) * stride + window.extent(1) - pad - width
    wide = max(width + max(pad, beyond), out_w * stride)
    wide += -wide % stride
    left = pad + -pad % stride
    first, step, count = rows
    first -= window.pads[0]
    flat = np.full((left + count * n * wide + slack, channels), fill, dtype)
    body = flat[left : left + count * n * wide].reshape(count, n, wide, channels)
    low = max(0, -(first // step))
    high = min(count, (height - 1 - first) // step + 1)
    if low < high:
        begin = first + low * step
        source = images[:, begin : begin + (high - low - 1) * step + 1 : step]
        body[low:high, :, :width] = source.swapaxes(0, 1)
    return Rows(flat, n * wide, wide, left)
