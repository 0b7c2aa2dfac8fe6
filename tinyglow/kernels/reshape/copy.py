"""Plain copy of bytes: for an output that is an input, a constant or another output under a second name."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params


class CopyParams(Params):
    """``count`` bytes."""

    count: U32


def copy_s8(p: CopyParams, x: Array, out: Array) -> None:
    """Definition of tg_copy_s8."""
    out[...] = x


COPY = Kernel(
    symbol="tg_copy_s8",
    c_file="reshape/tg_copy_s8.c",
    params=CopyParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=copy_s8,
    summary="copy of bytes",
)
