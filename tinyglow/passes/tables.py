"""Rescales around a lookup table become part of the table. Not in Glow."""

from __future__ import annotations

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.element_function import IntLookupTable
from tinyglow.operators.rescale import Rescale


def _tabulate(table: Node, source: str, result: Node, edit: GraphEditor) -> bool:
    """Let a table of ``source`` be the result of ``result``; False where either is no int8."""
    x, params = edit.value(source), edit.value(result.outputs[0]).type.quant
    if not isinstance(table.op, IntLookupTable) or x.type.dtype != "int8" or x.type.quant is None or params is None:
        return False
    looked_up = table.op.of.tabulated_node(table.name, x, params, edit, table.origin)
    edit.redirect(result.outputs[0], looked_up.name)
    edit.remove_if_unused(result)
    return True


def absorb_rescale_after_table(node: Node, edit: GraphEditor) -> bool:
    """Rescale(table(x)) is another table of x.

    In front of a Dequantize the rescale is dropped instead: the table holds all that its function can be, while the
    range recorded for an output may be too narrow for other inputs.
    """
    table = edit.producer(node.inputs[0])
    users = edit.users(node.outputs[0])
    if users and all(isinstance(user.op, Dequantize) for user in users):
        return False
    if not isinstance(node.op, Rescale) or table is None or not edit.has_one_use(node.inputs[0]):
        return False
    return _tabulate(table, table.inputs[0], node, edit)


def absorb_rescale_before_table(node: Node, edit: GraphEditor) -> bool:
    """table(Rescale(x)) is another table of x."""
    rescale = edit.producer(node.inputs[0])
    if rescale is None or not isinstance(rescale.op, Rescale):
        return False
    return _tabulate(node, rescale.inputs[0], node, edit)
