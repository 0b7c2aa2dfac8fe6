"""The kernel of the maximum over 2x2 windows."""

from __future__ import annotations

from collections.abc import Sequence

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U16, In, Kernel, Out, Params, Work


class SquarePoolParams(Params):
    """Sizes of the image, in elements."""

    in_h: U16
    in_w: U16
    channels: U16
    images: U16


def max_pool_2x2_s8(p: SquarePoolParams, x: Array, out: Array) -> None:
    """Definition of tg_max_pool_2x2_s8."""
    images = x.reshape(-1, p.in_h, p.in_w, p.channels)[:, : p.in_h // 2 * 2, : p.in_w // 2 * 2]
    blocks = images.reshape(len(images), p.in_h // 2, 2, p.in_w // 2, 2, p.channels)
    out[...] = blocks.max(axis=(2, 4)).reshape(out.shape)


def work(p: SquarePoolParams, constants: Sequence[Array | None]) -> Work:
    """Outputs, by fours and left over, windows; rows of windows. Those of one channel are apart."""
    rows = p.images * (p.in_h // 2)
    windows = rows * (p.in_w // 2)
    if p.channels == 1:
        return {"lone_outputs": windows, "lone_rows": rows}
    fours, rest = divmod(p.channels, 4)
    return {"fours": windows * fours, "left_over": windows * rest, "windows": windows, "rows": rows}


MAX_POOL_2X2 = Kernel(
    symbol="tg_max_pool_2x2_s8",
    c_file="pooling/tg_max_pool_2x2_s8.c",
    params=SquarePoolParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=max_pool_2x2_s8,
    summary="maximum over 2x2 blocks",
    # An output is written when its block, which never lies before it, has been read for the only time.
    overlap=lambda p: 0,
    code_bytes=210,
    work=work,
)
