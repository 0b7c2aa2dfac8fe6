"""Reading ONNX: what the imported float graph computes is what onnx computes, before any pass has touched it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from onnx import TensorProto, helper, numpy_helper

from tests.helpers import Net, NetBuilder, nets
from tinyglow.errors import ModelError
from tinyglow.frontend.onnx import load_onnx
from tinyglow.frontend.request import Request
from tinyglow.interp import run_graph
from tinyglow.ir.verify import verify
from tinyglow.testing import budget


def assert_computes(net: Net, folder: Path, samples: int = 2) -> None:
    """The graph of ``net`` gives what onnx gives, to float tolerance, under the same names and shapes."""
    inputs = net.samples(samples)
    expected = net.reference(inputs)
    actual = run_graph(verify(load_onnx(net.save(folder), None, Request(net.define)), "read"), inputs)
    assert list(actual) == list(expected)
    for name, array in expected.items():
        assert actual[name].dtype == np.float32
        assert actual[name].shape == array.shape
        np.testing.assert_allclose(actual[name], array, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For model files; each overwrites the one before."""
    return tmp_path_factory.mktemp("models")


@budget(120, full=3_000)
@given(net=nets())
def test_random_models_compute_what_onnx_says(folder: Path, net: Net) -> None:
    """Random models of all operators give onnx's own outputs, on two samples at once."""
    assert_computes(net, folder)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(
    ("kernel", "stride", "before", "after"), [(2, 1, 0, 1), (3, 2, 0, 1), (4, 1, 1, 2), (2, 3, 0, 0)]
)
def test_same_padding_of_a_pool_is_the_padding_it_stands_for(
    auto_pad: str, kernel: int, stride: int, before: int, after: int, folder: Path
) -> None:
    """SAME_UPPER puts the odd row at the end, SAME_LOWER at the beginning; the output is ceil(input / stride)."""
    pads = [before, after] if auto_pad == "SAME_UPPER" else [after, before]

    def pooled(**padding: object) -> Net:
        build = NetBuilder()
        y = build.node("MaxPool", "x", kernel_shape=[kernel, kernel], strides=[stride, stride], **padding)
        return build.build({"x": (1, 1, 6, 6)}, [y])

    inputs = pooled().samples(2)
    named = run_graph(load_onnx(pooled(auto_pad=auto_pad).save(folder)), inputs)
    explicit = run_graph(load_onnx(pooled(pads=[pads[0], pads[0], pads[1], pads[1]]).save(folder)), inputs)
    for a, b in zip(named.values(), explicit.values(), strict=True):
        assert a.shape == (2, 1, 1, -(-6 // stride), -(-6 // stride))
        np.testing.assert_array_equal(a, b)


def test_padding_never_wins_a_maximum(folder: Path) -> None:
    """A pool over negative values does not see zeros at the border."""
    build = NetBuilder()
    y = build.node("MaxPool", "x", kernel_shape=[2, 2], pads=[1, 1, 1, 1], output="y")
    inputs = {"x": np.full((1, 1, 1, 3, 3), -5, np.float32)}
    assert (run_graph(load_onnx(build.build({"x": (1, 1, 3, 3)}, [y]).save(folder)), inputs)["y"] == -5).all()


@pytest.mark.parametrize(
    "attribute", [{"value_floats": [1.0, -2.0, 3.0]}, {"value": numpy_helper.from_array(np.float32([1, -2, 3]))}]
)
def test_constant_nodes_hold_their_values(attribute: dict[str, object], folder: Path) -> None:
    """A Constant may give its data as a tensor or as a list of floats."""
    build = NetBuilder()
    build.nodes.append(helper.make_node("Constant", [], ["c"], **attribute))
    assert_computes(build.build({"x": (2, 3)}, [build.node("Add", "x", "c")]), folder)


def test_a_shape_may_be_a_list_of_integers(folder: Path) -> None:
    """A Constant's value_ints, and an int32 initializer, serve as shapes."""
    build = NetBuilder()
    build.nodes.append(helper.make_node("Constant", [], ["shape"], value_ints=[2, -1]))
    y = build.node("Reshape", "x", "shape")
    net = build.build({"x": (4, 3)}, [y])
    assert_computes(net, folder)


def test_several_inputs_and_outputs_keep_their_names_and_order(folder: Path) -> None:
    """Inputs and outputs come in the model's order; one tensor may be two outputs, an input or a constant one too."""
    build = NetBuilder()
    total = build.node("Add", "b", "a", output="total")
    same = build.node("Identity", total, output="same")
    constant = build.constant([[1.0, 2.0]], "constant")
    net = build.build({"b": (1, 2), "a": (1, 2)}, [same, total, "a", constant])
    graph = load_onnx(net.save(folder))
    assert graph.inputs == ("b", "a")
    assert [graph.source_names[output.name] for output in graph.outputs] == ["same", "total", "a", "constant"]
    inputs = net.samples(3)
    results = list(run_graph(graph, inputs).values())
    for result, expected in zip(results, net.reference(inputs).values(), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_symbolic_dimensions_are_bound_by_name(folder: Path) -> None:
    """Every symbol takes the size it is given, wherever it stands."""
    build = NetBuilder()
    net = build.build({"x": ("N", "T", 3), "z": ("T", 1)}, [build.node("Add", "x", "z")], {"N": 2, "T": 5})
    graph = load_onnx(net.save(folder), None, Request(net.define))
    assert [graph.type_of(name).shape for name in graph.inputs] == [(2, 5, 3), (5, 1)]


def test_an_initializer_that_is_listed_as_input_is_a_constant(folder: Path) -> None:
    """Older exporters list weights among the inputs; they are no placeholders."""
    build = NetBuilder()
    y = build.node("Gemm", "x", build.constant(np.eye(3), "w"))
    net = build.build({"x": (1, 3)}, [y])
    net.proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 3]))
    assert load_onnx(net.save(folder)).inputs == ("x",)


def test_names_become_legal_and_stay_apart(folder: Path) -> None:
    """Names that differ only in characters C lacks become different identifiers; the model's own are remembered."""
    build = NetBuilder()
    y = build.node("Add", "a/b", "a.b", output="a:b", name="*/ int x; /*")
    graph = load_onnx(build.build({"a/b": (1, 2), "a.b": (1, 2)}, [y]).save(folder))
    names = [*graph.inputs, *(output.name for output in graph.outputs)]
    assert len(set(names)) == 3
    assert all(name.isidentifier() and name.isascii() for name in [*names, *graph.values])
    assert [graph.source_names[name] for name in names] == ["a/b", "a.b", "a:b"]


def test_placeholders_leave_the_header_its_macros(folder: Path) -> None:
    """An input called MEM_ALIGN does not get the name of the macro for the alignment."""
    build = NetBuilder()
    graph = load_onnx(build.build({"MEM_ALIGN": (1, 2)}, [build.node("Relu", "MEM_ALIGN")]).save(folder))
    assert graph.inputs != ("MEM_ALIGN",)
    assert graph.source_names[graph.inputs[0]] == "MEM_ALIGN"


# What cannot be imported: faults of the format. Those that a user is likely to meet are in test_bad_input.py.


def _faults(proto: onnx.ModelProto, folder: Path) -> list[str]:
    path = folder / "bad.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError) as caught:
        load_onnx(path)
    return [str(problem) for problem in caught.value.problems]


def _relu() -> onnx.ModelProto:
    build = NetBuilder()
    return build.build({"x": (1, 2)}, [build.node("Relu", "x", name="relu", output="y")]).proto


def test_nodes_must_have_the_form_of_their_operator(folder: Path) -> None:
    """Wrong numbers of inputs, unknown attributes and attributes of another type are refused, all at once."""
    proto = _relu()
    proto.graph.node.extend(
        [
            helper.make_node("Add", ["y"], ["a"], name="one"),
            helper.make_node("Add", ["y", "y", "y"], ["b"], name="three"),
            helper.make_node("Relu", ["y"], ["c"], name="leaky", alpha=0.1),
            helper.make_node("Flatten", ["y"], ["d"], name="half", axis=0.5),
        ]
    )
    assert _faults(proto, folder) == [
        "node 'one' (Add): has 1 inputs; expected 2",
        "node 'three' (Add): has 3 inputs; expected 2",
        "node 'leaky' (Relu): attribute alpha is not one of this operator's; expected none",
        "node 'half' (Flatten): attribute axis is of the wrong type; expected INT",
    ]


def test_a_tensor_has_one_definition(folder: Path) -> None:
    """Two nodes, or a node and an input, that make the same tensor are refused."""
    proto = _relu()
    proto.graph.node.append(helper.make_node("Relu", ["x"], ["y"]))
    proto.graph.node.append(helper.make_node("Relu", ["y"], ["x"]))
    assert [fault.partition(":")[0] for fault in _faults(proto, folder)] == ["y", "x"]


@pytest.mark.parametrize("op_type", ["Add", "MatMul", "Gemm"])
def test_integers_are_not_computed_on(op_type: str, folder: Path) -> None:
    """Integer weights, and integers added to floats, are refused with the node's name."""
    build = NetBuilder()
    y = build.node(op_type, "x", build.constant(np.ones((2, 2), np.int64)), name="it")
    (fault,) = _faults(build.build({"x": (2, 2)}, [y]).proto, folder)
    assert fault.startswith("node 'it'") and "int" in fault.partition(":")[2]


@pytest.mark.parametrize(
    ("tensor", "found"),
    [
        (TensorProto(dims=[2], data_type=1, raw_data=b"123"), "malformed"),
        (TensorProto(dims=[2**40, 2**20], data_type=1, raw_data=b"1234"), "malformed"),
        (TensorProto(dims=[2], data_type=TensorProto.UINT64, raw_data=bytes(16)), "is of type UINT64"),
        (TensorProto(dims=[2], data_type=99, raw_data=bytes(16)), "is of type number 99"),
        (TensorProto(dims=[2, 0], data_type=1), "is empty"),
    ],
)
def test_bad_weights_are_named(tensor: TensorProto, found: str, folder: Path) -> None:
    """Data that does not fill its shape, other types and empty weights are reported with the tensor's name."""
    proto = _relu()
    tensor.name = "w"
    proto.graph.initializer.append(tensor)
    proto.graph.node.append(helper.make_node("Add", ["x", "w"], ["z"]))
    (fault,) = _faults(proto, folder)
    assert fault.startswith("w: ") and found in fault


def test_sparse_weights_are_named(folder: Path) -> None:
    """They are refused by name, and not as a tensor that there is not."""
    proto = _relu()
    values, indices = (numpy_helper.from_array(np.array(data), name) for data, name in (([1.0], "w"), ([0], "i")))
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    proto.graph.node.append(helper.make_node("Add", ["x", "w"], ["z"]))
    assert _faults(proto, folder) == ["w: is a sparse tensor; expected a dense one"]


@pytest.mark.parametrize(("factor", "weights"), [(float("nan"), 1.0), (3e38, 10.0)])
def test_factors_may_not_make_weights_infinite(
    factor: float, weights: float, folder: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """A Gemm whose alpha makes its weights NaN or infinite is refused, without numpy's warnings."""
    build = NetBuilder()
    y = build.node("Gemm", "x", build.constant(np.full((2, 2), weights)), alpha=factor)
    (fault,) = _faults(build.build({"x": (1, 2)}, [y]).proto, folder)
    assert "becomes NaN or infinite" in fault
    assert not recwarn.list


@pytest.mark.parametrize(("version", "found"), [(-1, "is version -1"), (0, "is not given")])
def test_operator_sets_that_there_are_not_are_refused(version: int, found: str, folder: Path) -> None:
    """The first is number 1."""
    proto = _relu()
    proto.opset_import[0].version = version
    if not version:
        del proto.opset_import[:]
    newest = onnx.defs.onnx_opset_version()
    assert _faults(proto, folder) == [f"operator set: {found}; expected 1 to {newest} (convert the model)"]


def test_names_that_are_no_text_are_a_damaged_file(folder: Path) -> None:
    """A file with a byte of a name changed to something that is not UTF-8 is refused as damaged."""
    data = _relu().SerializeToString().replace(b"relu", b"re\xffu")
    (folder / "bad.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        load_onnx(folder / "bad.onnx")


def test_damaged_files_are_errors_and_never_anything_else(checkout: Path, folder: Path) -> None:
    """A real model with random bytes changed is imported or refused with ModelError; nothing else is ever raised."""
    rng = np.random.default_rng(0)
    good = (checkout / "examples/mnist/mnist_nxp.onnx").read_bytes()
    refused = 0
    for _ in range(150):
        data = bytearray(good)
        for _ in range(3):
            # Most of the file is weights; the structure lies in front of and after them.
            data[rng.choice([rng.integers(3_000), rng.integers(len(data))])] = rng.integers(256)
        (folder / "bad.onnx").write_bytes(data)
        try:
            load_onnx(folder / "bad.onnx", None, Request({"N": 1}))
        except ModelError:
            refused += 1
    assert refused > 20
