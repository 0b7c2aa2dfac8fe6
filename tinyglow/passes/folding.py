"""Constants, fully connected layers and batch normalizations: what is folded into what."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node
from tinyglow.kernels.activation import NO_ACTIVATION
from tinyglow.kernels.elementwise.div import MAX_FRACTION_BITS
from tinyglow.operators.add import Add
from tinyglow.operators.batch_norm import BatchNormalization
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.div import Div
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.reshape import Reshape


def fold_constants(node: Node, edit: GraphEditor) -> bool:
    """A node that reads only constants becomes a constant."""
    inputs = [edit.value(name).data for name in node.inputs]
    if not inputs or len(node.outputs) != 1 or any(data is None for data in inputs):
        return False
    (result,) = node.op.run_float(*(data[np.newaxis] for data in inputs if data is not None))
    folded = edit.constant(node.name, np.array(result[0], order="C"))
    edit.redirect(node.outputs[0], folded.name)
    return True


def fuse_matmul_add(node: Node, edit: GraphEditor) -> bool:
    """MatMul + Add of a constant row is a FullyConnected (Glow: FoldMatMulAddIntoFullyConnected).

    The rows may have been put into another shape in between, as exporters do with tensors of three dimensions.
    """
    if not isinstance(node.op, Add):
        return False
    for product, other in (node.inputs, node.inputs[::-1]):
        matmul, bias = _product(product, edit), edit.value(other)
        if matmul is None or edit.value(matmul.inputs[1]).data is None:
            continue
        units = edit.value(matmul.outputs[0]).type.shape[1]
        if bias.data is None or bias.data.size not in (1, units) or bias.data.shape[-1:] not in ((), (1,), (units,)):
            continue
        shape = edit.value(node.outputs[0]).type.shape
        if shape != edit.value(product).type.shape or shape[-1] != units:
            continue
        row = np.ascontiguousarray(np.broadcast_to(bias.data.reshape(-1), (units,)))
        inputs = [*(edit.value(name) for name in matmul.inputs), edit.constant(f"{bias.name}_constfold", row)]
        fused = edit.add(matmul.name, FullyConnected(), inputs, matmul.origin or node.origin)
        if fused.type.shape != shape:
            fused = edit.add(node.name, Reshape(shape), [fused], node.origin)
        edit.redirect(node.outputs[0], fused.name)
        return True
    return False


def _product(value: str, edit: GraphEditor) -> Node | None:
    """The MatMul that alone a value comes from, perhaps in another shape."""
    source = edit.producer(value)
    if source is not None and isinstance(source.op, Reshape) and edit.has_one_use(value):
        value = source.inputs[0]
        source = edit.producer(value)
    return source if source is not None and isinstance(source.op, MatMul) and edit.has_one_use(value) else None


def divide_with_fractions(node: Node, edit: GraphEditor) -> bool:
    """An int8 division that keeps what an integer division loses. Glow's own is a raw integer one, far off."""
    if node.op != Div():
        return False
    edit.set_op(node, Div(MAX_FRACTION_BITS))
    return True


def _affine(node: Node, edit: GraphEditor) -> tuple[np.ndarray, np.ndarray] | None:
    statistics = [edit.value(name).data for name in node.inputs[1:]]
    if not isinstance(node.op, BatchNormalization) or any(data is None for data in statistics):
        return None
    return node.op.affine(*(data for data in statistics if data is not None))


def fold_batch_norm_into_convolution(node: Node, edit: GraphEditor) -> bool:
    """BatchNorm(conv(x)) is a convolution with other filters and bias (Glow: OptimizeBatchNorm, normalizeWeights)."""
    affine, source = _affine(node, edit), edit.producer(node.inputs[0])
    if affine is None or source is None or not isinstance(source.op, Conv2D):
        return False
    if source.op.activation != NO_ACTIVATION or not edit.has_one_use(node.inputs[0]):
        return False
    assert isinstance(node.op, BatchNormalization)
    filters, bias = (edit.value(name) for name in source.inputs[1:])
    if node.op.axis != 3 or filters.data is None or bias.data is None:
        return False
    a, b = affine
    replace_constant(source, 1, (filters.data * a.reshape(-1, 1, 1, 1)).astype(np.float32), edit)
    replace_constant(source, 2, (bias.data * a + b).astype(np.float32), edit)
    edit.redirect(node.outputs[0], source.outputs[0])
    return True


def fold_batch_norm_into_fully_connected(node: Node, edit: GraphEditor) -> bool:
    """BatchNorm(fc(x)) is a fully connected layer with other weights and bias; so is one of a MatMul without a bias.

    Glow leaves it as four operators.
    """
    affine, source = _affine(node, edit), edit.producer(node.inputs[0])
    if affine is None or source is None or not isinstance(source.op, FullyConnected | MatMul):
        return False
    weights, (a, b) = edit.value(source.inputs[1]), affine
    if isinstance(source.op, FullyConnected):
        op, given = source.op, edit.value(source.inputs[2])
        stem, bias = given.name, given.data
    else:
        op, stem, bias = FullyConnected(), f"{node.name}_bias", np.zeros_like(b)
    if not edit.has_one_use(node.inputs[0]) or weights.data is None or bias is None:
        return False
    inputs = [
        edit.value(source.inputs[0]),
        edit.constant(f"{weights.name}_folded", (weights.data * a).astype(np.float32)),
        edit.constant(f"{stem}_folded", (bias * a + b).astype(np.float32)),
    ]
    edit.joined.join(node.origin, [source.origin, node.origin])
    # Named after the normalization: that is what a profile knows the result as.
    edit.redirect(node.outputs[0], edit.add(node.name, op, inputs, node.origin).name)
    return True


def fold_batch_norm_behind_reshape(node: Node, edit: GraphEditor) -> bool:
    """BatchNorm(Reshape(conv(x))) over the convolution's channels, as after a 1-D convolution. Not in Glow."""
    affine, reshape = _affine(node, edit), edit.producer(node.inputs[0])
    if affine is None or reshape is None or not isinstance(reshape.op, Reshape):
        return False
    source, shape = edit.producer(reshape.inputs[0]), edit.value(reshape.outputs[0]).type.shape
    if source is None or not isinstance(source.op, Conv2D) or source.op.activation != NO_ACTIVATION:
        return False
    if not (edit.has_one_use(node.inputs[0]) and edit.has_one_use(reshape.inputs[0])):
        return False
    filters, bias = (edit.value(name) for name in source.inputs[1:])
    assert isinstance(node.op, BatchNormalization)
    channels = edit.value(source.outputs[0]).type.shape[-1]
    if node.op.axis != len(shape) - 1 or shape[-1] != channels or filters.data is None or bias.data is None:
        return False
    a, b = affine
    inputs = [
        edit.value(source.inputs[0]),
        edit.constant(f"{filters.name}_folded", (filters.data * a.reshape(-1, 1, 1, 1)).astype(np.float32)),
        edit.constant(f"{bias.name}_folded", (bias.data * a + b).astype(np.float32)),
    ]
    edit.joined.join(node.origin, [source.origin, node.origin])
    # Named after the normalization: under the convolution's name a profile has what that alone makes.
    folded = edit.add(node.name, source.op, inputs, node.origin)
    edit.redirect(node.outputs[0], edit.add(node.name, reshape.op, [folded], node.origin).name)
    edit.remove_if_unused(node)
    return True


def replace_constant(node: Node, index: int, data: np.ndarray, edit: GraphEditor) -> None:
    """Other data for a constant input: in place as Glow does it, under its name, unless others use it too."""
    name = node.inputs[index]
    if edit.has_one_use(name):
        edit.set_data(name, data)
        return
    current = next(n for n in edit.nodes if n.name == node.name)
    inputs = list(current.inputs)
    inputs[index] = edit.constant(name, data).name
    edit.set_inputs(current, tuple(inputs))
