"""The tflite numerics: LiteRT's recorded integers, to the bit, of every operator and of the models of MLPerf Tiny."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.benchmarks.mlperf_tiny import CORES, NETWORKS
from tests.helpers import run_cli
from tests.tflite import cases, int8_cases, int16_cases, numerics_cases
from tests.tflite.builder import Quant, TFLiteBuilder
from tests.tflite.images import load_record
from tests.tflite.sweep import RECORDED as RECORD
from tests.unit.test_frontend_tflite_int8 import as_int8, saved
from tinyglow.errors import InputError, ModelError
from tinyglow.targets.boards import HOST

RECORDED = np.load(Path(cases.__file__).with_name("litert.npz"))
KINDS = {"int8": int8_cases, "numerics": numerics_cases, "int16": int16_cases}
CASES = [(kind, name) for kind, cases_of in KINDS.items() for name in cases_of.names()]


def compiled(path: Path) -> tinyglow.Program:
    """The program with LiteRT's rounding."""
    return tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics="tflite"))


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_operators_are_litert_to_the_bit(kind: str, name: str, tmp_path: Path) -> None:
    """Each operator gives LiteRT's recorded integers, where Glow's rounding is a step away now and then."""
    case = KINDS[kind].case(name)
    program = compiled(saved(tmp_path, case.model))
    (ours,) = tinyglow.interpret(program, {program.inputs[0]: as_int8(case.inputs)}).values()
    theirs = as_int8(RECORDED[f"{kind}.{name}.0"])
    assert ours.dtype == theirs.dtype or ours.dtype.kind == "i"
    assert np.array_equal(ours.reshape(theirs.shape), theirs)


def test_the_rounding_differs_from_glows(tmp_path: Path) -> None:
    """Else the test above would show nothing: some of its cases have other integers with Glow's rounding."""
    differing = []
    for name in ("conv", "depthwise", "add_constant", "softmax", "hard_swish", "average_pool_2d"):
        case = int8_cases.case(name)
        graph = tinyglow.load(saved(tmp_path, case.model), "net")
        program = tinyglow.lower(tinyglow.quantize(graph, numerics="glow"))
        (ours,) = tinyglow.interpret(program, {program.inputs[0]: case.inputs}).values()
        theirs = RECORDED[f"int8.{name}.0"]
        if not np.array_equal(ours.reshape(theirs.shape), theirs):
            differing.append(name)
    assert len(differing) >= 2, differing


@pytest.mark.parametrize("name", int8_cases.MODELS)
@pytest.mark.slow  # compiles C
def test_models_of_mlperf_tiny_are_litert_to_the_bit(name: str, shared_model: Callable[[str], Path]) -> None:
    """All outputs on recorded noise; and C on this machine gives the same."""
    program = compiled(shared_model(name))
    inputs = int8_cases.model_inputs()[name]
    (ours,) = tinyglow.interpret(program, {program.inputs[0]: inputs}).values()
    assert np.array_equal(ours.reshape(RECORDED[name].shape), RECORDED[name])
    assert all(result.equal for result in tinyglow.verify(program, HOST, {program.inputs[0]: inputs[:1]}))


def test_softmax_is_that_of_the_reference_kernels(tmp_path: Path) -> None:
    """Fixed point, which is a step off the quotient of exponentials once in 30,000 results: here LiteRT 2.3's."""
    rows = [[-47, -35, 5, -9, -21, 17, 0, 5, -63, -20], [33, 8, 16, 20, -17, 11, 64, 9, -33, -18]]
    rows += [[8, -4, 6, -7, -40, 24, -46, 10, -22, 8], [47, 16, -9, 38, -26, -40, 11, -25, 39, 56]]
    x = np.array(rows, np.int8)[:, np.newaxis]
    b = TFLiteBuilder()
    source = b.tensor("x", (1, 10), "INT8", Quant([0.17185351252555847], [24]))
    y = b.node("SOFTMAX", [source], (1, 10), "y", "SoftmaxOptions", 2, "INT8", Quant([1 / 256], [-128]), Beta=1.0)
    program = compiled(saved(tmp_path, b.build([source], [y])))
    (ours,) = tinyglow.interpret(program, {program.inputs[0]: x}).values()
    places = [5, 6, 5, 0]
    assert [int(row[place]) for row, place in zip(ours.reshape(4, 10), places, strict=True)] == [65, 127, 73, -86]


def test_the_sweep_has_found_no_difference() -> None:
    """What ``tests.tflite.sweep`` has recorded: every sample was equal, on every core."""
    found = json.loads(RECORD.read_text(encoding="utf-8"))
    assert set(found) == {network.file for network in NETWORKS}
    for runs in found.values():
        assert set(runs) == {"numpy", "host", *CORES}
        assert all(equal == count for equal, count in runs.values())
        assert runs["numpy"][1] >= 1000 and min(runs[core][1] for core in CORES) >= 50


def test_all_test_images_get_litert_s_answers() -> None:
    """What ``tests.tflite.images`` has recorded of ResNet-8 and CIFAR-10."""
    found = load_record()
    assert found.equal == found.classes == found.images == 10_000
    assert found.numpy[0] == found.numpy[1] >= 1000
    assert found.right > 7000


def without_form(folder: Path) -> Path:
    """A model of an operator without a form in the tflite numerics."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4), "INT8", int8_cases.IN)
    y = b.node(
        "MAXIMUM",
        [x, b.constant("c", np.array([[3, -9, 70, 0]], np.int8), Quant([0.2], [-7]))],
        (1, 4),
        "y",
        "MaximumMinimumOptions",
        2,
        "INT8",
        Quant([0.2], [-7]),
    )
    return saved(folder, b.build([x], [y]))


def test_what_has_no_form_is_refused_by_name(tmp_path: Path) -> None:
    """With what to do; and so is a numerics that there is not, and one with int16."""
    path = without_form(tmp_path)
    with pytest.raises(ModelError, match="--numerics glow") as caught:
        compiled(path)
    assert "Max of values with different scales, with the numerics tflite" in str(caught.value)
    graph = tinyglow.load(path)
    with pytest.raises(InputError, match="unknown numerics"):
        tinyglow.quantize(graph, numerics="libjit")


def test_the_commands_take_a_numerics(tmp_path: Path) -> None:
    """compile and verify: C on this machine is the numpy definition."""
    case = int8_cases.case("conv")
    path, samples = saved(tmp_path, case.model), tmp_path / "x.npy"
    np.save(samples, case.inputs)
    answer = run_cli("verify", path, "--board", "host", "--input", f"x={samples}", "--numerics", "tflite")
    assert answer.status == 0, answer
    answer = run_cli("compile", path, "--board", "host", "--numerics", "tflite", "-o", tmp_path / "bundle")
    assert answer.status == 0, answer
    assert (tmp_path / "bundle/tg_conv2d_channelwise_tflm_s8.c").exists()


def test_a_float_model_takes_a_numerics_too(tmp_path: Path) -> None:
    """Its scales are those of its profile; the rounding is LiteRT's, and C on this machine is the numpy definition."""
    case = cases.case("conv_valid_relu")
    graph = tinyglow.load(saved(tmp_path, case.model), "net")
    (name,) = graph.inputs
    profile = tinyglow.profile(graph, {name: case.inputs})
    glow, litert = (
        tinyglow.lower(tinyglow.quantize(graph, profile, numerics=numerics)) for numerics in ("glow", "tflite")
    )
    assert {call.kernel.symbol for call in litert.calls} != {call.kernel.symbol for call in glow.calls}
    inputs = {name: case.inputs}
    ours, theirs = (next(iter(tinyglow.interpret(program, inputs).values())) for program in (glow, litert))
    assert np.abs(ours.astype(int) - theirs).max() <= 1
    assert all(result.equal for result in tinyglow.verify(litert, HOST, inputs))


def test_biases_of_8_bits_are_glow_s(tmp_path: Path) -> None:
    """Other kernels read biases of 32 bits in steps of the sums: the options are refused together."""
    case = cases.case("conv_valid_relu")
    graph = tinyglow.load(saved(tmp_path, case.model), "net")
    profile, scheme = tinyglow.profile(graph, {graph.inputs[0]: case.inputs}), tinyglow.Scheme(bias_dtype="int8")
    for numerics in ("tflite", "tflm", "onnx"):
        with pytest.raises(InputError, match="--bias: int8; expected int32"):
            tinyglow.quantize(graph, profile, scheme, numerics=numerics)
    assert tinyglow.quantize(graph, profile, scheme, numerics="glow")
