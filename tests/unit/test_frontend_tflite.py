"""Reading TFLite: what the imported float graph computes is what LiteRT computes, before and after the passes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.helpers import run_cli
from tests.tflite import cases, int8_cases
from tests.tflite.builder import Quant, TFLiteBuilder
from tinyglow.errors import ModelError
from tinyglow.frontend.read import input_dimensions
from tinyglow.frontend.tflite import load_tflite
from tinyglow.frontend.tflite_file import read_tflite
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Graph
from tinyglow.ir.verify import verify
from tinyglow.registry import TFLITE_OPS

RECORDED = np.load(Path(cases.__file__).with_name("litert.npz"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For model files; each overwrites the one before."""
    return tmp_path_factory.mktemp("models")


def saved(folder: Path, data: bytes, name: str = "net.tflite") -> Path:
    """A file of that content."""
    path = folder / name
    path.write_bytes(data)
    return path


def assert_answers(graph: Graph, inputs: cases.Array, expected: list[cases.Array], tolerance: float = 1e-5) -> None:
    """The graph gives these outputs, within ``tolerance`` of the largest of each (at least 1)."""
    (name,) = graph.given
    outputs = list(run_graph(graph, {name: inputs}).values())
    assert len(outputs) == len(expected)
    for ours, theirs in zip(outputs, expected, strict=True):
        bound = tolerance * max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=0, atol=bound)


@pytest.mark.parametrize("name", cases.names())
def test_operators_compute_what_litert_computes(name: str, folder: Path) -> None:
    """Each operator, in each of its forms, gives LiteRT's recorded outputs, as it was read and simplified."""
    case = cases.case(name)
    expected = [RECORDED[key] for key in RECORDED.files if key.rpartition(".")[0] == name]
    path = saved(folder, case.model)
    assert_answers(verify(load_tflite(path), "read"), case.inputs, expected)
    assert_answers(tinyglow.load(path), case.inputs, expected)


def test_every_operator_has_a_case(folder: Path) -> None:
    """No operator is said to be supported that no case has, but what LiteRT lacks: ``test_tflite_states`` has that."""
    seen = {"CUSTOM CIRCULAR_BUFFER"}
    for kind in (cases, int8_cases):
        for name in kind.names():
            seen |= {operator.op_type for operator in read_tflite(saved(folder, kind.case(name).model)).operators}
    assert set(TFLITE_OPS) - seen == set()


@pytest.mark.parametrize("name", cases.model_inputs())
def test_models_of_mlperf_tiny(name: str, shared_model: Callable[[str], Path]) -> None:
    """The float reference models of MLPerf Tiny give LiteRT's outputs.

    Of the keyword model the weights are int8: LiteRT rounds its activations to int8 too, which costs it up to 0.03.
    """
    path = shared_model(name)
    tolerance = 0.03 if "kws" in name else 1e-5
    assert_answers(tinyglow.load(path), cases.model_inputs()[name], [RECORDED[name]], tolerance)


def test_a_fused_tanh(folder: Path) -> None:
    """It is the tanh of the sums, as the schema says and Glow does; LiteRT leaves it out."""
    results = []
    for activation in (0, cases.TANH):
        b = TFLiteBuilder()
        x = b.tensor("x", (2, 6))
        operands = [x, b.constant("w", cases.numbers(4, 6)), -1]
        y = b.node(
            "FULLY_CONNECTED", operands, (2, 4), "y", "FullyConnectedOptions", FusedActivationFunction=activation
        )
        graph = tinyglow.load(saved(folder, b.build([x], [y])))
        results.append(run_graph(graph, {"x": cases.numbers(2, 2, 6)})["y"])
    np.testing.assert_allclose(results[1], np.tanh(results[0]), atol=1e-6)


def test_weights_that_are_int8_in_a_float_network(folder: Path) -> None:
    """They count as what they stand for: with one scale, with a scale for each unit or channel, and as uint8."""
    q = np.arange(-12, 12, dtype=np.int8).reshape(4, 6)
    scales = [0.5, 0.25, 1.0, 2.0]
    forms = [
        (q, Quant([0.5], [3]), 0.5 * (q - 3.0)),
        ((q.astype(np.int16) + 128).astype(np.uint8), Quant([0.5], [131]), 0.5 * (q - 3.0)),
        (q, Quant(scales, [0, 0, 0, 0]), q * np.array(scales)[:, np.newaxis]),
    ]
    inputs = cases.numbers(2, 2, 6)
    for data, quant, real in forms:
        b = TFLiteBuilder()
        x = b.tensor("x", (2, 6))
        y = b.node("FULLY_CONNECTED", [x, b.constant("w", data, quant), -1], (2, 4), options="FullyConnectedOptions")
        graph = tinyglow.load(saved(folder, b.build([x], [y])))
        assert not graph.is_quantized  # it takes a profile, as any float network
        assert_answers(graph, inputs, [inputs @ real.T])
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 1, 1, 4))
    weights = b.constant("w", q[:1, :4].reshape(1, 1, 1, 4), Quant(scales, [0] * 4, 3))
    fields = {"StrideH": 1, "StrideW": 1, "DepthMultiplier": 1}
    y = b.node("DEPTHWISE_CONV_2D", [x, weights], (1, 1, 1, 4), options="DepthwiseConv2DOptions", **fields)
    inputs = cases.numbers(3, 1, 1, 1, 4)
    assert_answers(tinyglow.load(saved(folder, b.build([x], [y]))), inputs, [inputs * q[0, :4] * scales])


def test_names_are_those_of_glows_loader(folder: Path) -> None:
    """Nodes are called what their results are, but the last what its operator is; activations after a point."""
    b = TFLiteBuilder()
    x = b.tensor("serving/x:0", (1, 4, 4, 2))
    operands = [x, b.constant("net/w", cases.numbers(3, 3, 3, 2)), b.constant("net/b", cases.numbers(3))]
    fields = {"StrideH": 1, "StrideW": 1, "FusedActivationFunction": cases.RELU6}
    conv = b.node("CONV_2D", operands, (1, 4, 4, 3), "net/conv;relu", "Conv2DOptions", **fields)
    y = b.node("SOFTMAX", [conv], (1, 4, 4, 3), "Identity", "SoftmaxOptions", Beta=1.0)
    graph = load_tflite(saved(folder, b.build([x], [y])))
    names = ["net_conv_relu", "net_conv_relu_RELU6", "reshapeInput", "SOFTMAX", "reshapeOutput"]
    assert [node.name for node in graph.nodes] == names
    assert graph.inputs == ("serving_x_0",)
    assert [output.name for output in graph.outputs] == ["Identity"]
    assert graph.source_names["serving_x_0"] == "serving/x:0"
    assert {"net_w", "net_b"} <= set(graph.values)


def test_tensors_without_names_or_of_the_same(folder: Path) -> None:
    """Tensors are told apart by their numbers: names may be missing, or used twice."""
    b = TFLiteBuilder()
    x = b.tensor("", (2, 3))
    first = b.node("ADD", [x, b.constant("t", cases.numbers(3))], (2, 3), "t", "AddOptions")
    y = b.node("MUL", [first, b.constant("t", cases.numbers(3, start=9))], (2, 3), "t", "MulOptions")
    inputs = cases.numbers(2, 2, 3)
    expected = (inputs + cases.numbers(3)) * cases.numbers(3, start=9)
    assert_answers(tinyglow.load(saved(folder, b.build([x], [y]))), inputs, [expected])


def test_a_tflite_model_is_known_by_its_content(folder: Path) -> None:
    """Whatever the file is called; and one called .tflite that is none is refused as a TFLite file."""
    case = cases.case("dense")
    assert len(tinyglow.load(saved(folder, case.model, "model.bin"), "net").nodes) == 1
    assert input_dimensions(saved(folder, case.model)) == {"x": (2, 6)}
    for data in (b"", b"TFL3", b"\x08\x07 an ONNX file, perhaps"):
        with pytest.raises(ModelError, match="not a TFLite file"):
            tinyglow.load(saved(folder, data))


def test_all_that_is_not_supported_is_said_at_once(folder: Path) -> None:
    """Operators, custom ones too, types and forms of operators: all of the model, but not what follows from them."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4, 4, 2))
    flipped = b.node("LOCAL_RESPONSE_NORMALIZATION", [x], (1, 4, 4, 2), "flip")
    other = b.node("CUSTOM Mine", [x], (1, 4, 4, 2), "mine")
    wide = b.node("RELU", [x], (1, 4, 4, 2), "wide", dtype="INT16")
    fields = {"StrideH": 1, "StrideW": 1}
    conv = b.node("CONV_2D", [x, flipped], (1, 4, 4, 2), "conv", "Conv2DOptions", **fields)
    pool = b.node("MAX_POOL_2D", [x], (1, 4, 4, 2), "pool", "Pool2DOptions")
    size = b.node("ADD", [x, x], (1, 4, 4, 3), "sum", "AddOptions")
    with pytest.raises(ModelError) as caught:
        tinyglow.load(saved(folder, b.build([x], [other, wide, conv, pool, size])))
    found = {problem.where.split("'")[1]: problem.found for problem in caught.value.problems}
    assert found.keys() == {"flip", "CUSTOM Mine", "RELU", "MAX_POOL_2D", "ADD"}
    assert "unsupported operator LOCAL_RESPONSE_NORMALIZATION" in found["flip"]
    assert "unsupported operator CUSTOM Mine" in found["CUSTOM Mine"]
    assert "INT16" in found["RELU"]
    assert "filter [0, 0]" in found["MAX_POOL_2D"]
    assert "[1, 4, 4, 2]" in found["ADD"]


def test_define_has_nothing_to_bind(folder: Path) -> None:
    """TFLite has no symbolic dimensions: a size for one is refused by its name."""
    with pytest.raises(ModelError, match="--define N"):
        tinyglow.load(saved(folder, cases.case("dense").model), define={"N": 1})


def test_commands_take_tflite_models(folder: Path) -> None:
    """profile, compile and verify do with it what they do with ONNX."""
    case = cases.case("network")
    path, samples, profile = saved(folder, case.model), folder / "x.npy", folder / "p.yaml"
    np.save(samples, np.concatenate([case.inputs] * 8))
    assert run_cli("profile", path, "--input", f"x={samples}", "-o", profile).status == 0
    assert run_cli("compile", path, "--profile", profile, "--board", "host", "-o", folder / "bundle").status == 0
    assert (folder / "bundle/net.c").is_file()
    answer = run_cli("verify", path, "--profile", profile, "--board", "host", "--input", f"x={samples}")
    assert answer.status == 0, answer


def test_without_the_package_the_extra_is_named(folder: Path) -> None:
    """`import tinyglow` and ONNX models do without tflite; a TFLite model says what to install, with status 2."""
    path = saved(folder, cases.case("dense").model)
    code = f"""if 1:
        import sys
        sys.modules['tflite'] = sys.modules['flatbuffers'] = None
        import tinyglow.pipeline.stations
        from tinyglow.cli import main
        sys.exit(main(['profile', {str(path)!r}, '--input', 'x=x.npy', '-o', 'p.yaml']))
    """
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, encoding="utf-8")
    assert done.returncode == 2, done
    assert "pip install 'tinyglow[tflite]'" in done.stderr and "Traceback" not in done.stderr
