"""Glow's ConstantFold: what is computed of constants alone is computed by Glow's interpreter, in int8 too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinyglow.glow.walk import nodes_as_made
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Op
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.operators.add import Add
from tinyglow.operators.concat import Concat
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.div import Div
from tinyglow.operators.glow_nodes import Broadcast, Splat
from tinyglow.operators.inserted import InsertedTile
from tinyglow.operators.mul import Mul
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.sub import Sub
from tinyglow.operators.tile import Tile
from tinyglow.operators.transpose import Transpose

_MOVEMENTS = (Reshape, Transpose, Slice, Tile, InsertedTile, Concat, Broadcast)


def _is_constant(node: Node, edit: GraphEditor, known: dict[str, bool]) -> bool:
    """Whether a node computes of constants and Splats alone. A Quantize does not count: it is quantized later."""
    if node.name not in known:
        known[node.name] = False
        known[node.name] = not isinstance(node.op, Quantize) and all(
            edit.value(name).data is not None
            or ((before := edit.producer(name)) is not None and _is_constant(before, edit, known))
            for name in node.inputs
        )
    return known[node.name]


def _round(x: Array) -> Array:
    """C's round(), to int32."""
    return np.trunc(x + np.copysign(np.float32(0.5), x)).astype(np.int32)


# The scale at which Glow's interpreter adds int8 numbers.
_LARGE = np.float32(2.0**-15)


Operands = list[tuple[Array, TensorType]]


def _steps(operand: tuple[Array, TensorType]) -> tuple[Array, np.float32]:
    """How many steps from zero int8 elements are, and the size of a step."""
    data, type_ = operand
    assert type_.quant is not None
    return (data.astype(np.int32) - type_.quant.offset).astype(np.float32), np.float32(type_.quant.scale)


def _sum(operands: Operands, type_: TensorType) -> Array:
    """An int8 Add as Glow's interpreter does it (InterpreterNodes.cpp, fwdElementAddInstI8Impl).

    Both sides are brought to 2**-15, and everything is rounded, ties away from zero.
    """
    total: Array = np.zeros(type_.shape, np.int32)
    for steps, scale in map(_steps, operands):
        total = total + _round(steps * (scale / _LARGE))
    assert type_.quant is not None
    scaled = total.astype(np.float32) * (_LARGE / np.float32(type_.quant.scale))
    return _as_int8(_round(scaled + np.float32(type_.quant.offset)))


def _as_int8(steps: Array) -> Array:
    return glow.saturate_int8(steps).astype(np.int8)


def _product(operands: Operands, type_: TensorType) -> Array:
    """An int8 Mul as Glow's interpreter does it (fwdElementMulInst)."""
    (x, x_scale), (y, y_scale) = map(_steps, operands)
    assert type_.quant is not None
    return _as_int8(_round(x * y * (x_scale * y_scale / np.float32(type_.quant.scale))) + type_.quant.offset)


def _difference(operands: Operands, type_: TensorType) -> Array:
    """An int8 Sub as Glow's interpreter does it (fwdElementSubInst)."""
    (x, x_scale), (y, y_scale) = map(_steps, operands)
    assert type_.quant is not None
    scale = np.float32(type_.quant.scale)
    return _as_int8(_round((x_scale / scale) * x - (y_scale / scale) * y + np.float32(type_.quant.offset)))


def _quotient(operands: Operands, type_: TensorType) -> Array:
    """An int8 Div as Glow's interpreter does it (fwdElementDivInst): in float, not as in a bundle."""
    (x, x_scale), (y, y_scale) = map(_steps, operands)
    assert type_.quant is not None
    with np.errstate(all="ignore"):
        ratio = (x_scale * x) / (y_scale * np.float32(type_.quant.scale) * y)
    return _as_int8(_round(ratio + np.float32(type_.quant.offset)))


_INTERPRETED: dict[type[Op], Callable[[Operands, TensorType], Array]] = {
    Add: _sum,
    Mul: _product,
    Sub: _difference,
    Div: _quotient,
}


def _evaluated(node: Node, edit: GraphEditor, known: dict[str, Array | None]) -> Array | None:
    """The node's result; None if what Glow's interpreter makes of it is not known here."""
    if node.name not in known:
        known[node.name] = _evaluate(node, edit, known)
    return known[node.name]


def _evaluate(node: Node, edit: GraphEditor, known: dict[str, Array | None]) -> Array | None:
    type_ = edit.value(node.outputs[0]).type
    if isinstance(node.op, Splat):
        return node.op.data(type_)
    inputs = []
    for name in node.inputs:
        value, before = edit.value(name), edit.producer(name)
        data = value.data if before is None else _evaluated(before, edit, known)
        if data is None:
            return None
        inputs.append((data, value.type))
    if isinstance(node.op, Dequantize):
        (data, own), *_ = inputs
        assert own.quant is not None
        return glow.dequantize(data, own.quant.scale, own.quant.offset)
    quantized = type_.quant is not None or any(own.quant is not None for _, own in inputs)
    if type(node.op) in _INTERPRETED and quantized:
        return _INTERPRETED[type(node.op)](inputs, type_)
    if quantized and not isinstance(node.op, _MOVEMENTS):
        return None
    result: Array = np.array(node.op.run_float(*(data[np.newaxis] for data, _ in inputs))[0][0], order="C")
    return result if quantized else result.astype(np.float32)


def _unmoved(node: Node, edit: GraphEditor) -> str | None:
    """The constant that a row of reshapes, and of broadcasts that repeat nothing, begins with."""
    if isinstance(node.op, Broadcast):
        x = edit.value(node.inputs[0])
        if node.op.aligned(x.type.shape) != node.op.shape:
            return None
    elif not isinstance(node.op, Reshape):
        return None
    before = edit.producer(node.inputs[0])
    return node.inputs[0] if before is None else _unmoved(before, edit)


def _folded_name(node: Node, edit: GraphEditor) -> str:
    """What Glow calls the constant: after what the node has been lowered and optimized to by then."""
    constant = _unmoved(node, edit)
    if constant is not None:
        same = edit.value(constant).type.shape == edit.value(node.outputs[0]).type.shape
        return f"{constant if same else edit.namer.unique(constant)}_constfold"
    if type(node.op) is Tile:
        return f"{node.name}__1_constfold"
    if not isinstance(node.op, Broadcast):
        return f"{node.name}_constfold"
    shape = node.op.aligned(edit.value(node.inputs[0]).type.shape)
    last = max(axis for axis, size in enumerate(shape) if size != node.op.shape[axis])
    return f"{node.name}_tile{last}__1_constfold"


def fold_constants(edit: GraphEditor) -> bool:
    """ConstantFold: nodes of constants alone, where something else reads them, as constants."""
    constant: dict[str, bool] = {}
    known: dict[str, Array | None] = {}
    changed = False
    for node in _in_postorder(edit):
        if isinstance(node.op, Splat) or not _is_constant(node, edit, constant):
            continue
        users = edit.users(node.outputs[0])
        read = edit.is_output(node.outputs[0]) or any(not _is_constant(user, edit, constant) for user in users)
        data = _evaluated(node, edit, known) if read else None
        if data is None:
            continue
        folded = edit.constant(_folded_name(node, edit), data, edit.value(node.outputs[0]).type)
        edit.redirect(node.outputs[0], folded.name)
        changed = True
    return changed


def _in_postorder(edit: GraphEditor) -> list[Node]:
    """Nodes after what they read, from those that nothing reads."""
    order: dict[str, Node] = {}
    roots = [node for node in nodes_as_made(edit) if not any(edit.users(name) for name in node.outputs)]
    for root in roots:
        stack = [root.name]
        while stack:
            node = edit.node(stack[-1])
            before = [] if node is None else [edit.producer(name) for name in node.inputs]
            waiting = [other.name for other in before if other is not None and other.name not in order]
            if waiting and node is not None and node.name not in order:
                stack.append(waiting[0])
                continue
            stack.pop()
            if node is not None:
                order.setdefault(node.name, node)
    return list(order.values())


def convert_quantized_constants(edit: GraphEditor) -> bool:
    """convertQuantizedConstants: Quantize(constant) is a constant."""
    changed = False
    for node in nodes_as_made(edit):
        value = edit.value(node.inputs[0]) if isinstance(node.op, Quantize) else None
        if value is None or value.data is None:
            continue
        type_ = edit.value(node.outputs[0]).type
        assert type_.quant is not None
        data = glow.quantize(value.data.astype(np.float32), type_.quant.scale, type_.quant.offset, type_.dtype)
        edit.redirect(node.outputs[0], edit.constant(value.name, data, replace(type_, shape=value.type.shape)).name)
        changed = True
    return changed
