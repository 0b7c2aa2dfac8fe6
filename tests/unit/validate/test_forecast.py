"""What an option should gain, and the channels that lose most."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyglow.pipeline.forecast import Forecast, Part
from tinyglow.pipeline.layers import worst_channels


def test_without_a_share_of_the_error_the_snr_is_higher() -> None:
    """Half the power is 3 dB; a layer's activation, computed with it, has the layer's weights."""
    found = Forecast((Part(("relu", "conv"), 0.5, 0.4), Part(("dense",), 0.5, 0.0)))
    assert found.in_float(["relu"]) == pytest.approx(10 * math.log10(2))
    assert found.in_float(["relu", "dense"]) == 30
    assert found.in_float(["other"]) == 0
    assert found.per_channel(["conv"]) == pytest.approx(10 * math.log10(1 / 0.6))
    assert found.fine_activations() == pytest.approx(10 * math.log10(1 / 0.4))


def test_worst_channels_are_those_with_the_lowest_ratio() -> None:
    """Of five channels: one exact, one 0 throughout, the others with errors that grow."""
    real = np.ones((2, 3, 5), np.float32)
    real[..., 1] = 0
    actual = real + np.array([0.1, 0.1, 0.01, 0, 0.001], np.float32)
    found = worst_channels(real, actual)
    assert [channel for channel, _ in found] == [0, 2, 4]
    assert [snr for _, snr in found] == pytest.approx([20, 40, 60], abs=0.1)


def test_what_has_one_channel_has_no_worst() -> None:
    """Nor has a scalar."""
    assert worst_channels(np.ones((2, 1)), np.zeros((2, 1))) == ()
    assert worst_channels(np.ones(2), np.zeros(2)) == ()
