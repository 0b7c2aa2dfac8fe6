"""Where a convolution's output may lie over its input."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.kernels.convolution.geometry import PooledGeometry


def first_inputs(p: PooledGeometry) -> Array:
    """Offset in the image of the first input that each pixel may read, in the order of ``p.pixels()``: int64."""
    pixels = np.array(list(p.pixels()), np.int64).reshape(-1, 2)
    return first_read(p, pixels[:, 0] * p.stride_h - p.pad_top, pixels[:, 1] * p.stride_w - p.pad_left)


def first_read(p: PooledGeometry, top: Array, left: Array) -> Array:
    """Offset in the image of the first input of windows that begin at ``top`` and ``left``, which may lie outside."""
    # A window to the left of the image begins at its first column, one above it in its first row.
    row, column = (np.clip(begin, 0, size - 1) for begin, size in ((top, p.in_h), (left, p.in_w)))
    offsets: Array = (row * p.in_w + column) * p.in_c
    return offsets


def overlap_distance(p: PooledGeometry, pixels: int, outputs: int) -> int | None:
    """Where the output may start over the input; None for several images.

    The kernel computes ``pixels`` pixels of the convolution at a time. It reads all that they need before it writes
    their ``outputs`` pixels.
    """
    if p.images != 1:
        return None
    first = first_inputs(p)
    begins = np.arange(0, len(first), pixels)
    ends = np.arange(1, len(begins) + 1) * outputs * p.out_c
    return distance_of_steps(p, np.minimum.reduceat(first, begins), ends)


def distance_of_steps(p: PooledGeometry, first: Array, ends: Array) -> int:
    """The same of steps that read from ``first`` on, and then write outputs up to ``ends``.

    What is written when a step ends must lie before everything that later steps read.
    """
    later = np.minimum.accumulate(first[::-1])[::-1]  # the first input that this step or a later one reads
    written = np.maximum.accumulate(ends)
    distance = int((later[1:] - written[:-1]).min(initial=np.iinfo(np.int32).max))
    # At the last step everything has been read.
    return min(distance, p.in_h * p.in_w * p.in_c)
