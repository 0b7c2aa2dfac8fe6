"""Station 5: the int8 graph without needless rescales; activations live in the kernels that feed them.

The rules are those of Glow's OptimizeQuantization, foldActivations and RemoveIdentityRelu (lib/Optimizer/
GraphOptimizer/GraphOptimizer.cpp), in its order: first upwards until nothing changes, then one round downwards, again.

An activation is a bound in real units, and rescales may still change the type of what it bounds. So it stays in the
graph, in a convolution or as a node, until no rescale moves any more; only then may int8's own saturation stand for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.op import Op
from tinyglow.ir.types import TensorType
from tinyglow.kernels.activation import NO_ACTIVATION, Activation
from tinyglow.operators.clip import Clip
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.leaky_relu import LeakyRelu
from tinyglow.operators.max import Max
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.relu import Relu
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.transpose import Transpose
from tinyglow.passes.borders import convert_placeholders
from tinyglow.passes.rewrite import Pass, Rule, apply_once, rewrite, rewriting, run_passes
from tinyglow.passes.tables import absorb_rescale_after_table, absorb_rescale_before_table
from tinyglow.passes.transposes import drop_identities, merge_reshapes


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


def absorb_rescale_behind_movements(node: Node, edit: GraphEditor) -> bool:
    """Rescale(Reshape(op(x))), or Transpose, is Reshape(op(x)) with its parameters. Not in Glow.

    Glow takes a rescale up past a Transpose once (``raise_rescale_above_transpose``), past a Reshape never: there it
    sinks, and a MaxPool below has the parameters of what came before the Reshape.
    """
    if not isinstance(node.op, Rescale):
        return False
    type_, moved = edit.value(node.outputs[0]).type, [node.inputs[0]]
    while (source := edit.producer(moved[-1])) is not None and isinstance(source.op, Reshape | Transpose):
        moved.append(source.inputs[0])
    if len(moved) == 1 or source is None or not all(map(edit.has_one_use, moved)):
        return False
    if not (source.op.absorbs_rescale_after or isinstance(source.op, Quantize)):
        return False
    for name in moved:
        edit.set_type(name, replace(edit.value(name).type, quant=type_.quant))
    edit.redirect(node.outputs[0], node.inputs[0])
    return True


def move_rescale_above_max(node: Node, edit: GraphEditor) -> bool:
    """Rescale(Max(x, y)) is Max(Rescale(x), Rescale(y)), whose rescales may go further (Glow: OptimizeQuantization)."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Rescale) or source is None or not isinstance(source.op, Max):
        return False
    if not edit.has_one_use(node.inputs[0]):
        return False
    quant, type_ = edit.value(node.outputs[0]).type.quant, edit.value(source.outputs[0]).type
    sides = [
        edit.add(node.name, Rescale(), [value], node.origin, (replace(value.type, quant=quant),))
        for value in map(edit.value, source.inputs)
    ]
    result = edit.add(source.name, source.op, sides, source.origin, (replace(type_, quant=quant),))
    edit.redirect(node.outputs[0], result.name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(source)
    return True


def dequantize_before_rescale(node: Node, edit: GraphEditor) -> bool:
    """Dequantize(Rescale(x)) is Dequantize(x)."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Dequantize) or source is None or not isinstance(source.op, Rescale):
        return False
    edit.set_inputs(node, source.inputs)
    edit.remove_if_unused(source)
    return True


def skip_float_between_int8(node: Node, edit: GraphEditor) -> bool:
    """Quantize(Dequantize(x)) is a Rescale (Glow: OptimizeQuantization)."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Quantize) or source is None or not isinstance(source.op, Dequantize):
        return False
    types = (edit.value(node.outputs[0]).type,)
    if edit.value(source.inputs[0]).type.dtype != types[0].dtype:  # no kernel goes from int8 to int16, or back
        return False
    rescaled = edit.add(node.name, Rescale(), [edit.value(source.inputs[0])], node.origin, types)
    edit.redirect(node.outputs[0], rescaled.name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(source)
    return True


def skip_int8_between_floats(node: Node, edit: GraphEditor) -> bool:
    """Dequantize(Quantize(x)) becomes x; the rounding goes too (Glow: OptimizeQuantization)."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Dequantize) or source is None or not isinstance(source.op, Quantize):
        return False
    edit.redirect(node.outputs[0], source.inputs[0])
    edit.remove_if_unused(node)
    edit.remove_if_unused(source)
    return True


def absorb_rescale_downwards(node: Node, edit: GraphEditor) -> bool:
    """op(Rescale(x)) is op(x), where the kernel of op takes any parameters."""
    inputs = list(node.inputs)
    for index in node.op.absorbs_rescale_before:
        source = edit.producer(inputs[index])
        if source is not None and isinstance(source.op, Rescale):
            inputs[index] = source.inputs[0]
    if tuple(inputs) == node.inputs:
        return False
    sources = [edit.producer(name) for name in node.inputs]
    edit.set_inputs(node, tuple(inputs))
    for source in sources:
        if source is not None:
            edit.remove_if_unused(source)
    return True


def sink_rescale(node: Node, edit: GraphEditor) -> bool:
    """op(Rescale(x)) is Rescale(op(x)), where op keeps its input's parameters."""
    source = edit.producer(node.inputs[0])
    if not node.op.rescale_sinks or source is None or not isinstance(source.op, Rescale):
        return False
    x, old = edit.value(source.inputs[0]), edit.value(node.outputs[0])
    kept = edit.add(node.name, node.op, [x], node.origin, (replace(old.type, quant=x.type.quant),))
    edit.redirect(old.name, edit.add(source.name, Rescale(), [kept], source.origin, (old.type,)).name)
    return True


def raise_rescale_above_transpose(node: Node, edit: GraphEditor) -> bool:
    """Rescale(Transpose(x)) is Transpose(Rescale(x)), whose rescale what makes x may absorb (Glow: SinkCode)."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Rescale) or source is None or not isinstance(source.op, Transpose):
        return False
    if not edit.has_one_use(node.inputs[0]):
        return False
    x, old = edit.value(source.inputs[0]), edit.value(node.outputs[0])
    rescaled = edit.add(node.name, Rescale(), [x], node.origin, (replace(x.type, quant=old.type.quant),))
    edit.redirect(old.name, edit.add(source.name, source.op, [rescaled], source.origin, (old.type,)).name)
    edit.remove_if_unused(node)
    edit.remove_if_unused(source)
    return True


def _activation_of(op: Op) -> Activation | None:
    """What a convolution can apply in place of ``op``."""
    if isinstance(op, Relu):
        return Activation("RELU")
    if isinstance(op, Clip):
        return Activation("CLIP", (op.low, op.high))
    if isinstance(op, LeakyRelu):
        return Activation("LEAKY_RELU", (op.alpha,))
    return None


def fuse_activation_into_convolution(node: Node, edit: GraphEditor) -> bool:
    """A convolution whose only user is an activation takes over its output type (Glow: foldActivations)."""
    activation, source = _activation_of(node.op), edit.producer(node.inputs[0])
    if activation is None or source is None or not isinstance(source.op, Conv2D):
        return False
    if source.op.activation != NO_ACTIVATION or not edit.has_one_use(node.inputs[0]):
        return False
    edit.set_op(source, replace(source.op, activation=activation))
    edit.set_type(source.outputs[0], edit.value(node.outputs[0]).type)
    edit.redirect(node.outputs[0], source.outputs[0])
    return True


def _saturates(activation: Activation, type_: TensorType) -> bool:
    return type_.dtype == "int8" and type_.quant is not None and activation.is_saturation(type_.quant)


def fuse_activation_above_reshape(node: Node, edit: GraphEditor) -> bool:
    """Relu(Reshape(conv(x))) is Reshape(conv(x)) with the activation in it, where all have the same parameters."""
    flat = edit.producer(node.inputs[0])
    source = None if flat is None or not isinstance(flat.op, Reshape) else edit.producer(flat.inputs[0])
    activation = _activation_of(node.op)
    if activation is None or flat is None or source is None or not isinstance(source.op, Conv2D):
        return False
    names = (source.outputs[0], flat.outputs[0])
    if source.op.activation != NO_ACTIVATION or not all(map(edit.has_one_use, names)):
        return False
    if edit.value(source.outputs[0]).type.quant != edit.value(node.outputs[0]).type.quant:
        return False
    edit.set_op(source, replace(source.op, activation=activation))
    edit.redirect(node.outputs[0], flat.outputs[0])
    return True


def drop_saturation(node: Node, edit: GraphEditor) -> bool:
    """A Relu or Clip between equal types that have its bounds does nothing (Glow: as above)."""
    activation = _activation_of(node.op)
    if activation is None or not _saturates(activation, edit.value(node.outputs[0]).type):
        return False
    if edit.value(node.inputs[0]).type.quant != edit.value(node.outputs[0]).type.quant:
        return False
    edit.redirect(node.outputs[0], node.inputs[0])
    return True


def keep_unreachable_bound(node: Node, edit: GraphEditor) -> bool:
    """A Clip between numbers that its input cannot hold is the nearer one. Glow's bounds end with the input's type."""
    source = edit.value(node.inputs[0]).type
    if not isinstance(node.op, Clip) or source.quant is None or node.op.low == node.op.high:
        return False
    lowest, highest = source.ends()
    if node.op.high >= lowest and node.op.low <= highest:
        return False
    number = node.op.high if node.op.high < lowest else node.op.low
    edit.set_op(node, Clip(number, number))
    return True


def absorb_rescale_into_bounds(node: Node, edit: GraphEditor) -> bool:
    """Rescale(Relu(x)) is a Relu with the rescale's parameters; so is a Clip. Not in Glow."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Rescale) or source is None or not isinstance(source.op, Relu | Clip):
        return False
    if not edit.has_one_use(node.inputs[0]):
        return False
    edit.set_type(source.outputs[0], edit.value(node.outputs[0]).type)
    edit.redirect(node.outputs[0], source.outputs[0])
    return True


UPWARDS = (
    drop_identity_rescale,
    absorb_rescale_upwards,
    move_rescale_above_max,
    dequantize_before_rescale,
    skip_float_between_int8,
    skip_int8_between_floats,
    absorb_rescale_behind_movements,
    absorb_rescale_into_bounds,
)
DOWNWARDS = (absorb_rescale_downwards, sink_rescale)


def rescale_rules(declared: bool = False) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """The rules that move rescales upwards, and downwards. Tables of a file that came quantized are as it says."""
    if declared:
        return UPWARDS, DOWNWARDS
    return (*UPWARDS, absorb_rescale_after_table), (absorb_rescale_before_table, *DOWNWARDS)


def merge_transpose_into_fully_connected(node: Node, edit: GraphEditor) -> bool:
    """fc(Reshape(Transpose(x))) is fc(Reshape(x)) with reordered weights (Glow: MergeTransposeIntoMatMulOrFC)."""
    if not isinstance(node.op, FullyConnected):
        return False
    flat, weights = edit.producer(node.inputs[0]), edit.value(node.inputs[1])
    if flat is None or not isinstance(flat.op, Reshape) or not edit.has_one_use(node.inputs[0]) or weights.data is None:
        return False
    before = edit.producer(flat.inputs[0])
    if before is None or not isinstance(before.op, Transpose) or not edit.has_one_use(flat.inputs[0]):
        return False
    moved, source = edit.value(flat.inputs[0]).type.shape, edit.value(before.inputs[0])
    if before.op.perm[0] != 0 or moved[0] != flat.op.shape[0]:
        return False
    # Rows of the weights are numbered in the transposed order; put them into the order of x.
    inverse = [before.op.perm.index(axis) - 1 for axis in range(1, len(moved))]

    def reorder(data: Array) -> Array:
        rows = data.reshape(*moved[1:], data.shape[1])
        return rows.transpose(*inverse, len(inverse)).reshape(data.shape)

    flattened = edit.value(node.inputs[0])
    reshaped = edit.add(flat.name, flat.op, [source], flat.origin, (flattened.type,))
    edit.declare(reshaped.name, flattened.declared)
    reordered = edit.moved(weights.name, weights, reorder, weights.type)
    edit.set_inputs(node, (reshaped.name, reordered.name, *node.inputs[2:]))
    edit.remove_if_unused(flat)
    edit.remove_if_unused(before)
    return True


def fold_float_constants(node: Node, edit: GraphEditor) -> bool:
    """A float operator on constants alone is a constant; Glow evaluates it after it has quantized its neighbours."""
    inputs = [edit.value(name).data for name in node.inputs]
    if node.op.quantizable or isinstance(node.op, Quantize | Dequantize) or any(data is None for data in inputs):
        return False
    (result,) = node.op.run_float(*(data[np.newaxis] for data in inputs if data is not None))
    edit.redirect(node.outputs[0], edit.constant(f"{node.name}_constfold", np.ascontiguousarray(result[0])).name)
    return True


def fold_rescales(graph: Graph, upwards: Sequence[Rule], downwards: Sequence[Rule]) -> Graph:
    """Every rescale merged into a neighbour that can take it, or as far down as it goes."""
    edit = GraphEditor.of(graph)
    while True:
        while apply_once(edit, upwards):
            pass
        if not apply_once(edit, downwards):
            return edit.finish()


def merge_transposes_into_fully_connected(graph: Graph) -> Graph:
    """``merge_transpose_into_fully_connected`` and what it makes needless, until nothing changes."""
    while True:
        edit = GraphEditor.of(graph)
        merged = apply_once(edit, [merge_transpose_into_fully_connected])
        graph = rewrite(edit.finish(), [merge_reshapes, drop_identities])
        if not merged:
            return graph


def tidying(float_io: bool = False, declared: bool = False) -> list[Pass]:
    """The passes of ``tidy`` in their order."""
    upwards, downwards = rescale_rules(declared)

    def fold(graph: Graph) -> Graph:
        return fold_rescales(graph, upwards, downwards)

    passes = [
        rewriting("fold float constants", [fold_float_constants, raise_rescale_above_transpose]),
        Pass("fold rescales", fold, (*upwards, *downwards)),
        rewriting("fuse activations", [fuse_activation_into_convolution, fuse_activation_above_reshape]),
        Pass("fold rescales again", fold, (*upwards, *downwards)),
        rewriting("drop bounds", [drop_saturation, keep_unreachable_bound]),
        Pass("merge transposes into layers", merge_transposes_into_fully_connected),
    ]
    return passes if float_io else [*passes, Pass("convert placeholders", convert_placeholders)]


def tidy(graph: Graph, float_io: bool = False, declared: bool = False) -> Graph:
    """Fold rescales and activations; with ``float_io`` the placeholders stay float.

    declared: the graph came quantized, with tables that stay as its file says.
    """
    return run_passes(graph, tidying(float_io, declared))
