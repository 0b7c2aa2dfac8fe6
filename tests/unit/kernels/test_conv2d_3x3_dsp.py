"""The convolution of four channels by windows of 3x3 for cores with DSP, and how it requantizes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.ir.target import Optimize, Target
from tinyglow.kernels.convolution.conv2d_3x3_dsp import CONV2D_3X3_DSP, pack, unpack
from tinyglow.numerics import glow
from tinyglow.numerics.epilogues.glow import fits_high_word, within_int32
from tinyglow.testing import any_requant, budget, requant_params


@budget(300)
@given(total=st.integers(glow.INT32_MIN, glow.INT32_MAX), r=st.one_of(requant_params(), any_requant()))
def test_a_requantization_is_the_rounded_upper_word_of_a_product(total: int, r: glow.Requant) -> None:
    """Where nothing wraps, and the multiplier fits one word with its shift, the upper word of 64 bits is the result."""
    assume(fits_high_word(r) and within_int32(total, r, 0))
    r = replace(r, offset=r.offset % 256 - 128)  # an int8's
    scale = r.multiplier << (32 - r.post)
    assert glow.INT32_MIN <= scale <= glow.INT32_MAX
    upper = ((total >> r.pre) * scale + 2**31) >> 32
    assert upper + r.offset == int(glow.requantize(np.array([total], np.int32), r)[0])


@pytest.mark.parametrize("r", [glow.Requant(0, 0, 1, 0), glow.Requant(0, 1, 1, 0), glow.Requant(0, 15, 1 << 14, 0)])
def test_a_scale_of_half_or_more_does_not_fit(r: glow.Requant) -> None:
    """The multiplier would be 2**31 or more, or there is no rounding."""
    assert not fits_high_word(r)


def test_weights_come_back_from_the_kernels_filter() -> None:
    """What is packed for the kernel, and taken apart for its definition, is the same."""
    random = np.random.default_rng(0)
    weights, bias = random.integers(-255, 256, (6, 36), np.int32), random.integers(-(2**31), 2**31, 6, np.int32)
    packed = pack(weights, bias)
    assert packed.dtype == np.int32
    assert packed.size == 3 * 38
    back = unpack(packed)
    np.testing.assert_array_equal(back[0], weights)
    np.testing.assert_array_equal(back[1], bias)


def _kernels(channels: int, filters: int, core: str, stride: int = 1) -> list[str]:
    build = NetBuilder(0)
    weights = build.weights(filters, channels, 3, 3)
    y = build.node("Conv", "x", weights, build.weights(filters), pads=[1] * 4, strides=[stride] * 2)
    net = build.build({"x": (1, channels, 9, 9)}, [y])
    with tempfile.TemporaryDirectory() as folder:
        graph = tinyglow.load(net.save(Path(folder)), "net", dict(net.define))
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))
    return [call.kernel.symbol for call in tinyglow.lower(quantized, target=Target(core, Optimize.SPEED)).calls]


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m33", "cortex-m7"])
def test_four_channels_are_its_layers(core: str) -> None:
    """It is chosen for 3x3 windows of four channels and stride 1 on cores with DSP, and for no others."""
    symbol = CONV2D_3X3_DSP.symbol
    assert symbol in _kernels(4, 6, core)
    assert symbol not in _kernels(4, 5, core)
    assert symbol not in _kernels(3, 6, core)
    assert symbol not in _kernels(8, 6, core)
    assert symbol not in _kernels(4, 6, core, stride=2)
    assert symbol not in _kernels(4, 6, "cortex-m0plus")
