"""The tflm numerics: TensorFlow Lite Micro's integers with CMSIS-NN, where they are not LiteRT's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.tflite import int8_cases, int16_cases, numerics_cases
from tests.tflite.builder import Quant, TFLiteBuilder
from tests.unit.test_frontend_tflite_int8 import saved
from tinyglow.errors import ModelError
from tinyglow.numerics import tflite
from tinyglow.targets.boards import HOST

# What arm_softmax_s8 of CMSIS-NN gives for a scale: rows, and their results.
SOFTMAX = {
    0.0625: (
        [[81, -102, 16, -22, -18, -8, -80], [-9, -34, 127, 9, -14, -11, -26]],
        [[122, -128, -124, -128, -127, -127, -128], [-128, -128, 127, -128, -128, -128, -128]],
    ),
    0.011: (
        [[-42, -15, 19, -9, 38, -7, 0], [61, 21, -20, -7, 21, 77, -10]],
        [[-105, -97, -83, -95, -73, -94, -92], [-75, -94, -106, -103, -94, -65, -104]],
    ),
    2.5: (
        [[-9, 40, -35, -11, 35, 23, 3], [26, -113, 40, -38, -66, 11, 28]],
        [[-128, 127, -128, -128, -128, -128, -128], [-128, -128, 127, -128, -128, -128, -128]],
    ),
}


def integers_of(path: Path, inputs: np.ndarray, numerics: str) -> np.ndarray:
    """The one output, in numpy, which C on this machine equals."""
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics=numerics))
    assert all(result.equal for result in tinyglow.verify(program, HOST, {program.inputs[0]: inputs}))
    (answer,) = tinyglow.interpret(program, {program.inputs[0]: inputs}).values()
    return answer


@pytest.mark.parametrize("scale", SOFTMAX)
def test_softmax_is_cmsis_nns(scale: float, tmp_path: Path) -> None:
    """In fixed point, where LiteRT has floats."""
    rows, expected = (np.array(data, np.int8) for data in SOFTMAX[scale])
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 7), "INT8", Quant([scale], [4]))
    y = b.node("SOFTMAX", [x], (1, 7), "y", "SoftmaxOptions", 1, "INT8", Quant([1 / 256], [-128]), Beta=1.0)
    path = saved(tmp_path, b.build([x], [y]))
    assert np.array_equal(integers_of(path, rows[:, np.newaxis], "tflm").reshape(expected.shape), expected)


@pytest.mark.parametrize("numerics", ["tflite", "tflm"])
def test_sums_are_rounded_and_saturate(numerics: str, tmp_path: Path) -> None:
    """reference/reduce.h, QuantizedMeanOrSum. LiteRT's own kernel of int8 sums wraps."""
    for dtype, limits in (("INT8", (-128, 127)), ("INT16", (-32768, 32767))):
        offset = 3 if dtype == "INT8" else 0
        b = TFLiteBuilder()
        x = b.tensor("x", (5, 3), dtype, Quant([0.25], [offset]))
        out = Quant([0.5], [-offset])
        y = b.node("SUM", [x, b.constant("axes", [1])], (5,), "y", "ReducerOptions", 2, dtype, out)
        path = saved(tmp_path, b.build([x], [y]))
        rows = np.array([[1, 2, 3], [1, 1, 1], [-1, -2, -5], [limits[1]] * 3, [limits[0]] * 3])
        given = np.clip(rows + offset, *limits).astype(dtype.lower())
        exact = (given.astype(int) - offset).sum(axis=1) / 2
        due = np.clip(np.floor(exact + 0.5) - offset, *limits)
        assert integers_of(path, given[np.newaxis], numerics).ravel().tolist() == due.tolist()


def test_fully_connected_is_rounded_twice(tmp_path: Path) -> None:
    """A sum whose two roundings give another integer than one does: LiteRT rounds once, CMSIS-NN twice."""
    sums = np.arange(-4000, 4001)
    by = tflite.multiplier_of(float(np.float32(0.05) * np.float32(0.25)) / float(np.float32(0.1)))
    once, twice = tflite.scaled_once(sums, by), tflite.scaled_twice(sums, by)
    (apart,) = np.nonzero((once != twice) & (np.abs(once) < 100))
    assert len(apart), "the multiplier shows no difference"
    chosen = apart[[0, -1]]
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 1), "INT8", Quant([0.05], [0]))
    weights = b.constant("w", np.zeros((2, 1), np.int8), Quant([0.25], [0]))
    step = float(np.float32(0.05) * np.float32(0.25))
    bias = b.constant("b", sums[chosen].astype(np.int32), Quant([step], [0]))
    y = b.node(
        "FULLY_CONNECTED", [x, weights, bias], (1, 2), "y", "FullyConnectedOptions", 1, "INT8", Quant([0.1], [0])
    )
    path, inputs = saved(tmp_path, b.build([x], [y])), np.zeros((1, 1, 1), np.int8)
    for numerics, expected in (("tflite", once[chosen]), ("tflm", twice[chosen])):
        assert integers_of(path, inputs, numerics).ravel().tolist() == expected.tolist(), numerics


@pytest.mark.parametrize("name", ["conv", "depthwise", "add_constant", "average_pool_2d", "hard_swish"])
@pytest.mark.slow  # compiles C
def test_other_operators_are_litert_s(name: str, tmp_path: Path) -> None:
    """Their roundings are the same."""
    case = int8_cases.case(name)
    path = saved(tmp_path, case.model)
    assert np.array_equal(*(integers_of(path, case.inputs, numerics) for numerics in ("tflite", "tflm")))


def test_whatever_litert_s_numerics_takes_this_takes_too(tmp_path: Path) -> None:
    """All operators of the recorded cases, but an LSTM without cell_clip: CMSIS-NN bounds its cell to nothing.

    Nor does it have int16 fully connected layers with a scale for each unit, or biases of 32 bits.
    """
    refused = {"lstm": "an LSTM without cell_clip", "dense_bias32": "a bias of 32 bits"}
    for kind in (int8_cases, numerics_cases, int16_cases):
        for name in kind.names():
            path = saved(tmp_path, kind.case(name).model)
            because = "a scale for each unit" if (kind, name) == (int16_cases, "dense_by_unit") else refused.get(name)
            if because:
                with pytest.raises(ModelError, match=because):
                    tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics="tflm"))
                continue
            tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics="tflm"))
