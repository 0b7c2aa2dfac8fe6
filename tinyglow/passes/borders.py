"""Where a quantized network meets floats: its inputs and outputs, and how a float is quantized."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node
from tinyglow.numerics import glow
from tinyglow.operators.cast import Cast
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.resize_bilinear import ResizeBilinear
from tinyglow.operators.resize_nearest import ResizeNearest

_LEAST_NORMAL, _LARGEST = float(np.finfo(np.float32).smallest_normal), float(np.finfo(np.float32).max)


def fuse_reciprocal(node: Node, edit: GraphEditor) -> bool:
    """Quantize and resize as Glow's bundles do on x86, where the reciprocal of the scale is an ordinary number."""
    if isinstance(node.op, ResizeBilinear | ResizeNearest) and node.op.coordinates == "asymmetric":
        as_on_x86 = replace(node.op, coordinates="reciprocal")
        edit.set_op(node, replace(as_on_x86, is_fused=True) if isinstance(as_on_x86, ResizeBilinear) else as_on_x86)
        return True
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
    for name in graph.given:
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
    for output in graph.results:
        source = edit.producer(output.value)
        if source is not None and isinstance(source.op, Dequantize):
            edit.set_output(replace(output, value=source.inputs[0]))
    return edit.finish()


def fold_casts_into_placeholders(graph: Graph) -> Graph:
    """Placeholders have the type on the other side of a Cast that alone uses them; outputs are what is cast.

    As Glow has it under -convert-placeholders (GraphOptimizer.cpp, FoldElemKindConversionIntoInputs, ...IntoOutputs):
    who calls the bundle is to cast.
    """
    edit = GraphEditor.of(graph)
    for node in edit.nodes:
        if isinstance(node.op, Cast) and node.inputs[0] in graph.given and edit.has_one_use(node.inputs[0]):
            edit.set_type(node.inputs[0], edit.value(node.outputs[0]).type)
            edit.redirect(node.outputs[0], node.inputs[0])
            edit.remove_if_unused(node)
    for output in graph.results:
        source = edit.producer(output.value)
        if source is not None and isinstance(source.op, Cast):
            edit.set_output(replace(output, value=source.inputs[0]))
            edit.remove_if_unused(source)
    return edit.finish()
