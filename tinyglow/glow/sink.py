"""Transposes and reshapes sunk towards the outputs, where they meet and go: Glow's SinkCode and its like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.glow.walk import each, note_bounds_apart, shaped, source, swap_in, values
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node, Value
from tinyglow.ir.op import Op
from tinyglow.operators.abs import Abs
from tinyglow.operators.add import Add
from tinyglow.operators.angles import Cos, Sin
from tinyglow.operators.batch_norm import BatchNormalization
from tinyglow.operators.cast import Cast
from tinyglow.operators.ceil import Ceil
from tinyglow.operators.clip import Clip
from tinyglow.operators.concat import Concat
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.div import Div
from tinyglow.operators.erf import Erf
from tinyglow.operators.exp import Exp
from tinyglow.operators.floor import Floor
from tinyglow.operators.glow_nodes import ChannelShuffle, PReluOfSlopes, Splat
from tinyglow.operators.hard_swish import HardSwish
from tinyglow.operators.leaky_relu import LeakyRelu
from tinyglow.operators.log import Log
from tinyglow.operators.logic import Compare
from tinyglow.operators.max import Max
from tinyglow.operators.min import Min
from tinyglow.operators.mul import Mul
from tinyglow.operators.neg import Neg
from tinyglow.operators.pad import Pad
from tinyglow.operators.pow import Pow
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.relu import Relu
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.round import Round
from tinyglow.operators.rsqrt import Rsqrt
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.slice import Slice
from tinyglow.operators.sqrt import Sqrt
from tinyglow.operators.sub import Sub
from tinyglow.operators.tanh import Tanh
from tinyglow.operators.tile import Tile
from tinyglow.operators.transpose import Transpose

ARITHMETIC = (Add, Mul, Sub, Div, Max, Min, Pow)
_RELATIONS = ("LTE", "EQ")  # comparisons that a transpose sinks below
_BELOW_WHICH_IT_SINKS = (Relu, Clip, LeakyRelu, Sigmoid, Tanh, Dequantize, Rescale)
_OF_SINGLE_ELEMENTS = (
    *(Relu, Clip, LeakyRelu, Sigmoid, Tanh, Log, Exp, Erf, Abs, Neg, Floor, Ceil, Round),
    *(Sqrt, Rsqrt, Sin, Cos, HardSwish, Quantize, Dequantize, Rescale, Cast),
)


def inverse(perm: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes ``perm``."""
    return tuple(int(axis) for axis in np.argsort(perm))


def _perm(node: Node) -> tuple[int, ...]:
    assert isinstance(node.op, Transpose)
    return node.op.perm


def _sunk(node: Node, op: Op, inputs: list[Value], transpose: Node, edit: GraphEditor) -> bool:
    """``op`` on what comes before ``transpose``, which then follows; parameters stay the result's own."""
    shape = op.infer(*(replace(value.type, quant=None, dtype="float32") for value in inputs))[0].shape
    kept = edit.value(node.outputs[0]).type
    result = edit.add(node.name, op, inputs, node.origin, (replace(kept, shape=shape),))
    return swap_in(node, edit.add(transpose.name, transpose.op, [result], transpose.origin, (kept,)), edit)


def _below_batch_norm(node: Node, edit: GraphEditor) -> bool:
    assert isinstance(node.op, BatchNormalization)
    reshape = source(node.inputs[0], edit, Reshape)
    if reshape is not None:
        return _reshape_below_batch_norm(node, node.op, reshape, edit)
    transpose = source(node.inputs[0], edit, Transpose)
    if transpose is None:
        return False
    op = replace(node.op, axis=_perm(transpose)[node.op.axis])
    return _sunk(node, op, values([transpose.inputs[0], *node.inputs[1:]], edit), transpose, edit)


def _reshape_below_batch_norm(node: Node, op: BatchNormalization, reshape: Node, edit: GraphEditor) -> bool:
    """Where the reshape leaves the batch and the channels alone."""
    before, after = edit.value(reshape.inputs[0]).type.shape, edit.value(node.inputs[0]).type.shape
    if len(before) < 3 or len(before) == 5 or before[0] != after[0]:
        return False
    if op.axis == len(after) - 1 and before[-1] == after[-1]:
        axis = len(before) - 1
    elif op.axis == 1 and op.axis != len(after) - 1 and before[1] == after[1]:
        axis = 1
    else:
        return False
    inputs = values([reshape.inputs[0], *node.inputs[1:]], edit)
    result = edit.add(node.name, replace(op, axis=axis), inputs, node.origin)
    return swap_in(node, edit.add(reshape.name, reshape.op, [result], reshape.origin), edit)


def _clip_below_relu(node: Node, edit: GraphEditor) -> bool:
    """Relu(Clip(x)) is Clip(Relu(x))."""
    clip = source(node.inputs[0], edit, Clip)
    if clip is None or not isinstance(clip.op, Clip) or edit.value(node.outputs[0]).type.quant is not None:
        return False
    relu = edit.add(node.name, Relu(), [edit.value(clip.inputs[0])], node.origin)
    bounds = Clip(max(clip.op.low, 0.0), clip.op.high)
    note_bounds_apart(bounds, node, edit)
    return swap_in(node, edit.add(clip.name, bounds, [relu], clip.origin), edit)


def _below_prelu(node: Node, edit: GraphEditor) -> bool:
    transpose, slopes = source(node.inputs[0], edit, Transpose), source(node.inputs[1], edit, Splat)
    if transpose is None or slopes is None or not isinstance(slopes.op, Splat):
        return False
    x = edit.value(transpose.inputs[0])
    splat = edit.add(slopes.name, Splat(slopes.op.value, x.type.shape), [], slopes.origin)
    return _sunk(node, node.op, [x, splat], transpose, edit)


def _below_tile(node: Node, edit: GraphEditor) -> bool:
    transpose = source(node.inputs[0], edit, Transpose)
    if transpose is None or not isinstance(node.op, Tile):
        return False
    perm = _perm(transpose)
    repeats = tuple(node.op.repeats[inverse(perm)[axis]] for axis in range(len(perm)))
    return _sunk(node, Tile(repeats), [edit.value(transpose.inputs[0])], transpose, edit)


def _below_pad(node: Node, edit: GraphEditor) -> bool:
    transpose = source(node.inputs[0], edit, Transpose)
    if transpose is None or not isinstance(node.op, Pad):
        return False
    back = inverse(_perm(transpose))
    before, after = (tuple(part[back[axis]] for axis in range(len(back))) for part in (node.op.before, node.op.after))
    op = replace(node.op, before=before, after=after)
    return _sunk(node, op, [edit.value(transpose.inputs[0])], transpose, edit)


def _below_channel_shuffle(node: Node, edit: GraphEditor) -> bool:
    transpose = source(node.inputs[0], edit, Transpose)
    if transpose is None or not isinstance(node.op, ChannelShuffle):
        return False
    op = replace(node.op, kernel=_perm(transpose)[node.op.kernel])
    return _sunk(node, op, [edit.value(transpose.inputs[0])], transpose, edit)


def _merge(node: Node, edit: GraphEditor) -> bool:
    """A transpose that moves no dimension goes; two are one, which Glow calls so."""
    if _perm(node) == tuple(range(len(_perm(node)))):
        return swap_in(node, edit.value(node.inputs[0]), edit)
    before = source(node.inputs[0], edit, Transpose)
    if before is None:
        return False
    op = Transpose(tuple(_perm(before)[axis] for axis in _perm(node)))
    types = (edit.value(node.outputs[0]).type,)
    return swap_in(node, edit.add("tranpose", op, [edit.value(before.inputs[0])], node.origin, types), edit)


def _matching(operand: str, perm: tuple[int, ...], edit: GraphEditor, origin: str) -> Node | None:
    """A constant operand, or a Splat, as a transpose by ``perm`` of another one."""
    value, splat = edit.value(operand), source(operand, edit, Splat)
    shape = tuple(value.type.shape[axis] for axis in inverse(perm)) if len(value.type.shape) == len(perm) else None
    if shape is None:
        return None
    if splat is not None and isinstance(splat.op, Splat):
        moved = edit.add("splat", Splat(splat.op.value, shape), [], origin, (replace(value.type, shape=shape),))
    elif value.data is not None:
        data = np.ascontiguousarray(value.data.transpose(inverse(perm)))
        moved = edit.constant(f"{operand}.transposed", data, replace(value.type, shape=shape))
    else:
        return None
    return edit.producer(edit.add("transpose", Transpose(perm), [moved], origin, (value.type,)).name)


def _below_arithmetic(node: Node, edit: GraphEditor) -> bool:
    left, right = (source(name, edit, Transpose) for name in node.inputs)
    if left is None and right is None:
        return False
    if right is None:
        assert left is not None
        right = _matching(node.inputs[1], _perm(left), edit, node.origin)
    elif left is None:
        left = _matching(node.inputs[0], _perm(right), edit, node.origin)
    if left is None or right is None or left.op != right.op:
        return False
    return _sunk(node, node.op, values([left.inputs[0], right.inputs[0]], edit), left, edit)


def _below_quantize(node: Node, edit: GraphEditor) -> bool:
    transpose, type_ = source(node.inputs[0], edit, Transpose), edit.value(node.outputs[0]).type
    if transpose is not None and _same_kind_of_users(node.inputs[0], edit):
        return _sunk(node, node.op, [edit.value(transpose.inputs[0])], transpose, edit)
    reshape = source(node.inputs[0], edit, Reshape)
    if reshape is None:
        return False
    x = edit.value(reshape.inputs[0])
    result = edit.add(node.name, node.op, [x], node.origin, (replace(type_, shape=x.type.shape),))
    return swap_in(node, edit.add(reshape.name, reshape.op, [result], reshape.origin, (type_,)), edit)


def _same_kind_of_users(value: str, edit: GraphEditor) -> bool:
    kinds = {user.op.kind_in_glow for user in edit.users(value)} | ({"Save"} if edit.is_output(value) else set())
    return len(kinds) <= 1


def _below_concat(node: Node, edit: GraphEditor) -> bool:
    """ReLUs on all inputs become one after it; so do equal transposes."""
    assert isinstance(node.op, Concat)
    for kind in (Relu, Transpose):
        before = [source(name, edit, kind) for name in node.inputs]
        first = before[0]
        if first is None:
            continue
        if any(other is None or other.op != first.op for other in before):
            return False
        inputs = values([other.inputs[0] for other in before if other is not None], edit)
        kept = edit.value(node.outputs[0]).type
        axis = node.op.axis if kind is Relu else _perm(first)[node.op.axis]
        joined = edit.add(node.name, Concat(axis), inputs, node.origin)
        return swap_in(node, edit.add(first.name, first.op, [joined], first.origin, (kept,)), edit)
    return False


def _sink(node: Node, edit: GraphEditor) -> bool:
    kind = type(node.op)
    special = _SINKS.get(kind)
    if special is not None:
        return special(node, edit)
    if kind in ARITHMETIC or (isinstance(node.op, Compare) and node.op.relation in _RELATIONS):
        return _below_arithmetic(node, edit)
    if kind not in _BELOW_WHICH_IT_SINKS:
        return False
    transpose = source(node.inputs[0], edit, Transpose)
    if transpose is not None:
        return _sunk(node, node.op, [edit.value(transpose.inputs[0])], transpose, edit)
    return kind is Relu and _clip_below_relu(node, edit)


_SINKS = {
    BatchNormalization: _below_batch_norm,
    PReluOfSlopes: _below_prelu,
    Tile: _below_tile,
    Pad: _below_pad,
    ChannelShuffle: _below_channel_shuffle,
    Transpose: _merge,
    Quantize: _below_quantize,
    Concat: _below_concat,
}


def _batch_norm_below_slice(node: Node, edit: GraphEditor) -> bool:
    if not isinstance(node.op, Slice):
        return False
    norm = source(node.inputs[0], edit, BatchNormalization)
    if norm is None or not isinstance(norm.op, BatchNormalization) or not edit.has_one_use(node.inputs[0]):
        return False
    axis = norm.op.axis
    whole, cut = (edit.value(name).type.shape[axis] for name in (node.inputs[0], node.outputs[0]))
    if whole != cut or node.op.steps[axis] != 1:  # each channel keeps its own constants
        return False
    part = edit.add(node.name, node.op, [edit.value(norm.inputs[0])], node.origin)
    result = edit.add(norm.name, norm.op, [part, *values(norm.inputs[1:], edit)], norm.origin)
    return swap_in(node, result, edit)


def sink_code(edit: GraphEditor) -> bool:
    """SinkCode: transposes, and what else may meet its like below, one step down."""
    changed = each(edit, _sink)
    return each(edit, _batch_norm_below_slice) or changed


def hoist_transpose_above_tile(node: Node, edit: GraphEditor) -> bool:
    """HoistCode: Transpose(Tile(x)) is Tile(Transpose(x))."""
    tile = source(node.inputs[0], edit, Tile) if isinstance(node.op, Transpose) else None
    if tile is None or not isinstance(tile.op, Tile):
        return False
    perm = _perm(node)
    x, type_ = edit.value(tile.inputs[0]), edit.value(node.outputs[0]).type
    moved = edit.add(
        node.name, node.op, [x], node.origin, (shaped(x.name, tuple(x.type.shape[a] for a in perm), edit),)
    )
    repeats = tuple(tile.op.repeats[axis] for axis in perm)
    return swap_in(node, edit.add(tile.name, Tile(repeats), [moved], tile.origin, (type_,)), edit)


def sink_reshape(node: Node, edit: GraphEditor) -> bool:
    """SinkReshapes: f(Reshape(x)) is Reshape(f(x)) for a function f of single elements."""
    reshape = source(node.inputs[0], edit, Reshape) if type(node.op) in _OF_SINGLE_ELEMENTS else None
    if reshape is None:
        return False
    x, type_ = edit.value(reshape.inputs[0]), edit.value(node.outputs[0]).type
    result = edit.add(node.name, node.op, [x], node.origin, (replace(type_, shape=x.type.shape),))
    return swap_in(node, edit.add(reshape.name, reshape.op, [result], reshape.origin, (type_,)), edit)
