"""A bias that 32 bits do not hold at the scale of a layer's sums, as Glow's kernels compute it: it wraps."""

from __future__ import annotations

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.accumulator import accumulator_scale, bias_overflows, wrapped_bias
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.fully_connected import FullyConnected


def bias_wraps(node: Node, edit: GraphEditor) -> bool:
    """Whether the bias of an int8 layer does not fit, in a graph that computes what Glow's does."""
    if not edit.like_glow or type(node.op) not in (Conv2D, FullyConnected) or len(node.inputs) < 3:
        return False
    x, weights, bias = (edit.value(name) for name in node.inputs[:3])
    if bias.data is None or not (x.type.quant and weights.type.quant and bias.type.quant):
        return False
    return bias_overflows(bias.data, bias.type.quant, x.type.quant, weights.type.quant)


def wrap_bias(node: Node, edit: GraphEditor) -> bool:
    """The bias is what is left of it, at the scale of the sums."""
    if not bias_wraps(node, edit):
        return False
    x, weights, bias = (edit.value(name) for name in node.inputs[:3])
    assert bias.data is not None and x.type.quant and weights.type.quant and bias.type.quant
    left = wrapped_bias(bias.data, bias.type.quant, x.type.quant, weights.type.quant)
    scale = accumulator_scale(x.type.quant, weights.type.quant)
    constant = edit.constant(bias.name, left, TensorType(left.shape, "int32", QuantParams(scale, 0)))
    edit.set_inputs(node, (*node.inputs[:2], constant.name, *node.inputs[3:]))
    return True
