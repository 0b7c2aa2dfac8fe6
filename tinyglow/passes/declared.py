"""Station 2 of a graph whose model file declares how values are quantized.

A node of the file may have become several nodes. The values between them get the parameters that leave every integer of
the file as it is. Then transposes are sunk and cancelled as in float graphs, and nothing else is folded: every integer
that the file declares is rounded where the file says.
"""

from __future__ import annotations

import numpy as np

from tinyglow.errors import ModelError
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Declared, Graph, Node
from tinyglow.numerics.names import ONNX
from tinyglow.operators.clip import Clip
from tinyglow.operators.declared import layer_problems, odd_biases
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.pad import Pad
from tinyglow.operators.relu import Relu
from tinyglow.operators.rescale import Rescale
from tinyglow.passes.chains import raise_transpose_above_pad
from tinyglow.passes.folding import fold_constants
from tinyglow.passes.rewrite import Pass, rewriting, run_passes
from tinyglow.passes.tidy import merge_transpose_into_fully_connected
from tinyglow.passes.transposes import CLEANING, SINKING, drop_identities, merge_reshapes, sink_below_permutable
from tinyglow.passes.unfolded_batch_norm import batch_norm_as_arithmetic


def carry(graph: Graph) -> Graph:
    """``graph`` with declarations wherever they follow from others, and none that a movement of elements changes."""
    edit = GraphEditor.of(graph)
    changed = True
    while changed:
        steps = [
            step(node, edit)
            for node in edit.nodes
            for step in (_merge_quantize, _carry_forward, _carry_backward)
            if edit.alive(node)
        ]
        changed = any(steps)
    for name in [node.outputs[0] for node in edit.nodes]:
        if (current := edit.producer(name)) is not None:  # its inputs may be others by now
            _split_changes(current, edit)
    return edit.finish()


def _merge_quantize(node: Node, edit: GraphEditor) -> bool:
    """What makes a float that is only quantized makes the integers."""
    source, result = edit.value(node.inputs[0]), edit.value(node.outputs[0])
    if not isinstance(node.op, Rescale) or source.declared is not None or result.declared is None:
        return False
    producer = edit.producer(source.name)
    if producer is None or not edit.has_one_use(source.name):
        return False
    if isinstance(producer.op, Rescale):  # a border of the file's own
        return False
    edit.declare(source.name, result.declared)
    edit.redirect(result.name, source.name)
    edit.remove_if_unused(node)
    return True


def _without_data(declared: Declared) -> Declared:
    return Declared(declared.dtype, declared.quant, declared.channel_quant)


def _carry_forward(node: Node, edit: GraphEditor) -> bool:
    """Elements that are moved have their parameters still."""
    if not node.op.moves or edit.value(node.outputs[0]).declared is not None:
        return False
    sources = [edit.value(name) for name in node.inputs if edit.value(name).type.dtype == "float32"]
    first = sources[0].declared if sources else None
    if first is None or first.quant is None or not all(first.is_like(source.declared) for source in sources):
        return False
    if isinstance(node.op, Pad) and node.op.value != 0:
        return False
    edit.declare(node.outputs[0], _without_data(first))
    return True


def _carry_backward(node: Node, edit: GraphEditor) -> bool:
    """What is only moved, or bounded, may have the result's parameters before."""
    result = edit.value(node.outputs[0]).declared
    if result is None or not (node.op.moves or isinstance(node.op, Relu | Clip)):
        return False
    changed = False
    for name in node.inputs:
        value, producer = edit.value(name), edit.producer(name)
        is_free = value.declared is None and value.type.dtype == "float32" and edit.has_one_use(name)
        if is_free and producer is not None and not isinstance(producer.op, Rescale):
            edit.declare(name, result)
            changed = True
    return changed


def _split_changes(node: Node, edit: GraphEditor) -> None:
    """If an operator only moves elements and its result is declared with other parameters, a Rescale follows."""
    if not (node.op.moves and node.op.keeps_params):
        return
    source, result = edit.value(node.inputs[0]).declared, edit.value(node.outputs[0]).declared
    if source is None or result is None or source.is_like(result):
        return
    moved = edit.declare(node.outputs[0], _without_data(source))
    changed = edit.add(f"{node.name}_rescale", Rescale(), [moved], node.origin)
    edit.declare(changed.name, result)
    edit.redirect(moved.name, changed.name)
    rescale = edit.producer(changed.name)
    assert rescale is not None
    edit.set_inputs(rescale, (moved.name,))


def _constant_product(node: Node, edit: GraphEditor) -> bool:
    """A product with declared constant columns is a fully connected layer without a bias."""
    if not isinstance(node.op, MatMul) or edit.value(node.inputs[1]).declared is None:
        return False
    x, columns = (edit.value(name) for name in node.inputs)
    if columns.data is None:
        return False
    bias = edit.constant(f"{node.name}_bias", np.zeros(columns.type.shape[1], np.float32))
    layer = edit.add(node.name, FullyConnected(), [x, columns, bias], node.origin)
    edit.redirect(node.outputs[0], layer.name)
    return True


def simplifying_declared() -> list[Pass]:
    """The passes of ``simplify_declared`` in their order."""
    merging = (merge_transpose_into_fully_connected, merge_reshapes, drop_identities)
    return [
        Pass("carry declarations", carry),
        rewriting("sink transposes", [*SINKING, sink_below_permutable, _constant_product]),
        rewriting("clean up", [fold_constants, *CLEANING]),
        rewriting("raise transposes above pads", [raise_transpose_above_pad]),
        rewriting("merge transposes into layers", merging),
        rewriting("batch normalizations", [batch_norm_as_arithmetic]),
        Pass("carry declarations again", carry),
    ]


def simplify_declared(graph: Graph) -> Graph:
    """Carry declarations to all values, and cancel transposes.

    Raises:
        ModelError: With all layers whose parameters contradict each other.
    """
    result = _without_odd_biases(run_passes(graph, simplifying_declared()))
    if problems := layer_problems(result):
        raise ModelError("the model cannot be imported", problems)
    return result


def _without_odd_biases(graph: Graph) -> Graph:
    """Biases of ONNX files in other steps than their layer's sums are the reals that they stand for."""
    if graph.own_numerics != ONNX:
        return graph
    edit = GraphEditor.of(graph)
    for name in odd_biases(graph):
        edit.declare(name, None)
    return edit.finish()
