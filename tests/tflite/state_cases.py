"""Models that keep something from one inference to the next: inputs are one sequence, and LiteRT is asked in turn."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tests.tflite.builder import Quant, TFLiteBuilder
from tests.tflite.registry import RELU, TANH, numbers, register

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


def lstm(dtype: str, time_major: bool, clip: float, b: TFLiteBuilder, x: int) -> int:
    """An LSTM of four units over [3, 5, 6]: rows and steps, or steps and rows; a cell of int16 in steps of 2**-12."""
    is_float, units, rows = dtype == "FLOAT32", 4, 5 if time_major else 3
    shapes = [(units, 6)] * 4 + [(units, units)] * 4
    parts = [numbers(*shape, start=11 * index, scale=1.0) for index, shape in enumerate(shapes)]
    if is_float:
        weights = [b.constant(f"w{index}", part) for index, part in enumerate(parts)]
        biases = [b.constant(f"b{gate}", numbers(units, start=gate)) for gate in range(4)]
        hidden, cell = (b.tensor(name, (rows, units), is_variable=True) for name in ("hidden", "cell"))
        out = None
    else:
        steps = [np.rint(part * 127).astype(np.int8) for part in parts]
        scales = [0.011 + 0.001 * index for index in range(8)]
        weights = [b.constant(f"w{i}", step, Quant([scales[i]], [0])) for i, step in enumerate(steps)]
        biases = [
            b.constant(f"b{gate}", np.rint(numbers(units, start=gate) * 3000).astype(np.int32), Quant([0.0005], [0]))
            for gate in range(4)
        ]
        out = Quant([float(np.float32(1 / 130))], [3])
        hidden = b.tensor("hidden", (rows, units), "INT8", out, is_variable=True)
        cell = b.tensor("cell", (rows, units), "INT16", Quant([2.0**-12], [0]), is_variable=True)
        between = [b.tensor(f"between{index}", (), "INT16", Quant([2.0**-12], [0])) for index in range(4)]
        b.between = [*between, b.tensor("between4", (), "INT8", out)]
    none = [-1]
    operands = [x, *weights, *none * 3, *biases, *none * 2, hidden, cell, *none * 4]
    fields = {"FusedActivationFunction": TANH, "CellClip": clip, "TimeMajor": time_major}
    options = "UnidirectionalSequenceLSTMOptions"
    return b.node("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, (3, 5, units), "y", options, 1, dtype, out, **fields)


register("lstm", (3, 5, 6), partial(lstm, "FLOAT32", False, 0.0), samples=CALLS)
register("lstm_clipped", (3, 5, 6), partial(lstm, "FLOAT32", True, 0.4), samples=CALLS)
register("svdf", (2, 5), partial(svdf, "FLOAT32", 2, 0, True), samples=CALLS)
register("svdf_relu", (2, 5), partial(svdf, "FLOAT32", 1, RELU, False), samples=CALLS)
