"""Layers whose sums are too large for halfwords of two weights keep the kernels with each weight by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.ir.target import Target


def _symbols(tmp_path: Path, depth: int, is_convolution: bool) -> set[str]:
    """Kernels of a layer all of whose weights have the largest magnitude, of ``depth`` terms."""
    build = NetBuilder()
    signs = np.where(np.random.default_rng(0).random((4, depth)) < 0.5, -1, 1).astype(np.float32)
    bias = build.constant(np.zeros(4, np.float32))
    if is_convolution:
        shape: tuple[int, ...] = (1, depth, 2, 2)
        y = build.node("Conv", "x", build.constant(signs.reshape(4, depth, 1, 1)), bias)
    else:
        shape = (1, depth)
        y = build.node("Gemm", "x", build.constant(signs.T), bias)
    net = build.build({"x": shape}, [y])
    graph = tinyglow.load(net.save(tmp_path), "net", {})
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4)))
    return {call.kernel.symbol for call in tinyglow.lower(quantized, target=Target("cortex-m4")).calls}


@pytest.mark.parametrize(("depth", "fits"), [(400, True), (700, False)])
def test_kernels_follow_the_proof(tmp_path: Path, depth: int, fits: bool) -> None:
    """128 * 127 * 256 times 400 is less than 2**31, times 700 it is more."""
    dense = "tg_fully_connected_eight_units_dsp_s8" if fits else "tg_fully_connected_dsp_s8"
    convolution = "tg_conv2d_quads_dsp_s8" if fits else "tg_conv2d_channelwise_dsp_s8"
    assert dense in _symbols(tmp_path, depth, False)
    assert convolution in _symbols(tmp_path, depth, True)
