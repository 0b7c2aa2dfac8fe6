"""Batch normalizations that cannot be folded into a layer, as simpler operators."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Node
from tinyglow.kernels.window import Window
from tinyglow.operators.add import Add
from tinyglow.operators.batch_norm import BatchNormalization
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.mul import Mul


def _statistics(node: Node, edit: GraphEditor) -> list[Array]:
    return [data for name in node.inputs[1:] if (data := edit.value(name).data) is not None]


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
