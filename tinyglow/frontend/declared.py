"""What model files declare of values that are float in the graph, bound to the values.

The constants of a node of the file may be moved about before they are constants of the graph. They keep their integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Declared, Node, Value
from tinyglow.ir.types import ChannelParams, TensorType
from tinyglow.numerics import glow
from tinyglow.operators.constants import dequantized
from tinyglow.operators.rescale import Rescale

# In place of a scale of 0, which stands for integers that are all 0 (Glow, TFLiteModelLoader.cpp, loadConv2D).
_ANY_SCALE = 0.125


def declared_constant(data: Array, type_: TensorType) -> tuple[Array, Declared]:
    """Integers of a file as the float32 that they stand for, and what is declared of these.

    Args:
        data: The integers.
        type_: Their type; where a scale of an index is 0, they count as 0.

    Returns:
        The floats, and the declaration.
    """
    channels = type_.channel_quant
    if channels is not None and 0 in channels.scales:
        along = tuple(-1 if axis == channels.axis else 1 for axis in range(data.ndim))
        known = np.array(channels.scales).reshape(along) > 0
        data = np.where(known, data, np.zeros((), data.dtype))
        scales = tuple(scale or _ANY_SCALE for scale in channels.scales)
        offsets = tuple(o if s else 0 for s, o in zip(channels.scales, channels.offsets, strict=True))
        channels = ChannelParams(scales, offsets, channels.axis)
    declared = Declared(type_.dtype, type_.quant, channels, data)
    return dequantized(data, declared.type_of(data.shape)).astype(np.float32), declared


def declared_as(value: Value, declared: Declared | None, edit: GraphEditor, name: str, is_bound: bool) -> Value:
    """A float value with what the file declares of it: itself, or a Rescale of it where it has another declaration.

    Args:
        value: The value.
        declared: What the file says; None: it is float there.
        edit: Takes the new node.
        name: Of the file's tensor.
        is_bound: Whether the value stands for another tensor of the file already.
    """
    if value.type.dtype != "float32":
        return value
    value = edit.values[value.name]
    before = value.declared
    if before is None and declared is None:
        return value
    if before is not None and before.is_like(declared):
        return value
    if value.data is not None and declared is not None and declared.quant is not None:
        data = glow.quantize(value.data, declared.quant.scale, declared.quant.offset, declared.dtype)
        real, own = declared_constant(data, declared.type_of(data.shape))
        return edit.constant(name, real, declared=own)
    if before is None and not is_bound and value.data is None:
        return edit.declare(value.name, declared)
    changed = edit.add(f"{name}_rescale", Rescale(), [value], name)
    return edit.declare(changed.name, declared)


def carry_to_constants(nodes: Iterable[Node], sources: Sequence[Value], edit: GraphEditor) -> None:
    """Declare the constants of new nodes that hold, moved about, what declared constants of the file hold.

    Args:
        nodes: The nodes that were made of one node of the file.
        sources: The constants that this node of the file reads.
        edit: Has the nodes.
    """
    known = [value.declared for value in sources if value.declared is not None and value.data is not None]
    if not known:
        return
    for node in nodes:
        for index, name in enumerate(node.inputs):
            value = edit.values[name]
            if value.data is not None and value.declared is None and value.type.dtype == "float32":
                fitting = [like for like in known if (like.dtype == "int32") == (index == node.op.bias_operand)]
                edit.declare(name, _same_numbers(value.data, fitting, node.op.units_axis))


def carry_to_constant(value: Value, sources: Sequence[Value], edit: GraphEditor) -> Value:
    """The same for a single constant."""
    known = [source.declared for source in sources if source.declared is not None and source.data is not None]
    if value.data is None or value.declared is not None or not known or value.type.dtype != "float32":
        return value
    return edit.declare(value.name, _same_numbers(value.data, known, 0))


def _same_numbers(data: Array, known: Sequence[Declared], units_axis: int) -> Declared | None:
    """The parameters, of those that are known, whose integers are exactly ``data``; None if there are none."""
    for source in known:
        for like in _placed(source, data, units_axis):
            steps = _integers(data, like)
            candidate = Declared(source.dtype, like.quant, like.channel_quant, steps)
            if np.array_equal(dequantized(steps, candidate.type_of(data.shape)), data):
                return candidate
    return None


def _placed(source: Declared, data: Array, units_axis: int) -> list[Declared]:
    """The parameters along each dimension that they fit."""
    channels = source.channel_quant
    if channels is None:
        return [source]
    axes = sorted(range(data.ndim), key=lambda axis: (axis != units_axis, axis))
    fitting = [axis for axis in axes if data.shape[axis] == len(channels.scales)]
    same = source.data if source.data is not None and source.data.shape == data.shape else None
    return [
        Declared(source.dtype, None, ChannelParams(channels.scales, channels.offsets, axis), same) for axis in fitting
    ]


def _integers(data: Array, like: Declared) -> Array:
    """What ``data`` is in steps of ``like``; where that has integers of its own for the same numbers, these."""
    own = like.data if like.data is not None and like.data.shape == data.shape else None
    if own is not None and np.array_equal(dequantized(own, like.type_of(data.shape)), data):
        return own
    if like.quant is not None:
        return glow.quantize(data, like.quant.scale, like.quant.offset, like.dtype)
    channels = like.channel_quant
    assert channels is not None
    parts = [
        glow.quantize(part, params.scale, params.offset, like.dtype)
        for part, params in zip(np.moveaxis(data, channels.axis, 0), channels.channels(), strict=True)
    ]
    return np.ascontiguousarray(np.moveaxis(np.stack(parts), 0, channels.axis))
