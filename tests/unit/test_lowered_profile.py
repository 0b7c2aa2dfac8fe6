"""What a profile has besides the graph's values, as Glow's has it: the parts of nodes that it lowers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.quant.profile import Profile, Range

SAMPLES = 8


def _profile(build: NetBuilder, shape: tuple[int, ...], output: str, folder: Path) -> Profile:
    net = build.build({"x": shape}, [output])
    return tinyglow.profile(tinyglow.load(net.save(folder), like_glow=True), net.samples(SAMPLES))


def _constant(value: float, count: int) -> Range:
    value = float(np.float32(value))
    return Range(value, value, (float(count), *[0.0] * 9))


def test_gemm_and_relu(tmp_path: Path) -> None:
    """A Gemm has its product, its sum, itself and the weights it transposes; a ReLU a Max with zeros."""
    build = NetBuilder(1)
    weights = build.rng.standard_normal((4, 8)).astype(np.float32)
    bias = build.rng.standard_normal(4).astype(np.float32)
    operands = (build.constant(weights, "fc_weight"), build.constant(bias, "fc_bias"))
    build.node("Relu", build.node("Gemm", "x", *operands, name="fc", transB=1), name="relu", output="y")
    found = _profile(build, (1, 8), "y", tmp_path).ranges
    gemm = {"fc:0", "fc__1:0", "fc__1_bias:0", "fc__1_dot:0", "fc_TransposeB:0", "fc_weight:0", "fc_bias:0"}
    assert found.keys() == {"x:0", *gemm, "relu:0", "relu_max:0", "zero:0"}
    assert found["fc:0"] == found["fc__1_bias:0"] == found["fc__1:0"]
    assert found["fc_weight:0"] == found["fc_TransposeB:0"]
    assert found["relu_max:0"] == found["relu:0"]
    assert found["zero:0"] == _constant(0.0, 4 * SAMPLES)
    samples = build.build({"x": (1, 8)}, ["y"]).samples(SAMPLES)["x"].reshape(SAMPLES, 8)
    products = samples @ weights.T
    assert np.allclose([found["fc__1_dot:0"].low, found["fc__1_dot:0"].high], [products.min(), products.max()])


def test_zeros_are_numbered(tmp_path: Path) -> None:
    """Each ReLU has zeros of its own, named in the order in which they are lowered."""
    build = NetBuilder(2)
    build.node("Relu", build.node("Add", build.node("Relu", "x", name="a"), "x", name="s"), name="b", output="y")
    found = _profile(build, (1, 8), "y", tmp_path).ranges
    assert {name for name in found if name.startswith("zero")} == {"zero:0", "zero__1:0"}


@pytest.mark.parametrize(
    ("kind", "attributes", "parts", "filled"),
    [
        (
            "LeakyRelu",
            {"alpha": 0.25},
            {"act_prelu": "act", "act_prelu_select": "act"},
            {"act_alpha": 0.25},
        ),
        ("Clip", {}, {"act__1": "act"}, {"act_minSplat": -0.5, "act_maxSplat": 0.75}),
    ],
)
def test_activations(
    kind: str, attributes: dict[str, float], parts: dict[str, str], filled: dict[str, float], tmp_path: Path
) -> None:
    """A LeakyReLU is a PRelu, which is a Select; a Clip is a Max and a Min; their constants are filled tensors."""
    build = NetBuilder(3)
    bounds = [build.constant(-0.5), build.constant(0.75)] if kind == "Clip" else []
    build.node(kind, "x", *bounds, name="act", output="y", **attributes)
    found = _profile(build, (1, 8), "y", tmp_path).ranges
    for copy, source in parts.items():
        assert found[f"{copy}:0"] == found[f"{source}:0"]
    for name, value in filled.items():
        assert found[f"{name}:0"] == _constant(value, 8 * SAMPLES)
    samples = build.build({"x": (1, 8)}, ["y"]).samples(SAMPLES)["x"]
    computed = {"act_prelu_mul:0": samples * 0.25} if kind == "LeakyRelu" else {"act_minClip:0": samples.clip(-0.5)}
    for name, values in computed.items():
        assert np.allclose([found[name].low, found[name].high], [values.min(), values.max()])
    assert len(found) == 2 + len(parts) + len(filled) + len(computed)
