"""Blocks of a tensor at regular distances in memory, and the kernel that copies one into another buffer's block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I32, U32, In, Kernel, Out, Params
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.ir.types import DTYPE_BYTES, Shape, TensorType

_OUTER_DIMS = 3
MOST_AXES = _OUTER_DIMS + 1  # of what one call copies, if the innermost is a run of bytes
_MOST_CALLS = 256


class StridedCopyParams(Params):
    """``run`` bytes at a time, dim0 x dim1 x dim2 times; offsets and distances in bytes (negative: backwards)."""

    dim0: U32
    dim1: U32
    dim2: U32
    run: U32
    in_offset: U32
    in_stride0: I32
    in_stride1: I32
    in_stride2: I32
    out_offset: U32
    out_stride0: I32
    out_stride1: I32
    out_stride2: I32


def _places(dims: Sequence[int], offset: int, strides: Sequence[int]) -> Array:
    """Offsets of all elements of a block, in its order."""
    index = np.full((1,) * len(dims), offset, np.int64)
    for axis, (dim, stride) in enumerate(zip(dims, strides, strict=True)):
        steps = np.arange(dim, dtype=np.int64) * stride
        index = index + steps.reshape([-1 if axis == i else 1 for i in range(len(dims))])
    return index.ravel()


def strided_copy_s8(p: StridedCopyParams, x: Array, out: Array) -> None:
    """Definition of tg_strided_copy_s8: the bytes of out that no run covers stay as they are."""
    dims = (p.dim0, p.dim1, p.dim2, p.run)
    source = _places(dims, p.in_offset, (p.in_stride0, p.in_stride1, p.in_stride2, 1))
    target = _places(dims, p.out_offset, (p.out_stride0, p.out_stride1, p.out_stride2, 1))
    out[:, target] = x[:, source]


# Writes a part of its output only: several calls may fill one buffer, which lives from the first of them on.
STRIDED_COPY = Kernel(
    symbol="tg_strided_copy_s8",
    c_file="reshape/tg_strided_copy_s8.c",
    params=StridedCopyParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=strided_copy_s8,
    summary="copy of runs of bytes at regular distances",
)


class Axis(Record):
    """One dimension of a block that is copied: its size, and the bytes between neighbours in input and output."""

    size: int
    source: int
    target: int


def strides_of(type_: TensorType) -> list[int]:
    """Bytes between neighbours along each dimension of a tensor."""
    size = DTYPE_BYTES[type_.dtype]
    return [size * math.prod(type_.shape[axis + 1 :]) for axis in range(len(type_.shape))]


def merge_axes(axes: Sequence[Axis]) -> list[Axis]:
    """The same block in the same order with as few dimensions as possible: neighbours become one where they can."""
    merged: list[Axis] = []
    for axis in axes:
        if axis.size == 1:
            continue
        if merged and (merged[-1].source, merged[-1].target) == (axis.size * axis.source, axis.size * axis.target):
            merged.append(Axis(merged.pop().size * axis.size, axis.source, axis.target))
        else:
            merged.append(axis)
    return merged


def with_bytes(axes: Sequence[Axis], dtype: str) -> list[Axis]:
    """``axes``, whose elements are of ``dtype``, with the bytes of an element as the innermost dimension."""
    return [*axes, Axis(DTYPE_BYTES[dtype], 1, 1)]


def require_elements(shape: Shape) -> None:
    """Raises UnsupportedError for a tensor without elements: C has no arrays of no size."""
    if 0 in shape:
        raise UnsupportedError(f"a result of shape {list(shape)} without elements", "at least one element")


def copy_block(
    lowering: Lowering, source: str, target: str, axes: Sequence[Axis], source_offset: int = 0, target_offset: int = 0
) -> None:
    """Emit the calls that copy a block from buffer ``source`` to buffer ``target``.

    axes: outermost first, the innermost with the bytes of an element (see ``with_bytes``); offsets in bytes.
    One call copies three dimensions of runs; further ones take a call per index. Raises UnsupportedError for too many.
    """
    merged = merge_axes(axes)
    run = merged.pop().size if merged and (merged[-1].source, merged[-1].target) == (1, 1) else 1
    outer, inner = merged[: max(0, len(merged) - _OUTER_DIMS)], merged[max(0, len(merged) - _OUTER_DIMS) :]
    if math.prod(axis.size for axis in outer) > _MOST_CALLS:
        sizes = [axis.size for axis in merged]
        raise UnsupportedError(f"a block of {sizes} runs", f"at most {_MOST_CALLS} beyond {_OUTER_DIMS} dimensions")
    first, second, third = [Axis(1, 0, 0)] * (_OUTER_DIMS - len(inner)) + inner
    for index in product(*(range(axis.size) for axis in outer)):
        params = StridedCopyParams(
            dim0=first.size,
            dim1=second.size,
            dim2=third.size,
            run=run,
            in_offset=source_offset + sum(i * axis.source for i, axis in zip(index, outer, strict=True)),
            in_stride0=first.source,
            in_stride1=second.source,
            in_stride2=third.source,
            out_offset=target_offset + sum(i * axis.target for i, axis in zip(index, outer, strict=True)),
            out_stride0=first.target,
            out_stride1=second.target,
            out_stride2=third.target,
        )
        lowering.call(STRIDED_COPY, [source, target], params)
