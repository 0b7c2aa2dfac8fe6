"""Reading quantized TFLite models: integers within a step of LiteRT's, at borders as the file has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.helpers import run_cli
from tests.tflite import cases, int8_cases
from tests.tflite.builder import Quant, TFLiteBuilder
from tinyglow.errors import InputError, ModelError
from tinyglow.frontend.tflite import graph_of
from tinyglow.frontend.tflite_file import read_tflite
from tinyglow.interp import run_graph
from tinyglow.ir.types import QuantParams
from tinyglow.ir.verify import verify

RECORDED = np.load(Path(cases.__file__).with_name("litert.npz"))


def saved(folder: Path, data: bytes, name: str = "net.tflite") -> Path:
    """A file of that content."""
    path = folder / name
    path.write_bytes(data)
    return path


def answers(path: Path, inputs: cases.Array) -> list[cases.Array]:
    """The integers that the compiled program gives with Glow's rounding."""
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics="glow"))
    (name,) = program.inputs
    return list(tinyglow.interpret(program, {name: inputs}).values())


def as_int8(array: cases.Array) -> cases.Array:
    """uint8 as the int8 that stands for it here."""
    return (array.astype(np.int16) - 128).astype(np.int8) if array.dtype == np.uint8 else array


@pytest.mark.parametrize("name", int8_cases.names())
def test_operators_are_within_a_step_of_litert(name: str, tmp_path: Path) -> None:
    """Each int8 operator gives LiteRT's recorded integers, but for the last step of the rounding; moves are exact."""
    case = int8_cases.case(name)
    outputs = answers(saved(tmp_path, case.model), as_int8(case.inputs))
    expected = [RECORDED[key] for key in RECORDED.files if key.rpartition(".")[0] == f"int8.{name}"]
    assert len(outputs) == len(expected) == 1
    for ours, theirs in zip(outputs, map(as_int8, expected), strict=True):
        assert ours.dtype == theirs.dtype
        difference = np.abs(ours.reshape(theirs.shape).astype(np.float64) - theirs)
        assert difference.max() <= int8_cases.steps(name)


def test_biases_with_the_axis_of_the_weights(tmp_path: Path) -> None:
    """Old converters write quantized_dimension 3 for biases, which have one dimension: it counts as that."""
    case = int8_cases.case("depthwise")
    path = saved(tmp_path, case.model)
    model = read_tflite(path)
    biases = [index for index, tensor in enumerate(model.tensors) if tensor.dtype == "INT32" and tensor.quantization]
    assert biases
    tensors = list(model.tensors)
    for index in biases:
        given = tensors[index].quantization
        assert given is not None and len(given.scales) > 1
        tensors[index] = replace(tensors[index], quantization=replace(given, axis=3))
    old = graph_of(replace(model, tensors=tuple(tensors)), "net")
    new = graph_of(model, "net")
    assert [value.type for value in old.values.values()] == [value.type for value in new.values.values()]


@pytest.mark.parametrize("name", int8_cases.names())
def test_the_graph_is_what_its_integers_stand_for(name: str, tmp_path: Path) -> None:
    """Every stage verifies; run in float, the graph gives about what the integers mean: no scale is lost."""
    case = int8_cases.case(name)
    path, inputs = saved(tmp_path, case.model), as_int8(case.inputs)
    graph = verify(tinyglow.load(path, "net"), "read")
    quantized = tinyglow.quantize(graph)
    (ours,) = answers(path, inputs)
    (real,) = run_graph(graph, {"x": inputs}).values()
    (output,) = graph.outputs
    type_ = graph.integer_type(output.value)
    assert type_ == quantized.type_of(quantized.outputs[0].value)
    if type_.quant is not None:
        low, high = (type_.quant.scale * (end - type_.quant.offset) for end in (-128, 127))
        meant = (ours.astype(np.float32) - type_.quant.offset) * type_.quant.scale
        # Several roundings may lie between; values outside of int8's range are cut off.
        assert np.abs(meant - np.clip(real, low, high).reshape(meant.shape)).max() <= 6 * type_.quant.scale


@pytest.mark.slow
@pytest.mark.parametrize("name", int8_cases.MODELS)
def test_models_of_mlperf_tiny(name: str, shared_model: Callable[[str], Path]) -> None:
    """The int8 reference models of MLPerf Tiny: LiteRT's classes, and its outputs to a few steps on noise."""
    (ours,) = answers(shared_model(name), int8_cases.model_inputs()[name])
    theirs = RECORDED[name]
    assert ours.dtype == np.int8
    difference = np.abs(ours.reshape(theirs.shape).astype(np.int64) - theirs)
    assert difference.max() <= int8_cases.MODELS[name][1]
    assert np.array_equal(ours.reshape(theirs.shape).argmax(-1), theirs.argmax(-1))


@pytest.mark.slow
def test_mobilenet_as_nxps_own_glow_has_it(shared_model: Callable[[str], Path]) -> None:
    """On NXP's 16 inputs the outputs are those of its Cortex-M7 bundle, within the noise of other roundings."""
    recorded = np.load(shared_model("nxp_mobilenet/io.npz"))
    model = shared_model("nxp_mobilenet/mobilenet_v1_0.25_128_quant_int8.tflite")
    (ours,) = answers(model, recorded["input"])
    theirs = recorded["glow_cortex_m7_output"]
    assert ours.dtype == np.float32  # the file ends with a DEQUANTIZE
    assert np.abs(ours - theirs).mean() < 0.05 / 256
    assert (np.abs(ours - theirs) < 0.5 / 256).mean() > 0.97


def test_a_quantized_model_needs_no_profile_and_takes_none(tmp_path: Path) -> None:
    """Its ranges are fixed: profiling it, a profile for it and options of quantization are refused."""
    graph = tinyglow.load(saved(tmp_path, int8_cases.case("dense").model))
    assert graph.is_quantized
    with pytest.raises(InputError, match="quantized already"):
        tinyglow.profile(graph, {"x": np.zeros((1, 2, 6), np.float32)})
    other = tinyglow.load(saved(tmp_path, cases.case("dense").model))
    profile = tinyglow.profile(other, {"x": cases.case("dense").inputs})
    with pytest.raises(InputError, match="quantized already"):
        tinyglow.quantize(graph, profile)
    with pytest.raises(InputError, match="needs a profile"):
        tinyglow.quantize(other)


def test_borders_are_the_files_own_or_float(tmp_path: Path) -> None:
    """Placeholders have the file's types; with float_io they are float and mean the same."""
    case = int8_cases.case("conv")
    graph = tinyglow.load(saved(tmp_path, case.model))
    plain, real = (tinyglow.lower(tinyglow.quantize(graph, float_io=float_io)) for float_io in (False, True))
    assert plain.buffers["x"].type.quant == QuantParams(float(np.float32(0.05)), -3)
    assert (plain.buffers["x"].type.dtype, real.buffers["x"].type.dtype) == ("int8", "float32")
    (integers,) = tinyglow.interpret(plain, {"x": case.inputs}).values()
    (floats,) = tinyglow.interpret(real, {"x": (case.inputs + np.float32(3)) * np.float32(0.05)}).values()
    np.testing.assert_allclose(floats, (integers.astype(np.float32) - 11) * np.float32(0.06), rtol=1e-6)


def test_channels_without_a_scale_are_zero(tmp_path: Path) -> None:
    """A scale of 0 stands for weights that are all 0: what they are in the file does not matter."""
    scales, products = [0.01, 0.0, 0.02], [0.01 * np.float32(0.05), 0.0, 0.02 * np.float32(0.05)]
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 2, 2, 2), "INT8", int8_cases.IN)
    filters = b.constant("f", int8_cases.integers(3, 1, 1, 2, low=-127), Quant(scales, [0, 0, 0]))
    bias = b.constant("b", np.array([5, 9, 7], np.int32), Quant([float(p) for p in products], [0, 0, 0]))
    fields = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    out = Quant([0.05], [10])
    y = b.node("CONV_2D", [x, filters, bias], (1, 2, 2, 3), "y", "Conv2DOptions", 3, "INT8", out, **fields)
    (ours,) = answers(saved(tmp_path, b.build([x], [y])), int8_cases.integers(2, 1, 2, 2, 2))
    assert (ours[..., 1] == 10).all()
    assert len(set(ours[..., 0].ravel().tolist())) > 1


@pytest.mark.parametrize(
    ("what", "because"),
    [
        ("bias scale", "a bias with the scale"),
        ("bias offset", "zero points in the type's range"),
        ("input without scale", "not quantized and of type INT8"),
        ("offset", "zero points in the type's range"),
        ("negative scale", "scales of ordinary size"),
        ("huge scale", "scales of ordinary size"),
        ("many scales", "one for each index"),
        ("tanh", "the activation TANH in int8"),
        ("no weights", "is empty"),
    ],
)
def test_quantization_that_cannot_be(what: str, because: str, tmp_path: Path) -> None:
    """Scales and zero points that contradict each other or the types are named."""
    b = TFLiteBuilder()
    quants = {
        "offset": Quant([0.05], [200]),
        "negative scale": Quant([-1.0], [0]),
        "huge scale": Quant([1e30], [0]),
        "many scales": Quant([0.05, 0.06, 0.07], [0, 0, 0], 1),
    }
    quant = quants.get(what, Quant([0.05], [0]))
    x = b.tensor("x", (1, 6), "INT8", None if what == "input without scale" else quant)
    weights = b.constant("w", int8_cases.integers(4, 0 if what == "no weights" else 6, low=-127), Quant([0.01], [0]))
    scale = 0.05 * 0.1 if what == "bias scale" else float(np.float32(0.05) * np.float32(0.01))
    bias = b.constant("b", np.arange(4, dtype=np.int32), Quant([scale], [3 if what == "bias offset" else 0]))
    fields = {"FusedActivationFunction": cases.TANH} if what == "tanh" else {}
    out = Quant([0.1], [0])
    options = "FullyConnectedOptions"
    y = b.node("FULLY_CONNECTED", [x, weights, bias], (1, 4), "y", options, 4, "INT8", out, **fields)
    with pytest.raises(ModelError) as caught:
        tinyglow.load(saved(tmp_path, b.build([x], [y])))
    assert because in str(caught.value)


def test_commands_take_quantized_models_without_a_profile(tmp_path: Path) -> None:
    """compile and verify need no --profile; a float model still does, and says so."""
    case = int8_cases.case("conv")
    path, samples = saved(tmp_path, case.model), tmp_path / "x.npy"
    np.save(samples, case.inputs)
    assert run_cli("compile", path, "--board", "host", "--name", "net", "-o", tmp_path / "bundle").status == 0
    answer = run_cli("verify", path, "--board", "host", "--input", f"x={samples}")
    assert answer.status == 0, answer
    for options, because in (
        (["--explain-quantization"], "--explain-quantization"),
        (["--profile", tmp_path / "none.yaml"], "none.yaml"),
    ):
        refused = run_cli("compile", path, "--board", "host", "-o", tmp_path / "other", *options)
        assert refused.status == 2 and because in refused.err, refused
    answer = run_cli("compile", path, "--board", "host", "-o", tmp_path / "noted", "--channelwise", "--bias", "int8")
    assert answer.status == 0
    note = "note: the model is quantized already; these options of quantization mean nothing here"
    assert answer.err == f"{note}: bias dtype, channelwise\n"
    real = saved(tmp_path, cases.case("dense").model, "real.tflite")
    refused = run_cli("compile", real, "--board", "host", "-o", tmp_path / "other")
    assert refused.status == 2 and "--profile: is missing" in refused.err
    assert not (tmp_path / "other").exists()


def test_glows_model_compiler_takes_quantized_models(tmp_path: Path) -> None:
    """Without -load-profile, with int8 placeholders as the file has them."""
    path = saved(tmp_path, int8_cases.case("conv").model)
    options = ("-tflite-uint8-to-int8", "-enable-channelwise")  # as NXP's instructions have them
    answer = run_cli(
        "model-compiler", f"-model={path}", "-backend=CPU", f"-emit-bundle={tmp_path / 'bundle'}", *options
    )
    assert answer.status == 0, answer
    assert "note: -tflite-uint8-to-int8 means nothing here" in answer.err and "nothing here: channelwise" in answer.err
    header = (tmp_path / "bundle/net.h").read_text(encoding="utf-8")
    assert "i8[S:0.0500000" in header
    answer = run_cli(
        "model-compiler", f"-model={path}", f"-emit-bundle={tmp_path / 'real'}", "-tflite-float-inputs", "-backend=CPU"
    )
    assert answer.status == 0, answer
    header = (tmp_path / "real/net.h").read_text(encoding="utf-8")
    assert "float<1 x 5 x 6 x 3>" in header and "i8[S:0.0599999" in header


def test_weights_of_4_bits_are_those_of_8(tmp_path: Path) -> None:
    """The same integers in half the bytes of the file; an odd number of them, too."""
    answers = []
    for packed in (False, True):
        b = TFLiteBuilder()
        x = b.tensor("x", (1, 5), "INT8", int8_cases.IN)
        data, quant = int8_cases.integers(3, 5, low=-8, high=7), Quant([0.1, 0.2, 0.3], [0, 0, 0], 0)
        weights = b.halves("w", data, quant) if packed else b.constant("w", data, quant)
        out = Quant([0.2], [3])
        y = b.node("FULLY_CONNECTED", [x, weights, -1], (1, 3), "y", "FullyConnectedOptions", 10, "INT8", out)
        program = tinyglow.lower(tinyglow.quantize(tinyglow.load(saved(tmp_path, b.build([x], [y])), "net")))
        inputs = {program.inputs[0]: int8_cases.integers(4, 1, 5, start=3)}
        answers.append(next(iter(tinyglow.interpret(program, inputs).values())))
    assert np.array_equal(*answers) and len(np.unique(answers[0])) > 3
