"""Ranges of few samples reach as far as those of more, and no farther where they cannot."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tinyglow
from tests.helpers import NetBuilder, run_cli
from tinyglow.ir.graph import Graph
from tinyglow.pipeline.validate import profile_warnings, validate
from tinyglow.quant.margins import ENOUGH_SAMPLES, expected_largest
from tinyglow.quant.profile import load_profile

Array = npt.NDArray[np.float32]


def test_the_largest_of_64_samples_is_expected_where_it_is() -> None:
    """Over many draws of 8 samples, the mean of what is expected is the mean of what 64 samples have, to 5 %."""
    rng = np.random.default_rng(0)
    for elements in (30, 200):
        largest = np.abs(rng.standard_normal((600, ENOUGH_SAMPLES, elements))).max(axis=2)
        expected = np.mean([expected_largest(row[:8]) for row in largest])
        assert expected == pytest.approx(largest.max(axis=1).mean(), rel=0.05)
        assert largest[:, :8].max(axis=1).mean() < 0.92 * expected


def test_an_end_that_samples_share_is_a_bound() -> None:
    """As the white of images is."""
    assert expected_largest(np.array([255.0, 250.0, 255.0, 240.0])) == 255
    assert expected_largest(np.array([254.0, 250.0, 255.0, 240.0])) > 255


def test_one_sample_and_enough_samples_say_what_they_had() -> None:
    """One has no spread; with 64 the ranges are those of the samples."""
    assert expected_largest(np.array([3.0])) == 3
    many = np.random.default_rng(1).standard_normal(ENOUGH_SAMPLES)
    assert expected_largest(many) == many.max()
    assert expected_largest(many[:-1]) >= many[:-1].max()


# What each makes of a convolution's result: the least and the most that its range may have.
_BOUNDED: dict[str, tuple[dict[str, Any], float, float]] = {
    "Sigmoid": ({}, 0, 1),
    "Tanh": ({}, -1, 1),
    "Softmax": ({"axis": 1}, 0, 1),
    "Relu": ({}, 0, np.inf),
    "Abs": ({}, 0, np.inf),
    "Sin": ({}, -1, 1),
}


def _graph(build: NetBuilder, outputs: list[str], folder: Path) -> Graph:
    return tinyglow.load(build.build({"x": (1, 3, 8, 8)}, outputs).save(folder))


def _samples(count: int, seed: int = 1) -> dict[str, Array]:
    return {"x": np.random.default_rng(seed).standard_normal((count, 3, 8, 8)).astype(np.float32)}


def test_margins_end_where_the_operator_does(tmp_path: Path) -> None:
    """Whatever has bounds by construction keeps them; ranges hold those of the samples, and counts stay."""
    build = NetBuilder(2)
    y = build.node("Conv", "x", build.weights(4, 3, 3, 3), name="conv")
    outputs = [build.node(op, y, name=op, **options) for op, (options, _, _) in _BOUNDED.items()]
    outputs.append(build.node("Clip", y, build.constant(-0.25), build.constant(0.5), name="Clip"))
    graph, inputs = _graph(build, outputs, tmp_path), _samples(6)
    plain, wide = (tinyglow.profile(graph, inputs, margin=margin).ranges for margin in (False, True))
    bounds = {op: (low, high) for op, (_, low, high) in _BOUNDED.items()} | {"Clip": (-0.25, 0.5)}
    for name, range_ in wide.items():
        assert range_.low <= plain[name].low and range_.high >= plain[name].high
        assert sum(range_.histogram) == sum(plain[name].histogram)
        low, high = bounds.get(re.sub(r"(__\d+)?:0$", "", name), (-np.inf, np.inf))
        assert low <= range_.low and range_.high <= high, name
    assert wide["x:0"].high > plain["x:0"].high and wide["x:0"].low < plain["x:0"].low


def test_what_is_recorded_as_glow_records_it_has_no_margin(tmp_path: Path) -> None:
    """Neither where Glow's graph is asked for, nor where its profile is, nor with enough samples."""
    build = NetBuilder(2)
    outputs = [build.node("Conv", "x", build.weights(4, 3, 3, 3), name="conv")]
    path = build.build({"x": (1, 3, 8, 8)}, outputs).save(tmp_path)
    graph, like_glow = tinyglow.load(path), tinyglow.load(path, like_glow=True)
    few, enough = _samples(6), _samples(ENOUGH_SAMPLES)
    highest = float(few["x"].max())
    assert tinyglow.profile(graph, few).ranges["x:0"].high > highest
    assert tinyglow.profile(graph, few, lowered=True).ranges["x:0"].high == highest
    assert tinyglow.profile(like_glow, few).ranges["x:0"].high == highest
    assert tinyglow.profile(graph, enough) == tinyglow.profile(graph, enough, margin=False)


def test_the_commands_options(tmp_path: Path) -> None:
    """``--margin none`` and ``--graph=glow`` give the samples' ranges."""
    build = NetBuilder(2)
    outputs = [build.node("Conv", "x", build.weights(4, 3, 3, 3), name="conv")]
    path = str(build.build({"x": (1, 3, 8, 8)}, outputs).save(tmp_path))
    samples = _samples(6)
    np.save(tmp_path / "few.npy", samples["x"])

    def highest(*options: str) -> float:
        file = str(tmp_path / "p.yaml")
        answer = run_cli("profile", path, "--input", f"x={tmp_path / 'few.npy'}", "-o", file, *options)
        assert answer.status == 0, answer.err
        return load_profile(file).ranges["x:0"].high

    assert highest("--margin", "none") == highest("--graph=glow") == float(samples["x"].max())
    assert highest() == highest("--margin", "auto") > float(samples["x"].max())


def _rms_norm(build: NetBuilder) -> str:
    y = build.node("MatMul", build.node("Flatten", "x"), build.weights(192, 16))
    square = build.node("ReduceMean", build.node("Mul", y, y), axes=[1], keepdims=1)
    root = build.node("Sqrt", build.node("Add", square, build.constant(1e-5)))
    return build.node("MatMul", build.node("Div", y, root), build.weights(16, 6))


def _residual(build: NetBuilder) -> str:
    y = build.node("Relu", build.node("Conv", "x", build.weights(4, 3, 3, 3), pads=[1, 1, 1, 1]))
    large = build.node("Conv", y, build.constant(9 * build.rng.standard_normal((4, 4, 3, 3))), pads=[1, 1, 1, 1])
    return build.node("Relu", build.node("Add", y, large))


def _pooled(build: NetBuilder) -> str:
    y = build.node("Conv", "x", build.weights(4, 3, 3, 3))
    pooled = build.node("AveragePool", y, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, ceil_mode=1)
    return build.node("Gemm", build.node("Flatten", pooled), build.weights(64, 5))


@pytest.mark.parametrize("make", [_rms_norm, _residual, _pooled], ids=lambda make: make.__name__.strip("_"))
def test_networks_of_few_samples_gain(make: Callable[[NetBuilder], str], tmp_path: Path) -> None:
    """Over several draws of 8 calibration samples, the mean SNR on other inputs is more than 3 dB higher."""
    build = NetBuilder(2)
    graph, test = _graph(build, [make(build)], tmp_path), _samples(10, 99)
    gains = []
    for seed in range(3):
        profiles = [tinyglow.profile(graph, _samples(8, seed), margin=margin) for margin in (False, True)]
        plain, wide = (validate(graph, profile, test, advise=False).snr for profile in profiles)
        gains.append(wide - plain)
    assert np.mean(gains) > 3


def test_margins_raise_no_false_alarm(tmp_path: Path) -> None:
    """A value that is made of one other on two ways has a range that its ends do not contradict."""
    build = NetBuilder(2)
    y = build.node(
        "Gemm", build.node("Flatten", "x"), build.constant(build.rng.standard_normal((192, 1)) / 14), name="one"
    )
    outputs = [build.node("Mul", y, build.node("Exp", y, name="exp"), name="product")]
    graph = _graph(build, outputs, tmp_path)
    for seed in range(3):
        inputs = _samples(3, seed)
        found = profile_warnings(graph, tinyglow.profile(graph, inputs), inputs)
        assert [finding.rule for finding in found] == ["few-samples"]
