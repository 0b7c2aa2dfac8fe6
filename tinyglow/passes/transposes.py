"""Transposes and reshapes, sunk towards the outputs until they cancel (Glow: SinkCode)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node, Value
from tinyglow.kernels.window import Window
from tinyglow.operators.avg_pool import AvgPool
from tinyglow.operators.batch_norm import BatchNormalization
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.max_pool import MaxPool
from tinyglow.operators.pad import Pad
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.resize_bilinear import ResizeBilinear
from tinyglow.operators.resize_nearest import ResizeNearest
from tinyglow.operators.slice import Slice
from tinyglow.operators.tile import Tile
from tinyglow.operators.transpose import Transpose


def _transpose_behind(value: str, edit: GraphEditor) -> Node | None:
    node = edit.producer(value)
    return node if node is not None and isinstance(node.op, Transpose) else None


def _put_behind(node: Node, result: Value, transpose: Node, edit: GraphEditor) -> bool:
    """Let ``transpose`` follow ``result``, in place of ``node``. What is declared of the elements goes with them."""
    edit.declare(result.name, edit.value(node.outputs[0]).declared)
    behind = edit.add(transpose.name, transpose.op, [result], transpose.origin)
    edit.redirect(node.outputs[0], behind.name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(transpose)
    return True


def merge_transposes(node: Node, edit: GraphEditor) -> bool:
    """Two transposes are one, or none."""
    before = _transpose_behind(node.inputs[0], edit)
    if not isinstance(node.op, Transpose) or before is None or not isinstance(before.op, Transpose):
        return False
    perm = tuple(before.op.perm[axis] for axis in node.op.perm)
    source = edit.value(before.inputs[0])
    if perm == tuple(range(len(perm))):
        edit.redirect(node.outputs[0], source.name)
    else:
        # Glow's own spelling of the name it gives the merged one.
        edit.redirect(node.outputs[0], edit.add("tranpose", Transpose(perm), [source], node.origin).name)
    return True


def _does_nothing(node: Node, edit: GraphEditor) -> bool:
    if isinstance(node.op, Transpose):
        return node.op.perm == tuple(range(len(node.op.perm)))
    if isinstance(node.op, AvgPool | MaxPool):
        return node.op.window == Window((1, 1))
    same = edit.value(node.inputs[0]).type == edit.value(node.outputs[0]).type
    if isinstance(node.op, Pad):
        return not any((*node.op.before, *node.op.after))
    if isinstance(node.op, Slice):
        return same and min(node.op.steps) > 0
    if isinstance(node.op, ResizeBilinear | ResizeNearest):
        return same and set(node.op.scales) == {1.0}
    return same and isinstance(node.op, Reshape | Tile)


def drop_identities(node: Node, edit: GraphEditor) -> bool:
    """What neither moves nor changes an element goes (Glow: EliminateNoop, OptimizeReshape, OptimizeResize)."""
    needless = _does_nothing(node, edit) and edit.declared_alike(node.inputs[0], node.outputs[0])
    if needless:
        edit.redirect(node.outputs[0], node.inputs[0])
    return needless


def sink_below_elementwise(node: Node, edit: GraphEditor) -> bool:
    """f(Transpose(x)) is Transpose(f(x)) for a function f of single elements."""
    before = _transpose_behind(node.inputs[0], edit)
    if not node.op.elementwise or len(node.inputs) != 1 or before is None:
        return False
    result = edit.add(node.name, node.op, [edit.value(before.inputs[0])], node.origin)
    return _put_behind(node, result, before, edit)


def sink_below_arithmetic(node: Node, edit: GraphEditor) -> bool:
    """f(Transpose(x), Transpose(y), ...) is Transpose(f(x, y, ...)) where all move alike; constants move at will."""
    if not node.op.elementwise or len(node.inputs) < 2:
        return False
    transposes = [_transpose_behind(name, edit) for name in node.inputs]
    first = next((t for t in transposes if t is not None), None)
    if first is None or not isinstance(first.op, Transpose):
        return False
    inputs = []
    for name, transpose in zip(node.inputs, transposes, strict=True):
        value = edit.value(name)
        if transpose is not None and transpose.op == first.op:
            inputs.append(edit.value(transpose.inputs[0]))
        elif value.data is not None and value.data.ndim == len(first.op.perm):
            inverse = tuple(int(axis) for axis in np.argsort(first.op.perm))
            inputs.append(edit.moved(f"{name}_transposed", value, partial(np.transpose, axes=inverse)))
        elif value.data is not None and value.data.size == 1:
            inputs.append(value)
        else:
            return False
    return _put_behind(node, edit.add(node.name, node.op, inputs, node.origin), first, edit)


def sink_below_permutable(node: Node, edit: GraphEditor) -> bool:
    """op(Transpose(x), ...) is Transpose(op'(x, ...)) for an op that says what it is on permuted dimensions."""
    transposes = [_transpose_behind(name, edit) for name in node.inputs]
    first = transposes[0] if transposes else None
    if first is None or not isinstance(first.op, Transpose) or any(t is None or t.op != first.op for t in transposes):
        return False
    permuted = node.op.transposed(first.op.perm)
    if permuted is None:
        return False
    inputs = [edit.value(t.inputs[0]) for t in transposes if t is not None]
    return _put_behind(node, edit.add(node.name, permuted, inputs, node.origin), first, edit)


def sink_below_batch_norm(node: Node, edit: GraphEditor) -> bool:
    """The same for a batch normalization; its channel axis changes with the transpose."""
    before = _transpose_behind(node.inputs[0], edit)
    if not isinstance(node.op, BatchNormalization) or before is None or not isinstance(before.op, Transpose):
        return False
    moved = replace(node.op, axis=before.op.perm[node.op.axis])
    inputs = [edit.value(before.inputs[0]), *(edit.value(name) for name in node.inputs[1:])]
    return _put_behind(node, edit.add(node.name, moved, inputs, node.origin), before, edit)


def _reshapes_its_filters(node: Node, edit: GraphEditor) -> bool:
    """Whether a convolution's filters, [out, kh, kw, c], have the same order in memory as [out, c, kh, kw]."""
    if not isinstance(node.op, Conv2D):
        return False
    _, height, width, channels = edit.value(node.inputs[1]).type.shape
    return channels == 1 or height == width == 1


def transpose_to_reshape(node: Node, edit: GraphEditor) -> bool:
    """A transpose that moves no data is a reshape."""
    source = edit.value(node.inputs[0])
    if not isinstance(node.op, Transpose) or node.op.moves_data(source.type.shape):
        return False
    shape = edit.value(node.outputs[0]).type.shape
    if any(_reshapes_its_filters(user, edit) for user in edit.users(node.outputs[0])):
        edit.namer.unique(node.name)  # Glow makes a reshape of the filters' transpose too, and first
    edit.redirect(node.outputs[0], edit.add(node.name, Reshape(shape), [source], node.origin).name)
    return True


def merge_reshapes(node: Node, edit: GraphEditor) -> bool:
    """Of two reshapes the last one counts."""
    before = edit.producer(node.inputs[0])
    if not isinstance(node.op, Reshape) or before is None or not isinstance(before.op, Reshape):
        return False
    merged = edit.add(node.name, node.op, [edit.value(before.inputs[0])], node.origin)
    edit.set_type(merged.name, edit.value(node.outputs[0]).type)
    edit.redirect(node.outputs[0], merged.name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(before)
    return True


SINKING = (
    merge_transposes,
    drop_identities,
    sink_below_elementwise,
    sink_below_arithmetic,
    sink_below_permutable,
    sink_below_batch_norm,
)
CLEANING = (transpose_to_reshape, merge_reshapes, drop_identities)
