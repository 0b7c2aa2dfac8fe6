"""Models that keep something from one inference to the next: inputs are one sequence, and LiteRT is asked in turn."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tests.tflite.builder import Quant, TFLiteBuilder
from tests.tflite.registry import RELU, numbers, register

CALLS = 5


def _handle(b: TFLiteBuilder, name: str, container: str = "") -> int:
    return b.node(
        "VAR_HANDLE", [], (), f"handle_{name}", "VarHandleOptions", 1, "RESOURCE", Container=container, SharedName=name
    )


def first_values(quant: Quant | None = None) -> TFLiteBuilder:
    """The subgraph that CALL_ONCE runs: the variable "past" becomes [1, 4, 3] numbers."""
    b, data = TFLiteBuilder(), numbers(1, 4, 3, start=9)
    whole = data if quant is None else np.rint(data * 100).astype(np.int8)
    b.effect("ASSIGN_VARIABLE", [_handle(b, "past"), b.constant("first", whole, quant)], "AssignVariableOptions")
    return b


def ring(dtype: str, quant: Quant | None, once: bool, b: TFLiteBuilder, x: int) -> int:
    """The last four rows of a sequence: what a streaming network's layers read; x: [1, 1, 3]."""
    if once:
        b.effect("CALL_ONCE", [], "CallOnceOptions", InitSubgraphIndex=1)
    past = _handle(b, "past")
    of: dict[str, Any] = {"dtype": dtype, "quant": quant}
    before = b.node("READ_VARIABLE", [past], (1, 4, 3), "before", "ReadVariableOptions", **of)
    joined = b.node("CONCATENATION", [before, x], (1, 5, 3), "joined", "ConcatenationOptions", Axis=1, **of)
    ends = [b.constant(name, rows) for name, rows in (("begin", [0, 1, 0]), ("size", [1, 4, 3]))]
    now = b.node("SLICE", [joined, *ends], (1, 4, 3), "now", "SliceOptions", **of)
    b.effect("ASSIGN_VARIABLE", [past, now], "AssignVariableOptions")
    return joined


def _twice(b: TFLiteBuilder, x: int) -> int:
    """A running sum, which is read again after it was written; another variable is never written."""
    b.effect("CALL_ONCE", [], "CallOnceOptions", InitSubgraphIndex=1)
    total, fixed = _handle(b, "past", ""), _handle(b, "fixed")
    read = partial(b.node, "READ_VARIABLE", shape=(1, 4, 3), options="ReadVariableOptions")
    sums = b.node("ADD", [read([total], name="before"), x], (1, 4, 3), "sums", "AddOptions")
    b.effect("ASSIGN_VARIABLE", [total, sums], "AssignVariableOptions")
    again = read([total], name="again")
    b.effect("ASSIGN_VARIABLE", [fixed, x], "AssignVariableOptions")
    return b.node("MUL", [again, read([fixed], name="just")], (1, 4, 3), "y", "MulOptions")


register("variables", (1, 1, 3), partial(ring, "FLOAT32", None, True), samples=CALLS, other=first_values)
register("variables_twice", (1, 4, 3), _twice, samples=CALLS, other=first_values)


def svdf(dtype: str, rank: int, activation: int, with_bias: bool, b: TFLiteBuilder, x: int) -> int:
    """SVDF of [2, 5] with three units and a memory of four; int8 with a state of int16."""
    is_float, filters, memory = dtype == "FLOAT32", 3 * rank, 4
    if is_float:
        features, times = b.constant("features", numbers(filters, 5)), b.constant("times", numbers(filters, memory))
        bias = b.constant("bias", numbers(3, start=7)) if with_bias else -1
        state, out = b.tensor("state", (2, filters * memory), is_variable=True), None
    else:
        whole = np.rint(numbers(filters, 5) * 127).astype(np.int8)
        features = b.constant("features", whole, Quant([0.01], [0]))
        steps = np.rint(numbers(filters, memory, start=3) * 32767).astype(np.int16)
        times = b.constant("times", steps, Quant([2.0**-15], [0]))
        terms = np.rint(numbers(3, start=7) * 2.0**24).astype(np.int32)
        bias = b.constant("bias", terms, Quant([2.0**-27], [0])) if with_bias else -1
        state = b.tensor("state", (2, filters * memory), "INT16", Quant([2.0**-12], [0]), is_variable=True)
        out = Quant([0.03], [-40])
    fields = {"Rank": rank, "FusedActivationFunction": activation}
    return b.node("SVDF", [x, features, times, bias, state], (2, 3), "y", "SVDFOptions", 3, dtype, out, **fields)


register("svdf", (2, 5), partial(svdf, "FLOAT32", 2, 0, True), samples=CALLS)
register("svdf_relu", (2, 5), partial(svdf, "FLOAT32", 1, RELU, False), samples=CALLS)
