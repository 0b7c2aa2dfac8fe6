"""LiteRT's functions of one element are the real functions, as near as fixed point is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tinyglow.kernels.softmax.softmax_tflm import exponentials
from tinyglow.numerics import tflite_tables
from tinyglow.numerics.tflite_tables import Params

Real = Callable[[np.ndarray], np.ndarray]
SOURCES = [(0.05, 3), (0.11, -128), (0.007, 127), (0.5, 0), (2.0**-5, -20)]
RESULTS = [(0.05, -3), (1 / 128, 0), (0.25, 12), (0.013, -128)]


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# Steps that a function may be off (LiteRT rounds a product to half a step, then a shift to a half), and the function.
FUNCTIONS: dict[str, tuple[float, Callable[[Params, Params], np.ndarray], Real]] = {
    "rescale": (0.76, tflite_tables.rescale, lambda x: x),
    "relu6": (
        1.01,
        lambda a, b: tflite_tables.bounded(a, b, tflite_tables.bound(0.0, b), tflite_tables.bound(6.0, b)),
        lambda x: np.clip(x, 0, 6),
    ),
    "leaky": (0.76, lambda a, b: tflite_tables.leaky_relu(a, b, 0.3), lambda x: np.where(x < 0, 0.3 * x, x)),
    "exp": (0.51, lambda a, b: tflite_tables.function(a, b, np.exp), np.exp),
    "log": (0.51, lambda a, b: tflite_tables.function(a, b, np.log), np.log),
    "hard swish": (1.6, tflite_tables.hard_swish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_the_real_ones(name: str) -> None:
    """Of all 256 inputs; what is too large is the end of the range."""
    within, integers, real = FUNCTIONS[name]
    for source in SOURCES:
        x = source[0] * (np.arange(-128, 128) - source[1])
        for result in RESULTS:
            with np.errstate(all="ignore"):
                due = np.clip(real(x) / result[0] + result[1], -128, 127)
            due = np.where(np.isnan(due), result[1], due)
            assert np.abs(integers(source, result) - due).max() <= within, (source, result)


@pytest.mark.parametrize(
    ("name", "real", "result"), [("logistic", _logistic, (2**-8, -128)), ("tanh", np.tanh, (2**-7, 0))]
)
def test_curves_with_a_fixed_range(name: str, real: Real, result: Params) -> None:
    """The logistic function and the tangens hyperbolicus, whose results have one scale."""
    for source in SOURCES:
        x = source[0] * (np.arange(-128, 128) - source[1])
        due = np.clip(real(x) / result[0] + result[1], -128, 127)
        assert np.abs(getattr(tflite_tables, name)(source, result) - due).max() <= 1.01, source


@pytest.mark.parametrize("scale", [0.0003, 0.01, 0.0625, 0.1, 0.5, 1.0, 3.0, 14.0, 15.9, 16.0, 40.0])
def test_exponentials_of_distances(scale: float) -> None:
    """Each is e ** (-scale * d) with 31 fractional bits, within 2**-20, as long as the exponent is above -32."""
    due = np.exp(-min(scale, 16.0) * np.arange(256))
    found = exponentials(scale)
    assert found.dtype == np.int32 and found[0] == 2**31 - 1
    assert np.abs(found / 2**31 - due).max() < 2**-20


def test_a_scale_too_small_for_exponentials() -> None:
    """The smallest has a multiplier of 1."""
    assert exponentials(2.0**-26)[255] < exponentials(2.0**-26)[0]
    with pytest.raises(ValueError, match="is below 2"):
        exponentials(2.0**-28)
