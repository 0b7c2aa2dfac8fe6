"""Functions of one element that LiteRT computes with integers: tables of int8, straight pieces of int16."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.op import Lowering, Op, OtherNumerics
from tinyglow.ir.types import TensorType
from tinyglow.numerics import tflite_tables, wide
from tinyglow.numerics.names import LIKE_LITERT, TFLITE
from tinyglow.operators.abs import Abs
from tinyglow.operators.exp import Exp
from tinyglow.operators.litert_int16 import Floats, lower_lines, lower_rescale_int16
from tinyglow.operators.neg import Neg
from tinyglow.operators.rsqrt import Rsqrt
from tinyglow.operators.sqrt import Sqrt
from tinyglow.operators.tables import lower_table


def _lower_int16(node: Node, lowering: Lowering) -> None:
    assert isinstance(node.op, LitertFunction)
    if isinstance(node.op.of, Abs):  # elementwise.cc, AbsEvalQuantized: what is below 0 is multiplied by -1
        lower_rescale_int16(node, lowering, slope=-1.0)
    elif isinstance(node.op.of, Rsqrt):
        lower_lines(node, lowering, _reciprocal_root)
    else:
        lower_lines(node, lowering, lambda x, _: np.exp(x))


def _reciprocal_root(x: Floats, scale: float) -> Floats:
    """What has none is the largest result (elementwise.cc, GenericPrepare)."""
    result: Floats = np.where(x > 0, 1 / np.sqrt(x), np.float32(wide.INT16_MAX) * np.float32(scale))
    return result


class LitertFunction(Op):
    """What ``of`` is of each element. Exists in int8 and int16 graphs of the tflite numerics."""

    of: Op

    elementwise: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_table}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_int16}

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return self.of.run_float(*inputs)

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        """See ``Op.litert_table``."""
        if isinstance(self.of, Abs):
            return tflite_tables.absolute(source, result)
        if isinstance(self.of, Neg):
            return tflite_tables.negated()
        if isinstance(self.of, Sqrt):
            return tflite_tables.root(source, result)
        return tflite_tables.function(source, result, np.exp)


# The operators, with the types of which LiteRT computes them so.
_FORMS: dict[type[Op], tuple[str, ...]] = {
    Abs: ("int8", "int16"),
    Exp: ("int8", "int16"),
    Neg: ("int8",),
    Rsqrt: ("int16",),
    Sqrt: ("int8",),
}


def litert_function(node: Node, graph: Graph) -> LitertFunction | None:
    """The function that stands for a float node, in the numerics of LiteRT and its like; None if none does."""
    if graph.numerics not in LIKE_LITERT or type(node.op) not in _FORMS:
        return None
    declared = [graph.values[name].declared for name in (node.inputs[0], node.outputs[0])]
    dtypes = {one.dtype if one is not None and one.quant is not None else "" for one in declared}
    return LitertFunction(node.op) if any(dtypes == {dtype} for dtype in _FORMS[type(node.op)]) else None
