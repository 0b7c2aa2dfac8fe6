"""Activations in a layer's own kernel: their constants in int8, their floats, and what they may be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.activation import BOUNDS, NO_ACTIVATION, NONE, SLOPE, Activation, float_activation
from tinyglow.kernels.elementwise.clip import HIGHEST, LOWEST
from tinyglow.kernels.elementwise.leaky_relu import slope_requant
from tinyglow.numerics.glow import Requant

RELU, CLIP, LEAKY = Activation("RELU"), Activation("CLIP", (-0.5, 1.0)), Activation("LEAKY_RELU", (0.25,))


@pytest.mark.parametrize(
    ("activation", "offset", "low", "high", "saturates"),
    [
        (NO_ACTIVATION, -128, -128, 127, False),
        (RELU, -128, -128, 127, True),
        (RELU, -127, -127, 127, False),
        (CLIP, 3, -29, 67, False),
        (Activation("CLIP", (-0.5, 9.0)), -96, -128, 127, True),
        (Activation("CLIP", (-0.5, 9.0)), -95, -127, 127, False),
        (Activation("CLIP", (-9.0, 0.5)), 95, -128, 127, True),
        (Activation("CLIP", (-9.0, 0.5)), 94, -128, 126, False),
        (LEAKY, -128, -128, 127, False),
    ],
)
def test_constants(activation: Activation, offset: int, low: int, high: int, saturates: bool) -> None:
    """Bounds in int8, in steps of 1/64; whether int8 has them anyway; the slope of a leaky one."""
    out = QuantParams(1 / 64, offset)
    slope = slope_requant(0.25, offset) if activation is LEAKY else Requant(0, 0, 1, offset)
    found = activation.constants(out)
    assert found == {"act_min": low, "act_max": high, "leaky": int(activation is LEAKY), "negative": slope}
    assert activation.is_saturation(out) is saturates


def test_floats() -> None:
    """What each gives, and how it is named."""
    x = np.array([-2.0, -0.0, 0.75, 3.0], np.float32)
    due = {
        "NONE": x,
        "RELU": [0, 0, 0.75, 3],
        "CLIP[-0.5, 1.0]": [-0.5, 0, 0.75, 1],
        "LEAKY_RELU[0.25]": [-0.5, 0, 0.75, 3],
    }
    for activation, (name, values) in zip((NO_ACTIVATION, RELU, CLIP, LEAKY), due.items(), strict=True):
        assert str(activation) == name
        assert np.array_equal(activation.run_float(x), np.array(values, np.float32))


def test_parameters_of_float_kernels() -> None:
    """Bounds beyond the largest float are that; what is no number is refused, and infinite slopes."""
    plain = {"low": 0.0, "high": 0.0, "slope": 0.0}
    assert float_activation(NO_ACTIVATION) == {"activation": NONE, **plain}
    assert float_activation(RELU) == {"activation": BOUNDS, **plain, "high": HIGHEST}
    assert float_activation(CLIP) == {"activation": BOUNDS, **plain, "low": -0.5, "high": 1.0}
    assert float_activation(LEAKY) == {"activation": SLOPE, **plain, "slope": 0.25}
    endless = Activation("CLIP", (-math.inf, math.inf))
    assert float_activation(endless) == {"activation": BOUNDS, "low": LOWEST, "high": HIGHEST, "slope": 0.0}
    for kind, args in (("CLIP", (math.nan, 1.0)), ("CLIP", (0.0, math.nan)), ("LEAKY_RELU", (math.inf,))):
        with pytest.raises(UnsupportedError, match="an activation " + kind):
            float_activation(Activation(kind, args))
