"""What Glow does to quantized graphs: rescales go into their neighbours, and needless bounds go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.errors import Problem, UnknownInGlowError
from tinyglow.glow.walk import each, nodes_as_made, source, swap_in, values
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.activation import NO_ACTIVATION, Activation
from tinyglow.kernels.elementwise.clip import LOWEST
from tinyglow.operators.add import Add
from tinyglow.operators.clip import Clip
from tinyglow.operators.concat import Concat
from tinyglow.operators.conv2d import ChannelwiseConv2D, Conv2D
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.div import Div
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.glow_nodes import Splat
from tinyglow.operators.leaky_relu import LeakyRelu
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.max import Max
from tinyglow.operators.max_pool import MaxPool
from tinyglow.operators.min import Min
from tinyglow.operators.mul import Mul
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.relu import Relu
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.sub import Sub
from tinyglow.operators.transpose import Transpose

_TAKING_RESCALE_AFTER = (
    *(Rescale, Quantize, Splat, Add, Sub, Mul, Div, Min, MatMul),
    *(Conv2D, ChannelwiseConv2D, FullyConnected),
)
_TAKING_RESCALE_BEFORE = (Add, Sub, Mul, Div, Min, Max, MatMul)
_SUNK_BELOW = (Reshape, Slice, Transpose, MaxPool)


def _quantize(node: Node, edit: GraphEditor, work: list[str]) -> bool:
    type_ = edit.value(node.outputs[0]).type
    before = source(node.inputs[0], edit, Dequantize, Splat)
    if before is None:
        return False
    if isinstance(before.op, Splat):
        return swap_in(node, edit.add(before.name, before.op, [], before.origin, (type_,)), edit)
    x = edit.value(before.inputs[0])
    if x.type == type_:
        return swap_in(node, x, edit)
    rescaled = edit.add(node.name, Rescale(), [x], node.origin, (type_,))
    work.append(rescaled.name)
    return swap_in(node, rescaled, edit)


def _dequantize(node: Node, edit: GraphEditor, work: list[str]) -> bool:
    type_ = edit.value(node.outputs[0]).type
    before = source(node.inputs[0], edit, Quantize, Rescale, Splat)
    if before is None:
        return False
    if isinstance(before.op, Quantize):
        return swap_in(node, edit.value(before.inputs[0]), edit)
    if isinstance(before.op, Splat):
        return swap_in(node, edit.add(before.name, before.op, [], before.origin, (type_,)), edit)
    result = edit.add(node.name, Dequantize(), [edit.value(before.inputs[0])], node.origin, (type_,))
    work.append(result.name)
    return swap_in(node, result, edit)


def _rescale(node: Node, edit: GraphEditor, work: list[str]) -> bool:
    x, type_ = edit.value(node.inputs[0]), edit.value(node.outputs[0]).type
    if x.type == type_:
        return swap_in(node, x, edit)
    before = edit.producer(x.name)
    if before is None or not (edit.has_one_use(x.name) or isinstance(before.op, Splat)):
        return False
    if type(before.op) in _TAKING_RESCALE_AFTER:
        result = edit.add(before.name, before.op, values(before.inputs, edit), before.origin, (type_,))
        if isinstance(before.op, Rescale | Quantize):
            work.append(result.name)
        return swap_in(node, result, edit)
    if type(before.op) is not Max:
        return False
    sides = [
        edit.add(node.name, Rescale(), [side], node.origin, (replace(type_, shape=side.type.shape),))
        for side in values(before.inputs, edit)
    ]
    work += [side.name for side in sides]
    return swap_in(node, edit.add(before.name, before.op, sides, before.origin, (type_,)), edit)


_OPTIMIZERS = {Quantize: _quantize, Dequantize: _dequantize, Rescale: _rescale}


def _drop_bound(node: Node, edit: GraphEditor) -> bool:
    """A ReLU, or a Max with a Splat, that is no more than int8's own bound."""
    if type(node.op) not in (Relu, Max):
        return False
    type_ = edit.value(node.outputs[0]).type
    if type_.quant is None or any(edit.value(name).type != type_ for name in node.inputs):
        return False
    lowest, _ = type_.ends()
    if isinstance(node.op, Relu):
        return lowest >= 0 and swap_in(node, edit.value(node.inputs[0]), edit)
    splats = [source(name, edit, Splat) for name in node.inputs]
    index = next((i for i, splat in enumerate(splats) if splat is not None), None)
    if index is None:
        return False
    splat = splats[index]
    assert splat is not None and isinstance(splat.op, Splat)
    return splat.op.value <= lowest and swap_in(node, edit.value(node.inputs[1 - index]), edit)


def _sink_rescale(node: Node, edit: GraphEditor) -> bool:
    kind = type(node.op)
    rescales = [source(name, edit, Rescale) for name in node.inputs]
    type_ = edit.value(node.outputs[0]).type
    if not any(rescales) or type_.quant is None:
        return False
    if kind in _SUNK_BELOW:
        before = rescales[0]
        assert before is not None
        x = edit.value(before.inputs[0])
        moved = edit.add(node.name, node.op, [x], node.origin, (replace(type_, quant=x.type.quant),))
        return swap_in(node, edit.add(before.name, Rescale(), [moved], before.origin, (type_,)), edit)
    if kind in (FullyConnected, Relu):
        taken = [rescales[0], *[None] * (len(node.inputs) - 1)]
    elif kind is Conv2D:
        taken = rescales
    elif kind in _TAKING_RESCALE_BEFORE:
        return _combine_down(node, edit)
    else:
        return False
    if not any(taken):
        return False
    inputs = [
        edit.value(name if before is None else before.inputs[0])
        for name, before in zip(node.inputs, taken, strict=True)
    ]
    return swap_in(node, edit.add(node.name, node.op, inputs, node.origin, (type_,)), edit)


def _combine_down(node: Node, edit: GraphEditor) -> bool:
    """Into either operand, one after the other: each makes the node anew."""
    type_, current, changed = edit.value(node.outputs[0]).type, node, False
    for index in (0, 1):
        before = source(current.inputs[index], edit, Rescale)
        if before is None:
            continue
        inputs = values(current.inputs, edit)
        inputs[index] = edit.value(before.inputs[0])
        result = edit.add(current.name, node.op, inputs, node.origin, (type_,))
        changed = swap_in(current, result, edit)
        made = edit.producer(result.name)
        assert made is not None
        current = made
    return changed


def optimize_quantization(edit: GraphEditor) -> bool:
    """OptimizeQuantization: upwards from the last to the first; when nothing changes, one round downwards."""
    work = [node.outputs[0] for node in nodes_as_made(edit) if type(node.op) in _OPTIMIZERS]
    changed = False
    while work:
        node = edit.producer(work.pop())
        if node is not None and type(node.op) in _OPTIMIZERS:
            changed |= _OPTIMIZERS[type(node.op)](node, edit, work)
    changed |= each(edit, _drop_bound)
    return changed or each(edit, _sink_rescale)


def merge_transpose_into_layer(node: Node, edit: GraphEditor) -> bool:
    """MergeTransposeIntoMatMulOrFC: a layer on a flattened transpose is one without, with other rows of weights."""
    if type(node.op) not in (MatMul, FullyConnected):
        return False
    weights, flat = edit.value(node.inputs[1]), source(node.inputs[0], edit, Reshape)
    if weights.data is None or flat is None or not edit.has_one_use(node.inputs[0]):
        return False
    moved, transpose = edit.value(flat.inputs[0]).type.shape, source(flat.inputs[0], edit, Transpose)
    assert isinstance(flat.op, Reshape)
    if moved[0] != flat.op.shape[0] or transpose is None or not edit.has_one_use(flat.inputs[0]):
        return False
    assert isinstance(transpose.op, Transpose)
    perm = transpose.op.perm
    if perm[0] != 0:
        return False
    rows = weights.data.reshape(*moved[1:], weights.type.shape[1])
    back = [perm.index(axis) - 1 for axis in range(1, len(perm))]
    data = np.ascontiguousarray(rows.transpose(*back, len(back))).reshape(weights.type.shape)
    reordered = edit.constant(weights.name, data, weights.type)
    reshaped = edit.add(
        flat.name, flat.op, [edit.value(transpose.inputs[0])], flat.origin, (edit.value(node.inputs[0]).type,)
    )
    inputs = [reshaped, reordered, *values(node.inputs[2:], edit)]
    return swap_in(node, edit.add(node.name, node.op, inputs, node.origin, (edit.value(node.outputs[0]).type,)), edit)


def _refuse(node: Node, found: str) -> None:
    problem = Problem(f"node {node.origin!r}", found, "all of them in int8, or all in float", "use --graph=tiny")
    raise UnknownInGlowError("what Glow makes of this network is not known", [problem])


def refuse_float_clip(node: Node, edit: GraphEditor) -> bool:
    """OptimizeQuantizeClip gives what is beside bounds that are kept in float other parameters: not known here."""
    clip = node if isinstance(node.op, Clip) else source(node.inputs[0], edit, Clip) if node.inputs else None
    if clip is None or edit.value(clip.outputs[0]).type.quant is not None:
        return False
    if isinstance(node.op, Quantize) or (clip is node and source(node.inputs[0], edit, Dequantize) is not None):
        _refuse(clip, "a Clip that is kept in float beside int8 nodes")
    return False


def refuse_float_relu(node: Node, edit: GraphEditor) -> bool:
    """OptimizeQuantFCFloatRelu makes a float ReLU after fully connected layers int8: not known here."""
    if not isinstance(node.op, Relu) or edit.value(node.outputs[0]).type.quant is not None:
        return False
    joined = source(node.inputs[0], edit, Concat)
    names = node.inputs if joined is None else joined.inputs
    ends = [source(name, edit, Dequantize) for name in names]
    if all(end is not None and source(end.inputs[0], edit, FullyConnected) is not None for end in ends):
        _refuse(node, "a Relu that is kept in float after int8 layers")
    return False


def _step(bound: float, quant: QuantParams) -> int:
    """The int8 number that Glow's compiler makes of a bound (lib/Quantization/Base/Base.cpp, quantize).

    What 32 bits do not hold becomes the lowest number, as the processor that it runs on converts it.
    """
    with np.errstate(all="ignore"):
        step = np.float32(bound) / np.float32(quant.scale) + np.float32(quant.offset)
    return int(np.clip(np.rint(step), -128, 127)) if abs(step) < 2.0**31 else -128


def _is_saturation(activation: Activation, quant: QuantParams) -> bool:
    if activation.kind == "RELU":
        return quant.offset == -128
    return activation.kind == "CLIP" and [_step(bound, quant) for bound in activation.args] == [-128, 127]


def remove_identity_bound(node: Node, edit: GraphEditor) -> bool:
    """RemoveIdentityRelu, RemoveIdentityClip: bounds that int8 has anyway, between equal types or in a convolution."""
    out = edit.value(node.outputs[0])
    if out.type.quant is None:
        return False
    if isinstance(node.op, Conv2D):
        if not _is_saturation(node.op.activation, out.type.quant):
            return False
        edit.set_op(node, replace(node.op, activation=NO_ACTIVATION))
        return True
    if not isinstance(node.op, Relu | Clip) or edit.value(node.inputs[0]).type != out.type:
        return False
    kind = Activation("RELU") if isinstance(node.op, Relu) else Activation("CLIP", (node.op.low, node.op.high))
    return _is_saturation(kind, out.type.quant) and swap_in(node, edit.value(node.inputs[0]), edit)


def overflow_bound(node: Node, edit: GraphEditor) -> bool:
    """Not a pass of Glow's: an upper bound that its code generator makes the lowest number of (``_step``) is that."""
    if isinstance(node.op, Conv2D) and node.op.activation.kind == "CLIP":
        type_, high = edit.value(node.outputs[0]).type, node.op.activation.args[1]
    elif isinstance(node.op, Clip):
        type_, high = edit.value(node.inputs[0]).type, node.op.high
    else:
        return False
    if type_.quant is None or high < type_.ends()[1] or _step(high, type_.quant) != -128:
        return False
    lowest = type_.ends()[0]
    if isinstance(node.op, Conv2D):
        edit.set_op(node, replace(node.op, activation=Activation("CLIP", (LOWEST, lowest))))
    else:
        edit.set_op(node, Clip(LOWEST, lowest))
    edit.deviations[node.origin] = "Glow makes its missing upper bound the lowest number, so that all results are that"
    return True


def fold_activation(node: Node, edit: GraphEditor) -> bool:
    """foldActivations: what alone reads a convolution may be done by it."""
    if not isinstance(node.op, Conv2D) or node.op.activation != NO_ACTIVATION:
        return False
    users = edit.users(node.outputs[0])
    if len(users) != 1 or not edit.has_one_use(node.outputs[0]):
        return False
    activation, user = None, users[0]
    if isinstance(user.op, Relu):
        activation = Activation("RELU")
    elif isinstance(user.op, Clip):
        activation = Activation("CLIP", (user.op.low, user.op.high))
    elif isinstance(user.op, LeakyRelu):
        activation = Activation("LEAKY_RELU", (user.op.alpha,))
    if activation is None:
        return False
    edit.set_op(node, replace(node.op, activation=activation))
    edit.set_type(node.outputs[0], edit.value(user.outputs[0]).type)
    return swap_in(user, edit.value(node.outputs[0]), edit)
