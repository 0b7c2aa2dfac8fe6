"""The kernel that copies from places that are known at compile time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params
from tinyglow.ir.op import Lowering
from tinyglow.kernels.reshape.strided_copy import require_elements, strides_of


class GatherParams(Params):
    """rows x columns runs of ``run`` bytes from each of ``blocks`` blocks, which begin ``block_stride`` bytes apart."""

    blocks: U32
    rows: U32
    columns: U32
    run: U32
    block_stride: U32


def gather_s8(p: GatherParams, x: Array, row_offsets: Array, column_offsets: Array, out: Array) -> None:
    """Definition of tg_gather_s8: out[b, r, c, i] = x[b * block_stride + row_offsets[r] + column_offsets[c] + i].

    row_offsets: int32 [1, rows], column_offsets: int32 [1, columns]; both in bytes.
    """
    blocks = np.arange(p.blocks, dtype=np.int64).reshape(-1, 1, 1, 1) * p.block_stride
    index = blocks + row_offsets[0].reshape(-1, 1, 1) + column_offsets[0].reshape(-1, 1) + np.arange(p.run)
    out[...] = x[:, index.ravel()]


GATHER = Kernel(
    symbol="tg_gather_s8",
    c_file="reshape/tg_gather_s8.c",
    params=GatherParams,
    operands=(
        In("input", "int8"),
        In("row_offsets", "int32"),
        In("column_offsets", "int32"),
        Out("output", "int8"),
    ),
    reference=gather_s8,
    summary="copy of runs of bytes from places that tables name",
)


def gather(node: Node, lowering: Lowering, picks: Sequence[Sequence[int]]) -> None:
    """Emit the call that takes, along each dimension of the node's input, the elements numbered ``picks``.

    The dimensions before the first that is not taken whole are blocks, those after the last are runs.
    """
    type_ = lowering.type_of(node.inputs[0])
    distances = strides_of(type_)
    changed = [axis for axis, pick in enumerate(picks) if list(pick) != list(range(type_.shape[axis]))]
    if not changed:
        lowering.alias(node.outputs[0], node.inputs[0])
        return
    require_elements((*type_.shape, *(len(pick) for pick in picks)))
    first, last = changed[0], changed[-1]
    rows = [
        sum(index * distance for index, distance in zip(place, distances[first:last], strict=True))
        for place in product(*picks[first:last])
    ]
    columns = [index * distances[last] for index in picks[last]]
    run = distances[last]
    params = GatherParams(
        blocks=math.prod(type_.shape[:first]),
        rows=len(rows),
        columns=len(columns),
        run=run,
        block_stride=distances[first] * type_.shape[first],
    )
    output = lowering.buffer(node.outputs[0])
    tables = [
        lowering.constant(f"{output}_{name}", np.array(offsets, np.int32))
        for name, offsets in (("rows", rows), ("columns", columns))
    ]
    lowering.call(GATHER, [lowering.buffer(node.inputs[0]), *tables, output], params)
