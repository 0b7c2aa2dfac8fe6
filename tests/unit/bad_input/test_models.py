"""Bad models on the command line: a message that names what is wrong, exit status 2, and nothing changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tinyglow
from tests.helpers import NetBuilder, Place, dense_net, run_cli
from tinyglow.interp import run_graph

# Files that are no model


@pytest.mark.parametrize("part", [0.999, 0.9, 0.5, 0.1])
def test_a_truncated_model(part: float, place: Place, checkout: Path) -> None:
    """A model file that ends early is refused by its name."""
    whole = (checkout / "examples/mnist/mnist_nxp.onnx").read_bytes()
    model = place.file("cut.onnx", whole[: int(part * len(whole))])
    place.refuses_model(model, "N=1", because=(str(model), "truncated"))


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (b"", "not an ONNX file: it holds no graph"),
        (bytes(np.random.default_rng(0).integers(0, 256, 500, dtype=np.uint8)), "not an ONNX file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not an ONNX file"),
        ("# A text about networks\n", "not an ONNX file"),
        (bytes(1000), "not an ONNX file"),
    ],
)
def test_a_file_that_is_no_model(data: bytes | str, because: str, place: Place) -> None:
    """Empty, random, a picture or a text: refused as not an ONNX file, by name."""
    model = place.file("it.onnx", data)
    place.refuses_model(model, because=(str(model), because))


def test_a_model_that_is_not_there(place: Place) -> None:
    """A missing file, a folder and a path through a file are named with the system's reason."""
    place.refuses_model(place.folder / "no.onnx", because=("no.onnx", "No such file"))
    place.refuses_model(place.folder, because=(str(place.folder), "Is a directory"))
    place.refuses_model(place.folder / "x.npy/model.onnx", because=("x.npy/model.onnx", "Not a directory"))


def test_a_model_without_nodes(place: Place) -> None:
    """A graph without nodes says so, and is not called something else."""
    net = dense_net()
    del net.proto.graph.node[:]
    place.refuses_model(place.file("it.onnx", net), because="its graph has no nodes")


def test_a_row_plus_a_column(place: Place) -> None:
    """Constants of a small file that would make one of gigabytes are refused before they do."""
    build = NetBuilder()
    matrix = build.node("Add", build.constant(np.ones((1, 40_000))), build.constant(np.ones((40_000, 1))))
    net = build.build({"x": (1, 4)}, [build.node("Relu", "x"), matrix])
    place.refuses_model(place.file("it.onnx", net), because="a constant of shape [40000, 40000]")


# Models that cannot be compiled


def test_unsupported_operators_are_listed_at_once(place: Place) -> None:
    """All unsupported operators are named with their nodes, custom domains too; what follows from them is not."""
    build = NetBuilder()
    a = build.node("NonMaxSuppression", "x", "x", name="boxes")
    b = build.node("StringNormalizer", a, name="letters")
    c = build.node("Relu", build.node("Gemm", b, build.weights(8, 4), name="fine"), domain="com.me", name="own")
    answer = place.refuses_model(
        place.file("it.onnx", build.build({"x": (1, 8)}, [c])),
        because=(
            "node 'boxes' (NonMaxSuppression): unsupported operator NonMaxSuppression",
            "node 'letters' (StringNormalizer): unsupported operator StringNormalizer",
            "node 'own' (Relu): unsupported operator Relu of domain 'com.me'",
        ),
    )
    assert answer.err.count("\n  - ") == 3


def test_dynamic_shapes(place: Place) -> None:
    """A symbolic dimension asks for the --define that binds it; one without a name for the input's shape."""
    build = NetBuilder()
    symbolic = place.file(
        "it.onnx", build.build({"x": ("batch", "T", 8)}, [build.node("Relu", "x")], {"batch": 1, "T": 1})
    )
    place.refuses_model(
        symbolic, because="x: has the dynamic dimension batch, T (bind it with --define batch=1 --define T=1)"
    )
    place.refuses_model(symbolic, "T=4", because="x: has the dynamic dimension batch (bind it with --define batch=1)")
    net = dense_net()
    net.proto.graph.input[0].type.tensor_type.shape.dim[1].Clear()
    place.refuses_model(place.file("it.onnx", net), because="give the shape with --input-shape x=1,SIZE")
    net.proto.graph.input[0].type.tensor_type.ClearField("shape")
    place.refuses_model(place.file("it.onnx", net), because="x: has no shape")


@pytest.mark.parametrize(
    ("define", "because"),
    [
        ("M=2", "--define M: the model has no such dimension; expected batch"),
        ("batch", "--define batch: is not of the form NAME=VALUE"),
        ("=1", "--define =1: is not of the form NAME=VALUE"),
        ("batch=0", "--define batch=0: is not a size"),
        ("batch=-1", "--define batch=-1: is not a size"),
        ("batch=1.5", "--define batch=1.5: is not a size"),
        ("batch=\u0663", "is not a size"),  # a digit, but not one of ours
        ("batch=" + "9" * 5_000, "is not a size"),
        ("batch=999999999", "tensors below 256 MiB"),
    ],
)
def test_bad_defines(define: str, because: str, place: Place) -> None:
    """--define with an unknown name, no value, or a value that is no size is refused; so is a huge one."""
    build = NetBuilder()
    net = build.build({"x": ("batch", 8)}, [build.node("Relu", "x")], {"batch": 1})
    place.refuses_model(place.file("it.onnx", net), define, because=because)


def _with_weights(tensor: TensorProto) -> onnx.ModelProto:
    net = dense_net()
    tensor.name = net.proto.graph.initializer[0].name = "weights"
    net.proto.graph.node[0].input[1] = "weights"
    net.proto.graph.initializer[0].CopyFrom(tensor)
    return net.proto


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("as_node", [False, True])
def test_weights_that_are_not_finite(value: float, as_node: bool, place: Place) -> None:
    """NaN and infinite weights are refused by name, in an initializer or a Constant node."""
    data = np.ones((8, 4))
    data[3, 2] = value
    build = NetBuilder()
    y = build.node("Gemm", "x", build.constant(data, "weights", as_node=as_node))
    model = place.file("it.onnx", build.build({"x": (1, 8)}, [y]))
    place.refuses_model(model, because="weights: holds NaN or infinite weights")


def test_weights_in_another_file(place: Place) -> None:
    """External data are refused, and the file they point to is not opened."""
    tensor = TensorProto(dims=[8, 4], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../../../../etc/passwd")
    place.refuses_model(place.file("it.onnx", _with_weights(tensor)), because="weights: has its data in the file '../")


def test_weights_that_do_not_fill_their_shape(place: Place) -> None:
    """A tensor with fewer bytes than its shape needs, or with a shape of exabytes, is refused by name."""
    for dims in ([8, 4], [2**31, 2**31]):
        tensor = TensorProto(dims=dims, data_type=TensorProto.FLOAT, raw_data=bytes(64))
        place.refuses_model(place.file("it.onnx", _with_weights(tensor)), because="weights: has malformed data")


@pytest.mark.parametrize(
    ("shape", "because"),
    [
        ([2**20, 2**20], "(Reshape)"),
        ([3, -1], "(Reshape)"),
        ([2, 0, 0], "(Reshape)"),
        ([1] * 40 + [8], "16 dimensions"),
    ],
)
def test_shapes_that_cannot_be(shape: list[int], because: str, place: Place) -> None:
    """A Reshape to another number of elements, to a terabyte, or to endless dimensions is refused by node."""
    build = NetBuilder()
    net = build.build({"x": (1, 8)}, [build.node("Reshape", "x", build.constant(shape), name="shape")])
    place.refuses_model(place.file("it.onnx", net), because=("node 'shape'", because))


def test_filters_that_are_computed_stay_float(place: Place) -> None:
    """A convolution without an int8 form, for its filters are computed, is a float island in the int8 network."""
    build = NetBuilder()
    filters = build.node("Gemm", "x", build.weights(8, 4), name="first")
    y = build.node("Conv", "z", build.node("Reshape", filters, build.constant([1, 1, 2, 2])), name="dynamic")
    net = build.build({"x": (1, 8), "z": (1, 1, 4, 4)}, [y])
    graph = tinyglow.load(net.save(place.folder))
    inputs = net.samples(16)
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, inputs), float_io=True))
    (found,), (expected,) = tinyglow.interpret(program, inputs).values(), net.reference(inputs).values()
    assert 10 * np.log10((expected**2).sum() / ((found.reshape(expected.shape) - expected) ** 2).sum()) > 30


def test_results_beyond_any_memory(place: Place) -> None:
    """What asks for gigabytes is refused before anything is allocated; padding that no tap reads takes no memory."""
    for attributes in ({"pads": [2**20] * 4}, {"pads": [2**20] * 4, "strides": [2**10] * 2}):
        build = NetBuilder()
        y = build.node("Conv", "x", build.weights(1, 1, 2, 2), name="padded", **attributes)
        huge = place.file("it.onnx", build.build({"x": (1, 1, 4, 4)}, [y]))
        place.refuses_model(huge, because=("node 'padded'", "at most 255 on each side"))
    build = NetBuilder()
    dilated = {"auto_pad": "SAME_UPPER", "dilations": [2**20] * 2}
    y = build.node("Conv", "x", build.weights(1, 1, 2, 2), name="dilated", **dilated)
    graph = tinyglow.load(build.build({"x": (1, 1, 4, 4)}, [y]).save(place.folder))  # all taps lie in the padding
    (zeros,) = run_graph(graph, {"x": np.ones((1, 1, 1, 4, 4), np.float32)}).values()
    assert zeros.shape == (1, 1, 1, 4, 4) and not zeros.any()
    build = NetBuilder()
    y = build.node("Add", build.node("Reshape", "x", build.constant([2**14, 1])), build.constant(np.zeros(2**15)))
    place.refuses_model(place.file("it.onnx", build.build({"x": (1, 2**14)}, [y])), because="256 MiB")
    build = NetBuilder()
    y = build.node("Relu", "x", name="relu")
    place.refuses_model(place.file("it.onnx", build.build({"x": (2**20, 2**20)}, [y])), because=("x: ", "256 MiB"))


def test_graphs_that_are_tied_in_a_knot(place: Place) -> None:
    """A cycle, a tensor with two makers, an output that nothing makes and one that is listed twice are refused."""
    cycle = NetBuilder()
    cycle.node("Add", "x", "later", name="first", output="early")
    y = cycle.node("Relu", "early", name="second", output="later")
    place.refuses_model(
        place.file("it.onnx", cycle.build({"x": (1, 8)}, [y])),
        because="node 'first' (Add): input 'later' is not defined before this node",
    )
    twice = dense_net()
    twice.proto.graph.node.append(helper.make_node("Relu", ["x"], ["y"]))
    place.refuses_model(place.file("it.onnx", twice), because="y: is defined more than once")
    absent = dense_net()
    absent.proto.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]))
    place.refuses_model(place.file("it.onnx", absent), because="z: is an output that no node makes")
    listed = dense_net()
    listed.proto.graph.output.append(listed.proto.graph.output[0])
    place.refuses_model(place.file("it.onnx", listed), because="y: is an output more than once")


def test_an_output_may_be_an_input_but_not_an_integer(place: Place) -> None:
    """An output that is an input too compiles, and answers what it was given; so does an integer constant."""
    build = NetBuilder()
    y = build.node("Gemm", "x", build.weights(8, 4), output="y")
    model = build.build({"x": (1, 8)}, [y, "x"]).save(place.folder)
    samples = ("--input", f"x={place.folder / 'x.npy'}")
    profile, folder = place.folder / "own.yaml", place.folder / "own"
    assert run_cli("profile", model, *samples, "-o", profile).status == 0
    assert run_cli(*place.compile(model, profile=profile, output=folder)).status == 0
    assert run_cli("verify", model, "--profile", profile, "--board", "host", *samples).status == 0
    integers = dense_net()
    integers.proto.graph.initializer.append(numpy_helper.from_array(np.arange(3), "numbers"))
    integers.proto.graph.output.append(helper.make_tensor_value_info("numbers", TensorProto.INT64, [3]))
    model = integers.save(place.folder)
    assert run_cli(*place.compile(model, output=place.folder / "whole")).status == 0


def test_names_with_control_characters_stay_on_their_line(place: Place) -> None:
    """A node whose name holds line breaks and terminal codes is named in an error with escapes."""
    build = NetBuilder()
    y = build.node("NonMaxSuppression", "x\x1b[2J", "x\x1b[2J", name="evil\n  - all is well\x1b[31m")
    answer = place.refuses_model(
        place.file("it.onnx", build.build({"x\x1b[2J": ("n\n",)}, [y], {"n\n": 1})),
        because="evil\\n  - all is well\\x1b",
    )
    assert "\x1b" not in answer.err and answer.err.count("\n") == 3
