"""TRANSPOSE_CONV of TFLite files, as a convolution with stride 1 whose channels are dealt out to pixels.

With strides (s, t), result pixel (s * q + r, t * u + v) is a sum over the taps (r + s * j, t * i + v) alone, on the
input pixels (q - j, u - i). So each (r, v) is an ordinary convolution of the same input. They are computed as one, with
as many times the channels; its sums hold the same products as the transposed one's, and zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinyglow.ir.graph import Array, Declared, Value
from tinyglow.ir.op import Importer, Op, SourceNode, UnsupportedError
from tinyglow.ir.types import ChannelParams
from tinyglow.kernels.window import MAX_PAD, Window, require_image
from tinyglow.operators.fused_activation import bind_activated
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.transpose import Transpose


def add_transposed(node: SourceNode, importer: Importer, convolution: Callable[[Window], Op]) -> None:
    """Add the nodes of a TRANSPOSE_CONV: inputs shape of the result, filters [out, h, w, in], image, bias.

    Args:
        node: The operator.
        importer: Takes the nodes.
        convolution: Makes the operator that convolves with a window.

    Raises:
        UnsupportedError: Its shapes contradict each other, or its filters or its bias are not constant.
    """
    edit, image, filters = importer.editor, importer.value(node.inputs[2]), importer.value(node.inputs[1])
    n, height, width, channels = require_image(image.type.shape)
    out = list(importer.declared(node.outputs[0]).shape)  # which the first operand says too, if it is constant
    shape, strides = filters.type.shape, (node.integer("stride_h", 0), node.integer("stride_w", 0))
    if filters.data is None or len(shape) != 4 or shape[3] != channels or out[::3] != [n, shape[0]] or len(out) != 4:
        found = f"filters {list(shape)} on image {list(image.type.shape)} to {out}"
        raise UnsupportedError(found, "constant filters [out, h, w, in], and the shape that they give")
    if min(strides) < 1 or min(out) < 1:
        raise UnsupportedError(f"strides {list(strides)} to {out}", "integers of at least 1")
    axes = [_along(node, *sizes) for sizes in zip((height, width), shape[1:3], strides, out[1:3], strict=True)]
    taps, before, after, starts = ((axes[0][index], axes[1][index]) for index in range(4))
    if max(*before, *after) > MAX_PAD:
        raise UnsupportedError(f"pads {[*before, *after]}", f"at most {MAX_PAD} on each side")
    operands = [image, _weights(filters, strides, taps, node, importer), _bias(shape[0], strides, node, importer)]
    op = convolution(Window(taps, pads=(*before, *after)))
    phases = edit.add(node.name, op, operands, node.name)
    _, rows, columns, _ = phases.type.shape
    pixels = _dealt_out(phases, strides, shape[0], node, importer)
    whole = (n, rows * strides[0], columns * strides[1], shape[0])
    sizes = (n, out[1], out[2], shape[0])
    if any(start + size > most for start, size, most in zip((0, *starts, 0), sizes, whole, strict=True)):
        raise UnsupportedError(f"a result of shape {out}", f"at most {list(whole)}")
    result = pixels
    if whole != sizes:
        result = edit.add(f"{node.name}_part", Slice((0, *starts, 0), sizes, (1,) * 4), [pixels], node.name)
    bind_activated(node, importer, result)


def _along(node: SourceNode, size: int, kernel: int, stride: int, out: int) -> tuple[int, int, int, int]:
    """Along one dimension: taps of the convolution, pads before and after, and where the result begins in its phases.

    The padding is that of the convolution from the result to the input (padding.h, ComputePaddingHeightWidth).
    """
    padding = node.text("padding", "")
    if padding not in ("SAME", "VALID"):
        raise UnsupportedError(f"padding {padding!r}", "SAME or VALID")
    same = -(-out // stride)
    due = same if padding == "SAME" else (out - kernel + stride) // stride
    if due != size:
        raise UnsupportedError(f"{size} rows or columns to {out} with stride {stride}", f"{due}, as the padding has it")
    start = max(0, (due - 1) * stride + kernel - out) // 2
    taps = -(-kernel // stride)
    blocks = (out - 1 + start) // stride + 1
    return taps, taps - 1, max(0, blocks - size), start


def phase_filters(data: Array, strides: Sequence[int], taps: Sequence[int]) -> Array:
    """Filters [out, h, w, in] as [s * t * out, taps, taps, in]: those of each phase, turned about."""
    out, height, width, channels = data.shape
    padded = np.zeros((out, taps[0] * strides[0], taps[1] * strides[1], channels), data.dtype)
    padded[:, :height, :width] = data
    parts = padded.reshape(out, taps[0], strides[0], taps[1], strides[1], channels)[:, ::-1, :, ::-1]
    moved = parts.transpose(2, 4, 0, 1, 3, 5)
    return np.ascontiguousarray(moved.reshape(-1, taps[0], taps[1], channels))


def _weights(
    filters: Value, strides: Sequence[int], taps: Sequence[int], node: SourceNode, importer: Importer
) -> Value:
    assert filters.data is not None
    declared = filters.declared
    if declared is not None and declared.data is not None:
        offsets = [own.offset for own in declared.type_of(filters.type.shape).channel_params()]
        if np.any(offsets):
            raise UnsupportedError("filters with a zero point", "0")
        declared = _repeated(declared, phase_filters(declared.data, strides, taps), strides[0] * strides[1])
    return importer.editor.constant(
        f"{node.name}_phases", phase_filters(filters.data, strides, taps), declared=declared
    )


def _bias(units: int, strides: Sequence[int], node: SourceNode, importer: Importer) -> Value:
    count, name = strides[0] * strides[1], f"{node.name}_bias"
    if len(node.inputs) < 4 or not node.inputs[3]:
        return importer.editor.constant(name, np.zeros(units * count, np.float32))
    bias = importer.value(node.inputs[3])
    if bias.data is None:
        raise UnsupportedError("a bias that is computed at run time", "a constant bias")
    declared = bias.declared
    if declared is not None and declared.data is not None:
        declared = _repeated(declared, np.tile(declared.data, count), count)
    return importer.editor.constant(name, np.tile(bias.data, count), declared=declared)


def _repeated(declared: Declared, data: Array, count: int) -> Declared:
    """The declaration of ``data``, whose first dimension holds that of ``declared`` so many times."""
    channels = declared.channel_quant
    if channels is not None:
        channels = ChannelParams(channels.scales * count, channels.offsets * count, 0)
    return Declared(declared.dtype, declared.quant, channels, data)


def _dealt_out(phases: Value, strides: Sequence[int], units: int, node: SourceNode, importer: Importer) -> Value:
    """[n, rows, columns, s * t * units] as [n, rows * s, columns * t, units]."""
    edit = importer.editor
    n, rows, columns, _ = phases.type.shape
    if strides[0] > 1:
        parts = Reshape((n, rows, columns, strides[0], strides[1] * units))
        phases = edit.add(f"{node.name}_parts", parts, [phases], node.name)
        phases = edit.add(f"{node.name}_moved", Transpose((0, 1, 3, 2, 4)), [phases], node.name)
    shape = (n, rows * strides[0], columns * strides[1], units)
    if phases.type.shape == shape:
        return phases
    return edit.add(f"{node.name}_pixels", Reshape(shape), [phases], node.name)
