"""Models that others' tools write: each is read, computes the reference's answers, and keeps them in int8."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinyglow
from tests.cases.cases import case, float_answers, int8_snr

# name: options of load, output that is compared, least SNR of int8 in dB.
ONNX: dict[str, tuple[dict[str, Any], int, float]] = {
    "anonymous_batch_dim": ({}, 0, 30),
    "float16_weights": ({}, 0, 30),
    "skl_mlpclassifier": ({"outputs": ["probabilities"]}, 1, 25),
}


@pytest.mark.parametrize("name", ONNX)
def test_onnx_models(name: str) -> None:
    """The float network is the reference's, and int8 is near."""
    options, output, least = ONNX[name]
    given = case(name)
    graph = tinyglow.load(given.path, **options)
    expected = given.expected[output]
    actual = float_answers(graph, given.inputs)[0].reshape(expected.shape)
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4 * float(np.abs(expected).max()))
    assert int8_snr(graph, given.inputs, expected) > least


def test_pool_windows_behind_the_padding() -> None:
    """ceil_mode with count_include_pad: the padding counts, and what is after it does not."""
    given = case("avgpool_ceil_count_include_pad")
    graph = tinyglow.load(given.path)
    np.testing.assert_allclose(float_answers(graph, given.inputs)[0], given.expected[0], rtol=1e-4, atol=1e-5)
    assert int8_snr(graph, given.inputs, given.expected[0]) > 30


def test_a_causal_network_of_dilated_convolutions() -> None:
    """A quantized TFLite network of Conv1D layers with dilations answers as LiteRT does, to a step or two."""
    pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")
    given = case("tcn_causal_dilated_tflite")
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(given.path)))
    answer = tinyglow.interpret(program, {program.inputs[0]: given.inputs})[program.outputs[0]]
    quant = program.buffers[program.outputs[0]].type.quant
    assert quant is not None
    real = (answer.astype(np.float64) - quant.offset) * quant.scale
    assert np.abs(real.reshape(given.expected[0].shape) - given.expected[0]).max() <= 2 * quant.scale
