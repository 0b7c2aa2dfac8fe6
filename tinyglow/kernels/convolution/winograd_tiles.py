"""What convolutions by Winograd's algorithm share: steps of two rows of four pixels, whose inputs are 4x6."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.overlap import distance_of_steps, first_read

# Input channels are filled up to a multiple.
FILL = 8
# Pixels that a step reads.
INPUTS = 24
# Input channels from which it pays.
LEAST = 16


class WinogradGeometry(PooledGeometry):
    """Windows of 3x3, strides, dilations and groups of 1; in_c is a multiple of four. The activation is not leaky."""

    @property
    def filled(self) -> int:
        """Input channels with those that fill them up."""
        return -(-self.in_c // FILL) * FILL

    @property
    def steps(self) -> tuple[int, int]:
        """Rows of steps, and steps in a row."""
        height = 1 if self.pool else 2
        return -(-self.out_h // height), -(-self.out_w // (2 * height))

    @property
    def cut_steps(self) -> int:
        """Steps of an image whose inputs lie in part outside of it."""
        rows, columns = self.steps
        y, x = np.arange(rows)[:, None] * 2 - self.pad_top, np.arange(columns)[None, :] * 4 - self.pad_left
        whole = (y >= 0) & (x >= 0) & (y + 4 <= self.in_h) & (x + 6 <= self.in_w)
        return int((~whole).sum())


def fits(layer: ConvLayer) -> bool:
    """Whether a layer's windows are those of ``WinogradGeometry``, with enough channels."""
    sizes = layer.sizes
    window = [sizes[name] for name in ("kernel_h", "kernel_w", "stride_h", "stride_w")]
    return layer.is_dense and window == [3, 3, 1, 1] and sizes["in_c"] % 4 == 0 and sizes["in_c"] >= LEAST


def pack_biases(bias: Array, scales: Array | None, block: int) -> Array:
    """Biases int32 [out_c], each with the words of its scale, if any, filled up to whole blocks: int32, flat."""
    rows = np.column_stack([bias] if scales is None else [bias, scales])
    full = np.zeros((-(-len(rows) // block) * block, rows.shape[1]), np.int32)
    full[: len(rows)] = rows
    return full.ravel()


def overlap(p: WinogradGeometry) -> int | None:
    """See ``distance_of_steps``; None for several images."""
    if p.images != 1:
        return None
    height = 1 if p.pool else 2
    rows, columns = p.steps
    y, x = np.divmod(np.arange(rows * columns), columns)
    last_row = np.minimum((y + 1) * height, p.out_h) - 1
    ends = (last_row * p.out_w + np.minimum((x + 1) * 2 * height, p.out_w)) * p.out_c
    return distance_of_steps(p, first_read(p, 2 * y - p.pad_top, 4 * x - p.pad_left), ends)
