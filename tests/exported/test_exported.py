"""Networks as PyTorch's two exporters and skl2onnx write them: int8 is near float, and the same everywhere."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.cases.cases import snr
from tests.exported.samples import CALIBRATION, samples
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Array, Graph
from tinyglow.operators.constants import dequantized
from tinyglow.pipeline.streams import as_frames
from tinyglow.testing import is_full

_MODELS = Path(__file__).parent / "models"
_SNR: dict[str, float | None] = json.loads((_MODELS / "snr.json").read_text(encoding="utf-8"))
_NAMES = sorted(_SNR)
_BOARDS = ("nrf52840-dk", "mimxrt1060-evk")
# dB below onnxruntime's own int8.
_MARGIN = 1.0
# Profiled with --margin none: margins for few samples cost it 3.5 dB; the U-Net and the transformer need them.
_WITHOUT_MARGINS = "sklearn"
# Where onnxruntime has no int8.
_LEAST = {"gru": 20.0, "lstm": 30.0}
_ON_CORES = _NAMES if is_full() else ["gru_step_torchscript", "mobile_block_dynamo"]


@cache
def _made(name: str) -> tuple[Graph, Graph, dict[str, Array], dict[str, Array]]:
    """The float graph, the int8 one, the samples for calibration and those tested."""
    path = _MODELS / f"{name}.onnx"
    arrays = samples(path)
    first = {key: array[:CALIBRATION] for key, array in arrays.items()}
    rest = {key: array[CALIBRATION:] for key, array in arrays.items()}
    outputs = ("probabilities",) if name.startswith("sklearn") else ()  # and not the class besides
    graph = tinyglow.load(path, outputs=outputs)
    profile = tinyglow.profile(graph, first, margin=not name.startswith(_WITHOUT_MARGINS))
    return graph, tinyglow.quantize(graph, profile), first, rest


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.slow  # compiles C
def test_int8_is_near_float(name: str) -> None:
    """Every output comes as near as onnxruntime's static int8 of the same file, but for 1 dB; C is numpy's."""
    graph, quantized, _, tested = _made(name)
    program = tinyglow.lower(quantized)
    expected, answers = run_graph(graph, tested), tinyglow.interpret(program, tested)
    found = []
    for key, exact in expected.items():
        if exact.dtype.kind == "f":
            found.append(snr(dequantized(answers[key], program.buffers[key].type), exact))
    theirs, kind = _SNR[name], name.partition("_")[0]
    assert min(found) >= (_LEAST[kind] if theirs is None else theirs - _MARGIN)
    few = {key: array[:2] for key, array in tested.items()}
    (host,) = tinyglow.verify(program, tinyglow.load_board("host"), few)
    assert host.equal


@pytest.mark.parametrize("board", _BOARDS)
@pytest.mark.parametrize("name", _ON_CORES)
@pytest.mark.slow  # compiles C
def test_cores_do_the_same(name: str, board: str) -> None:
    """Compiled for a board with a Cortex-M4, and one with a Cortex-M7."""
    _, quantized, _, tested = _made(name)
    chosen = tinyglow.load_board(board)
    program = tinyglow.lower(quantized, target=tinyglow.target_of(chosen))
    few = {key: array[:1] for key, array in tested.items()}
    assert all(comparison.equal for comparison in tinyglow.verify(program, chosen, few))


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_the_causal_network_is_a_stream(exporter: str) -> None:
    """Frame by frame it gives the whole network's integers."""
    _, quantized, _, tested = _made(f"causal_convolutions_{exporter}")
    (whole,) = tinyglow.interpret(tinyglow.lower(quantized), tested).values()
    frames, sequence = as_frames(tested, quantized, -1)
    (calls,) = tinyglow.interpret(tinyglow.lower(tinyglow.stream(quantized, -1)), frames, sequence=sequence).values()
    length = whole.shape[-1]
    np.testing.assert_array_equal(np.moveaxis(calls.reshape(-1, length, 3), 1, 2), whole.reshape(-1, 3, length))


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_the_step_keeps_its_state(exporter: str) -> None:
    """Call by call the int8 step stays near the float one."""
    path = _MODELS / f"gru_step_{exporter}.onnx"
    graph = tinyglow.load(path)
    (result,) = [output.name for output in graph.outputs if graph.type_of(output.value).shape == (1, 1, 16)]
    graph = tinyglow.load(path, states={"h": graph.source_names[result]})
    x = {"x": samples(path)["x"]}
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, x, sequence=12)))
    (exact,), (actual,) = (
        run_graph(graph, x, sequence=12).values(),
        tinyglow.interpret(program, x, sequence=12).values(),
    )
    (name,) = program.outputs
    assert snr(dequantized(actual, program.buffers[name].type), exact) > 25
