"""What loops of layers take for granted of a shape: with any other they would leave their buffers."""

from __future__ import annotations

import re

from tinyglow.checker.findings import BrokenError
from tinyglow.checker.source import Call

_MOST = 1 << 16
# A loop, a parameter, of which number it is a multiple, and its ends.
_LIMITS = (
    (r"conv2d(?:_channelwise)?_code", "at_once", 1, 1, _MOST),
    (r"conv2d_small(?:_channelwise)?_dsp", "out_c", 2, 2, _MOST),
    (r"conv2d_quads(?:_channelwise)?_dsp", "out_c", 4, 4, _MOST),
    (r"conv2d_winograd(?:_4x4)?(?:_channelwise)?(?:_dsp)?", "in_c", 4, 4, _MOST),
    (r"pointwise(?:_channelwise)?_dsp", "out_c", 4, 4, _MOST),
    (r"pointwise(?:_channelwise)?_dsp", "in_c", 1, 4, 8),
    (r"depthwise_3x3(?:_block)?(?:_channelwise)?_dsp", "in_c", 4, 4, _MOST),
    (r"depthwise_3x3_block(?:_channelwise)?_dsp", "out_h", 1, 2, _MOST),
)


def dsp_lines(rows: int, width: int) -> tuple[int, int]:
    """Lines that begin with a group of four taps, and their taps: a window's rows, or all of them as one line."""
    return (1, rows * width) if -(-rows * width // 4) < rows * -(-width // 4) else (rows, width)


def check_shape(call: Call, loop: str) -> None:
    """Raises BrokenError for a layer that its loop is not made for.

    Args:
        call: The call.
        loop: The kernel's loop, as ``extents.loop_of`` gives it.
    """
    for pattern, name, step, least, most in _LIMITS:
        if re.fullmatch(pattern, loop):
            value = call.whole(name)
            if value % step or not least <= value <= most:
                multiple = f"a multiple of {step}, " if step > 1 else ""
                raise BrokenError(call.where, f"has {name} {value}", f"{multiple}{least} to {most}")
    if re.fullmatch(r"depthwise_3x3_block(?:_channelwise)?_dsp", loop):
        _check_bands(call)
    if loop.endswith("_code") and call.get("pool", 0) and call.whole("at_once") % 2:
        raise BrokenError(call.where, f"has at_once {call.whole('at_once')} with a pool", "an even number")
    if re.fullmatch(r"conv2d(?:_quads)?(?:_channelwise)?(?:_high)?_dsp", loop):
        _check_layout(call)
    if re.fullmatch(r"depthwise_3x3(?:_channelwise)?", loop) and max(call.whole("out_h"), call.whole("out_w")) < 2:
        raise BrokenError(call.where, "has an output of one pixel", "two along one side")


def _check_bands(call: Call) -> None:
    """Bands have an even number of rows, and are of images that keep their shape: so much is kept of each."""
    whole, rows = call.whole, call.whole("out_h")
    if whole("band") == rows:
        return
    same = (rows, whole("out_w")) == (whole("in_h"), whole("in_w")) and whole("pad_top") == whole("pad_left") == 1
    if not same or whole("band") % 2 or not 2 <= whole("band") < rows:
        raise BrokenError(call.where, f"has band {whole('band')}", f"{rows}, or an even number with a shape that stays")


def _check_layout(call: Call) -> None:
    """The layout of windows says how much is read of the input, and how much is laid out."""
    whole, found = call.whole, call.whole("layout")
    if whole("in_c") % 4:
        is_one_line = dsp_lines(whole("kernel_h"), whole("kernel_w") * whole("in_c"))[0] < whole("kernel_h")
        fits = found == (3 if is_one_line else 0)
    else:
        alike = all(
            whole(f"in_{side}") == whole(f"out_{side}") and whole(f"pad_{end}") == 0
            for side, end in (("h", "top"), ("w", "left"))
        )
        ones = {whole(name) for name in ("kernel_h", "kernel_w", "stride_h", "stride_w")} == {1}
        fits = found == 1 or (found == 2 and ones and alike and not call.get("pool", 0))
    if not fits:
        raise BrokenError(call.where, f"has layout {found}", "the layout of windows of this shape")
