"""Station 5: the int8 graph without needless rescales; activations live in the kernels that feed them.

The rules are those of Glow's OptimizeQuantization, foldActivations and RemoveIdentityRelu (lib/Optimizer/
GraphOptimizer/GraphOptimizer.cpp), in its order: first upwards until nothing changes, then one round downwards, again.
"""

from __future__ import annotations

from dataclasses import replace

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node
from tinyglow.numerics.glow import INT8_MIN
from tinyglow.ops.conv2d import Conv2D
from tinyglow.ops.quantize import Dequantize, Quantize
from tinyglow.ops.rescale import Relu, Rescale
from tinyglow.passes.rewrite import apply_once, rewrite


def drop_identity_rescale(node: Node, edit: GraphEditor) -> bool:
    """A rescale to the same parameters does nothing."""
    if not isinstance(node.op, Rescale):
        return False
    if edit.value(node.inputs[0]).type.quant != edit.value(node.outputs[0]).type.quant:
        return False
    edit.redirect(node.outputs[0], node.inputs[0])
    return True


def absorb_rescale_upwards(node: Node, edit: GraphEditor) -> bool:
    """Rescale(op(x)) is op(x) with the rescale's parameters, where op has no other user."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Rescale) or source is None or not edit.has_one_use(node.inputs[0]):
        return False
    if not (source.op.absorbs_rescale_after or isinstance(source.op, Quantize)):
        return False
    edit.set_type(source.outputs[0], edit.value(node.outputs[0]).type)
    edit.redirect(node.outputs[0], source.outputs[0])
    return True


def dequantize_before_rescale(node: Node, edit: GraphEditor) -> bool:
    """Dequantize(Rescale(x)) is Dequantize(x)."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Dequantize) or source is None or not isinstance(source.op, Rescale):
        return False
    edit.set_inputs(node, source.inputs)
    edit.remove_if_unused(source)
    return True


def absorb_rescale_downwards(node: Node, edit: GraphEditor) -> bool:
    """op(Rescale(x)) is op(x), where the kernel of op takes any parameters."""
    source = edit.producer(node.inputs[0])
    if not node.op.absorbs_rescale_before or source is None or not isinstance(source.op, Rescale):
        return False
    edit.set_inputs(node, (source.inputs[0], *node.inputs[1:]))
    edit.remove_if_unused(source)
    return True


def sink_rescale(node: Node, edit: GraphEditor) -> bool:
    """op(Rescale(x)) is Rescale(op(x)), where op keeps its input's parameters."""
    source = edit.producer(node.inputs[0])
    if not node.op.keeps_params or source is None or not isinstance(source.op, Rescale):
        return False
    x, old = edit.value(source.inputs[0]), edit.value(node.outputs[0])
    kept = edit.add(node.name, node.op, [x], node.origin, (replace(old.type, quant=x.type.quant),))
    edit.redirect(old.name, edit.add(source.name, Rescale(), [kept], source.origin, (old.type,)).name)
    return True


def fuse_relu_into_convolution(node: Node, edit: GraphEditor) -> bool:
    """A convolution whose only user is a Relu takes over its output type; its own clip does the rest."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Relu) or source is None or not isinstance(source.op, Conv2D):
        return False
    if source.op.fused_relu or not edit.has_one_use(node.inputs[0]):
        return False
    type_ = edit.value(node.outputs[0]).type
    # Where the offset is the smallest int8, saturation already is the Relu.
    needed = type_.quant is not None and type_.quant.offset != INT8_MIN
    edit.set_op(source, replace(source.op, fused_relu=needed))
    edit.set_type(source.outputs[0], type_)
    edit.redirect(node.outputs[0], source.outputs[0])
    return True


def drop_identity_relu(node: Node, edit: GraphEditor) -> bool:
    """A Relu between equal types with offset -128 does nothing."""
    source, result = edit.value(node.inputs[0]).type, edit.value(node.outputs[0]).type
    if not isinstance(node.op, Relu) or source.quant is None or source.quant != result.quant:
        return False
    if source.quant.offset != INT8_MIN:
        return False
    edit.redirect(node.outputs[0], node.inputs[0])
    return True


UPWARDS = (drop_identity_rescale, absorb_rescale_upwards, dequantize_before_rescale, drop_identity_relu)
DOWNWARDS = (absorb_rescale_downwards, sink_rescale)


def fold_rescales(graph: Graph) -> Graph:
    """Every rescale merged into a neighbour that can take it, or as far down as it goes."""
    edit = GraphEditor.of(graph)
    while True:
        while apply_once(edit, UPWARDS):
            pass
        if not apply_once(edit, DOWNWARDS):
            return edit.finish()


def convert_placeholders(graph: Graph) -> Graph:
    """Let inputs and outputs that are int8 inside the network be int8 at its border (Glow's -convert-placeholders)."""
    edit = GraphEditor.of(graph)
    for name in graph.inputs:
        users = edit.users(name)
        types = {edit.value(user.outputs[0]).type for user in users}
        if users and len(types) == 1 and all(isinstance(user.op, Quantize) for user in users):
            edit.set_type(name, types.pop())
            for user in users:
                edit.redirect(user.outputs[0], name)
                edit.remove_if_unused(user)
    for output in graph.outputs:
        source = edit.producer(output.value)
        if source is not None and isinstance(source.op, Dequantize):
            edit.outputs = [replace(o, value=source.inputs[0]) if o.name == output.name else o for o in edit.outputs]
    return edit.finish()


def tidy(graph: Graph, float_io: bool = False) -> Graph:
    """Fold rescales and activations; with ``float_io`` the placeholders stay float."""
    graph = fold_rescales(graph)
    graph = rewrite(graph, [fuse_relu_into_convolution, drop_identity_relu])
    graph = fold_rescales(graph)
    return graph if float_io else convert_placeholders(graph)
