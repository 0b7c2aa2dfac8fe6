"""What convolutions by Winograd's algorithm share: steps of some rows and columns, and transforms of filters."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.record import Record
from tinyglow.kernels import packed_halfwords
from tinyglow.kernels.convolution.geometry import PooledGeometry
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.overlap import distance_of_steps, first_read

# Input channels are filled up to a multiple.
FILL = 8
# Pixels that a step of two rows of four reads.
INPUTS = 24
# Output channels that kernels with the DSP extension compute at once.
BLOCK = 4
# Input channels from which it pays.
LEAST = 16


class WinogradGeometry(PooledGeometry):
    """Windows of 3x3, strides, dilations and groups of 1; in_c is a multiple of four. The activation is not leaky."""

    # Rows and columns of the convolution's pixels that a step computes.
    STEP: ClassVar[tuple[int, int]] = (2, 4)

    @property
    def filled(self) -> int:
        """Input channels with those that fill them up."""
        return -(-self.in_c // FILL) * FILL

    @property
    def made(self) -> tuple[int, int]:
        """Rows and columns of the outputs that a step computes."""
        factor = 2 if self.pool else 1
        return self.STEP[0] // factor, self.STEP[1] // factor

    @property
    def steps(self) -> tuple[int, int]:
        """Rows of steps, and steps in a row."""
        height, width = self.made
        return -(-self.out_h // height), -(-self.out_w // width)

    @property
    def cut_steps(self) -> int:
        """Steps of an image whose inputs lie in part outside of it."""
        (height, width), (rows, columns) = self.STEP, self.steps
        y = np.arange(rows)[:, None] * height - self.pad_top
        x = np.arange(columns)[None, :] * width - self.pad_left
        whole = (y >= 0) & (x >= 0) & (y + height + 2 <= self.in_h) & (x + width + 2 <= self.in_w)
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
    (height, width), (rows, columns) = p.made, p.steps
    y, x = np.divmod(np.arange(rows * columns), columns)
    last_row = np.minimum((y + 1) * height, p.out_h) - 1
    ends = (last_row * p.out_w + np.minimum((x + 1) * width, p.out_w)) * p.out_c
    return distance_of_steps(p, first_read(p, p.STEP[0] * y - p.pad_top, p.STEP[1] * x - p.pad_left), ends)


class Transform(Record):
    """How filters are stored for cores with the DSP extension: by blocks of four output channels.

    Attributes:
        forth: Integers [side, 3] that transform a filter's rows, and its columns.
        back: Integers [3, side] that undo it, but for ``times``.
        times: Along each side.
        ahead: Words of zeros after the filter.
    """

    forth: Array
    back: Array
    times: int
    ahead: int

    def of(self, weights: Array, in_c: int) -> Array:
        """U of weights [out_c, 9 * in_c]: int64 [out_c, places, in_c]."""
        taps = weights.reshape(len(weights), 3, 3, in_c).astype(np.int64)
        return np.einsum("ia,oabc,jb->oijc", self.forth, taps, self.forth).reshape(len(weights), -1, in_c)

    def pack(self, weights: Array, in_c: int) -> Array:
        """Weights int32 [out_c, 9 * in_c], less their offsets, as the kernel's filter: int32, flat.

        [blocks of output channels, places, pairs of input channels, 4]: words of input channels 0 and 2, then 1 and 3.
        Zeros come after them.
        """
        places = self.of(weights, in_c)
        blocks, filled = -(-len(weights) // BLOCK), -(-in_c // FILL) * FILL
        full = np.zeros((blocks * BLOCK, places.shape[1], filled), np.int64)
        full[: len(weights), :, :in_c] = places
        fours = full.reshape(blocks, BLOCK, -1, filled // 4, 4)
        pairs = packed_halfwords.join(fours[..., :2], fours[..., 2:]).reshape(blocks, BLOCK, -1, filled // 2)
        return packed_halfwords.rows_of_words([np.append(pairs.transpose(0, 2, 3, 1), np.zeros(self.ahead, np.int64))])

    def unpack(self, packed: Array, p: WinogradGeometry) -> Array:
        """The weights int32 [out_c, 9 * in_c] that ``pack`` packed."""
        side = len(self.forth)
        words = packed.ravel()[: -self.ahead].reshape(-1, side * side, p.filled // 2, BLOCK).transpose(0, 3, 1, 2)
        fours = words.reshape(-1, side * side, p.filled // 4, 2)
        both = np.concatenate([packed_halfwords.low(fours), packed_halfwords.high(fours)], axis=-1)
        places = both.reshape(-1, side, side, p.filled)[: p.out_c, ..., : p.in_c]
        weights = np.einsum("ai,oijc,bj->oabc", self.back, places, self.back) // self.times**2
        return weights.reshape(p.out_c, -1).astype(np.int32)
