"""A float LSTM over a sequence, one step after the other."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Value
from tinyglow.ir.op import Op, SourceNode, UnsupportedError
from tinyglow.operators.add import Add
from tinyglow.operators.clip import Clip
from tinyglow.operators.concat import Concat
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.mul import Mul
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.slice import Slice
from tinyglow.operators.tanh import Tanh

_MOST_STEPS = 1024


def unrolled(
    node: SourceNode, edit: GraphEditor, values: list[Value], time_major: bool, clip: float
) -> tuple[Value, Value, Value]:
    """The result, and both states after the last step.

    Args:
        node: The operator.
        edit: Takes the nodes.
        values: As ``SequenceLstm`` has its inputs.
        time_major: Whether the first dimension is that of the steps.
        clip: Bounds the cell where it is above 0.
    """
    x, hidden, cell, *constants = values
    axis = 0 if time_major else 1
    steps, rows, units = x.type.shape[axis], x.type.shape[1 - axis], hidden.type.shape[1]
    if steps > _MOST_STEPS:
        raise UnsupportedError(f"{steps} steps", f"at most {_MOST_STEPS}", "give the network fewer steps at once")

    def add(suffix: str, op: Op, *inputs: Value) -> Value:
        return edit.add(f"{node.name}.{suffix}", op, inputs, node.name)

    def stacked(suffix: str, parts: list[Value]) -> Value:
        data = [part.data for part in parts if part.data is not None]
        return edit.constant(f"{node.name}.{suffix}", np.ascontiguousarray(np.concatenate(data, axis=0).T))

    of_input, of_state = stacked("weights", constants[:4]), stacked("recurrent", constants[4:8])
    bias, nothing = (
        stacked("bias", constants[8:]),
        edit.constant(f"{node.name}.nothing", np.zeros(4 * units, np.float32)),
    )
    flat = add("flat", Reshape((steps * rows, x.type.shape[2])), x)
    products = add("products", FullyConnected(), flat, of_input, bias)
    sequence = add("sequence", Reshape((*x.type.shape[:2], 4 * units)), products)
    results = []
    for step in range(steps):
        own = add("own", Slice.along(sequence.type.shape, {axis: range(step, step + 1)}), sequence)
        past = add("past", FullyConnected(), hidden, of_state, nothing)
        total = add("total", Add(), add("step", Reshape((rows, 4 * units)), own), past)
        gates = [
            add("gate", Slice.along(total.type.shape, {1: range(gate * units, (gate + 1) * units)}), total)
            for gate in range(4)
        ]
        entering, kept, leaving = (add("open", Sigmoid(), gates[gate]) for gate in (0, 1, 3))
        added = add("added", Mul(), entering, add("new", Tanh(), gates[2]))
        cell = add("cell", Add(), add("kept", Mul(), kept, cell), added)
        cell = add("clipped", Clip(-clip, clip), cell) if clip > 0 else cell
        hidden = add("hidden", Mul(), add("shown", Tanh(), cell), leaving)
        shape = (1, rows, units) if time_major else (rows, 1, units)
        results.append(add("result", Reshape(shape), hidden))
    whole = add("results", Concat(axis), *results) if steps > 1 else results[0]
    return whole, hidden, cell
