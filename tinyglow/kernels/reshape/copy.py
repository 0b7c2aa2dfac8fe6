"""Plain copies: an output that is an input, a constant or another output; rows that move within a line buffer."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params


class CopyParams(Params):
    """``count`` bytes."""

    count: U32


class CopyWordsParams(Params):
    """``count`` words of four bytes."""

    count: U32


def copy(p: CopyParams | CopyWordsParams, x: Array, out: Array) -> None:
    """Definition of tg_copy_s8 and tg_copy_s32. numpy copies arrays that overlap as if they did not."""
    out[...] = x


COPY = Kernel(
    symbol="tg_copy_s8",
    c_file="reshape/tg_copy_s8.c",
    params=CopyParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=copy,
    summary="copy of bytes",
)


COPY_WORDS = Kernel(
    symbol="tg_copy_s32",
    c_file="reshape/tg_copy_s32.c",
    params=CopyWordsParams,
    operands=(In("input", "int32"), Out("output", "int32")),
    reference=copy,
    summary="copy of words, upward: the output may begin before the input",
    overlap=lambda p: 0,
)
