"""A network's first layer on Cortex-M4, M7 and M33: 3x3 filters over one channel, and the maximum of 2x2 squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.numerics import glow
from tinyglow.ops.conv2d_layer import ConvLayer, PooledGeometry, fits_high_word

_WORDS = 7  # of a channel: its bias, and two for each row of its weights


@dataclass(frozen=True)
class SquaresDspParams(PooledGeometry):
    """``out`` maps sums to the output, see ``fits_high_word``; nothing leaks or wraps.

    kernel 3x3, stride and dilation 1, in_c 1, pool 2.
    """

    out: glow.Requant


def pack(weights: Array, bias: Array) -> Array:
    """Weights int32 [out_c, 9] and biases as the kernel's filter: int32, flat."""
    rows = weights.reshape(-1, 3, 3).astype(np.int64) & 0xFFFF
    words = np.stack([rows[..., 0] | rows[..., 1] << 16, rows[..., 1] | rows[..., 2] << 16], axis=2)
    packed = np.concatenate([bias.reshape(-1, 1).astype(np.int64) & 0xFFFFFFFF, words.reshape(len(rows), 6)], axis=1)
    return packed.astype(np.uint32).view(np.int32).ravel()


def unpack(packed: Array) -> tuple[Array, Array]:
    """The inverse of ``pack``."""
    channels = packed.reshape(-1, _WORDS).astype(np.int64)
    pairs = channels[:, 1:].reshape(-1, 3, 2)
    taps = np.stack([pairs[..., 0], pairs[..., 0] >> 16, pairs[..., 1] >> 16], axis=2)
    weights = ((taps & 0xFFFF) ^ 0x8000) - 0x8000
    return weights.reshape(-1, 9).astype(np.int32), channels[:, 0].astype(np.int32)


def conv2d_squares_dsp_s8(p: SquaresDspParams, x: Array, filters: Array, out: Array) -> None:
    """Definition of tg_conv2d_squares_dsp_s8: bias + sum of x * weight, x being in_offset outside of the image."""
    weights, bias = unpack(filters)
    sums = p.unpooled.folded_sums(x, weights, bias)
    out[...] = p.activate(glow.requantize(p.pooled(sums), p.out)).reshape(out.shape)


def _scratch(p: SquaresDspParams) -> int:
    """Words of four rows, and two to begin at a multiple of 16."""
    return 4 * 4 * (p.out_w + 1) + 8


def _trails(p: SquaresDspParams) -> int | None:
    """A row of squares is written when all rows it needs are laid out; later ones read what follows those."""
    if p.images != 1:
        return None
    y = np.arange(p.out_h - 1)
    later = np.maximum(2 * y + 4 - p.pad_top, 0) * p.in_w
    return int((later - (y + 1) * p.out_w * p.out_c).min(initial=p.in_h * p.in_w))


CONV2D_SQUARES_DSP = Kernel(
    symbol="tg_conv2d_squares_dsp_s8",
    c_file="convolution/tg_conv2d_squares_dsp_s8.c",
    params=SquaresDspParams,
    operands=(In("input", "int8"), In("filter", "int32"), Out("output", "int8")),
    reference=conv2d_squares_dsp_s8,
    summary="maxima of 2x2 squares of a 3x3 convolution of one channel",
    scratch=_scratch,
    trails=_trails,
)


def squares_dsp_variant(layer: ConvLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_conv2d_squares_dsp_s8; None where it is another one, or for ARMv6-M."""
    sizes, bias = layer.sizes, layer.folded_bias
    window = [sizes[name] for name in ("kernel_h", "kernel_w", "stride_h", "stride_w", "in_c")]
    fits = layer.is_dense and window == [3, 3, 1, 1, 1] and layer.pool
    if not fits or not layer.is_uniform or not layer.monotone or bias is None or lowering.target.armv6m:
        return None
    if not fits_high_word(layer.requants[0]):
        return None
    params = SquaresDspParams(**layer.geometry, pool=2, out=layer.requants[0])
    squares = sizes["images"] * sizes["out_h"] * sizes["out_w"]
    # Measured on the Cortex-M7: about 44 cycles a channel and square, 30 a square.
    cycles = squares * (44 * sizes["out_c"] + 30)
    return layer.variant(CONV2D_SQUARES_DSP, params, cycles, lowering, {"filter": pack(layer.weights, bias)})
