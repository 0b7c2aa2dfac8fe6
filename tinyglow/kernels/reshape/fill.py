"""The kernel that fills a buffer with one value."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, U32, Kernel, Out, Params


class FillParams(Params):
    """``count`` bytes of ``value``."""

    count: U32
    value: I8


def fill_s8(p: FillParams, out: Array) -> None:
    """Definition of tg_fill_s8."""
    out[...] = p.value


FILL = Kernel(
    symbol="tg_fill_s8",
    c_file="reshape/tg_fill_s8.c",
    params=FillParams,
    operands=(Out("output", "int8"),),
    reference=fill_s8,
    summary="one value in every byte",
)
