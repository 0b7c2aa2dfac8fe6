"""Neighbours that one operator can be: pads and arithmetic around convolutions, reshapes, ReLUs at a Concat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Node
from tinyglow.kernels.activation import NO_ACTIVATION
from tinyglow.operators.add import Add
from tinyglow.operators.concat import Concat
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.div import Div
from tinyglow.operators.mul import Mul
from tinyglow.operators.pad import Pad
from tinyglow.operators.relu import Relu
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.sub import Sub
from tinyglow.operators.transpose import Transpose
from tinyglow.passes.folding import replace_constant


def merge_pad_into_convolution(node: Node, edit: GraphEditor) -> bool:
    """conv(Pad(x)) is a convolution with more padding, if the pad is of zeros (Glow: MergePadIntoConvolution)."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Conv2D) or source is None or not isinstance(source.op, Pad):
        return False
    pad, window = source.op, node.op.window
    if pad.mode != "constant" or pad.value != 0 or not edit.has_one_use(node.inputs[0]):
        return False
    spatial = (*pad.before[1:3], *pad.after[1:3])
    pads = tuple(own + more for own, more in zip(window.pads, spatial, strict=True))
    if any((pad.before[0], pad.before[3], pad.after[0], pad.after[3])) or min(pads) < 0:
        return False
    wider = replace(window, pads=(pads[0], pads[1], pads[2], pads[3]))
    inputs = [edit.value(name) for name in (source.inputs[0], *node.inputs[1:])]
    result = edit.add(node.name, replace(node.op, window=wider), inputs, node.origin)
    edit.joined.join(node.origin, [source.origin, node.origin])
    edit.redirect(node.outputs[0], result.name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(source)
    return True


def raise_transpose_above_pad(node: Node, edit: GraphEditor) -> bool:
    """Transpose(Pad(x)) is Pad(Transpose(x)): in front of a convolution, which can then take the pad. Not in Glow."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Transpose) or source is None or not isinstance(source.op, Pad):
        return False
    users = edit.users(node.outputs[0])
    if not edit.has_one_use(node.inputs[0]) or not users or not all(isinstance(user.op, Conv2D) for user in users):
        return False
    before, after = (tuple(amounts[axis] for axis in node.op.perm) for amounts in (source.op.before, source.op.after))
    moved = edit.add(node.name, node.op, [edit.value(source.inputs[0])], node.origin)
    padded = edit.add(source.name, replace(source.op, before=before, after=after), [moved], source.origin)
    edit.redirect(node.outputs[0], padded.name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(source)
    return True


def raise_above_reshape(node: Node, edit: GraphEditor) -> bool:
    """f(Reshape(conv(x))) is Reshape(f(conv(x))) for a function f of single elements. Not in Glow.

    That is how a 1-D convolution, which is one of height 1, takes its activation.
    """
    flat = edit.producer(node.inputs[0])
    if flat is None or not isinstance(flat.op, Reshape) or not edit.has_one_use(node.inputs[0]):
        return False
    source, image = edit.producer(flat.inputs[0]), edit.value(flat.inputs[0])
    if source is None or not isinstance(source.op, Conv2D) or not edit.has_one_use(image.name):
        return False
    if not node.op.elementwise or len(node.inputs) != 1:
        return False
    moved = edit.add(node.name, node.op, [image], node.origin)
    result = edit.add(flat.name, flat.op, [moved], flat.origin)
    edit.redirect(node.outputs[0], result.name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(flat)
    return True


def _channel_values(data: Array, channels: int) -> Array | None:
    """The constant as one number for each channel (the last dimension), if it is the same everywhere else."""
    flat = data.reshape(-1, data.shape[-1]) if data.ndim else data.reshape(1, 1)
    if flat.shape[1] not in (1, channels) or not (flat == flat[0]).all():
        return None
    return np.broadcast_to(flat[0], (channels,)).astype(np.float32)


def _next_in_chain(value: str, channels: int, edit: GraphEditor) -> tuple[Node, Array] | None:
    """The only user of ``value``, if it is arithmetic with a constant for each channel, and that constant."""
    users = edit.users(value)
    if not users or not edit.has_one_use(value) or not isinstance(users[0].op, Add | Sub | Mul | Div):
        return None
    (other,) = (name for name in users[0].inputs if name != value)
    data = edit.value(other).data
    inverse = isinstance(users[0].op, Div) and users[0].inputs[0] != value
    if data is None or inverse or edit.value(users[0].outputs[0]).type.shape != edit.value(value).type.shape:
        return None
    per_channel = _channel_values(data, channels)
    return None if per_channel is None else (users[0], per_channel)


def _affine_chain(value: str, channels: int, edit: GraphEditor) -> tuple[list[Node], Array, Array]:
    """(nodes, A, B): the arithmetic that makes value * A + B of ``value``, A and B float32 [channels]."""
    nodes: list[Node] = []
    scale: Array = np.ones(channels, np.float32)
    shift: Array = np.zeros(channels, np.float32)
    while (found := _next_in_chain(value, channels, edit)) is not None:
        user, constant = found
        if isinstance(user.op, Mul):
            scale, shift = scale * constant, shift * constant
        elif isinstance(user.op, Div):
            scale, shift = scale / constant, shift / constant
        elif isinstance(user.op, Add):
            shift = shift + constant
        elif user.inputs[0] == value:
            shift = shift - constant
        else:
            scale, shift = -scale, constant - shift
        nodes.append(user)
        value = user.outputs[0]
    return nodes, scale, shift


def fold_arithmetic_into_convolution(node: Node, edit: GraphEditor) -> bool:
    """A chain of + - * / by constants after a convolution goes into its filters and bias.

    Glow: FoldArithmeticChainUnderConvIntoBN, in its float32 steps. Glow also takes a constant that differs from place
    to place, as if it were its first element; that is wrong, and is not done here.
    """
    if not isinstance(node.op, Conv2D) or node.op.activation != NO_ACTIVATION:
        return False
    filters, bias = (edit.value(name).data for name in node.inputs[1:])
    if filters is None or bias is None:
        return False
    with np.errstate(all="ignore"):
        chain, scale, shift = _affine_chain(node.outputs[0], len(bias), edit)
        scaled = (filters * scale.reshape(-1, 1, 1, 1)).astype(np.float32)
        shifted = (bias * scale + shift).astype(np.float32)
    if not (chain and np.isfinite(scaled).all() and np.isfinite(shifted).all()):
        return False
    replace_constant(node, 1, scaled, edit)
    replace_constant(node, 2, shifted, edit)
    edit.joined.join(node.origin, [node.origin, *(link.origin for link in chain)])
    edit.redirect(chain[-1].outputs[0], node.outputs[0])
    for stale in reversed(chain):
        edit.remove_if_unused(stale)
    return True


def sink_relu_below_concat(node: Node, edit: GraphEditor) -> bool:
    """Concat(Relu(x), Relu(y)) is Relu(Concat(x, y)) (Glow: SinkCode)."""
    sources = [edit.producer(name) for name in node.inputs]
    if not isinstance(node.op, Concat) or any(s is None or not isinstance(s.op, Relu) for s in sources):
        return False
    relus = [source for source in sources if source is not None]
    joined = edit.add(node.name, node.op, [edit.value(relu.inputs[0]) for relu in relus], node.origin)
    result = edit.add(relus[0].name, Relu(), [joined], node.origin)
    edit.redirect(node.outputs[0], result.name)
    edit.remove_if_unused(node)
    for relu in relus:
        edit.remove_if_unused(relu)
    return True


def merge_concats(node: Node, edit: GraphEditor) -> bool:
    """Concat(Concat(x, y), z) is Concat(x, y, z), and a Concat of one is that one (Glow: simplifyConcatNode)."""
    if not isinstance(node.op, Concat):
        return False
    if len(node.inputs) == 1:
        edit.redirect(node.outputs[0], node.inputs[0])
        return True
    inputs: list[str] = []
    merged = []
    for name in node.inputs:
        source = edit.producer(name)
        inner = source is not None and source.op == node.op and edit.has_one_use(name)
        if source is not None and inner:
            inputs += source.inputs
            merged.append(source)
        else:
            inputs.append(name)
    if not merged:
        return False
    joined = edit.add(node.name, node.op, [edit.value(name) for name in inputs], node.origin)
    edit.redirect(node.outputs[0], joined.name)
    for stale in (node, *merged):
        edit.remove_if_unused(stale)
    return True


NEIGHBOURS = (merge_pad_into_convolution, fold_arithmetic_into_convolution)
