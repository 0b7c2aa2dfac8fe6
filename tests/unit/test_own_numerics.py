"""A model that comes quantized gets the numerics of its own runtime, or Glow's where an operator has no such form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

import tinyglow
from tests.helpers import run_cli
from tests.onnx_quantized.networks import qdq_network, qoperator_network
from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.pipeline.own_numerics import without_form

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

from tests.tflite import cases, int8_cases
from tests.unit import test_numerics_tflite
from tests.unit.test_frontend_tflite_int8 import saved


def written(model: onnx.ModelProto, folder: Path) -> Path:
    """The model's file."""
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def same_program(one: Graph, two: Graph) -> bool:
    """Whether both make the same calls with the same constants."""
    programs = [tinyglow.lower(graph) for graph in (one, two)]
    calls = [[(call.kernel.symbol, call.operands, call.params) for call in program.calls] for program in programs]
    data = [
        [(name, None if buffer.data is None else buffer.data.tobytes()) for name, buffer in program.buffers.items()]
        for program in programs
    ]
    return calls[0] == calls[1] and data[0] == data[1]


def test_a_tflite_model_gets_litert_s_numerics(tmp_path: Path) -> None:
    """The default is ``tflite``, in Python and in the commands; Glow's is there on request."""
    path = saved(tmp_path, int8_cases.case("conv").model)
    graph = tinyglow.load(path, "net")
    default, glow, litert = (tinyglow.quantize(graph, numerics=numerics) for numerics in (None, "glow", "tflite"))
    assert [made.numerics for made in (default, glow, litert)] == ["tflite", "glow", "tflite"]
    assert same_program(default, litert) and not same_program(default, glow)
    assert tinyglow.quantize(graph, float_io=True).numerics == "tflite"
    answer = run_cli("compile", path, "--board", "host", "-o", tmp_path / "own")
    assert answer.status == 0 and "note" not in answer.err, answer
    assert (tmp_path / "own/tg_conv2d_channelwise_tflm_s8.c").exists()
    answer = run_cli("compile", path, "--board", "host", "--numerics", "glow", "-o", tmp_path / "glow")
    assert answer.status == 0 and not list((tmp_path / "glow").glob("*tflm*")), answer


@pytest.mark.parametrize("make", [qdq_network, qoperator_network])
def test_an_onnx_model_gets_onnxruntime_s_numerics(
    make: Callable[[str, bool], onnx.ModelProto], tmp_path: Path
) -> None:
    """The default is ``onnx``; compile says what Glow's is like, unless a numerics is asked for."""
    path = written(make("int8", True), tmp_path)
    graph = tinyglow.load(path, "net")
    default, glow, own = (tinyglow.quantize(graph, numerics=numerics) for numerics in (None, "glow", "onnx"))
    assert [made.numerics for made in (default, glow, own)] == ["onnx", "glow", "onnx"]
    assert same_program(default, own) and not same_program(default, glow)
    answer = run_cli("compile", path, "--board", "host", "-o", tmp_path / "own")
    assert answer.status == 0 and "--numerics glow rounds otherwise, in a few per cent fewer cycles" in answer.err, (
        answer
    )
    for numerics in ("glow", "onnx"):
        answer = run_cli("compile", path, "--board", "host", "--numerics", numerics, "-o", tmp_path / numerics)
        assert answer.status == 0 and "--numerics" not in answer.err, answer


def falls_back(path: Path, own: str, kind: str) -> None:
    """Assert that the integers are Glow's and a note names the operator; asked for by name, its numerics is refused."""
    graph, bundle = tinyglow.load(path, "net"), path.parent / "bundle"
    assert [kind in problem.found for problem in without_form(graph)] == [True]
    default = tinyglow.quantize(graph)
    assert default.numerics == "glow"
    assert same_program(default, tinyglow.quantize(graph, numerics="glow"))
    answer = run_cli("compile", path, "--board", "host", "-o", bundle)
    assert answer.status == 0, answer
    notes = [line for line in answer.err.splitlines() if line.startswith("note: ")]
    assert f"rounding of Glow's CPU bundles, not of {own}" in notes[0] and kind in notes[1] and len(notes) == 2
    answer = run_cli("compile", path, "--board", "host", "--numerics", "glow", "-o", bundle)
    assert answer.status == 0 and "note" not in answer.err, answer
    answer = run_cli("compile", path, "--board", "host", "--numerics", graph.own_numerics, "-o", bundle)
    assert answer.status == 2 and kind in answer.err, answer


def test_a_tflite_operator_without_a_form_gets_glows_rounding(tmp_path: Path) -> None:
    """MAXIMUM of values with different scales has no form with LiteRT's rounding."""
    falls_back(test_numerics_tflite.without_form(tmp_path), "LiteRT's", "Max")


def test_an_onnx_operator_without_a_form_gets_glows_rounding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no form as a kind stays float there, so a form that refuses some parameters is put in place."""

    def refuse(node: Node, lowering: Lowering) -> None:
        raise UnsupportedError(f"{node.op.kind} with these parameters", "others")

    monkeypatch.setattr(FullyConnected, "other_numerics", {**FullyConnected.other_numerics, "onnx": refuse})
    falls_back(written(qdq_network("int8", True), tmp_path), "ONNX's", "FullyConnected")


def test_float_models_and_glows_graphs_keep_glows_numerics(tmp_path: Path) -> None:
    """A float TFLite model; and a quantized one that is read as Glow reads it."""
    case = cases.case("conv_valid_relu")
    graph = tinyglow.load(saved(tmp_path, case.model), "net")
    profile = tinyglow.profile(graph, {graph.inputs[0]: case.inputs})
    assert tinyglow.quantize(graph, profile).numerics == "glow"
    path = saved(tmp_path, int8_cases.case("conv").model)
    assert tinyglow.quantize(tinyglow.load(path, like_glow=True)).numerics == "glow"


@pytest.mark.parametrize("graph", ["glow", "tiny"])
def test_glows_tools_keep_glows_numerics(graph: str, tmp_path: Path) -> None:
    """model-compiler takes the place of Glow's: its integers are Glow's, whichever graph it makes."""
    path = saved(tmp_path, int8_cases.case("conv").model)
    arguments = [f"-model={path}", "-backend=CPU", f"-emit-bundle={tmp_path / 'bundle'}", f"-graph={graph}"]
    answer = run_cli("model-compiler", *arguments)
    assert answer.status == 0, answer
    assert not list((tmp_path / "bundle").glob("*tfl*"))
