"""The kernel that copies from places that are computed at run time."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params


class GatherAtParams(Params):
    """Of each of ``blocks`` blocks of ``length`` runs of ``run`` bytes, the ``count`` runs that indices number."""

    blocks: U32
    length: U32
    run: U32
    count: U32


def gather_at_s8(p: GatherAtParams, x: Array, indices: Array, out: Array) -> None:
    """Definition of tg_gather_at_s8: out[b, i] = x[b, indices[i]]; an index beyond an end is that of the end.

    Of ``x`` and ``indices``, either may have one row for all samples.
    """
    runs = x.reshape(-1, p.blocks, p.length, p.run)
    places = np.clip(indices, 0, p.length - 1).reshape(-1, 1, p.count, 1)
    out[...] = np.take_along_axis(runs, places, axis=2).reshape(-1, out.shape[1])


GATHER_AT = Kernel(
    symbol="tg_gather_at_s8",
    c_file="reshape/tg_gather_at_s8.c",
    params=GatherAtParams,
    operands=(In("input", "int8"), In("indices", "int32"), Out("output", "int8")),
    reference=gather_at_s8,
    summary="copy of runs of bytes from places that are computed at run time",
)
