"""Which convolutions the kernels for special ones take, and what their constants are made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tinyglow.ir.target import Target
from tinyglow.kernels import packed_halfwords
from tinyglow.kernels.convolution import (
    conv2d_winograd,
    conv2d_winograd_4x4_dsp,
    conv2d_winograd_dsp,
    depthwise_3x3_block_dsp,
    pointwise_dsp,
)
from tinyglow.kernels.convolution.conv2d_winograd_4x4_dsp import Winograd4x4Params
from tinyglow.numerics import glow
from tinyglow.pipeline import stations

STRIP, FOUR, POINT = "tg_depthwise_3x3_block_dsp_s8", "tg_depthwise_3x3_dsp_s8", "tg_pointwise_dsp_s8"
WINOGRAD, WIDE_TILES = "tg_conv2d_winograd_4x4_dsp_s8", "tg_conv2d_winograd_s8"
DSP_CORES = ("cortex-m4", "cortex-m33", "cortex-m7")


def test_packed_filters_are_unpacked() -> None:
    """Filters of both kernels hold every weight and bias, at the ends of their ranges too."""
    random = np.random.default_rng(0)
    bias = np.array([-(2**31), 2**31 - 1, -1, 7], np.int32)
    filters = random.integers(-128, 128, (4, 9)).astype(np.int8)
    taps, biases = depthwise_3x3_block_dsp.unpack(depthwise_3x3_block_dsp.pack(filters, bias))
    assert np.array_equal(taps, filters) and np.array_equal(biases, bias)
    for in_c in range(4, 9):
        weights = random.choice([-255, -1, 0, 255], (4, in_c)).astype(np.int32)
        taps, biases = pointwise_dsp.unpack(pointwise_dsp.pack(weights, bias), in_c)
        assert np.array_equal(taps, weights) and np.array_equal(biases, bias)


def test_transformed_filters_are_transformed_back() -> None:
    """Winograd filters hold every weight, at the ends of their range too, and of channels that fill up no block."""
    random = np.random.default_rng(0)
    for in_c, out_c in ((4, 1), (12, 7), (16, 8)):
        weights = random.choice([-255, -1, 0, 7, 255], (out_c, 9 * in_c)).astype(np.int32)
        fields = {
            "in_h": 3,
            "in_w": 3,
            "in_c": in_c,
            "out_h": 1,
            "out_w": 1,
            "out_c": out_c,
            "kernel_h": 3,
            "kernel_w": 3,
        }
        fields |= dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w", "group", "images"), 1)
        fields |= dict.fromkeys(("pad_top", "pad_left", "in_offset", "leaky", "pool"), 0)
        scale = glow.requantize_params(0.01)
        fields |= {"act_min": -128, "act_max": 127, "negative": scale, "out": scale}
        p = conv2d_winograd_dsp.WinogradParams(**fields)
        assert np.array_equal(conv2d_winograd_dsp.unpack(conv2d_winograd_dsp.pack(weights, in_c), p), weights)
        corners = conv2d_winograd.corners_of(weights, in_c)
        wide = conv2d_winograd.WinogradParams(**fields, corners=corners)
        packed = conv2d_winograd.pack(weights, in_c, corners)
        assert np.array_equal(conv2d_winograd.unpack(packed, wide), weights)
        # The least number with which no lower half is negative.
        fewer = conv2d_winograd.pack(weights, in_c, corners - 1)
        assert packed_halfwords.low(packed).min() >= 0 > packed_halfwords.low(fewer).min()
        q = Winograd4x4Params(**vars(p))
        assert np.array_equal(conv2d_winograd_4x4_dsp.unpack(conv2d_winograd_4x4_dsp.pack(weights, in_c), q), weights)


def test_filters_that_reach_too_far_are_not_transformed() -> None:
    """64 times a sum has to fit 32 bits, and halves of words the filter's transform: of any weights there are."""
    most = conv2d_winograd_4x4_dsp.limits_of(np.full((1, 9 * 114), 255), 114)
    assert most["filters"][0] == 49 * 255 and all(largest <= limit for largest, limit in most.values())
    largest, limit = conv2d_winograd_4x4_dsp.limits_of(np.full((1, 9 * 115), -255), 115)["multiple"]
    assert largest > limit


def _net(channels: int, filters: int, kernel: int, group: int, stride: int, height: int, largest: float = 0.0) -> Net:
    build = NetBuilder(1)
    weights = build.constant(build.rng.standard_normal((filters, channels // group, kernel, kernel)))
    bias = build.constant([largest, *build.rng.standard_normal(filters - 1)])
    pads = [kernel // 2] * 4
    y = build.node("Relu", build.node("Conv", "x", weights, bias, group=group, pads=pads, strides=[stride] * 2))
    return build.build({"x": (1, channels, height, 9)}, [y])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        pytest.param((8, 8, 3, 8, 1, 7), STRIP, id="depthwise"),
        pytest.param((8, 8, 3, 8, 2, 7), FOUR, id="depthwise, every second pixel"),
        pytest.param((8, 8, 3, 8, 1, 1), FOUR, id="depthwise, one row"),
        pytest.param((6, 6, 3, 6, 1, 7), "tg_depthwise_plane_dsp_s8", id="depthwise, channels that are no fours"),
        pytest.param((8, 8, 5, 8, 1, 7), "tg_depthwise_window_dsp_s8", id="depthwise, 5x5"),
        pytest.param((24, 32, 3, 1, 1, 8), WINOGRAD, id="3x3 of 24 channels"),
        pytest.param((16, 16, 3, 1, 2, 7), "tg_conv2d_quads_dsp_s8", id="3x3 of 16 channels, every second pixel"),
        pytest.param((12, 10, 3, 1, 1, 7), "tg_conv2d_dsp_s8", id="3x3 of 12 channels"),
        pytest.param((8, 12, 1, 1, 1, 7), POINT, id="points"),
        pytest.param((4, 4, 1, 1, 1, 1), POINT, id="points of four channels"),
        pytest.param((9, 12, 1, 1, 1, 7), "tg_conv2d_quads_dsp_s8", id="points of more channels than registers hold"),
        pytest.param((8, 10, 1, 1, 1, 7), "tg_conv2d_dsp_s8", id="points, outputs that are no fours"),
        pytest.param((8, 12, 1, 1, 2, 7), "tg_conv2d_quads_dsp_s8", id="every second point"),
    ],
)
def test_kernels_are_taken_where_they_fit(tmp_path: Path, shape: tuple[int, ...], expected: str) -> None:
    """On cores with DSP instructions, by the layer's shape; on none without them."""
    net = _net(*shape)
    graph = tinyglow.load(net.save(tmp_path), "net", {})
    graph = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))
    for core in DSP_CORES:
        target = Target(core, transformed_weights=True)
        assert expected in {call.kernel.symbol for call in stations.lower(graph, target=target).calls}
        plain = {call.kernel.symbol for call in stations.lower(graph, target=Target(core)).calls}
        assert plain.isdisjoint({WINOGRAD}) and (expected in plain or expected == WINOGRAD)
    for core in ("cortex-m0plus", "cortex-m0"):
        target = Target(core, transformed_weights=True)
        symbols = {call.kernel.symbol for call in stations.lower(graph, target=target).calls}
        assert not any("_dsp_" in symbol for symbol in symbols) and (WIDE_TILES in symbols) == (expected == WINOGRAD)
        plain = {call.kernel.symbol for call in stations.lower(graph, target=Target(core)).calls}
        assert WIDE_TILES not in plain


@pytest.mark.parametrize(("shape", "kernel"), [((8, 8, 3, 8, 1, 7), STRIP), ((8, 8, 1, 1, 1, 7), POINT)])
def test_small_scales_take_other_kernels(tmp_path: Path, shape: tuple[int, ...], kernel: str) -> None:
    """One output far larger than the rest: a shift before the multiplication, which one instruction does not do."""
    net = _net(*shape, largest=5000)
    graph = tinyglow.load(net.save(tmp_path), "net", {})
    program = stations.lower(
        tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8))), target=Target("cortex-m4")
    )
    (first,) = (call for call in program.calls if "depthwise" in call.kernel.symbol or "conv" in call.kernel.symbol)
    assert first.kernel.symbol != kernel
