"""Station 6: join layers that one kernel computes together, and drop channels without effect.

The result is the same to the bit.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.target import Target
from tinyglow.kernels.elementwise.broadcast import LOOPS, strides_of
from tinyglow.kernels.pooling.max_pool import SQUARE
from tinyglow.operators.binary import Binary
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.glow_nodes import Splat
from tinyglow.operators.max_pool import MaxPool
from tinyglow.passes.dead_channels import drop_dead_channels
from tinyglow.passes.rewrite import rewrite
from tinyglow.passes.wrapped_bias import wrap_bias
from tinyglow.targets.cores import Feature

# Channels that kernels for cores with DSP compute at once; what is left over takes them longer, one by one: 7 to 8 %
# more cycles of the VWW network of MLPerf Tiny, 19 to 20 % of its autoencoder, quantized from float.
_TOGETHER = 4


def _pool_into_convolution(node: Node, edit: GraphEditor, numerics: str) -> bool:
    """Maximum over 2x2 blocks of a convolution: one requantization instead of four, and no image between them."""
    if not isinstance(node.op, MaxPool) or node.op.window != SQUARE:
        return False
    source = edit.producer(node.inputs[0])
    if source is None or not isinstance(source.op, Conv2D) or source.op.pool or not edit.has_one_use(node.inputs[0]):
        return False
    types = tuple(edit.value(name).type for name in (*source.inputs, *source.outputs, *node.outputs))
    if types[-1].dtype != "int8" or types[-2].quant != types[-1].quant:
        return False
    if not source.op.is_monotone(source, edit.value, numerics):
        return False
    fused = replace(source.op, pool=2)
    inputs = [edit.value(name) for name in source.inputs]
    result = edit.add(node.name, fused, inputs, node.origin, types=(types[-1],))
    edit.joined.join(node.origin, [source.origin, node.origin])
    edit.redirect(node.outputs[0], result.name)
    return True


def splat_as_constant(node: Node, edit: GraphEditor) -> bool:
    """A tensor of one number is a constant."""
    if not isinstance(node.op, Splat):
        return False
    type_ = edit.value(node.outputs[0]).type
    edit.redirect(node.outputs[0], edit.constant(node.name, node.op.data(type_), type_).name)
    return True


def _constant_without_copies(node: Node, edit: GraphEditor) -> bool:
    """An operand that is the same along a dimension need be there once: the kernels repeat it."""
    if not isinstance(node.op, Binary) or len(node.inputs) != 2:
        return False
    for name, other in (node.inputs, node.inputs[::-1]):
        value, shape = edit.value(name), edit.value(node.outputs[0]).type.shape
        if value.data is None or value.type.shape != shape or edit.value(other).data is not None:
            continue
        if edit.value(other).type.shape != shape:  # the constant alone gives the result its shape
            continue
        data = value.data
        for axis in range(data.ndim):
            first = data.take([0], axis)
            data = first if (data == first).all() else data
        if data.shape == shape or len(strides_of(shape, data.shape)) > LOOPS:
            continue
        small = edit.constant(name, np.ascontiguousarray(data), replace(value.type, shape=data.shape))
        edit.set_inputs(node, tuple(small.name if read == name else read for read in node.inputs))
        return True
    return False


def fuse(graph: Graph, target: Target) -> Graph:
    """A quantized graph without dead channels, and with layers joined that have a kernel together.

    Args:
        graph: The graph, as ``tidy`` leaves it.
        target: What kernels will be chosen for. Without a core the graph stays as it is: one kernel a layer.

    Returns:
        The graph, whose results are the same to the bit.
    """
    graph = rewrite(graph, [splat_as_constant, _constant_without_copies, wrap_bias])
    if not target.core:
        return graph
    lean = drop_dead_channels(graph, _TOGETHER if target.has(Feature.DSP) else 1)
    return rewrite(lean, [partial(_pool_into_convolution, numerics=graph.numerics)])
