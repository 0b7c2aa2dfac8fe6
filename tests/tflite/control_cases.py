"""IF and WHILE whose course follows from constants: operators of subgraphs, as often as they run."""

from __future__ import annotations

import numpy as np

from tests.tflite.builder import Body, TFLiteBuilder
from tests.tflite.registry import numbers, register

_SHAPE = (2, 3)


def branches() -> list[Body]:
    """x * 0.5 + x, and tanh(x): subgraphs 1 and 2."""
    scaled, bent = TFLiteBuilder(), TFLiteBuilder()
    x = scaled.tensor("x", _SHAPE)
    half = scaled.node("MUL", [x, scaled.constant("half", np.float32(0.5))], _SHAPE, "half_of", "MulOptions")
    first = (scaled, [x], [scaled.node("ADD", [half, x], _SHAPE, "sum", "AddOptions")])
    x = bent.tensor("x", _SHAPE)
    return [first, (bent, [x], [bent.node("TANH", [x], _SHAPE, "bent")])]


def chosen(truth: bool, b: TFLiteBuilder, x: int) -> int:
    """An IF whose condition compares two numbers of the file."""
    operands = [b.constant("one", np.int32(1)), b.constant("other", np.int32(2 if truth else 0))]
    less = b.node("LESS", operands, (), "less", "LessOptions", dtype="BOOL")
    return b.node("IF", [less, x], _SHAPE, "y", "IfOptions", ThenSubgraphIndex=1, ElseSubgraphIndex=2)


def rounds() -> list[Body]:
    """Whether a counter is below 3, and a layer of a recurrent network: subgraphs 1 and 2."""
    condition, body = TFLiteBuilder(), TFLiteBuilder()
    counter, value = condition.tensor("i", (), "INT32"), condition.tensor("x", _SHAPE)
    operands = [counter, condition.constant("most", np.int32(3))]
    less = condition.node("LESS", operands, (), "less", "LessOptions", dtype="BOOL")
    first = (condition, [counter, value], [less])
    counter, value = body.tensor("i", (), "INT32"), body.tensor("x", _SHAPE)
    after = body.node("ADD", [counter, body.constant("step", np.int32(1))], (), "after", "AddOptions", dtype="INT32")
    weights = [body.constant("w", numbers(3, 3)), body.constant("b", numbers(3, start=5))]
    layer = body.node("FULLY_CONNECTED", [value, *weights], _SHAPE, "layer", "FullyConnectedOptions")
    return [first, (body, [counter, value], [after, body.node("TANH", [layer], _SHAPE, "next")])]


def repeated(start: int, b: TFLiteBuilder, x: int) -> int:
    """A WHILE of 3 - start rounds."""
    counter = b.constant("start", np.int32(start))
    of = {"CondSubgraphIndex": 1, "BodySubgraphIndex": 2}
    last = b.tensor("last", (), "INT32")
    y = b.tensor("y", _SHAPE)
    b.operators.append(("WHILE", [counter, x], [last, y], "WhileOptions", of, 1))
    return y


for _truth in (True, False):
    register(f"if_{_truth}", _SHAPE, lambda b, x, truth=_truth: chosen(truth, b, x), others=branches)
for _start in (0, 5):
    register(f"while_{_start}", _SHAPE, lambda b, x, start=_start: repeated(start, b, x), others=rounds)
