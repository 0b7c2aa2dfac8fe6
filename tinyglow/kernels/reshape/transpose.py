"""The kernel that permutes dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params, Work
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.reshape.strided_copy import (
    MOST_AXES,
    Axis,
    copy_block,
    merge_axes,
    require_elements,
    strides_of,
    with_bytes,
)

MAX_RANK = 6
# Bytes that lie together in input and output, from which on copying them as runs is faster than one by one.
_SHORTEST_RUN = 4


class TransposeParams(Params):
    """Output dimensions, outermost first (unused ones are 1), and the input's stride in bytes along each."""

    dim0: U32
    dim1: U32
    dim2: U32
    dim3: U32
    dim4: U32
    dim5: U32
    stride0: U32
    stride1: U32
    stride2: U32
    stride3: U32
    stride4: U32
    stride5: U32


def transpose_s8(p: TransposeParams, x: Array, out: Array) -> None:
    """Definition of tg_transpose_s8: out[i, ..., n] = x[i * stride0 + ... + n * stride5]."""
    dims = (p.dim0, p.dim1, p.dim2, p.dim3, p.dim4, p.dim5)
    strides = (p.stride0, p.stride1, p.stride2, p.stride3, p.stride4, p.stride5)
    index = sum(
        np.arange(dim).reshape([-1 if axis == i else 1 for i in range(MAX_RANK)]) * stride
        for axis, (dim, stride) in enumerate(zip(dims, strides, strict=True))
    )
    out[...] = x[:, np.asarray(index).ravel()]


def work(p: TransposeParams, constants: Sequence[Array | None]) -> Work:
    """Elements, lines of the longer of the two innermost dimensions, images of both; of neighbours by fours."""
    matrices = p.dim0 * p.dim1 * p.dim2 * p.dim3
    long, short, stride = (p.dim4, p.dim5, p.stride4) if p.dim4 > p.dim5 else (p.dim5, p.dim4, p.stride5)
    lines = matrices * short
    fours = long // 4 if stride == 1 else 0
    return {"elements": lines * (long - 4 * fours), "fours": lines * fours, "lines": lines, "matrices": matrices}


TRANSPOSE = Kernel(
    symbol="tg_transpose_s8",
    c_file="reshape/tg_transpose_s8.c",
    params=TransposeParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=transpose_s8,
    summary="permutation of up to six dimensions",
    work=work,
)


def permute(lowering: Lowering, source: str, target: str, type_: TensorType, perm: tuple[int, ...]) -> None:
    """Emit the calls that write a tensor of ``type_`` from buffer ``source`` to ``target``, its dimensions permuted."""
    require_elements(type_.shape)
    result = strides_of(type_.reshaped(tuple(type_.shape[axis] for axis in perm)))
    distances = strides_of(type_)
    axes = [Axis(type_.shape[axis], distances[axis], out) for axis, out in zip(perm, result, strict=True)]
    axes = merge_axes(with_bytes(axes, type_.dtype))
    if len(axes) > MAX_RANK:
        found = f"a permutation of shape {list(type_.shape)} to {list(perm)}"
        raise UnsupportedError(found, f"at most {MAX_RANK} dimensions that do not stay together")
    if 0 < len(axes) <= MOST_AXES and axes[-1].source == 1 and axes[-1].size >= _SHORTEST_RUN:
        copy_block(lowering, source, target, axes)
        return
    axes = [Axis(1, 0, 0)] * (MAX_RANK - len(axes)) + axes
    params = TransposeParams(*(axis.size for axis in axes), *(axis.source for axis in axes))
    lowering.call(TRANSPOSE, [source, target], params)
