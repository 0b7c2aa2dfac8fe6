"""What a numerics costs beside Glow's: the record, and one network of it."""

from __future__ import annotations

import importlib.util

import pytest

from tests.benchmarks import mlperf_tiny
from tests.benchmarks.measure import TESTS
from tests.benchmarks.numerics import CORES, MEASURED, MOST, QUANTIZED, measure, ratios, recorded
from tinyglow.numerics.names import GLOW, ONNX, TFLITE

# As the record's: quantized by onnxruntime, calibrated with digits.
MNIST = TESTS / "onnx_quantized" / "mnist_nxp_nchw.onnx"


def test_no_network_loses_more_than_a_tenth() -> None:
    """On no core, with no numerics of its runtime; and the record has every network of the benchmark."""
    found = recorded()
    assert set(found[ONNX]) == set(QUANTIZED)
    assert set(found[TFLITE]) == {network.file for network in mlperf_tiny.NETWORKS}
    for kind, rows in found.items():
        for name, cycles in rows.items():
            assert set(cycles) == set(MEASURED[kind])
            for numerics in MEASURED[kind]:
                assert max(ratios(cycles, numerics)) <= MOST, (name, numerics)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("numerics", [GLOW, ONNX])
def test_the_record_is_of_today(numerics: str, core: str) -> None:
    """The smallest network, measured anew."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("the figures are those of ziglang's code, which is not installed")
    before = recorded()[ONNX]["mnist_nxp_nchw"][numerics][core]
    assert measure(MNIST, numerics, [core])[core] == pytest.approx(before, rel=0.02)
