"""Refusals of models: kinds of problems with counts, what to do about each, and a few nodes of each."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder
from tests.tflite.builder import TFLiteBuilder
from tinyglow.errors import ModelError
from tinyglow.frontend.refusal import advice, unsupported
from tinyglow.registry import ONNX_OPS


def message(net: Net, folder: Path) -> list[str]:
    """The lines with which a model is refused."""
    with pytest.raises(ModelError) as caught:
        tinyglow.load(net.save(folder))
    return str(caught.value).splitlines()


def test_nodes_of_one_kind_are_one_line(tmp_path: Path) -> None:
    """Ten nodes of a kind are one line with three of them, the largest kind first; a few nodes have a line each."""
    build = NetBuilder()
    ends = [build.node("Unique", "x", name=f"det{index}") for index in range(2)]
    ends += [build.node("RoiAlign", "x", name=f"norm{index}") for index in range(10)]
    lines = message(build.build({"x": (1, 4, 4)}, ends), tmp_path)
    assert lines == [
        "the model cannot be imported: 12 nodes, 2 kinds of problems",
        "  - 10 nodes (RoiAlign): unsupported operator RoiAlign: 'norm0', 'norm1', 'norm2' and 7 more "
        f"({advice('RoiAlign')})",
        f"  - node 'det0' (Unique): unsupported operator Unique ({advice('Unique')})",
        f"  - node 'det1' (Unique): unsupported operator Unique ({advice('Unique')})",
    ]


@pytest.mark.parametrize(
    ("operator", "text"),
    [
        ("DynamicQuantizeLinear", "give the float model"),
        ("ConvInteger", "give the float model"),
        ("QLinearWhere of domain 'com.microsoft'", "give the float model"),
        ("FusedConv of domain 'com.microsoft'", "without onnxruntime's optimizations"),
        ("CategoryMapper of domain 'ai.onnx.ml'", "--output-name"),
        ("CALL", "unroll=True"),
        ("Loop", "fixed shapes"),
        ("CUSTOM ethos-u", "Vela"),
        ("CUSTOM FlexConv3D", "SELECT_TF_OPS"),
        ("CUSTOM TFLite_Detection_PostProcess", "--output-name"),
        ("CUSTOM Mine", "replace the layer"),
        ("ConvTranspose", "Resize"),
        ("LayerNormalization", "ReduceMean"),
        ("ReduceL2", "ReduceSum"),
        ("LogSoftmax", "Log(Softmax(x))"),
        ("HardSigmoid", "Clip"),
        ("Elu", "one table"),
        ("Softplus", "one table"),
        ("Greater", "LeakyRelu"),
        ("LOGICAL_AND", "--output-name"),
        ("Sign", "Clip"),
        ("Sin", "an input"),
        ("RoiAlign", "docs/reference/operators.md"),
    ],
)
def test_what_to_do(operator: str, text: str) -> None:
    """Operators that are met often come with advice."""
    assert text in advice(operator)


def test_every_operator_has_a_way_out() -> None:
    """Whatever ONNX has and is not supported is refused with something to do about it."""
    for operator in {schema.name for schema in onnx.defs.get_all_schemas()} - set(ONNX_OPS):
        assert unsupported(operator).hint


def test_operators_that_are_none(tmp_path: Path) -> None:
    """A misspelt operator is told from one that is not supported."""
    build = NetBuilder()
    (_, line) = message(build.build({"x": (1, 4)}, [build.node("Erfc", "x", name="tail")]), tmp_path)
    assert line.startswith("  - node 'tail' (Erfc): unsupported operator Erfc (ONNX has no operator of that name; ")
    build = NetBuilder()
    (_, line) = message(build.build({"x": (1, 4)}, [build.node("Reluu", "x", name="tail")]), tmp_path)
    assert line == "  - node 'tail' (Reluu): unsupported operator Reluu (ONNX has no operator of that name)"


def test_where_the_network_could_end(tmp_path: Path) -> None:
    """Outputs without trouble are named, or the one value that goes into an unsupported tail; else nothing is."""
    build = NetBuilder()
    good = build.node("Relu", "x", output="good")
    lines = message(build.build({"x": (1, 4)}, [good, build.node("NonZero", good)]), tmp_path)
    assert lines[-1] == "  - the rest is supported: --output-name good leaves out what is not"
    build = NetBuilder()
    value = "x"
    for index in range(5):
        value = build.node("Relu", value, output=f"relu {index}")
    lines = message(build.build({"x": (1, 4)}, [build.node("Unique", value)]), tmp_path)
    assert lines[-1] == "  - the rest is supported: --output-name 'relu 4' leaves out what is not"
    build = NetBuilder()
    tail = build.node("NonZero", "x")
    for _ in range(5):
        tail = build.node("Relu", tail)
    lines = message(build.build({"x": (1, 4)}, [tail]), tmp_path)
    assert "leaves out" not in lines[-1]


def test_control_flow_is_no_damage(tmp_path: Path) -> None:
    """A TFLite file whose WHILE never ends is refused for the WHILE, and not as damaged."""
    pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4))
    y = b.node("WHILE", [x], (1, 4), options="WhileOptions", CondSubgraphIndex=1, BodySubgraphIndex=2)
    path = tmp_path / "net.tflite"
    path.write_bytes(b.build([x], [y], bodies=2))
    with pytest.raises(ModelError, match=r"\(WHILE\): control flow that calls itself"):
        tinyglow.load(path)
