"""Kernels of the maximum over windows; NHWC."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, U8, In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.pooling.geometry import PoolGeometry, geometry
from tinyglow.kernels.window import Window
from tinyglow.numerics import wide

SQUARE = Window((2, 2), (2, 2))


class MaxPoolFloatParams(PoolGeometry):
    """Sizes in elements. A window that has no tap inside the image gives 0."""

    dilation_h: U8 = 1
    dilation_w: U8 = 1

    @property
    def dilation(self) -> tuple[int, int]:
        """Distances of the window's rows and columns."""
        return self.dilation_h, self.dilation_w


class MaxPoolParams(MaxPoolFloatParams):
    """Sizes in elements; ``empty`` is the result of a window that has no tap inside the image."""

    empty: I8 = -128


def max_pool_s8(p: MaxPoolParams, x: Array, out: Array) -> None:
    """Definition of tg_max_pool_s8: the largest element of each window's taps inside the image, ``empty`` if none."""
    largest = p.reduced(x, np.maximum, -128, p.dilation)
    empty = p.taps_inside(p.dilation) == 0
    if empty.any():
        largest = np.where(empty, np.int8(p.empty), largest)
    out[...] = largest.reshape(out.shape)


def max_pool_f32(p: MaxPoolFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_max_pool_f32: tap by tap, a larger one takes the place, and any NaN does; 0 of no taps."""
    images = p.image(x)
    window = p.window(p.dilation)
    size = window.output_size(p.in_h, p.in_w)
    largest = np.zeros((len(images), *size, p.channels), np.float32)
    found = np.zeros((1, *size, 1), np.bool_)
    for (rows, columns), (y, x_) in window.taps(p.in_h, p.in_w):
        candidate, old, seen = images[:, y, x_], largest[:, rows, columns], found[:, rows, columns]
        np.copyto(old, candidate, where=(candidate > old) | np.isnan(candidate) | ~seen)
        seen[...] = True
    out[...] = largest[:, : p.out_h, : p.out_w].reshape(out.shape)


def work(p: PoolGeometry, constants: Sequence[Array | None]) -> Work:
    """Taps, those of all channels of a pixel, and windows."""
    windows = p.images * p.out_h * p.out_w
    taps = windows * p.kernel_h * p.kernel_w
    return {"taps": taps * p.channels, "pixels": taps, "windows": windows}


MAX_POOL = Kernel(
    symbol="tg_max_pool_s8",
    c_file="pooling/tg_max_pool_s8.c",
    params=MaxPoolParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=max_pool_s8,
    summary="maximum over windows",
    code_bytes=290,
    work=work,
)


MAX_POOL_FLOAT = MAX_POOL.with_settings(
    "tg_max_pool_f32",
    {"TG_ELEMENT": "tg_f32", "TG_IS_FLOAT": "1", "TG_EMPTY": "0.0f"},
    params=MaxPoolFloatParams,
    operands=(In("input", "float32"), Out("output", "float32")),
    reference=max_pool_f32,
    summary="maximum over windows, in float",
    code_bytes=0,
    work=None,
)


def square_pool(shape: tuple[int, ...], quant: QuantParams) -> MaxPoolParams:
    """The parameters for 2x2 blocks of an image of that shape [n, h, w, c]."""
    n, height, width, channels = shape
    out = (n, height // 2, width // 2, channels)
    return MaxPoolParams(**geometry(SQUARE, shape, out), empty=quant.offset)


class MaxPool16Params(PoolGeometry):
    """Sizes in elements. A window that has no tap inside the image gives 0."""

    dilation_h: U8
    dilation_w: U8


def max_pool_s16(p: MaxPool16Params, x: Array, out: Array) -> None:
    """Definition of tg_max_pool_s16: the largest element of each window's taps inside the image, 0 of none."""
    dilation = p.dilation_h, p.dilation_w
    largest = p.reduced(x, np.maximum, wide.INT16_MIN, dilation)
    out[...] = np.where(p.taps_inside(dilation) > 0, largest, 0).astype(np.int16).reshape(out.shape)


MAX_POOL_INT16 = MAX_POOL.with_settings(
    "tg_max_pool_s16",
    {"TG_ELEMENT": "tg_i16", "TG_EMPTY": "0"},
    params=MaxPool16Params,
    operands=(In("input", "int16"), Out("output", "int16")),
    reference=max_pool_s16,
    summary="maximum over windows, in int16",
    code_bytes=0,
    work=None,
)


def lower_max_pool_int16(node: Node, lowering: Lowering, window: Window) -> None:
    """Emit the call of tg_max_pool_s16."""
    source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
    dilation_h, dilation_w = window.dilation
    fields = geometry(window, source.shape, result.shape)
    params = MaxPool16Params(**fields, dilation_h=dilation_h, dilation_w=dilation_w)
    lowering.call(MAX_POOL_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)
