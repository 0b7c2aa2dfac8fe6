"""What profile and compile warn of, and that they keep quiet otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Array, Net, NetBuilder, conv_net, dense_net, run_cli
from tinyglow.ir.graph import Graph
from tinyglow.pipeline.fidelity import output_fidelity
from tinyglow.pipeline.validate import profile_warnings
from tinyglow.quant.profile import Profile
from tinyglow.quant.scheme import Scheme
from tinyglow.quant.warnings import Evidence, Finding, warnings_of


def _profiled(net: Net, folder: Path, inputs: Mapping[str, Array]) -> tuple[Graph, Profile]:
    graph = tinyglow.load(net.save(folder))
    return graph, tinyglow.profile(graph, inputs)


def _found(net: Net, folder: Path, inputs: Mapping[str, Array], scheme: Scheme | None = None) -> list[Finding]:
    """What compile knows: the profile and the graph, without the samples."""
    graph, profile = _profiled(net, folder, inputs)
    return warnings_of(Evidence(graph, profile, tinyglow.quantize(graph, profile, scheme)))


def _rules(findings: list[Finding]) -> list[str]:
    return [finding.rule for finding in findings]


@pytest.mark.parametrize("make", [conv_net, dense_net])
def test_good_networks_raise_no_warning(make: Callable[[], Net], tmp_path: Path) -> None:
    """Neither from the profile alone nor with the samples at hand."""
    net = make()
    inputs = net.samples(16)
    graph, profile = _profiled(net, tmp_path, inputs)
    assert profile_warnings(graph, profile, inputs) == []
    assert _found(net, tmp_path, inputs) == []


@pytest.mark.parametrize("count", [1, 8, 15, 16])
def test_few_samples(count: int, tmp_path: Path) -> None:
    """Fewer than 16 are too few; compile counts them in the histograms."""
    found = _found(dense_net(), tmp_path, dense_net().samples(count))
    assert _rules(found) == (["few-samples"] if count < 16 else [])
    if found:
        assert f"{count} sample" in str(found[0])


@pytest.mark.parametrize("count", [8, 16])
def test_the_chance_of_a_value_beyond_its_range(count: int) -> None:
    """A new sample of a value of many elements, which vary together, exceeds that of n samples in 2 of n + 1 cases."""
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((4000, count + 1, 1)) + 0.1 * rng.standard_normal((4000, count + 1, 30))
    known, new = samples[:, :-1].reshape(4000, -1), samples[:, -1]
    beyond = (new.max(axis=1) > known.max(axis=1)) | (new.min(axis=1) < known.min(axis=1))
    assert beyond.mean() == pytest.approx(2 / (count + 1), rel=0.15)


def test_an_input_that_is_one_number(tmp_path: Path) -> None:
    """Zeros, as a wrong path or normalization leaves them: said at profile and at compile time, once."""
    net = conv_net()
    inputs = {"x": np.zeros((8, 1, 2, 6, 6), np.float32)}
    graph, profile = _profiled(net, tmp_path, inputs)
    for found in (profile_warnings(graph, profile, inputs), _found(net, tmp_path, inputs)):
        assert _rules(found) == ["constant-input"]
        assert "input x: is 0 everywhere in the calibration samples" in str(found[0])


def test_an_input_that_is_the_same_each_time(tmp_path: Path) -> None:
    """One sample repeated is no better than one; ``profile`` says so, which has the samples."""
    net = dense_net()
    inputs = {"x": net.samples(1)["x"].repeat(8, axis=0)}
    graph, profile = _profiled(net, tmp_path, inputs)
    assert _rules(profile_warnings(graph, profile, inputs)) == ["constant-input"]
    assert _rules(_found(net, tmp_path, inputs)) == ["few-samples"]


@pytest.mark.parametrize("activation", ["Relu", "Clip"])
@pytest.mark.parametrize("bias", [-100.0, 0.0])
def test_an_activation_that_never_opens(activation: str, bias: float, tmp_path: Path) -> None:
    """A Relu or Clip whose input stays below its bound makes a constant of the network."""
    build = NetBuilder()
    build.node("Gemm", "x", build.weights(8, 4), build.constant(np.full(4, bias)), name="gemm", output="a")
    bounds = [build.constant(np.float32(0)), build.constant(np.float32(6))] if activation == "Clip" else []
    build.node(activation, "a", *bounds, name="act", output="y")
    net = build.build({"x": (1, 8)}, ["y"])
    found = _found(net, tmp_path, net.samples(16))
    assert _rules(found) == (["dead-activation"] if bias else [])
    if found:
        assert found[0].where == "act" and "never exceeds 0" in found[0].found


def _scaled(factor: float) -> Net:
    """Two features, one ``factor`` times as large as the other, normalized inside the network."""
    build = NetBuilder()
    build.node("Div", "x", build.constant(np.array([[1.0, factor]])), name="scale", output="n")
    build.node("Gemm", "n", build.weights(2, 4), build.weights(4), name="gemm", output="y")
    return build.build({"x": (1, 2)}, ["y"])


@pytest.mark.parametrize("factor", [1.0, 8.0, 1000.0])
@pytest.mark.parametrize("float_io", [False, True])
def test_features_of_mixed_scale(factor: float, float_io: bool, tmp_path: Path) -> None:
    """An integer input that drowns its small features is said, or the normalization stays float and all is well."""
    net = _scaled(factor)
    inputs = {"x": net.samples(32)["x"] * np.array([1, factor], np.float32)}
    graph, profile = _profiled(net, tmp_path, inputs)
    quantized = tinyglow.quantize(graph, profile, float_io=float_io)
    found = warnings_of(Evidence(graph, profile, quantized, inputs))
    (output,) = output_fidelity(graph, tinyglow.lower(quantized), inputs)
    if output.fidelity.snr > 25:
        assert found == []
    else:
        assert factor == 1000 and _rules(found) == ["drowned-input"]
        assert "--float-node scale" in found[0].advice and "features reach from" in found[0].found


@pytest.mark.parametrize("like_glow", [False, True])
def test_a_division_of_integers(like_glow: bool, tmp_path: Path) -> None:
    """Glow divides int8 values as integers, also where it spells a batch normalization out: that node is named."""
    build = NetBuilder()
    y = build.node("Relu", build.node("Conv", "x", build.weights(3, 2, 3, 3)), name="relu")
    rows = [build.constant(data) for data in (np.ones(3), np.zeros(3), np.full(3, 0.5), np.full(3, 2.0))]
    net = build.build({"x": (1, 2, 5, 5)}, [build.node("BatchNormalization", y, *rows, name="norm")])
    graph = tinyglow.load(net.save(tmp_path), like_glow=like_glow)
    inputs = net.samples(32)
    profile = tinyglow.profile(graph, inputs)
    quantized = tinyglow.quantize(graph, profile, Scheme(like_glow=like_glow))
    found = warnings_of(Evidence(graph, profile, quantized, inputs))
    assert [(finding.rule, finding.where) for finding in found] == [("integer-division", "norm")] * like_glow


def _joined(factor: float) -> Net:
    """Two Gemms on one input, joined; the second one's result is ``factor`` times as large."""
    build = NetBuilder()
    for name, size in (("a", 1.0), ("b", factor)):
        weights = build.constant(build.rng.standard_normal((8, 4)) * size)
        build.node("Gemm", "x", weights, build.constant(np.zeros(4)), name=name, output=f"{name}_out")
    build.node("Concat", "a_out", "b_out", name="cat", axis=1, output="y")
    return build.build({"x": (1, 8)}, ["y"])


@pytest.mark.parametrize("factor", [1.0, 4.0, 300.0])
def test_an_operand_of_a_concat_that_gets_few_steps(factor: float, tmp_path: Path) -> None:
    """It is named, with the number of steps; the advice brings back what is lost."""
    net = _joined(factor)
    inputs = net.samples(32)
    found = _found(net, tmp_path, inputs)
    assert _rules(found) == (["few-steps"] if factor > 16 else [])
    assert _found(net, tmp_path, inputs, Scheme(precision="int16")) == []
    if found:
        assert found[0].where == "cat" and "the result of a (" in found[0].found
        assert _found(net, tmp_path, inputs, Scheme(float_nodes=frozenset(["cat"]))) == []


def test_a_value_below_one_step(tmp_path: Path) -> None:
    """A value far from zero that varies by less than a step of its own scale is one number."""
    build = NetBuilder()
    build.node("Gemm", "x", build.weights(8, 4), build.constant(np.full(4, 5000.0)), name="far", output="y")
    net = build.build({"x": (1, 8)}, ["y"])
    found = _found(net, tmp_path, net.samples(32))
    assert _rules(found) == ["below-a-step"]
    assert "less than one step" in found[0].found and "--float-node far" in found[0].advice


def test_profiles_without_histograms_say_nothing_of_samples(tmp_path: Path) -> None:
    """A profile of any origin will do; what it does not tell is not made up."""
    net = dense_net()
    graph, profile = _profiled(net, tmp_path, net.samples(1))
    bare = replace(profile, ranges={name: replace(r, histogram=()) for name, r in profile.ranges.items()})
    assert warnings_of(Evidence(graph, bare, tinyglow.quantize(graph, bare))) == []


def test_commands_warn_and_go_on(tmp_path: Path) -> None:
    """Warnings are lines on stderr; exit status and what is written do not change."""
    model = _joined(300.0).save(tmp_path)
    np.save(tmp_path / "x.npy", _joined(300.0).samples(2)["x"])
    profile = run_cli("profile", model, "--input", f"x={tmp_path / 'x.npy'}", "-o", tmp_path / "p.yaml")
    assert profile.status == 0
    assert "warning: the profile: was made from 2 samples" in profile.err
    compiled = run_cli("compile", model, "--profile", tmp_path / "p.yaml", "--board", "host", "-o", tmp_path / "bundle")
    assert compiled.status == 0 and (tmp_path / "bundle/net.h").exists()
    assert compiled.err == profile.err
    assert [line.split(":")[0] for line in compiled.err.splitlines()] == ["warning", "warning"]
