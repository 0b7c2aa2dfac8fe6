"""Batch normalizations that cannot be folded into a layer, as simpler operators."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.kernels.window import Window
from tinyglow.operators.add import Add
from tinyglow.operators.batch_norm import BatchNormalization
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.div import Div
from tinyglow.operators.mul import Mul
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.sub import Sub
from tinyglow.operators.tile import Tile
from tinyglow.operators.variance_root import VarianceRoot


def _statistics(node: Node, edit: GraphEditor) -> list[Array]:
    return [data for name in node.inputs[1:] if (data := edit.value(name).data) is not None]


def batch_norm_as_glow(node: Node, edit: GraphEditor) -> bool:
    """(x - mean) * (scale / sqrt(variance + epsilon)) + bias, with the nodes and names of Glow's lowering.

    Glow (lib/Optimizer/Lower/Lower.cpp, lowerBatchNormalizationNode) computes the coefficient at run time, in int8: its
    division is a raw integer one, and the result is far off. So is this, on purpose.
    """
    if not isinstance(node.op, BatchNormalization):
        return False
    x = edit.value(node.inputs[0])
    scale, bias, mean, variance = _statistics(node, edit)
    shape = [1] * len(x.type.shape)
    shape[node.op.axis] = len(scale)

    def name(suffix: str) -> str:
        return f"{node.name}_{suffix}"

    def constant(suffix: str, data: Array) -> Value:
        value = edit.constant(name(suffix), np.ascontiguousarray(np.broadcast_to(data.reshape(shape), x.type.shape)))
        edit.derived.add(value.name)
        return value

    edit.namer.unique(name("sqrt_var_plus_eps"))  # the exponent
    epsilon = edit.constant(name("epsilon"), np.full_like(variance, node.op.epsilon))
    total = edit.constant(name("var_plus_eps"), variance + np.float32(node.op.epsilon))
    edit.derived.update((epsilon.name, total.name))
    variances = [edit.value(node.inputs[4]), epsilon, total]
    root = edit.add(name("sqrt_var_plus_eps"), VarianceRoot(), variances, node.origin)
    gamma = edit.value(node.inputs[1])
    coefficient = edit.add(name("inverse_sqrt_var_plus_eps"), Div(), [gamma, root], node.origin)
    means = constant("muBroadcasted_reshape", mean)
    spread = edit.add(name("coefBroadcasted_reshape"), Reshape(tuple(shape)), [coefficient], node.origin)
    if spread.type.shape != x.type.shape:
        counts = tuple(whole // part for whole, part in zip(x.type.shape, shape, strict=True))
        spread = edit.add(name("coefBroadcasted"), Tile(counts), [spread], node.origin)
    biases = constant("betaBroadcasted_reshape", bias)
    centred = edit.add(name("in_minus_mean"), Sub(), [x, means], node.origin)
    scaled = edit.add(name("mul_coef"), Mul(), [centred, spread], node.origin)
    edit.redirect(node.outputs[0], edit.add(name("result"), Add(), [scaled, biases], node.origin).name)
    return True


def batch_norm_as_depthwise(node: Node, edit: GraphEditor) -> bool:
    """x * A + B over an image is a convolution with one 1 x 1 filter for each channel: one kernel call."""
    x = edit.value(node.inputs[0])
    if not isinstance(node.op, BatchNormalization) or len(x.type.shape) != 4 or node.op.axis != 3:
        return False
    a, b = node.op.affine(*_statistics(node, edit))
    inputs = [
        x,
        edit.constant(f"{node.name}_scale", a.reshape(-1, 1, 1, 1).astype(np.float32)),
        edit.constant(f"{node.name}_shift", b.astype(np.float32)),
    ]
    result = edit.add(node.name, Conv2D(Window((1, 1)), group=len(a)), inputs, node.origin)
    edit.redirect(node.outputs[0], result.name)
    return True


def batch_norm_as_arithmetic(node: Node, edit: GraphEditor) -> bool:
    """x * A + B on anything else."""
    if not isinstance(node.op, BatchNormalization):
        return False
    x = edit.value(node.inputs[0])
    shape = [1] * len(x.type.shape)
    shape[node.op.axis] = -1
    factor, term = (
        edit.constant(f"{node.name}_{suffix}", np.array(np.broadcast_to(data.reshape(shape), x.type.shape), np.float32))
        for suffix, data in zip(("scale", "shift"), node.op.affine(*_statistics(node, edit)), strict=True)
    )
    scaled = edit.add(f"{node.name}_scaled", Mul(), [x, factor], node.origin)
    edit.redirect(node.outputs[0], edit.add(node.name, Add(), [scaled, term], node.origin).name)
    return True
