"""Which int8 form an operator has with a numerics other than Glow's.

Each operator says in its own file how it is lowered with which numerics (``Op.other_numerics``). Operators that only
move elements are the same in all. An operator that says nothing has no form with that numerics.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyglow.ir.graph import Node
from tinyglow.ir.op import Lowering, Op, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.numerics.names import GLOW, HINT, TFLITE, TFLM
from tinyglow.numerics.tflite import ScaleError


def lower_node(node: Node, lowering: Lowering) -> None:
    """Emit the calls for a node with the numerics in use. Raises UnsupportedError."""
    types = [lowering.type_of(name) for name in (*node.inputs, *node.outputs)]
    is_float = not any(type_.quant or type_.channel_quant for type_ in types)
    if lowering.numerics == GLOW or is_float:
        node.op.lower(node, lowering)
        return
    int16 = any(type_.dtype == "int16" for type_ in types)
    lower = form(type(node.op), lowering.numerics, int16)
    if lower is None:
        kind = f"{node.op.kind} of int16" if int16 else node.op.kind
        found = f"{kind} has no form with the numerics {lowering.numerics}"
        raise UnsupportedError(found, "", HINT)
    try:
        lower(node, lowering)
    except ScaleError as error:
        raise UnsupportedError(str(error), "scales that differ less", HINT) from error


def form(kind: type[Op], numerics: str, int16: bool = False) -> Callable[[Node, Lowering], None] | None:
    """How a kind of operator is lowered to int8, or int16, with a numerics other than Glow's; None if it is not."""
    if kind.moves:
        return lower_exactly
    forms = kind.int16_numerics if int16 else kind.other_numerics
    own = forms.get(numerics)
    return forms.get(TFLITE) if own is None and numerics == TFLM else own


def has_form(kind: type[Op], numerics: str) -> bool:
    """Whether an operator has an int8 form with a numerics."""
    return numerics == GLOW or form(kind, numerics) is not None


def lower_exactly(node: Node, lowering: Lowering) -> None:
    """Only where the integers stay what they are."""
    types = [lowering.type_of(name) for name in (*node.inputs, *node.outputs)]
    quants = {type_.quant for type_ in types if type_.dtype in ("int8", "int16")}
    if len(quants) > 1:
        found = f"{node.op.kind} of values with different scales, with the numerics {lowering.numerics}"
        raise UnsupportedError(found, "one scale and zero point", HINT)
    node.op.lower(node, lowering)


def lower_as_it_is(node: Node, lowering: Lowering) -> None:
    """What leaves nothing to round at run time."""
    node.op.lower(node, lowering)


def int8_ends(node: Node, lowering: Lowering) -> list[QuantParams]:
    """The parameters of the first input and of the result, which have one scale."""
    types = [lowering.type_of(name) for name in (node.inputs[0], node.outputs[0])]
    assert all(type_.quant for type_ in types), node
    return [type_.quant for type_ in types if type_.quant]
