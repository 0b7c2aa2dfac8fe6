"""IF and WHILE of TFLite files: what is refused, and what a network holds of subgraphs that run more than once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.tflite import cases, control_cases
from tests.tflite.builder import Body, Quant, TFLiteBuilder
from tinyglow.errors import ModelError
from tinyglow.frontend import tflite_control
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Graph

_SHAPE = (2, 3)


def _load(folder: Path, model: bytes) -> Graph:
    path = folder / "net.tflite"
    path.write_bytes(model)
    return tinyglow.load(path, "net")


def _while(start: np.ndarray, bodies: list[Body], kinds: tuple[str, str] = ("INT32", "FLOAT32")) -> bytes:
    b = TFLiteBuilder()
    x, counter = b.tensor("x", _SHAPE), b.constant("start", start)
    results = [b.tensor("last", (), kinds[0]), b.tensor("y", _SHAPE, kinds[1])]
    of = {"CondSubgraphIndex": 1, "BodySubgraphIndex": 2}
    b.operators.append(("WHILE", [counter, x], results, "WhileOptions", of, 1))
    return b.build([x], [results[1]], others=bodies)


def test_weights_of_a_round_are_there_once(tmp_path: Path) -> None:
    """Three rounds are three layers of the same weights."""
    graph = _load(tmp_path, cases.case("while_0").model)
    weights = {name for node in graph.nodes for name in node.inputs if graph.type_of(name).shape in ((3, 3), (3,))}
    assert len(weights) == 2 and sum(node.op.kind == "FullyConnected" for node in graph.nodes) == 3


def test_a_condition_of_an_input_is_refused(tmp_path: Path) -> None:
    """It is computed at run time."""
    b = TFLiteBuilder()
    x = b.tensor("x", _SHAPE)
    at = [b.constant("begin", [0, 0]), b.constant("size", [1, 1])]
    first = b.node("RESHAPE", [b.node("SLICE", [x, *at], (1, 1), options="SliceOptions"), b.constant("s", [1])], (1,))
    above = b.node("GREATER", [first, b.constant("least", np.float32(0))], (1,), "above", "GreaterOptions", 1, "BOOL")
    y = b.node("IF", [above, x], _SHAPE, "y", "IfOptions", ThenSubgraphIndex=1, ElseSubgraphIndex=2)
    with pytest.raises(ModelError, match=r"\(IF\): a condition that is computed at run time; expected .*unroll=True"):
        _load(tmp_path, b.build([x], [y], others=control_cases.rounds()))


@pytest.mark.parametrize(
    ("limit", "because"),
    [
        ("MOST_ROUNDS", "a loop without end"),
        ("MOST_OPERATORS", "more than 40 operators"),
        ("MOST_TENSORS", "more than 40 tensors"),
    ],
)
def test_a_loop_without_end_is_refused(
    limit: str, because: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds are bounded, and the operators and tensors of all of them."""
    monkeypatch.setattr(tflite_control, limit, 40)
    with pytest.raises(ModelError, match=rf"\(WHILE\): {because}"):
        _load(tmp_path, _while(np.asarray(np.int32(-(10**6))), control_cases.rounds()))


@pytest.mark.parametrize(
    ("bodies", "because"),
    [
        ([], "subgraph 1, which the file does not have"),
        (control_cases.rounds()[::-1], "a condition of 2 results"),
    ],
)
def test_subgraphs_that_do_not_fit_are_refused(bodies: list[Body], because: str, tmp_path: Path) -> None:
    """By what they lack."""
    with pytest.raises(ModelError, match=because):
        _load(tmp_path, _while(np.asarray(np.int32(0)), bodies))


def test_what_is_not_supported_in_a_subgraph_is_named(tmp_path: Path) -> None:
    """As in the network itself, once, and nothing is said of the WHILE."""
    condition, _ = control_cases.rounds()
    body = TFLiteBuilder()
    counter, value = body.tensor("i", (), "INT32"), body.tensor("x", _SHAPE)
    strange = body.node("GELU", [value], _SHAPE, "strange")
    with pytest.raises(ModelError, match="unsupported operator GELU") as caught:
        _load(tmp_path, _while(np.asarray(np.int32(0)), [condition, (body, [counter, value], [counter, strange])]))
    assert "WHILE" not in str(caught.value)


def test_a_subgraph_that_takes_another_scale_is_refused(tmp_path: Path) -> None:
    """Its input stands for other numbers than what it is given."""
    b, bent = TFLiteBuilder(), TFLiteBuilder()
    x = b.tensor("x", _SHAPE, "INT8", Quant([0.1], [0]))
    truth = b.constant("truth", np.array([True]))
    y = b.node("IF", [truth, x], _SHAPE, "y", "IfOptions", 1, "INT8", Quant([0.1], [0]), ThenSubgraphIndex=1)
    inner = bent.tensor("x", _SHAPE, "INT8", Quant([0.2], [0]))
    with pytest.raises(ModelError, match=r"'x' is .* in a subgraph; expected one shape, type and scale"):
        _load(tmp_path, b.build([x], [y], others=[(bent, [inner], [inner])]))


def test_a_subgraph_s_tensors_are_not_those_of_the_network(tmp_path: Path) -> None:
    """Whatever names the file gives: here one is made as the import makes names of a subgraph's tensors."""
    b = TFLiteBuilder()
    x = b.tensor("x", _SHAPE)
    twice = b.node("ADD", [x, x], _SHAPE, "half_of_1_2", "AddOptions")
    scaled = control_cases.chosen(True, b, x)
    z = b.node("ADD", [scaled, twice], _SHAPE, "z", "AddOptions")
    graph = _load(tmp_path, b.build([x], [z], others=control_cases.branches()))
    given = cases.numbers(1, *_SHAPE)
    assert np.allclose(run_graph(graph, {"x": given})["z"], 3.5 * given)
