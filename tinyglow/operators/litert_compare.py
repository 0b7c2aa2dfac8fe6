"""Comparisons of int8 with LiteRT's numerics, which rounds both operands to a common scale first."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.elementwise.compare import COMPARE, RELATIONS, CompareParams
from tinyglow.kernels.elementwise.lookup import LOOKUP, LookupParams
from tinyglow.kernels.int8 import scale_requant
from tinyglow.numerics import tflite_tables
from tinyglow.numerics.names import HINT
from tinyglow.numerics.tflite import IntArray, multiplier_of

_LOWEST, _NUMBERS = -128, 256


def lower_comparison(node: Node, lowering: Lowering, relation: str) -> None:
    """A comparison (comparisons.cc): of codes in the same relation as the rounded numbers, looked up in tables.

    One scale for both that rounds no two numbers to one needs no tables.
    """
    types = [lowering.type_of(name) for name in node.inputs]
    x, y = (type_.quant for type_ in types)
    assert x is not None and y is not None
    buffers, output = [lowering.buffer(name) for name in node.inputs], lowering.buffer(node.outputs[0])
    offsets = [x.offset, y.offset]
    is_exact = x == y and (x.scale >= 1 or len(np.unique(_rounded(x))) == _NUMBERS)
    if not is_exact:
        codes = codes_in_relation(relation, _rounded(x), _rounded(y))
        offsets = [_LOWEST if code.min() >= 0 else _LOWEST + 1 for code in codes]
        pairs = zip(buffers, types, codes, offsets, strict=True)
        buffers = [_coded(node, lowering, *pair, index) for index, pair in enumerate(pairs)]
    place, (own, other) = list(RELATIONS).index(relation), offsets
    params = CompareParams(types[0].elements, place, own, other, scale_requant(1.0, 0))
    lowering.call(COMPARE, [*buffers, output], params)


def _rounded(source: QuantParams) -> IntArray:
    """Raises UnsupportedError for a scale with which LiteRT has no result."""
    if multiplier_of(source.scale).shift > 0:
        found = f"a comparison of numbers in steps of {source.scale:g}"
        raise UnsupportedError(found, "steps below 1, or one scale for both", HINT)
    return tflite_tables.compared((source.scale, source.offset))


def _coded(
    node: Node, lowering: Lowering, buffer: str, type_: TensorType, codes: IntArray, offset: int, index: int
) -> str:
    """A temporary buffer with the codes of an operand."""
    table = lowering.constant(f"{node.outputs[0]}_codes{index}", (codes + offset).astype(np.int8))
    coded = lowering.temporary(TensorType(type_.shape, "int8", QuantParams(1.0, offset)))
    lowering.call(LOOKUP, [buffer, table, coded], LookupParams(type_.elements))
    return coded


def codes_in_relation(relation: str, x: IntArray, y: IntArray) -> tuple[IntArray, IntArray]:
    """Codes that are in a relation where numbers are.

    Args:
        relation: A key of ``RELATIONS``.
        x: int64 [256], which does not fall.
        y: The same.

    Returns:
        A code for each number: both rows are from -1 to 254, or from 0 to 255.
    """
    if relation in ("EQ", "NEQ"):
        both = np.intersect1d(x, y)
        return _place(x, both, -1), _place(y, both, len(both))
    is_strict = relation == "LT"
    if x[-1] > y[-1] or (is_strict and x[-1] == y[-1]):
        ranks = np.unique(x)  # x is below y if fewer of these are below x than below y
        steps = np.searchsorted(ranks, y, "left" if is_strict else "right") - (not is_strict)
        return np.searchsorted(ranks, x), steps
    ranks = np.unique(y)
    steps = np.searchsorted(ranks, x, "right" if is_strict else "left") - is_strict
    return steps, np.searchsorted(ranks, y)


def _place(values: IntArray, among: IntArray, otherwise: int) -> IntArray:
    """The number of each value among sorted ones."""
    result: Array = np.where(np.isin(values, among), np.searchsorted(among, values), otherwise)
    return result
