"""Station 5 with another numerics than Glow's: every rounding stays where the model has it.

Only what changes no integer is folded: rescales between equal parameters, bounds that are int8's own or that a
convolution applies to its own output, and transposes in front of weights.
"""

from __future__ import annotations

from dataclasses import replace

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node
from tinyglow.kernels.activation import NO_ACTIVATION, Activation
from tinyglow.numerics.names import GLOW
from tinyglow.operators.clip import Clip
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.relu import Relu
from tinyglow.operators.tables import bound_of
from tinyglow.passes.borders import convert_placeholders
from tinyglow.passes.rewrite import Pass, Rule, rewriting, run_passes
from tinyglow.passes.tidy import (
    drop_identity_rescale,
    merge_transposes_into_fully_connected,
    tidy,
)


def fuse_bounds(node: Node, edit: GraphEditor) -> bool:
    """A convolution applies the bounds that follow it, where both results have the same parameters."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Relu | Clip) or source is None or not isinstance(source.op, Conv2D):
        return False
    types = edit.value(node.inputs[0]).type, edit.value(node.outputs[0]).type
    if types[0] != types[1] or types[0].quant is None or source.op.activation != NO_ACTIVATION:
        return False
    if not edit.has_one_use(node.inputs[0]):
        return False
    bounds = Activation("RELU") if isinstance(node.op, Relu) else Activation("CLIP", (node.op.low, node.op.high))
    edit.set_op(source, replace(source.op, activation=bounds))
    edit.redirect(node.outputs[0], node.inputs[0])
    return True


def _drop_saturation(numerics: str) -> Rule:
    def drop_saturation(node: Node, edit: GraphEditor) -> bool:
        """A Relu or Clip between equal types does nothing where int8 has the same bounds."""
        types = edit.value(node.inputs[0]).type, edit.value(node.outputs[0]).type
        quant = types[0].quant
        if not isinstance(node.op, Relu | Clip) or types[0] != types[1] or quant is None or types[0].dtype != "int8":
            return False
        ends = (0.0, None) if isinstance(node.op, Relu) else (node.op.low, node.op.high)
        low, high = (None if end is None else bound_of(end, quant, numerics) for end in ends)
        if low != -128 or high not in (None, 127):
            return False
        edit.redirect(node.outputs[0], node.inputs[0])
        return True

    return drop_saturation


def tidying_exactly(numerics: str, float_io: bool = False) -> list[Pass]:
    """The passes of ``tidy_for`` for a numerics other than Glow's, in their order."""
    passes = [
        rewriting("drop rescales and bounds without effect", [drop_identity_rescale, _drop_saturation(numerics)]),
        rewriting("fuse bounds", [fuse_bounds]),
        Pass("merge transposes into layers", merge_transposes_into_fully_connected),
    ]
    return passes if float_io else [*passes, Pass("convert placeholders", convert_placeholders)]


def tidy_for(graph: Graph, float_io: bool = False, declared: bool = False) -> Graph:
    """``tidy`` as the graph's numerics allows it. declared: the parameters are the model file's own."""
    if graph.numerics == GLOW:
        return tidy(graph, float_io, declared)
    return run_passes(graph, tidying_exactly(graph.numerics, float_io))
