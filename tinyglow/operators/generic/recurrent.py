"""ONNX's recurrent layers (RNN, GRU, LSTM) as one step after the other, with shared weights.

The products of the inputs with their weights are one layer for all steps; those of the state are a layer for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tinyglow.ir.graph import Value
from tinyglow.ir.op import Op, UnsupportedError
from tinyglow.operators.clip import Clip
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.relu import Relu
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.slice import Slice
from tinyglow.operators.tanh import Tanh

_MOST_STEPS = 1024  # in one layer and direction
_ACTIVATIONS: dict[str, Op] = {"sigmoid": Sigmoid(), "tanh": Tanh(), "relu": Relu()}
_DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_COMMON = ("activations", "clip", "direction", "hidden_size", "layout")
_UNUSED = dict.fromkeys(("activation_alpha", "activation_beta"), "of activations that are refused by name")


def part(build: Build, value: Value, axis: int, begin: int, end: int) -> Value:
    """Elements from ``begin`` up to ``end`` along a dimension."""
    if (begin, end) == (0, value.type.shape[axis]):
        return value
    return build.add(Slice.along(value.type.shape, {axis: range(begin, end)}), value)


@dataclass
class _Direction:
    """One direction of a layer.

    Attributes:
        build: The node.
        units: Elements of the state, H.
        functions: Its activations.
        recurrent: Weights of the state, [gates * H, H].
        bias: Of the state's products, [gates * H].
        peepholes: Weights of an LSTM's memory in the gates i, o, f, [3 * H]; None without.
        shared: Weights [H, units] and bias of the state's layers, by the rows that they are.
    """

    build: Build
    units: int
    functions: Sequence[Op]
    recurrent: Value
    bias: Value
    peepholes: Value | None
    shared: dict[tuple[int, int], tuple[Value, Value]] = field(default_factory=dict)

    def activated(self, number: int, value: Value) -> Value:
        """An activation, of a value that the layer's clip bounds."""
        bound = self.build.node.real("clip", 0.0)
        if bound > 0:
            value = self.build.add(Clip(-bound, bound), value)
        return self.build.add(self.functions[number], value)

    def gate(self, value: Value, first: int, count: int = 1) -> Value:
        """Neighbouring gates of a value [batch, gates * H]."""
        return part(self.build, value, 1, first * self.units, (first + count) * self.units)

    def weighted(self, value: Value, first: int, count: int) -> Value:
        """The state's products with the weights of some gates, and their bias; all steps share these constants."""
        rows = first * self.units, (first + count) * self.units
        if rows not in self.shared:
            weights, bias = (part(self.build, item, 0, *rows) for item in (self.recurrent, self.bias))
            self.shared[rows] = self.build.transpose(weights, (1, 0)), bias
        return dense(self.build, value, *self.shared[rows])

    def mixed(self, gate: Value, x: Value, y: Value) -> Value:
        """(1 - gate) x + gate y: as ONNX has it, for y - x would be twice as wide as what it is made of."""
        each = self.build.each
        kept = each("mul", each("sub", self.build.like(1, gate), gate), x)
        return kept if _is_zero(y) else each("add", kept, each("mul", gate, y))


def _is_zero(value: Value) -> bool:
    return value.data is not None and not value.data.any()


def dense(build: Build, x: Value, weights: Value, bias: Value) -> Value:
    """X [rows, depth] times weights [depth, units], plus the bias [units]."""
    if weights.data is not None and bias.data is not None:
        return build.add(FullyConnected(), x, weights, bias)
    return build.each("add", build.matmul(x, weights), bias)


def _rnn(cell: _Direction, x: Value, state: list[Value]) -> list[Value]:
    total = cell.build.each("add", x, cell.weighted(state[0], 0, 1))
    return [cell.activated(0, total)]


def _gru(cell: _Direction, x: Value, state: list[Value]) -> list[Value]:
    """Gates z, r, h."""
    each, (hidden,) = cell.build.each, state
    if cell.build.node.integer("linear_before_reset", 0):
        products = cell.weighted(hidden, 0, 3)
        gates = cell.activated(0, each("add", cell.gate(x, 0, 2), cell.gate(products, 0, 2)))
        past = each("mul", cell.gate(gates, 1), cell.gate(products, 2))
    else:
        gates = cell.activated(0, each("add", cell.gate(x, 0, 2), cell.weighted(hidden, 0, 2)))
        past = cell.weighted(hidden if _is_zero(hidden) else each("mul", cell.gate(gates, 1), hidden), 2, 1)
    new = cell.activated(1, each("add", cell.gate(x, 2), past))
    return [cell.mixed(cell.gate(gates, 0), new, hidden)]


def _lstm(cell: _Direction, x: Value, state: list[Value]) -> list[Value]:
    """Gates i, o, f, c."""
    each, (hidden, memory) = cell.build.each, state
    total = each("add", x, cell.weighted(hidden, 0, 4))

    def peeped(gate: int, seen: Value) -> Value:
        plain = cell.gate(total, gate)
        if cell.peepholes is None or _is_zero(seen):
            return plain
        weights = part(cell.build, cell.peepholes, 0, gate * cell.units, (gate + 1) * cell.units)
        return each("add", plain, each("mul", seen, weights))

    entering = cell.activated(0, peeped(0, memory))
    if cell.build.node.integer("input_forget", 0):
        kept = each("sub", cell.build.like(1, entering), entering)
    else:
        kept = cell.activated(0, peeped(2, memory))
    added = each("mul", entering, cell.activated(1, cell.gate(total, 3)))
    memory = added if _is_zero(memory) else each("add", each("mul", kept, memory), added)
    leaving = cell.activated(0, peeped(1, memory))
    return [each("mul", leaving, cell.build.add(cell.functions[2], memory)), memory]


_STEPS: dict[str, Callable[[_Direction, Value, list[Value]], list[Value]]] = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}


def _functions(build: Build, directions: int) -> list[Op]:
    """The activations of all directions."""
    given = build.node.attributes.get("activations")
    defaults = _DEFAULTS[build.node.op_type] * directions
    names = [str(name) for name in given] if isinstance(given, list) and given else defaults
    unknown = sorted({name for name in names if name.lower() not in _ACTIVATIONS})
    if unknown or len(names) != len(defaults):
        raise UnsupportedError(f"activations {names}", f"{len(defaults)} of Sigmoid, Tanh and Relu")
    return [_ACTIVATIONS[name.lower()] for name in names]


def _inputs(build: Build) -> Value:
    """The input [steps, batch, depth]."""
    x = build.input(0)
    if len(x.type.shape) != 3:
        raise UnsupportedError(f"input shape {list(x.type.shape)}", "3 dimensions")
    x = build.transpose(x, (1, 0, 2)) if build.node.integer("layout", 0) else x
    steps, batch, _ = x.type.shape
    if steps > _MOST_STEPS:
        raise UnsupportedError(f"{steps} steps", f"at most {_MOST_STEPS}, each of which is a part of the network")
    if build.has(4):
        lengths = build.static(4, "lengths of sequences")
        if lengths.size != batch or (lengths != steps).any():
            raise UnsupportedError(f"lengths of sequences {lengths.tolist()}", f"all {steps} steps")
    return x


def _states(build: Build, shape: tuple[int, int, int], number: int) -> list[Value]:
    """The first state of each direction, [batch, H]: an input of the node, or zeros."""
    directions, batch, units = shape
    if not build.has(number):
        return [build.constant(np.zeros((batch, units), np.float32))] * directions
    value, batchwise = build.input(number), build.node.integer("layout", 0)
    value = build.transpose(value, (1, 0, 2)) if batchwise and len(value.type.shape) == 3 else value
    if value.type.shape != shape:
        raise UnsupportedError(f"a state of shape {list(value.type.shape)}", f"{list(shape)}")
    return [build.reshape(part(build, value, 0, index, index + 1), (batch, units)) for index in range(directions)]


def _of_direction(build: Build, number: int, index: int, shape: Sequence[int]) -> Value:
    """What an input [directions, *shape] has for one direction; zeros if it is left out."""
    if not build.has(number):
        return build.constant(np.zeros(shape, np.float32))
    value = build.input(number)
    if value.type.shape[1:] != tuple(shape):
        raise UnsupportedError(f"input {number} of shape {list(value.type.shape)}", f"[directions, {shape}]")
    return build.reshape(part(build, value, 0, index, index + 1), shape)


@makes("RNN", version=22, attributes=_COMMON, ignored=_UNUSED)
@makes("GRU", version=22, attributes=(*_COMMON, "linear_before_reset"), ignored=_UNUSED)
@makes("LSTM", version=22, attributes=(*_COMMON, "input_forget"), ignored=_UNUSED)
def recurrent(build: Build) -> list[Value]:
    """All states, and the last ones: Y, Y_h, and Y_c of an LSTM."""
    node = build.node
    ways = {"forward": [1], "reverse": [-1], "bidirectional": [1, -1]}.get(node.text("direction", "forward"))
    if ways is None:
        raise UnsupportedError(f"direction {node.text('direction', '')!r}", "forward, reverse or bidirectional")
    x = _inputs(build)
    functions, count = _functions(build, len(ways)), len(_DEFAULTS[node.op_type])
    (steps, batch, _), units = x.type.shape, build.input(2).type.shape[-1]
    sources = [5, 6] if node.op_type == "LSTM" else [5]
    first = [_states(build, (len(ways), batch, units), number) for number in sources]
    every: list[list[Value]] = []
    last: list[list[Value]] = []
    for index, way in enumerate(ways):
        own = functions[index * count : (index + 1) * count]
        states = _run(build, x, index, way, own, [state[index] for state in first])
        every.append([state[0] for state in states[::way]])
        last.append(states[-1])
    results = [
        _joined(build, [[state] for state in final], (len(ways), batch, units)) for final in zip(*last, strict=True)
    ]
    if node.integer("layout", 0):
        results = [build.transpose(result, (1, 0, 2)) for result in results]
    whole = [_whole(build, every, (steps, len(ways), batch, units))] if node.outputs[0] else results[:1]
    return [*whole, *results][: max(1, len(node.outputs))]


def _run(
    build: Build, x: Value, index: int, way: int, functions: Sequence[Op], state: list[Value]
) -> list[list[Value]]:
    """The states [batch, H] after each step of one direction, in the order in which they come about."""
    (steps, batch, depth), units, gates = x.type.shape, state[0].type.shape[1], _GATES[build.node.op_type]
    rows = gates * units
    weights, recurrent_weights = (_of_direction(build, n, index, (rows, size)) for n, size in ((1, depth), (2, units)))
    biases = _of_direction(build, 3, index, (2 * rows,))
    own, other = (part(build, biases, 0, begin, begin + rows) for begin in (0, rows))
    peepholes = _of_direction(build, 7, index, (3 * units,)) if build.has(7) else None
    cell = _Direction(build, units, functions, recurrent_weights, other, peepholes)
    products = dense(build, build.reshape(x, (steps * batch, depth)), build.transpose(weights, (1, 0)), own)
    states = []
    for step in range(steps)[::way]:
        state = _STEPS[build.node.op_type](cell, part(build, products, 0, step * batch, (step + 1) * batch), state)
        states.append(state)
    return states


def _joined(build: Build, states: Sequence[Sequence[Value]], shape: Sequence[int]) -> Value:
    """States one after the other, in a shape."""
    return build.reshape(build.concat([state for row in states for state in row], 0), shape)


def _whole(build: Build, every: Sequence[Sequence[Value]], shape: tuple[int, int, int, int]) -> Value:
    """Y: the states of all steps and directions."""
    whole = _joined(build, list(zip(*every, strict=True)), shape)
    return build.transpose(whole, (2, 0, 1, 3)) if build.node.integer("layout", 0) else whole
