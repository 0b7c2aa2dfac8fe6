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
