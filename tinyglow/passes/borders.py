"""Where Glow's quantized graph turns float: movements stay on the float side, and rescales before them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node, Value
from tinyglow.numerics import glow
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.transpose import Transpose
from tinyglow.passes.transposes import drop_identities, merge_reshapes


def _dequantized(value: Value, edit: GraphEditor, origin: str) -> Value:
    """``value`` as float: what has it already, or a new Dequantize."""
    for user in edit.users(value.name):
        if isinstance(user.op, Dequantize):
            return edit.value(user.outputs[0])
    return edit.add(f"{value.name}_dequantize", Dequantize(), [value], origin)


def dequantize_above_transpose(node: Node, edit: GraphEditor) -> bool:
    """Dequantize(Transpose(x)) is Transpose(Dequantize(x)); other users of the transposed x quantize it anew.

    Glow dequantizes each result and quantizes it again for each user, sinks transposes below Dequantize
    (lib/Optimizer/GraphOptimizer/GraphOptimizer.cpp, SinkCode), and below Quantize only where all users are of that
    kind. So an output, or a float operator, behind a transpose makes it a float one for all its users.
    """
    if not isinstance(node.op, Dequantize):
        return False
    moved = edit.producer(node.inputs[0])
    if moved is not None and isinstance(moved.op, Rescale):
        moved = edit.producer(moved.inputs[0])
    if moved is None or not isinstance(moved.op, Transpose):
        return False
    type_ = edit.value(node.inputs[0]).type
    real = _dequantized(edit.value(moved.inputs[0]), edit, node.origin)
    result = edit.add(moved.name, moved.op, [real], moved.origin)
    edit.redirect(node.outputs[0], result.name)
    edit.remove_if_unused(node)
    if edit.users(node.inputs[0]):
        again = edit.add(f"{moved.name}_quantize", Quantize(), [result], moved.origin, (type_,))
        edit.redirect(node.inputs[0], again.name)
    return True


def raise_above_reshape(node: Node, edit: GraphEditor) -> bool:
    """f(Reshape(x)) is Reshape(f(x)) for a function f of single elements, conversions and rescales among them.

    Glow's SinkReshapes (GraphOptimizer.cpp): so what is an output behind a Reshape is a float Reshape's.
    """
    flat = edit.producer(node.inputs[0])
    converts = isinstance(node.op, Rescale | Quantize | Dequantize)
    if flat is None or not isinstance(flat.op, Reshape) or not (converts or node.op.elementwise):
        return False
    if len(node.inputs) != 1:
        return False
    x, type_ = edit.value(flat.inputs[0]), edit.value(node.outputs[0]).type
    moved = edit.add(node.name, node.op, [x], node.origin, (replace(type_, shape=x.type.shape),))
    result = edit.add(flat.name, flat.op, [moved], flat.origin, (type_,))
    edit.redirect(node.outputs[0], result.name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(flat)
    return True


def sink_transpose_below_dequantize(node: Node, edit: GraphEditor) -> bool:
    """Dequantize(Transpose(x)) is Transpose(Dequantize(x)), once other users no longer quantize anew."""
    moved = edit.producer(node.inputs[0])
    if not isinstance(node.op, Dequantize) or moved is None or not isinstance(moved.op, Transpose):
        return False
    real = _dequantized(edit.value(moved.inputs[0]), edit, node.origin)
    edit.redirect(node.outputs[0], edit.add(moved.name, moved.op, [real], moved.origin).name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(moved)
    return True


_LEAST_NORMAL, _LARGEST = float(np.finfo(np.float32).smallest_normal), float(np.finfo(np.float32).max)


def fuse_reciprocal(node: Node, edit: GraphEditor) -> bool:
    """Quantize as Glow's bundles do on x86, where the reciprocal of the scale is an ordinary number."""
    type_ = edit.value(node.outputs[0]).type
    if node.op != Quantize() or type_.quant is None or type_.dtype != "int8":
        return False
    if not _LEAST_NORMAL <= glow.divide_float32(1.0, type_.quant.scale) <= _LARGEST:
        return False
    edit.set_op(node, Quantize(is_fused=True))
    return True


def convert_placeholders(graph: Graph) -> Graph:
    """Let inputs and outputs that are int8 inside the network be int8 at its border (Glow's -convert-placeholders).

    An input that is an output too stays float: what reads it may ask for steps that are coarser than the input's own.
    """
    edit = GraphEditor.of(graph)
    renamed: dict[str, str] = {}
    redundant: list[Node] = []
    for name in graph.inputs:
        users = edit.users(name)
        types = {edit.value(user.outputs[0]).type for user in users}
        quantized = users and len(types) == 1 and all(isinstance(user.op, Quantize) for user in users)
        if quantized and not edit.is_output(name):
            edit.set_type(name, types.pop())
            renamed |= {user.outputs[0]: name for user in users}
            redundant += users
    edit.redirect_all(renamed)
    for node in redundant:
        edit.remove_if_unused(node)
    for output in graph.outputs:
        source = edit.producer(output.value)
        if source is not None and isinstance(source.op, Dequantize):
            edit.set_output(replace(output, value=source.inputs[0]))
    return edit.finish()


RAISING = (raise_above_reshape, merge_reshapes, drop_identities)
