"""A model before any data: ``inspect``, and ``fit`` with made-up ranges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cases.cases import FOLDER
from tests.helpers import Net, NetBuilder, conv_net, run_cli
from tests.tflite import int8_cases
from tinyglow.pipeline.inspect import inspect


def test_figures_of_layers(tmp_path: Path) -> None:
    """Parameters and multiply-adds are those that the shapes say, of convolutions, dense layers and products."""
    build = NetBuilder()
    conv = build.node("Conv", "x", build.weights(4, 1, 3, 3), build.weights(4), group=2, name="c", strides=[2, 2])
    flat = build.node("Reshape", conv, build.constant([2, 18]))
    dense = build.node("Gemm", flat, build.weights(18, 5), build.weights(5), name="d")
    y = build.node("MatMul", dense, build.node("Transpose", dense, perm=[1, 0]), name="m")
    found = inspect(build.build({"x": (1, 2, 7, 7)}, [y]).save(tmp_path))
    assert [(layer.node, layer.weights, layer.macs) for layer in found.layers] == [
        ("c", 40, 3 * 3 * 4 * 9),
        ("d", 95, 2 * 18 * 5),
        ("m", 0, 2 * 5 * 2),
    ]
    assert (found.parameters, found.macs) == (135, 324 + 180 + 20)
    assert found.is_supported and not found.is_quantized


def test_operators_that_are_made_of_others_are_supported(tmp_path: Path) -> None:
    """The table of operators says so too: of one with a maker here, and of one that ONNX defines by a function."""
    build = NetBuilder()
    y = build.node("CumSum", build.node("HardSwish", "x"), build.constant(1))
    found = inspect(build.build({"x": (1, 4)}, [build.node("Celu", y)]).save(tmp_path))
    assert found.is_supported and not found.summary.unsupported


def open_net() -> Net:
    """Relu of ``x`` [N, 4], and an operator that is not supported behind it."""
    build = NetBuilder()
    good = build.node("Relu", "x", output="good")
    return build.build({"x": ("N", 4)}, [good, build.node("Unique", good, name="bad")], {"N": 1})


def test_the_command(tmp_path: Path) -> None:
    """It shows what goes in and out, counts operators, and says what is not supported: then its status is 1."""
    model = open_net().save(tmp_path)
    answer = run_cli("inspect", model)
    assert answer.status == 1 and not answer.err
    for text in (
        "ONNX, operator set 14",
        "N x 4",
        "Unique",
        "node 'bad' (Unique): unsupported operator Unique",
        "--output-name",
    ):
        assert text in answer.out
    answer = run_cli("inspect", model, "--output-name", "good", "--json")
    assert answer.status == 0
    found = json.loads(answer.out)
    assert found["supported"] and found["assumed"] == {"N": 1} and found["largest"] == 4
    assert found["summary"]["unsupported"] == ["Unique"]
    assert (
        json.loads(run_cli("inspect", model, "--output-name", "good", "--define", "N=3", "--json").out)["largest"] == 12
    )
    shaped = run_cli("inspect", model, "--output-name", "good", "--input-shape", "x=5,4", "--json")
    assert json.loads(shaped.out)["largest"] == 20


def test_quantized_models(tmp_path: Path) -> None:
    """Of a TFLite file the types are the file's."""
    pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")
    path = tmp_path / "net.tflite"
    path.write_bytes(int8_cases.case("conv").model)
    answer = run_cli("inspect", path)
    assert answer.status == 0
    for text in ("TFLite, quantized", "int8", "CONV_2D", "1 x 5 x 6 x 3"):
        assert text in answer.out
    answer = run_cli("inspect", FOLDER / "tcn_causal_dilated_tflite/model.tflite", "--json")
    assert not json.loads(answer.out)["summary"]["unsupported"]  # although there is no operator SPACE_TO_BATCH_ND here


def test_files_that_are_no_models(tmp_path: Path) -> None:
    """They are errors as everywhere."""
    (tmp_path / "net.onnx").write_bytes(b"no model")
    answer = run_cli("inspect", tmp_path / "net.onnx")
    assert answer.status == 2 and "not an ONNX file" in answer.err


@pytest.mark.parametrize("log", [False, True])
def test_fit_without_a_profile(log: bool, tmp_path: Path) -> None:
    """Sizes and cycles come from made-up ranges, which is said; also of networks that take logarithms."""
    if log:
        build = NetBuilder()
        net = build.build({"x": (1, 8)}, [build.node("Gemm", build.node("Log", "x"), build.weights(8, 4))])
    else:
        net = conv_net()
    answer = run_cli("fit", net.save(tmp_path), "--board", "frdm-ke16z", "--json")
    assert answer.status == 0, answer.err
    assert answer.err == "note: without --profile the ranges are made up; sizes and cycles hardly depend on them\n"
    assert all(found["cycles"] > 0 and not found["problem"] for found in json.loads(answer.out))
