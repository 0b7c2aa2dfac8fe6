"""Whichever way each layer is computed, the network computes the same bits."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyglow
from tests.helpers import Net, NetBuilder, nets
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import Program
from tinyglow.ir.target import Chooser, Optimize, Target, Variant
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import HOST
from tinyglow.testing import budget

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")
# Each is computed with different kernels: (kernel, channels in, channels out, groups, padding, after it).
LAYERS = {
    "first layer, pooled": (3, 1, 4, 1, 1, "MaxPool"),
    "short rows": (2, 2, 3, 1, 0, "Relu"),
    "three channels": (3, 3, 5, 1, 1, "LeakyRelu"),
    "five by five": (5, 1, 6, 1, 0, "MaxPool"),
    "words": (3, 4, 6, 1, 1, "Relu"),
    "four channels, pooled": (3, 4, 6, 1, 1, "MaxPool"),
    "words, pooled": (3, 8, 4, 1, 1, "MaxPool"),
    "points": (1, 8, 7, 1, 0, "Relu"),
    "points of few channels": (1, 6, 8, 1, 0, "Relu"),
    "depthwise": (3, 8, 8, 8, 1, "Relu"),
    "ragged depthwise": (3, 6, 6, 6, 1, "Relu"),
    "wide depthwise": (5, 4, 4, 4, 2, "Relu"),
    "groups": (3, 4, 6, 2, 1, "Relu"),
}


def _layer(name: str, seed: int, stride: int) -> Net:
    kernel, channels, filters, groups, pad, behind = LAYERS[name]
    build = NetBuilder(seed)
    weights = build.weights(filters, channels // groups, kernel, kernel)
    y = build.node("Conv", "x", weights, build.weights(filters), group=groups, pads=[pad] * 4, strides=[stride] * 2)
    attributes: dict[str, object] = {"kernel_shape": [2, 2], "strides": [2, 2]} if behind == "MaxPool" else {}
    y = build.node("Flatten", build.node(behind, y, **attributes))
    size = (9 + 2 * pad - kernel) // stride + 1
    inputs = filters * (size // 2 if behind == "MaxPool" else size) ** 2
    y = build.node("Gemm", y, build.weights(inputs, 7), build.weights(7))
    return build.build({"x": (1, channels, 9, 9)}, [y])


def _quantized(net: Net, channelwise: bool = False) -> Graph:
    with tempfile.TemporaryDirectory() as folder:
        graph = tinyglow.load(net.save(Path(folder)), "net", dict(net.define))
    profile = tinyglow.profile(graph, net.samples(8))
    return tinyglow.quantize(graph, profile, Scheme(channelwise=channelwise))


def _picking(draw: st.DataObject) -> Chooser:
    def choose(variants: Sequence[Variant]) -> Variant:
        assert variants
        return draw.draw(st.sampled_from(variants), label="variant")

    return choose


def _answers(program: Program, net: Net) -> list[bytes]:
    return [array.tobytes() for array in tinyglow.interpret(program, net.samples(3, seed=5)).values()]


@pytest.mark.parametrize("name", LAYERS)
@budget(6, full=500)
@given(data=st.data())
def test_variants_of_a_layer_compute_the_same(name: str, data: st.DataObject) -> None:
    """Each kind of convolution and the dense layer after it, by kernels picked at random, equal the portable ones.

    With one scale for all filters and with one for each.
    """
    net = _layer(name, data.draw(st.integers(0, 2**20)), data.draw(st.sampled_from((1, 1, 2))))
    graph = _quantized(net, data.draw(st.booleans()))
    target = Target(data.draw(st.sampled_from(CORES)), data.draw(st.sampled_from((Optimize.SPEED, Optimize.SIZE))))
    picked = tinyglow.lower(graph, target=target, chooser=_picking(data))
    assert _answers(picked, net) == _answers(tinyglow.lower(graph), net)


@budget(15, full=2_000)
@given(net=nets(), data=st.data())
def test_variants_of_random_networks_compute_the_same(net: Net, data: st.DataObject) -> None:
    """A random network whose layers are computed by kernels picked at random answers as by the portable ones."""
    graph = _quantized(net)
    target = Target(data.draw(st.sampled_from(CORES)), data.draw(st.sampled_from(Optimize)))
    picked = tinyglow.lower(graph, target=target, chooser=_picking(data))
    assert _answers(picked, net) == _answers(tinyglow.lower(graph), net)


@pytest.mark.parametrize("name", ["first layer, pooled", "words", "points", "depthwise"])
@budget(2, full=50)
@given(data=st.data())
def test_c_of_variants_computes_the_same(name: str, data: st.DataObject) -> None:
    """The C of kernels picked at random, activations overlapping as planned, answers as numpy does by the portable."""
    net = _layer(name, data.draw(st.integers(0, 2**20)), 1)
    graph = _quantized(net, data.draw(st.booleans()))
    target = Target(data.draw(st.sampled_from(CORES)), data.draw(st.sampled_from((Optimize.SPEED, Optimize.SIZE))))
    picked = tinyglow.lower(graph, target=target, chooser=_picking(data))
    inputs = net.samples(3, seed=5)
    with tempfile.TemporaryDirectory() as folder:
        tinyglow.emit(picked, folder)
        (actual,) = tinyglow.simulate(folder, HOST, inputs).outputs.values()
    (expected,) = tinyglow.interpret(tinyglow.lower(graph), inputs).values()
    assert np.array_equal(actual, expected)
