"""Windows as ONNX describes them."""

from __future__ import annotations

from dataclasses import replace

from tinyglow.ir.op import SourceNode, UnsupportedError
from tinyglow.kernels.window import MAX_PAD, Window, same_pads

NCHW_TO_NHWC = (0, 2, 3, 1)
NHWC_TO_NCHW = (0, 3, 1, 2)


def window_from_onnx(node: SourceNode, kernel: tuple[int, ...], size: tuple[int, int]) -> Window:
    """The window of an ONNX Conv or pool over an image of ``size`` (height, width). Raises UnsupportedError."""
    if len(kernel) != 2:
        raise UnsupportedError(f"kernel_shape {list(kernel)}", "two spatial dimensions")
    fields = {"strides": node.ints("strides", (1, 1)), "dilations": node.ints("dilations", (1, 1))}
    for name, value in [("kernel_shape", kernel), *fields.items()]:
        if len(value) != 2 or min(value) < 1:
            raise UnsupportedError(f"{name} {list(value)}", "two integers of at least 1")
    pads = node.ints("pads", (0, 0, 0, 0))
    if len(pads) != 4 or min(pads) < 0:
        raise UnsupportedError(f"pads {list(pads)}", "four integers of at least 0")
    strides, dilation = fields["strides"], fields["dilations"]
    window = Window(
        (kernel[0], kernel[1]),
        (strides[0], strides[1]),
        (pads[0], pads[1], pads[2], pads[3]),
        (dilation[0], dilation[1]),
    )
    auto_pad = node.text("auto_pad", "NOTSET")
    if auto_pad == "VALID":
        window = replace(window, pads=(0, 0, 0, 0))
    elif auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        window = replace(window, pads=same_pads(window, size, more_before=auto_pad == "SAME_LOWER"))
    elif auto_pad != "NOTSET":
        raise UnsupportedError(f"auto_pad {auto_pad!r}", "NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    if auto_pad != "NOTSET" and any(pads) and tuple(pads) != window.pads:
        raise UnsupportedError(f"auto_pad {auto_pad} with pads {list(pads)}", "one of them")
    if max(window.pads) > MAX_PAD:
        raise UnsupportedError(f"pads {list(window.pads)}", f"at most {MAX_PAD} on each side")
    return window


def with_unit_height(node: SourceNode) -> SourceNode:
    """A 1-D window's attributes as those of a 2-D window of height 1."""
    widened = dict(node.attributes)
    for name in ("kernel_shape", "strides", "dilations"):
        value = node.ints(name, ())
        if len(value) == 1:
            widened[name] = [1, value[0]]
    pads = node.ints("pads", ())
    if len(pads) == 2:
        widened["pads"] = [0, pads[0], 0, pads[1]]
    return replace(node, attributes=widened)
