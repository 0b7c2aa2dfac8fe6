"""What the user says of a model beside its file: shapes that it leaves open, and where the network ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder, Place, run_cli
from tests.tflite import cases as tflite_cases
from tinyglow.errors import ModelError
from tinyglow.interp import run_graph


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty folder."""
    return Place(tmp_path)


def open_net(*named: str) -> Net:
    """Relu of ``x`` [1, 3, 4], of whose dimensions only those have names; the others have no size either."""
    build = NetBuilder()
    net = build.build({"x": (1, 3, 4)}, [build.node("Relu", "x", output="y")])
    dims = net.proto.graph.input[0].type.tensor_type.shape.dim
    for dim, name in zip(dims, named, strict=False):
        dim.Clear()
        if name:
            dim.dim_param = name
    net.proto.graph.output[0].type.tensor_type.ClearField("shape")
    return net


def test_a_batch_without_a_name_is_one(tmp_path: Path) -> None:
    """A first dimension that has neither a size nor a name counts 1; a negative size is none."""
    assert tinyglow.load(open_net("").save(tmp_path)).type_of("x").shape == (1, 3, 4)
    net = open_net("")
    net.proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    assert tinyglow.load(net.save(tmp_path)).type_of("x").shape == (1, 3, 4)


def test_shapes_of_inputs(tmp_path: Path) -> None:
    """A shape closes dimensions with and without names, and those of the same name elsewhere."""
    path = open_net("", "C", "").save(tmp_path)
    assert tinyglow.load(path, shapes={"x": (2, 5, 6)}).type_of("x").shape == (2, 5, 6)
    build = NetBuilder()
    two = build.build({"a": ("N", 3), "b": ("N", 3)}, [build.node("Add", "a", "b")], {"N": 2})
    graph = tinyglow.load(two.save(tmp_path), shapes={"a": (2, 3)})
    assert graph.type_of("b").shape == (2, 3)
    net = open_net()
    net.proto.graph.input[0].type.tensor_type.ClearField("shape")
    assert tinyglow.load(net.save(tmp_path), shapes={"x": (7,)}).type_of("x").shape == (7,)


def test_commands_take_shapes(place: Place) -> None:
    """--input-shape reaches the model; what is no shape, no input or not the model's is refused by name."""
    model = place.file("it.onnx", open_net("", "", ""))
    np.save(place.folder / "x.npy", np.ones((2, 1, 3, 4), np.float32))
    profile = ("profile", model, f"--input=x={place.folder / 'x.npy'}", "-o", place.folder / "p.yaml")
    answer = run_cli(*profile)
    assert "x: has the dynamic dimension number 1, number 2" in answer.err
    assert "give the shape with --input-shape x=1,SIZE,SIZE" in answer.err
    assert run_cli(*profile, "--input-shape", "x=1,3,4").status == 0
    for given, because in (
        ("x=1,3,0", "--input-shape x=1,3,0: is no shape; expected sizes from 1 to 999999999"),
        ("x", "is not of the form NAME=VALUE"),
        ("z=1", "--input-shape z: the model has no such input; expected x"),
        ("x=1,3", "has the shape [1, 3] by --input-shape"),
    ):
        place.refuses(*profile, "--input-shape", given, because=because)


def test_shapes_that_contradict(tmp_path: Path) -> None:
    """A shape that is not the file's, or a symbol of two sizes, is refused."""
    for shapes, define, because in (
        ({"x": (1, 3, 5)}, {}, "x: has the shape [1, 3, 5] by --input-shape; expected [1, 3, 4] as the file has"),
        ({"x": (2, 3, 4)}, {"N": 1}, "dimension N: is 1 and 2; expected one size"),
    ):
        net = open_net(*(["N"] if define else []))
        with pytest.raises(ModelError) as caught:
            tinyglow.load(net.save(tmp_path), define=define, shapes=shapes)
        assert because in str(caught.value)


def test_glows_model_input_gives_shapes(place: Place) -> None:
    """-model-input=name,type,[shape] closes dimensions without a name, as it does those with one."""
    net = open_net("", "C", "")
    place.file("it.onnx", net)
    command = ("model-compiler", f"-model={place.folder / 'it.onnx'}", "-backend=CPU", "-mcpu=cortex-m0plus")
    answer = run_cli(*command, "-model-input=x,float,[1,5,6]", f"-emit-bundle={place.folder / 'b'}")
    assert answer.status == 0, answer.err
    assert "float<1 x 5 x 6>" in (place.folder / "b" / "it.h").read_text(encoding="utf-8")


def tailed_net() -> Net:
    """Gemm -> Relu -> an operator that nobody knows, which also takes the input ``z``."""
    build = NetBuilder()
    first = build.node("Gemm", "x", build.weights(8, 4), name="dense", output="sums/0")
    last = build.node("Relu", first, name="relu", output="act")
    tail = build.node("NonMaxSuppression", last, "z", name="boxes", output="boxes")
    return build.build({"x": (1, 8), "z": (1, 4)}, [tail])


@pytest.mark.parametrize(
    ("name", "output"), [("act", "act"), ("sums/0", "sums_0"), ("sums_0", "sums_0"), ("dense", "sums_0")]
)
def test_networks_end_where_the_user_says(name: str, output: str, tmp_path: Path) -> None:
    """At a value by its own or its C name, or at a node; what lies after, and inputs of it alone, are left out."""
    net = tailed_net()
    graph = tinyglow.load(net.save(tmp_path), outputs=[name])
    assert graph.inputs == ("x",)
    assert [out.name for out in graph.outputs] == [output]
    x = net.samples(2)["x"]
    weights = onnx.numpy_helper.to_array(net.proto.graph.initializer[0])
    sums = x @ weights
    (result,) = run_graph(graph, {"x": x}).values()
    np.testing.assert_allclose(result, np.maximum(sums, 0) if output == "act" else sums, rtol=1e-4, atol=1e-5)


def test_several_ends(tmp_path: Path) -> None:
    """As many outputs as are named, in that order; names that there are not come with near ones."""
    path = tailed_net().save(tmp_path)
    graph = tinyglow.load(path, outputs=["act", "sums/0"])
    assert [out.name for out in graph.outputs] == ["act", "sums_0"]
    with pytest.raises(ModelError, match=r"--output-name acts: no node of the model makes such a value; expected act"):
        tinyglow.load(path, outputs=["acts"])


def test_ends_of_tflite_models(tmp_path: Path) -> None:
    """A TFLite network ends at a tensor of its file."""
    pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")
    case = tflite_cases.case("network")
    path = tmp_path / "net.tflite"
    path.write_bytes(case.model)
    whole = tinyglow.load(path)
    first = whole.nodes[0].outputs[0]
    name = next(name for name in _tensor_names(path) if name == first or name == whole.nodes[0].origin)
    assert len(tinyglow.load(path, outputs=[name]).nodes) < len(whole.nodes)
    with pytest.raises(ModelError, match="as the file has"):
        tinyglow.load(path, shapes={"x": (9, 9)})


def _tensor_names(path: Path) -> list[str]:
    from tinyglow.frontend.tflite_file import read_tflite

    return [tensor.name for tensor in read_tflite(path).tensors]
