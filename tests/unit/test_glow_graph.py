"""Glow's graph: its names, its passes one by one against recordings, and what it computes otherwise than the model."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.errors import TinyglowError, UnknownInGlowError
from tinyglow.glow.joined import eliminate_slice_concat
from tinyglow.glow.lower import lower_for_profiler
from tinyglow.glow.walk import glow_pass
from tinyglow.interp import run_graph
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph
from tinyglow.ir.types import TensorType
from tinyglow.operators.concat import Concat
from tinyglow.operators.slice import Slice
from tinyglow.operators.tile import Tile
from tinyglow.pipeline.crosscheck import crosscheck
from tinyglow.quant.profile import load_profile
from tinyglow.quant.profiler import replaced
from tinyglow.quant.scheme import Scheme

# One recording for each of Glow's passes that makes other parameters, names or kinds than a simpler graph has.
RECORDINGS = (
    *("golden_more/s_bias_1e5", "golden_more/s_bias_1e6"),
    *("golden_more/mid3_sqrt", "golden_more/mid3_recip", "golden_more/tflite_sqrt"),
    *("golden_more/last3_gap", "golden_more/img_cat_flat_relu", "golden_more/first_bn"),
)
# Constants that Glow's reader makes, and operands that here are parts of an operator.
_IN_NO_GRAPH = re.compile(r"(zero|init)(__\d+)?|.*(_pad_const|_cmplte)(__\d+)?")
NAMED = 40  # every so many-th of the recorded profiles is compared with the names here


def test_names_are_those_of_recorded_profiles(shared: Path) -> None:
    """What is computed of a network in Glow's profile, and nothing else, has the name that it has there."""
    cases = [case for tree in ("golden_more", "golden_networks") for case in sorted((shared / tree).iterdir())]
    cases = [case for case in cases if (case / "model.onnx").exists() and (case / "profile.yaml").exists()]
    for case in cases[::NAMED]:
        recorded = {name.removesuffix(":0") for name in load_profile(case / "profile.yaml").ranges}
        low, same = lower_for_profiler(tinyglow.load(case / "model.onnx", like_glow=True))
        computed = [*low.inputs, *(name for node in low.nodes for name in node.outputs)]
        known = {*computed, *(other for name in computed for other in replaced(name, same))}
        ours = {name.removesuffix(":0") for name in known}
        constants = {name for name, value in low.values.items() if value.data is not None}
        strange = {name for name in recorded - constants - ours if not _IN_NO_GRAPH.fullmatch(name)}
        assert (strange, ours - recorded) == (set(), set()), case.name


@pytest.mark.parametrize("name", RECORDINGS)
def test_recording_is_strictly_equal(shared: Path, name: str) -> None:
    """Kinds, types, scales and offsets of all values, and all outputs."""
    folder = shared / name / "asymmetric"
    if not folder.is_dir():
        pytest.skip(f"needs {name} in the folder 'shared' beside the checkout")
    result = crosscheck(folder, next((shared / name).glob("model.*")))
    assert [value for value in result.values if not value.equal] == []
    assert result.vectors == result.vectors_equal


def _tiny_filters(build: NetBuilder) -> str:
    return build.node("Conv", "x", build.constant(build.rng.standard_normal((4, 3, 3, 3)) * 1e-7), build.weights(4))


def _int8(build: NetBuilder, y: str, folder: Path, like_glow: bool) -> Graph:
    net = build.build({"x": (1, 3, 6, 6)}, [y])
    graph = tinyglow.load(net.save(folder), like_glow=like_glow)
    return tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(3)), Scheme(like_glow=like_glow))


def test_bias_beyond_32_bits_wraps_in_glow(tmp_path: Path) -> None:
    """With a note that names the node; the default graph is refused."""
    build = NetBuilder()
    graph = _int8(build, _tiny_filters(build), tmp_path, like_glow=True)
    assert graph.deviations == {"conv_0": "its bias does not fit the 32 bits of Glow's sums, where it wraps"}
    program = tinyglow.lower(graph)
    inputs = {"x": np.zeros((2, 3, 6, 6), np.float32)}
    assert all(len(array) == 2 for array in tinyglow.interpret(program, inputs).values())
    build = NetBuilder()
    with pytest.raises(TinyglowError, match="on sums in steps"):
        tinyglow.lower(_int8(build, _tiny_filters(build), tmp_path, like_glow=False))


def test_what_glow_makes_of_a_mean_over_several_axes_is_not_known(tmp_path: Path) -> None:
    """Where no recording tells, no graph is made rather than a guessed one."""
    build = NetBuilder()
    y = build.node("ReduceMean", "x", axes=[1, 2], keepdims=1)
    with pytest.raises(UnknownInGlowError):
        _int8(build, y, tmp_path, like_glow=True)


def test_bounds_that_do_not_meet_are_noted_where_a_relu_meets_them(tmp_path: Path) -> None:
    """Glow moves the ReLU in front of the bounds, and makes all results the upper one."""
    build = NetBuilder()
    bounds = [build.constant(np.float32(end)) for end in (-2, -0.1)]
    graph = _int8(build, build.node("Relu", build.node("Clip", "x", *bounds)), tmp_path, like_glow=True)
    assert "bounds that do not meet" in graph.deviations["relu_1"]


def _row_of(build: NetBuilder) -> str:
    return build.node("Flatten", build.node("MaxPool", "x", kernel_shape=[3, 3], strides=[3, 3]))


UNKNOWN = {
    "a Sum of one number and two images": lambda build: build.node("Sum", "x", "x", build.weights(1)),
    "a Sum of an image and a number for each channel": lambda build: build.node("Sum", "x", build.weights(3, 1, 1)),
    "a Max of three": lambda build: build.node("Max", "x", build.node("Relu", "x"), build.weights(1)),
    "a Min of one": lambda build: build.node("Min", "x"),
    "a sum over the image": lambda build: build.node("ReduceSum", "x", build.constant([2, 3])),
    "a product plus a row that is computed": lambda build: build.node(
        "Add", build.node("MatMul", _row_of(build), build.weights(12, 12)), _row_of(build)
    ),
}


@pytest.mark.parametrize("make", UNKNOWN.values(), ids=UNKNOWN)
def test_what_glow_has_otherwise_or_not_at_all_is_refused(make: Callable[[NetBuilder], str], tmp_path: Path) -> None:
    """With the node's name; the default graph takes it."""
    build = NetBuilder()
    result = make(build)
    with pytest.raises(UnknownInGlowError, match=result.split("_out")[0]):
        _int8(build, result, tmp_path, like_glow=True)
    assert not _int8(build, result, tmp_path, like_glow=False).deviations


def test_sums_of_equal_shapes_are_taken(tmp_path: Path) -> None:
    """The rows of one tensor, summed, as in Glow."""
    build = NetBuilder()
    graph = _int8(build, build.node("Sum", "x", build.node("Relu", "x"), "x"), tmp_path, like_glow=True)
    assert "ReduceSum" in [node.op.kind for node in graph.nodes]


def _split(build: NetBuilder) -> str:
    build.nodes.append(helper.make_node("Split", ["x", build.constant([1, 2])], ["a", "b"], name="split", axis=1))
    return build.node("Concat", "b", "a", axis=1)


def _conv(build: NetBuilder, **attributes: object) -> str:
    return build.node("Conv", "x", build.weights(2, 3, 3, 3), auto_pad="SAME_UPPER", **attributes)


# What Glow would say nothing about, and take for something else.
MISREAD: dict[str, Callable[[NetBuilder], str]] = {
    "axes as an input": lambda build: build.node("ReduceSum", "x", build.constant([1])),
    "noop_with_empty_axes": lambda build: build.node("ReduceSum", "x", noop_with_empty_axes=1),
    "parts of sizes": _split,
    "operator set 14": lambda build: build.node("Softmax", "x", axis=1),
    "set 14 along dimension 0": lambda build: build.node("Softmax", build.node("Flatten", "x"), axis=0),
    "ceil_mode 1": lambda build: build.node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "dilations of a pool": lambda build: build.node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 2]),
    "takes the pads": lambda build: _conv(build, pads=[0, 0, 0, 0]),
    "auto_pad with dilations": lambda build: _conv(build, dilations=[2, 2]),
    "indices below 0": lambda build: build.node("Gather", "x", build.constant([-1, 0]), axis=1),
    "a Pad of mode edge": lambda build: build.node("Pad", "x", build.constant([0, 0, 1, 0, 0, 0, 0, 0]), mode="edge"),
    "times": lambda build: build.node("MatMul", build.node("Flatten", "x"), build.weights(2, 108, 4)),
}


@pytest.mark.parametrize("found", MISREAD)
def test_what_glow_reads_otherwise_is_refused(found: str, tmp_path: Path) -> None:
    """With what Glow would take it for; the default graph takes most of it."""
    build = NetBuilder()
    with pytest.raises(UnknownInGlowError, match=found):
        _int8(build, MISREAD[found](build), tmp_path, like_glow=True)


def _weighted(build: NetBuilder, keepdims: int) -> str:
    powers = build.node("Exp", build.node("Flatten", "x"))
    return build.node("Div", powers, build.node("ReduceSum", powers, axes=[1], keepdims=keepdims))


@pytest.mark.parametrize(("keepdims", "kinds"), [(0, {"SoftMax"}), (1, {"Exp", "ReduceSum", "Div"})])
def test_softmax_by_hand_is_one_where_its_sum_keeps_no_dimension(
    keepdims: int, kinds: set[str], tmp_path: Path
) -> None:
    """Glow looks two nodes on from the sum, where a Reshape of kept dimensions is one too many."""
    build = NetBuilder()
    net = build.build({"x": (1, 2, 2, 2)}, [_weighted(build, keepdims)], opset=11)
    graph = tinyglow.load(net.save(tmp_path), like_glow=True)
    assert {node.op.kind for node in graph.nodes} >= kinds
    assert ("SoftMax" in {node.op.kind for node in graph.nodes}) == (keepdims == 0)


STACKED = {
    "one matrix for all": ((1, 3, 4, 6), (6, 5), {"MatMul"}),
    "one matrix, and one on the left": ((1, 4, 6), (6, 5), {"BatchMatMul"}),
    "one for each": ((1, 3, 4, 6), (1, 3, 6, 5), {"BatchMatMul"}),
}


@pytest.mark.parametrize("name", STACKED)
def test_products_of_stacks_are_those_of_glow(name: str, tmp_path: Path) -> None:
    """One matrix that is repeated makes one product of all rows, unless there is nothing to repeat it for."""
    left, right, kinds = STACKED[name]
    build = NetBuilder()
    net = build.build({"x": left}, [build.node("MatMul", "x", build.weights(*right))])
    graph = tinyglow.load(net.save(tmp_path), like_glow=True)
    assert {node.op.kind for node in graph.nodes if "MatMul" in node.op.kind} == kinds
    inputs = net.samples(3)
    (expected,), (found,) = net.reference(inputs).values(), run_graph(graph, inputs).values()
    assert np.allclose(expected, found, atol=1e-5)


def test_sizes_of_one_are_repeated_instead_of_resized(tmp_path: Path) -> None:
    """Each by a Tile with a number, the last dimension first."""
    build = NetBuilder()
    pooled = build.node("GlobalAveragePool", "x")
    scales = [build.constant(np.array(data, np.float32)) for data in ([], [1, 1, 2, 3])]
    modes = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    net = build.build({"x": (1, 3, 4, 4)}, [build.node("Resize", pooled, *scales, **modes)])
    graph = tinyglow.load(net.save(tmp_path), like_glow=True)
    tiles = [(node.name, node.op.repeats) for node in graph.nodes if isinstance(node.op, Tile)]
    assert tiles == [("resize_1_Tile_0", (1, 1, 1, 3)), ("resize_1_Tile_1", (1, 1, 2, 1))]


def test_slices_side_by_side_are_one_and_others_stay() -> None:
    """Of Concat(x, x, slices of y), the slices become one, and x stays twice."""
    edit = GraphEditor("net")
    x, y = (edit.placeholder(name, TensorType((1, size))) for name, size in (("x", 2), ("y", 4)))
    parts = [edit.add(f"part{at}", Slice((0, at), (1, 2), (1, 1)), [y], "y") for at in (0, 2)]
    joined = edit.add("joined", Concat(1), [x, x, *parts], "joined")
    edit.output("joined", joined.name)
    graph = glow_pass("EliminateSliceConcat", eliminate_slice_concat).run(edit.finish())
    (join,) = (node for node in graph.nodes if isinstance(node.op, Concat))
    assert join.inputs[:2] == ("x", "x") and len(join.inputs) == 3


KEPT = {
    "a Clip that is kept": (
        "Clip",
        lambda build, x: build.node("Clip", x, build.constant(np.float32(-1)), build.constant(np.float32(2))),
    ),
    "a Relu that is kept": ("Relu", lambda build, x: build.node("Relu", x)),
}


@pytest.mark.parametrize("found", KEPT)
def test_bounds_kept_in_float_are_refused_beside_int8(found: str, tmp_path: Path) -> None:
    """Glow would choose other parameters for what is beside them."""
    kind, make = KEPT[found]
    build = NetBuilder()
    rows = build.node("Gemm", build.node("Flatten", "x"), build.weights(27, 4), build.weights(4))
    net = build.build({"x": (1, 3, 3, 3)}, [build.node("Gemm", make(build, rows), build.weights(4, 4))])
    graph = tinyglow.load(net.save(tmp_path), like_glow=True)
    profile = tinyglow.profile(graph, net.samples(3))
    with pytest.raises(UnknownInGlowError, match=found):
        tinyglow.quantize(graph, profile, Scheme(like_glow=True, keep_float=frozenset({kind})))
    assert tinyglow.quantize(graph, profile, Scheme(like_glow=True)).is_quantized
