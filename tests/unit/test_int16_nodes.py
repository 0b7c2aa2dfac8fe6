"""Nodes whose values are int16 in a network of int8: recurrent layers come nearer to float."""

from __future__ import annotations

from pathlib import Path

import pytest

import tinyglow
from tests.cases.cases import snr
from tests.exported.samples import CALIBRATION, samples
from tinyglow.errors import InputError
from tinyglow.interp import run_graph
from tinyglow.operators.constants import dequantized
from tinyglow.quant.scheme import Scheme

_MODELS = Path(__file__).parents[1] / "exported" / "models"


def _made(name: str, board: str = "host") -> tuple[float, float, bool]:
    """The SNR of int8 and of int8 with the recurrent layer in int16, in dB; whether a board computes the latter."""
    path = _MODELS / f"{name}.onnx"
    arrays = samples(path)
    first, tested = (
        {key: array[part] for key, array in arrays.items()} for part in (slice(CALIBRATION), slice(-12, None))
    )
    graph = tinyglow.load(path)
    profile = tinyglow.profile(graph, first)
    recurrent = frozenset(node.origin for node in graph.nodes if node.op.kind in ("Sigmoid", "Tanh"))
    found = []
    for scheme in (Scheme(), Scheme(int16_nodes=recurrent)):
        program = tinyglow.lower(tinyglow.quantize(graph, profile, scheme))
        (name, exact), *_ = run_graph(graph, tested).items()
        answer = tinyglow.interpret(program, tested)[name]
        found.append(snr(dequantized(answer, program.buffers[name].type), exact))
    few = {key: array[:2] for key, array in tested.items()}
    return found[0], found[1], all(item.equal for item in tinyglow.verify(program, tinyglow.load_board(board), few))


@pytest.mark.parametrize("name", ["gru_keywords_dynamo", "lstm_keywords_dynamo"])
@pytest.mark.slow
def test_recurrent_layers_gain(name: str) -> None:
    """More than 7 dB; C computes the same."""
    plain, wide, is_same = _made(name)
    assert wide > plain + 7 and is_same


def test_other_nodes_stay_int8() -> None:
    """What the layer reads and what reads it is int8; a float stands between the widths."""
    graph = tinyglow.load(_MODELS / "gru_step_dynamo.onnx")
    profile = tinyglow.profile(
        graph, {key: array[:8] for key, array in samples(_MODELS / "gru_step_dynamo.onnx").items()}
    )
    (gru,) = {node.origin for node in graph.nodes if node.op.kind == "Sigmoid"}
    quantized = tinyglow.quantize(graph, profile, Scheme(int16_nodes=frozenset([gru])))
    for node in quantized.nodes:
        if node.origin and node.op.kind not in ("Quantize", "Dequantize"):
            wanted = "int16" if node.origin == gru else "int8"
            assert quantized.type_of(node.outputs[0]).dtype == wanted, node.name


def test_names_and_glow_are_checked() -> None:
    """A node that there is not, and Glow's own graph, which has no int16."""
    graph = tinyglow.load(_MODELS / "gru_step_dynamo.onnx")
    with pytest.raises(InputError, match="is no node of the network"):
        Scheme(int16_nodes=frozenset(["nobody"])).check_nodes(graph)
    with pytest.raises(InputError, match="Glow has no int16"):
        Scheme(like_glow=True, int16_nodes=frozenset(["a"]))
