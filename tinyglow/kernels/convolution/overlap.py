"""Where a convolution's output may lie over its input."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.kernels.convolution.geometry import PooledGeometry


def first_inputs(p: PooledGeometry) -> Array:
    """Offset in the image of the first input that each pixel may read, in the order of ``p.pixels()``: int64."""
    pixels = np.array(list(p.pixels()), np.int64).reshape(-1, 2)
    top = np.maximum(pixels[:, 0] * p.stride_h - p.pad_top, 0)
    left = np.maximum(pixels[:, 1] * p.stride_w - p.pad_left, 0)
    # A window to the left of the image begins at its first column, one above it in its first row.
    offsets: Array = (np.minimum(top, p.in_h - 1) * p.in_w + np.minimum(left, p.in_w - 1)) * p.in_c
    return offsets


def overlap_distance(p: PooledGeometry, pixels: int, outputs: int) -> int | None:
    """Where the output may start over the input; None for several images.

    The kernel computes ``pixels`` pixels of the convolution at a time. It reads all that they need before it writes
    their ``outputs`` pixels.

    What is written when a step ends must lie before everything that later steps read.
    """
    if p.images != 1:
        return None
    first = first_inputs(p)
    later = np.minimum.accumulate(first[::-1])[::-1]  # the first input that this pixel or a later one reads
    begins = np.arange(pixels, len(first), pixels)
    ends = np.arange(1, len(begins) + 1) * outputs * p.out_c
    distance = int((later[begins] - ends).min(initial=np.iinfo(np.int32).max))
    # At the last step everything has been read.
    return min(distance, p.in_h * p.in_w * p.in_c)
