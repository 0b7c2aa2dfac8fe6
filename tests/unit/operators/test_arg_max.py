"""ArgMax and ArgMin: indices as outputs of a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

import tinyglow
from tests.unit.operators.single import check_float, compiled, loaded, model, one_node, refusal, samples
from tinyglow.operators.arg_max import ArgMax
from tinyglow.pipeline.compare import verify
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import HOST
from tinyglow.testing import budget


@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_indices_are_int64(tmp_path: Path, op_type: str, axis: int, keepdims: int) -> None:
    """Along any dimension, kept or not, the indices are onnx's, in an output of Glow's type index64."""
    proto = one_node(op_type, (3, 4, 5), opset=13, integers=["y"], axis=axis, keepdims=keepdims)
    inputs = samples(proto)
    graph = check_float(proto, tmp_path, inputs)
    program = compiled(graph, inputs)
    assert str(program.buffers["y"].type).startswith("index64<")
    result = tinyglow.interpret(program, inputs)["y"]
    assert result.dtype == np.int64
    # Quantization may make equals of the two largest, of which the first counts then.
    shape = tuple(n for i, n in enumerate((3, 4, 5)) if i != axis % 3)
    data = program.buffers[program.inputs[0]].type.quant
    assert data is not None
    steps = np.clip(np.rint(inputs["x"] / np.float32(data.scale) + data.offset), -128, 127)
    expected = getattr(np, op_type.lower())(steps, axis=axis % 3 + 1)
    np.testing.assert_array_equal(result.reshape(-1, *shape), expected)


@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("last", [0, 1])
def test_equals(tmp_path: Path, op_type: str, last: int) -> None:
    """Of equal elements the first counts, or the last where the model asks for it."""
    proto = one_node(op_type, (1, 6), opset=13, integers=["y"], axis=1, select_last_index=last)
    inputs = {"x": np.array([[[1, 2, -1, 2, -1, 0]], [[3, 3, 3, 3, 3, 3]]], np.float32)}
    graph = check_float(proto, tmp_path, inputs)
    expected = {("ArgMax", 0): [1, 0], ("ArgMax", 1): [3, 5], ("ArgMin", 0): [2, 0], ("ArgMin", 1): [4, 5]}
    result = tinyglow.interpret(compiled(graph, inputs), inputs)["y"]
    assert result.ravel().tolist() == expected[op_type, last]


def test_behind_a_convolution(tmp_path: Path) -> None:
    """A segmentation network ends in indices; numpy and C agree on them, in int8 and where ArgMax stays in float."""
    weights = np.random.default_rng(0).standard_normal((4, 2, 3, 3))
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node("ArgMax", ["a"], ["y"], axis=1)]
    proto = model(nodes, {"x": (1, 2, 6, 6)}, ["y"], {"w": weights}, integers=["y"])
    inputs = samples(proto)
    graph = check_float(proto, tmp_path, inputs)
    profile = tinyglow.profile(graph, inputs)
    for kept in (frozenset[str](), frozenset({"ArgMax"})):
        program = tinyglow.lower(tinyglow.quantize(graph, profile, Scheme(keep_float=kept)))
        kernels = {call.kernel.symbol for call in program.calls}
        assert f"tg_arg_max_{'f32' if kept else 's8'}" in kernels
        (comparison,) = verify(program, HOST, inputs)
        assert comparison.equal


def test_profiles_do_not_need_indices(tmp_path: Path) -> None:
    """Glow's profiles have no entry for integers; ours are quantized without one."""
    proto = one_node("ArgMax", (1, 5), opset=13, integers=["y"], axis=1)
    graph = loaded(proto, tmp_path)
    profile = tinyglow.profile(graph, samples(proto))
    without = type(profile)({key: value for key, value in profile.ranges.items() if not key.startswith("node")})
    tinyglow.lower(tinyglow.quantize(graph, without))


def test_an_axis_beyond_the_dimensions_is_refused(tmp_path: Path) -> None:
    """An axis that the tensor does not have is refused."""
    proto = one_node("ArgMax", (2, 3), opset=13, integers=["y"], axis=2)
    assert "axis 2 of a tensor of 2 dimensions" in refusal(proto, tmp_path)


@budget(quick=20, full=200)
@given(perm=st.permutations(range(3)), axis=st.integers(0, 2))
def test_transposed(perm: list[int], axis: int) -> None:
    """The indices of a transposed tensor are the transposed form's, transposed, if the dimension stays."""
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    moved = (0, *(dim + 1 for dim in perm))
    other = ArgMax(axis).transposed(tuple(perm))
    assert other is not None
    expected = ArgMax(axis).run_float(x.transpose(moved))[0]
    np.testing.assert_array_equal(other.run_float(x)[0].transpose(moved), expected)
    assert ArgMax(axis, keep_dims=False).transposed(tuple(perm)) is None
