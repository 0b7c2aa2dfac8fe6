"""Station 2: the float graph in its simplest form. Each rule says in its name what it does."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node
from tinyglow.ops.fully_connected import FullyConnected
from tinyglow.ops.matmul import Add, MatMul
from tinyglow.ops.rescale import Relu
from tinyglow.ops.reshape import Reshape
from tinyglow.ops.transpose import Transpose
from tinyglow.passes.rewrite import rewrite


def fold_constants(node: Node, edit: GraphEditor) -> bool:
    """A node of constants alone is a constant."""
    inputs = [edit.value(name).data for name in node.inputs]
    if not inputs or len(node.outputs) != 1 or any(data is None for data in inputs):
        return False
    (result,) = node.op.run_float(*(data[np.newaxis] for data in inputs if data is not None))
    folded = edit.constant(node.name, np.ascontiguousarray(result[0]))
    edit.redirect(node.outputs[0], folded.name)
    return True


def fuse_matmul_add(node: Node, edit: GraphEditor) -> bool:
    """MatMul + Add of a constant row is a FullyConnected (Glow: FoldMatMulAddIntoFullyConnected)."""
    if not isinstance(node.op, Add):
        return False
    for product, other in (node.inputs, reversed(node.inputs)):
        matmul, bias = edit.producer(product), edit.value(other)
        if matmul is None or not isinstance(matmul.op, MatMul) or not edit.has_one_use(product):
            continue
        units = edit.value(product).type.shape[1]
        if bias.data is None or bias.data.size not in (1, units) or bias.data.shape[-1:] not in ((), (1,), (units,)):
            continue
        if edit.value(node.outputs[0]).type.shape != edit.value(product).type.shape:
            continue
        row = np.ascontiguousarray(np.broadcast_to(bias.data.reshape(-1), (units,)))
        inputs = [*(edit.value(name) for name in matmul.inputs), edit.constant(f"{bias.name}_constfold", row)]
        fused = edit.add(matmul.name, FullyConnected(), inputs, matmul.origin or node.origin)
        edit.redirect(node.outputs[0], fused.name)
        return True
    return False


def merge_transposes(node: Node, edit: GraphEditor) -> bool:
    """Two transposes are one, or none."""
    before = edit.producer(node.inputs[0])
    if not isinstance(node.op, Transpose) or before is None or not isinstance(before.op, Transpose):
        return False
    perm = tuple(before.op.perm[axis] for axis in node.op.perm)
    source = edit.value(before.inputs[0])
    if perm == tuple(range(len(perm))):
        edit.redirect(node.outputs[0], source.name)
    else:
        edit.redirect(node.outputs[0], edit.add(node.name, Transpose(perm), [source], node.origin).name)
    return True


def drop_identities(node: Node, edit: GraphEditor) -> bool:
    """A transpose that keeps the order, or a reshape to the same shape, does nothing."""
    same = isinstance(node.op, Reshape) and edit.value(node.inputs[0]).type.shape == node.op.shape
    kept = isinstance(node.op, Transpose) and node.op.perm == tuple(range(len(node.op.perm)))
    if same or kept:
        edit.redirect(node.outputs[0], node.inputs[0])
    return same or kept


def sink_transpose_below_relu(node: Node, edit: GraphEditor) -> bool:
    """Relu(Transpose(x)) is Transpose(Relu(x)): the transpose may meet its inverse below (Glow: SinkCode)."""
    before = edit.producer(node.inputs[0])
    if not isinstance(node.op, Relu) or before is None or not isinstance(before.op, Transpose):
        return False
    relu = edit.add(node.name, node.op, [edit.value(before.inputs[0])], node.origin)
    edit.redirect(node.outputs[0], edit.add(before.name, before.op, [relu], before.origin).name)
    return True


def transpose_to_reshape(node: Node, edit: GraphEditor) -> bool:
    """A transpose that moves no data is a reshape (Glow: OptimizeTransposeIntoReshape)."""
    source = edit.value(node.inputs[0])
    if not isinstance(node.op, Transpose) or node.op.moves_data(source.type.shape):
        return False
    shape = edit.value(node.outputs[0]).type.shape
    edit.redirect(node.outputs[0], edit.add(node.name, Reshape(shape), [source], node.origin).name)
    return True


def merge_reshapes(node: Node, edit: GraphEditor) -> bool:
    """Of two reshapes the last one counts."""
    before = edit.producer(node.inputs[0])
    if not isinstance(node.op, Reshape) or before is None or not isinstance(before.op, Reshape):
        return False
    edit.set_inputs(node, before.inputs)
    edit.remove_if_unused(before)
    return True


def simplify(graph: Graph) -> Graph:
    """Fold constants and FullyConnected layers, then cancel transposes and reshapes."""
    graph = rewrite(graph, [fold_constants, fuse_matmul_add])
    graph = rewrite(graph, [merge_transposes, drop_identities, sink_transpose_below_relu])
    return rewrite(graph, [fold_constants, transpose_to_reshape, merge_reshapes, drop_identities])
