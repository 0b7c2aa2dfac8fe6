"""Convolutions with a scale for each output channel: their scales as words, and the kernels that each core gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.ir.target import Target, WeightsAsCode
from tinyglow.numerics import glow
from tinyglow.numerics.epilogues.glow import FOLDED_OFFSET, HIGH_WORD, within_int32
from tinyglow.quant.scheme import Scheme
from tinyglow.testing import budget
from tinyglow.testing.values import requant_params

SUMS = [0, 1, -1, 2**15, -(2**15), 2**24 - 1, -(2**24), glow.INT32_MAX, glow.INT32_MIN + 1]


@budget(200)
@given(data=st.data())
def test_words_of_scales_compute_what_the_scales_do(data: st.DataObject) -> None:
    """What the words of both epilogues hold requantizes every sum that does not wrap as the constants themselves do."""
    constants = data.draw(requant_params(data.draw(st.sampled_from((64.0, 2.0**12, 2.0**20)))))
    drawn = data.draw(st.lists(st.integers(glow.INT32_MIN, glow.INT32_MAX), max_size=20))
    small = data.draw(st.lists(st.integers(-(2**20), 2**20), max_size=20))
    safe = [x for x in [*SUMS, *drawn, *small] if within_int32(x, constants, abs(constants.offset))]
    sums = np.array(safe, np.int32).reshape(-1, 1)
    expected = glow.requantize(sums, constants)
    words, high = FOLDED_OFFSET.words([constants]), HIGH_WORD.words([constants])
    if words is not None:
        assert np.array_equal(FOLDED_OFFSET.apply(sums, words, constants.offset), expected)
    if high is not None:
        assert np.array_equal(HIGH_WORD.apply(sums, high, constants.offset), expected)


@pytest.mark.parametrize(
    ("constants", "low", "high"),
    [
        (glow.Requant(3, 15, 300, 7), 3 + (14 << 8) + (300 << 16), 3 + (300 << 17)),
        (glow.Requant(0, 15, 1 << 14, 0), (14 << 8) + (1 << 30), None),  # a half
        (glow.Requant(0, 15, (1 << 14) - 1, 0), (14 << 8) + (((1 << 14) - 1) << 16), ((1 << 14) - 1) << 17),
        (glow.Requant(0, 15, 1 << 16, 0), None, None),  # 17 bits
        (glow.Requant(0, 0, 2, 0), None, None),  # no shift
        (glow.Requant(0, 24, 1, 0), (23 << 8) + (1 << 16), 1 << 8),
        (glow.Requant(0, 25, 1, 0), (24 << 8) + (1 << 16), None),  # in the lowest byte
        (glow.Requant(0, 0, 0, 0), None, None),
    ],
)
def test_words_hold_what_they_can(constants: glow.Requant, low: int | None, high: int | None) -> None:
    """A scale whose parts do not fit a word has none; others have their parts where C looks for them."""
    assert (FOLDED_OFFSET.words([constants]), HIGH_WORD.words([constants])) == (low, high)
    mixed = [glow.Requant(0, 15, 300, 0), constants]
    assert (FOLDED_OFFSET.words(mixed) is None, HIGH_WORD.words(mixed) is None) == (low is None, high is None)


# kernel, channels in, filters, groups, stride; the kernels on Cortex-M0+ and on cores with DSP.
LAYERS = {
    "dense": ((3, 5, 6, 1, 1), "tg_conv2d_channelwise_dual_mac_s8", "tg_conv2d_channelwise_high_dsp_s8"),
    "four channels": ((3, 4, 6, 1, 1), "tg_conv2d_channelwise_dual_mac_s8", "tg_conv2d_3x3_channelwise_dsp_s8"),
    "points": ((1, 8, 12, 1, 1), "tg_conv2d_channelwise_dual_mac_s8", "tg_pointwise_channelwise_dsp_s8"),
    "depthwise": ((3, 8, 8, 8, 1), "tg_depthwise_3x3_channelwise_s8", "tg_depthwise_3x3_block_channelwise_dsp_s8"),
    "strided depthwise": ((3, 8, 8, 8, 2), "tg_depthwise_plane_channelwise_s8", "tg_depthwise_3x3_channelwise_dsp_s8"),
    "odd depthwise": ((5, 6, 6, 6, 1), "tg_depthwise_plane_channelwise_s8", "tg_depthwise_plane_channelwise_dsp_s8"),
    "wide depthwise": ((5, 8, 8, 8, 1), "tg_depthwise_plane_channelwise_s8", "tg_depthwise_window_channelwise_dsp_s8"),
    "two of each": ((3, 4, 8, 4, 1), "tg_depthwise_plane_channelwise_s8", "tg_depthwise_plane_channelwise_dsp_s8"),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m33", "cortex-m7"])
def test_layers_get_the_fast_kernels(name: str, core: str, tmp_path: Path) -> None:
    """A convolution with a scale for each channel is computed by the fast kernel of its kind and core."""
    (side, channels, filters, groups, stride), on_m0plus, with_dsp = LAYERS[name]
    build = NetBuilder(3)
    weights = build.weights(filters, channels // groups, side, side)
    y = build.node("Conv", "x", weights, build.weights(filters), group=groups, strides=[stride] * 2)
    net = build.build({"x": (1, channels, 16, 16)}, [y])
    graph = tinyglow.load(net.save(tmp_path), "net")
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)), Scheme(channelwise=True))
    program = tinyglow.lower(quantized, target=Target(core, weights_as_code=WeightsAsCode.NEVER))
    kernels = [call.kernel for call in program.calls]
    convolutions = [kernel.symbol for kernel in kernels if kernel.c_file.startswith("convolution/")]
    assert convolutions == [on_m0plus if core == "cortex-m0plus" else with_dsp]


def test_weights_become_code(tmp_path: Path) -> None:
    """On a Cortex-M0+ a small layer with a scale for each channel has its weights in code, as one with one has."""
    build = NetBuilder(3)
    y = build.node("Conv", "x", build.weights(4, 4, 3, 3), build.weights(4))
    net = build.build({"x": (1, 4, 16, 16)}, [y])
    graph = tinyglow.load(net.save(tmp_path), "net")
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)), Scheme(channelwise=True))
    program = tinyglow.lower(quantized, target=Target("cortex-m0plus"))
    assert "tg_conv2d_channelwise_code_s8" in [call.kernel.symbol for call in program.calls]
