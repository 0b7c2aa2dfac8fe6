"""RNN, GRU and LSTM: one step after the other, as ONNX defines them; the C computes the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper

import tinyglow
from tests.unit.operators.single import compiled, loaded, model, real, refusal
from tinyglow.interp import run_graph
from tinyglow.pipeline.compare import verify
from tinyglow.targets.boards import HOST

STEPS, BATCH, DEPTH, UNITS = 5, 2, 3, 4
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
Reals = npt.NDArray[np.float64]


def _weights(op_type: str, directions: int, peepholes: bool) -> dict[str, Reals]:
    """W, R, B, the first states, and P."""
    rng, rows = np.random.default_rng(5), GATES[op_type] * UNITS
    shapes = {"W": (rows, DEPTH), "R": (rows, UNITS), "B": (2 * rows,), "h": (BATCH, UNITS), "c": (BATCH, UNITS)}
    shapes |= {"P": (3 * UNITS,)} if peepholes else {}
    return {name: rng.standard_normal((directions, *shape)) / 2 for name, shape in shapes.items()}


def _layer(op_type: str, inputs: tuple[str, ...], direction: str = "forward", **attributes: Any) -> onnx.ModelProto:
    """A layer with an input x; ``inputs``: which of the others it has ("l": lengths of sequences)."""
    directions = 2 if direction == "bidirectional" else 1
    given = _weights(op_type, directions, "P" in inputs) | {"l": np.array([STEPS, STEPS - 1])}
    order = [name if name in inputs else "" for name in ("W", "R", "B", "l", "h", "c", "P")]
    while not order[-1]:
        order.pop()
    outputs = ["Y", "Yh", "Yc"] if op_type == "LSTM" else ["Y", "Yh"]
    node = helper.make_node(
        op_type, ["x", *order], outputs, name="layer", hidden_size=UNITS, direction=direction, **attributes
    )
    shape = (BATCH, STEPS, DEPTH) if attributes.get("layout") else (STEPS, BATCH, DEPTH)
    constants = {name: given[name] for name in order if name}
    if attributes.get("layout"):
        constants |= {name: constants[name].swapaxes(0, 1) for name in ("h", "c") if name in constants}
    return model([node], {"x": shape}, outputs, constants, 17)


def _expected(proto: onnx.ModelProto, x: Reals) -> list[Reals]:
    """Y, Yh, Yc of one sample x [steps, batch, depth], by the formulas of ONNX's documentation in double precision."""
    (node,) = proto.graph.node
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    ways = {b"reverse": [-1], b"bidirectional": [1, -1]}.get(attributes["direction"], [1])
    given = _weights(node.op_type, len(ways), "P" in node.input)
    whole, last = np.zeros((STEPS, len(ways), BATCH, UNITS)), []
    for index, way in enumerate(ways):
        own = {name: data[index] if name in node.input else np.zeros_like(data[index]) for name, data in given.items()}
        state = [own["h"], own["c"]]
        for step in range(STEPS)[::way]:
            state = _step(node.op_type, attributes, own, x[step], *state)
            whole[step, index] = state[0]
        last.append(state)
    return [whole, *(np.stack(states) for states in zip(*last, strict=True))]


def _step(op_type: str, attributes: dict[str, Any], own: dict[str, Reals], x: Reals, h: Reals, c: Reals) -> list[Reals]:
    bound = attributes.get("clip", np.inf)
    functions = [name.decode() for name in attributes.get("activations", ())]

    def sigmoid(value: Reals) -> Reals:
        return 1 / (1 + np.exp(-np.clip(value, -bound, bound)))

    def tanh(value: Reals) -> Reals:
        bounded = np.clip(value, -bound, bound)
        return np.maximum(bounded, 0) if "Relu" in functions else np.tanh(bounded)

    def split(data: Reals) -> list[Reals]:
        return np.split(data, GATES[op_type])

    inputs, states = split(own["W"]), split(own["R"])
    of_input, of_state = (split(half) for half in np.split(own["B"], 2))
    a = [x @ w.T + b for w, b in zip(inputs, of_input, strict=True)]
    b = [h @ r.T + e for r, e in zip(states, of_state, strict=True)]
    if op_type == "RNN":
        return [tanh(a[0] + b[0]), c]
    if op_type == "GRU":
        z, r = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
        past = r * b[2] if attributes.get("linear_before_reset") else (r * h) @ states[2].T + of_state[2]
        return [(1 - z) * tanh(a[2] + past) + z * h, c]
    pi, po, pf = np.split(own.get("P", np.zeros(3 * UNITS)), 3)
    i = sigmoid(a[0] + b[0] + pi * c)
    f = 1 - i if attributes.get("input_forget") else sigmoid(a[2] + b[2] + pf * c)
    memory = f * c + i * tanh(a[3] + b[3])
    o = sigmoid(a[1] + b[1] + po * memory)
    return [o * np.tanh(memory), memory]


FORMS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"activations": ["Relu"]}),
    ("GRU", {}),
    ("GRU", {"linear_before_reset": 1, "clip": 0.4}),
    ("LSTM", {}),
    ("LSTM", {"input_forget": 1}),
]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("inputs", [("W", "R"), ("W", "R", "B", "h", "c", "P")], ids=len)
@pytest.mark.parametrize(("op_type", "attributes"), FORMS)
def test_the_states_are_those_of_the_definition(
    op_type: str, attributes: dict[str, Any], inputs: tuple[str, ...], direction: str, tmp_path: Path
) -> None:
    """All steps' states and the last ones, in each direction, with and without biases, first states and peepholes."""
    names = tuple(name for name in inputs if op_type == "LSTM" or name not in ("c", "P"))
    attributes = dict(attributes)
    if "activations" in attributes and direction == "bidirectional":
        attributes["activations"] = attributes["activations"] * 2
    proto = _layer(op_type, names, direction, **attributes)
    x = np.random.default_rng(1).standard_normal((2, STEPS, BATCH, DEPTH)).astype(np.float32)
    found = list(run_graph(loaded(proto, tmp_path), {"x": x}).values())
    for index, sample in enumerate(x):
        for got, expected in zip(found, _expected(proto, sample.astype(np.float64)), strict=False):
            np.testing.assert_allclose(got[index], expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("op_type", GATES)
def test_batches_may_come_first(op_type: str, tmp_path: Path) -> None:
    """With layout 1 inputs, states and results have the batch as their first dimension."""
    names = ("W", "R", "h", "c") if op_type == "LSTM" else ("W", "R", "h")
    proto = _layer(op_type, names, "bidirectional", layout=1)
    x = np.random.default_rng(1).standard_normal((1, BATCH, STEPS, DEPTH)).astype(np.float32)
    whole, *last = run_graph(loaded(proto, tmp_path), {"x": x}).values()
    expected, *ends = _expected(proto, x[0].swapaxes(0, 1).astype(np.float64))
    np.testing.assert_allclose(whole[0], expected.transpose(2, 0, 1, 3), rtol=0, atol=2e-6)
    for got, end in zip(last, ends, strict=False):
        np.testing.assert_allclose(got[0], end.swapaxes(0, 1), rtol=0, atol=2e-6)


@pytest.mark.parametrize(("op_type", "least"), [("GRU", 30), ("LSTM", 30)])
@pytest.mark.slow  # compiles C
def test_int8_is_close_to_float_and_the_same_in_c(op_type: str, least: float, tmp_path: Path) -> None:
    """With enough samples the int8 layer is near to float; and C gives numpy's answers to the bit."""
    attributes = {"linear_before_reset": 1} if op_type == "GRU" else {}
    graph = loaded(_layer(op_type, ("W", "R", "B"), **attributes), tmp_path)
    x = np.random.default_rng(2).standard_normal((64, STEPS, BATCH, DEPTH)).astype(np.float32)
    program = compiled(graph, {"x": x})
    found, expected = tinyglow.interpret(program, {"x": x}), run_graph(graph, {"x": x})
    for name in program.outputs:
        noise = real(program, name, found[name]).ravel() - expected[name].ravel()
        assert 10 * np.log10((expected[name] ** 2).sum() / (noise**2).sum()) > least
    assert all(comparison.equal for comparison in verify(program, HOST, {"x": x[:4]}))
    constants = [buffer.data for buffer in program.buffers.values() if buffer.data is not None]
    assert [data.size for data in constants].count(GATES[op_type] * UNITS * UNITS) == 1  # the state's, for all steps


@pytest.mark.parametrize(
    ("inputs", "attributes", "found"),
    [
        (("W", "R"), {"activations": ["Affine", "Tanh"]}, "activations ['Affine', 'Tanh']"),
        (("W", "R"), {"activations": ["Tanh"]}, "activations ['Tanh']; expected 2"),
        (("W", "R", "l"), {}, f"lengths of sequences [{STEPS}, {STEPS - 1}]; expected all {STEPS} steps"),
        (("W", "R"), {"direction": "sideways"}, "direction 'sideways'"),
    ],
)
def test_what_is_not_computed_is_refused(
    inputs: tuple[str, ...], attributes: dict[str, Any], found: str, tmp_path: Path
) -> None:
    """Other activations, sequences of several lengths, and directions that there are not."""
    assert found in refusal(_layer("GRU", inputs, **attributes), tmp_path)
