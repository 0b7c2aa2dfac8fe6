"""Kernels that interpolate between the pixels of an image; what they take from where is in tables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I32, U16, In, Kernel, Out, Params
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.kernels.resize.ranges import FRACTION_BITS, fixed_point_numbers, float_numbers
from tinyglow.numerics import glow
from tinyglow.numerics.nan import one_nan

# Up to so many bits each, all of Glow's float32 steps are exact: 9 for a difference of int8 values and two weights.
_EXACT_BITS = 7
_ACCUMULATOR_BITS = 2 * FRACTION_BITS
_MOST_PIXELS = 2**16


def pack_taps(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], weights: npt.NDArray[np.int64]) -> Array:
    """Table of int32: the number of the first tap, whether the second is the next one, and the second's weight.

    Bits 31 to 16, 15 and 14 to 0; weights are in units of 2**-FRACTION_BITS, from 0 to 1.
    """
    return (first << 16 | (second - first) << 15 | weights).astype(np.uint32).view(np.int32)


def _unpack_taps(table: Array) -> tuple[Array, Array, Array]:
    words = table[0].view(np.uint32).astype(np.int64)
    first = words >> 16
    return first, first + (words >> 15 & 1), (words & 0x7FFF).astype(np.int32)


class ResizeBilinearParams(Params):
    """round_negative, round_positive: what is added to a sum of that sign before its fraction is cut off downwards."""

    in_h: U16
    in_w: U16
    channels: U16
    out_h: U16
    out_w: U16
    images: U16
    round_negative: I32
    round_positive: I32


class ResizeBilinearFloatParams(Params):
    """Sizes in pixels."""

    in_h: U16
    in_w: U16
    channels: U16
    out_h: U16
    out_w: U16
    images: U16


def _corners(
    p: ResizeBilinearParams | ResizeBilinearFloatParams, x: Array, rows: Array, columns: Array
) -> tuple[list[Array], Array, Array]:
    """The four pixels of each output pixel (top left, bottom left, top right, bottom right) [n, h, w, c]; weights."""
    image = x.reshape(-1, p.in_h, p.in_w, p.channels)
    (top, bottom, row_weights), (left, right, column_weights) = _unpack_taps(rows), _unpack_taps(columns)
    corners = [image[:, y][:, :, z] for z in (left, right) for y in (top, bottom)]
    return corners, row_weights.reshape(-1, 1, 1), column_weights.reshape(-1, 1)


def resize_bilinear_s8(p: ResizeBilinearParams, x: Array, rows: Array, columns: Array, out: Array) -> None:
    """Definition of tg_resize_bilinear_s8: columns of two pixels first, then the two results; fixed point."""
    corners, row_weights, column_weights = _corners(p, x, rows, columns)
    a, b, c, d = (corner.astype(np.int32) for corner in corners)
    left = (a << FRACTION_BITS) + (b - a) * row_weights
    right = (c << FRACTION_BITS) + (d - c) * row_weights
    total = (left << FRACTION_BITS) + (right - left) * column_weights
    total += np.where(total < 0, np.int32(p.round_negative), np.int32(p.round_positive))
    out[...] = (total >> _ACCUMULATOR_BITS).reshape(out.shape)


def resize_bilinear_float_s8(
    p: ResizeBilinearFloatParams,
    x: Array,
    rows: Array,
    row_weights: Array,
    columns: Array,
    column_weights: Array,
    out: Array,
) -> None:
    """Definition of tg_resize_bilinear_float_s8 (libjit_resizebilinear_generic): float32 steps, truncated."""
    corners, _, _ = _corners(p, x, rows, columns)
    out[...] = np.trunc(_blend(corners, row_weights, column_weights)).astype(np.int8).reshape(out.shape)


def _blend(corners: list[Array], row_weights: Array, column_weights: Array) -> Array:
    """Columns of two pixels first, then the two results; every step rounded to float32."""
    a, b, c, d = (corner.astype(np.float32) for corner in corners)
    down, across = row_weights[0].reshape(-1, 1, 1), column_weights[0].reshape(-1, 1)
    left = a + (b - a) * down
    right = c + (d - c) * down
    result: Array = left + (right - left) * across
    return result


def resize_bilinear_f32(
    p: ResizeBilinearFloatParams,
    x: Array,
    rows: Array,
    row_weights: Array,
    columns: Array,
    column_weights: Array,
    out: Array,
) -> None:
    """Definition of tg_resize_bilinear_f32: float32 steps; NaN as soon as one of the four pixels or a step is."""
    corners, _, _ = _corners(p, x, rows, columns)
    with np.errstate(invalid="ignore", over="ignore"):
        out[...] = one_nan(_blend(corners, row_weights, column_weights)).reshape(out.shape)


def resize_bilinear_fused_s8(
    p: ResizeBilinearFloatParams,
    x: Array,
    rows: Array,
    row_weights: Array,
    columns: Array,
    column_weights: Array,
    out: Array,
) -> None:
    """Definition of tg_resize_bilinear_fused_s8: each product and sum rounded once, the result truncated."""
    corners, _, _ = _corners(p, x, rows, columns)
    a, b, c, d = (corner.astype(np.float32) for corner in corners)
    down, across = row_weights[0].reshape(-1, 1, 1), column_weights[0].reshape(-1, 1)
    left, right = glow.fused(b - a, down, a), glow.fused(d - c, down, c)
    out[...] = np.trunc(glow.fused(right - left, across, left)).astype(np.int8).reshape(out.shape)


RESIZE_BILINEAR = Kernel(
    symbol="tg_resize_bilinear_s8",
    c_file="resize/tg_resize_bilinear_s8.c",
    params=ResizeBilinearParams,
    operands=(In("input", "int8"), In("rows", "int32"), In("columns", "int32"), Out("output", "int8")),
    reference=resize_bilinear_s8,
    summary="linear interpolation of an image with weights of few bits",
    table_numbers_of=fixed_point_numbers,
)

RESIZE_BILINEAR_FLOAT = Kernel(
    symbol="tg_resize_bilinear_float_s8",
    c_file="resize/tg_resize_bilinear_float_s8.c",
    params=ResizeBilinearFloatParams,
    operands=(
        In("input", "int8"),
        In("rows", "int32"),
        In("row_weights", "float32"),
        In("columns", "int32"),
        In("column_weights", "float32"),
        Out("output", "int8"),
    ),
    reference=resize_bilinear_float_s8,
    summary="linear interpolation of an image with any weights",
    table_numbers_of=float_numbers,
)

RESIZE_BILINEAR_FUSED = RESIZE_BILINEAR_FLOAT.with_settings(
    "tg_resize_bilinear_fused_s8",
    {"TG_IS_FUSED": "1"},
    reference=resize_bilinear_fused_s8,
    summary="linear interpolation of an image with any weights, products and sums rounded once",
)

RESIZE_BILINEAR_F32 = Kernel(
    symbol="tg_resize_bilinear_f32",
    c_file="resize/tg_resize_bilinear_f32.c",
    params=ResizeBilinearFloatParams,
    operands=(
        In("input", "float32"),
        In("rows", "int32"),
        In("row_weights", "float32"),
        In("columns", "int32"),
        In("column_weights", "float32"),
        Out("output", "float32"),
    ),
    reference=resize_bilinear_f32,
    summary="linear interpolation of an image, in float",
)


class _Taps(Record):
    """Between which two pixels each result lies along one dimension, and how far from the first; float32 weights."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]

    @classmethod
    def of(cls, coordinates: npt.NDArray[np.float32], size: int) -> _Taps:
        below = np.floor(coordinates)
        first, second = (np.minimum(below.astype(np.int64) + step, size - 1) for step in (0, 1))
        return cls(first, second, coordinates - below)

    @property
    def is_exact(self) -> bool:
        """Whether float32 steps with these weights round nowhere."""
        steps = self.weights * 2**_EXACT_BITS
        return bool((steps == np.rint(steps)).all())

    def table(self, with_weights: bool = True) -> Array:
        fixed = np.rint(self.weights * 2**FRACTION_BITS).astype(np.int64)
        return pack_taps(self.first, self.second, fixed if with_weights else np.zeros_like(fixed))


def interpolate(
    node: Node,
    lowering: Lowering,
    rows: npt.NDArray[np.float32],
    columns: npt.NDArray[np.float32],
    as_glow: bool,
    is_fused: bool = False,
) -> None:
    """Emit the call that interpolates the node's input, [n, h, w, c], at float32 coordinates (at least 0).

    as_glow: of int8, every step is rounded to float32 and the result towards zero, as Glow does it; else to the
    nearest. is_fused: products and sums are rounded together.
    """
    type_ = lowering.type_of(node.inputs[0])
    n, in_h, in_w, channels = type_.shape
    if max(in_h, in_w) >= _MOST_PIXELS:
        raise UnsupportedError(f"an image of {in_h} x {in_w}", f"less than {_MOST_PIXELS} along each dimension")
    down, across = _Taps.of(rows, in_h), _Taps.of(columns, in_w)
    source, output = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
    sizes = (in_h, in_w, channels, len(rows), len(columns), n)
    exact = down.is_exact and across.is_exact
    is_float = type_.dtype == "float32"
    in_float = is_float or (as_glow and not exact)
    row_table = lowering.constant(f"{output}_rows", down.table(not in_float))
    column_table = lowering.constant(f"{output}_columns", across.table(not in_float))
    if in_float:
        # Bytes: constants of floats are not among what a lowering can make.
        weights = [
            lowering.constant(f"{output}_{name}_weights", taps.weights.astype("<f4").view(np.int32))
            for name, taps in (("row", down), ("column", across))
        ]
        operands = [source, row_table, weights[0], column_table, weights[1], output]
        kernel = RESIZE_BILINEAR_F32 if is_float else RESIZE_BILINEAR_FUSED if is_fused else RESIZE_BILINEAR_FLOAT
        lowering.call(kernel, operands, ResizeBilinearFloatParams(*sizes))
        return
    half, rest = 1 << (_ACCUMULATOR_BITS - 1), (1 << _ACCUMULATOR_BITS) - 1
    rounding = (rest, 0) if as_glow else (half, half)
    params = ResizeBilinearParams(*sizes, *rounding)
    lowering.call(RESIZE_BILINEAR, [source, row_table, column_table, output], params)
