"""Pad: all modes, pads of either sign, all operator sets; and whole networks that move data, as C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx import helper

import tinyglow
from tests.unit.operators.single import (
    check_float,
    check_moves,
    compiled,
    loaded,
    model,
    one_node,
    real,
    refusal,
    samples,
)
from tinyglow.interp import run_graph
from tinyglow.operators.pad import Pad
from tinyglow.pipeline.compare import verify
from tinyglow.targets.boards import HOST
from tinyglow.testing import budget

SHAPE = (1, 3, 5, 4)
PADS = [0, 1, 2, 0, 0, 0, 1, 3]


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_constant_as_inputs(tmp_path: Path, opset: int) -> None:
    """The border has the value that is given, whether the result's parameters have 0 for it or not."""
    program = check_moves(one_node("Pad", SHAPE, (PADS, 0.5), opset), tmp_path)
    assert [call.kernel.symbol for call in program.calls] == ["tg_fill_s8", "tg_strided_copy_s8"]
    check_moves(one_node("Pad", SHAPE, (PADS,), opset, mode="constant"), tmp_path)


def test_constant_as_attributes(tmp_path: Path) -> None:
    """Up to operator set 10 pads and value are attributes."""
    check_float(one_node("Pad", SHAPE, opset=10, pads=PADS, value=-1.5), tmp_path)


def test_named_axes(tmp_path: Path) -> None:
    """Since operator set 18 the dimensions that are padded may be named."""
    check_moves(one_node("Pad", SHAPE, ([1, 0, 2, 3], None, [-1, 2]), 18), tmp_path)


@pytest.mark.parametrize(("mode", "opset"), [("reflect", 13), ("edge", 13), ("wrap", 19)])
def test_borders_made_of_the_inside(tmp_path: Path, mode: str, opset: int) -> None:
    """The corners come from both dimensions, whichever is filled first."""
    check_moves(one_node("Pad", SHAPE, ([0, 2, 4, 1, 0, 1, 2, 3],), opset, mode=mode), tmp_path)


@budget(quick=15, full=500)
@given(data=st.data())
def test_any_pad(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Pads of all modes on tensors of any rank are numpy's; where they are negative, elements go first."""
    shape = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    mode = data.draw(st.sampled_from(("constant", "reflect", "edge", "wrap")))
    before, after, kept = [], [], []
    for size in shape:
        cut = data.draw(st.integers(0, size - 1))
        left = data.draw(st.sampled_from((0, -cut)))
        right = data.draw(st.integers(0, 3)) if left else data.draw(st.sampled_from((0, -cut)))
        left = left or data.draw(st.integers(0, 3))
        rest = size + min(0, left) + min(0, right)
        most = {"reflect": rest - 1, "wrap": rest}.get(mode, 3)
        before.append(min(left, most)), after.append(min(right, most)), kept.append(rest)
    value = float(np.float32(data.draw(st.floats(-2, 2))))
    assume(any(before) or any(after))
    op = Pad(tuple(before), tuple(after), mode, value)
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    index = tuple(slice(max(0, -b), max(0, -b) + n) for b, n in zip(before, kept, strict=True))
    widths = [(0, 0), *((max(0, b), max(0, a)) for b, a in zip(before, after, strict=True))]
    kinds = {"constant_values": value} if mode == "constant" else {}
    expected = np.pad(x[(slice(None), *index)], widths, mode=mode, **kinds)
    np.testing.assert_array_equal(op.run_float(x)[0], expected)
    if mode != "wrap":
        constants = ([*before, *after], value) if mode == "constant" else ([*before, *after],)
        graph = loaded(one_node("Pad", shape, constants, mode=mode), tmp_path_factory.mktemp("net"))
        program = compiled(graph, {"x": x})
        quant = program.buffers["y"].type.quant
        assert quant is not None
        got = real(program, "y", tinyglow.interpret(program, {"x": x})["y"]).reshape(expected.shape)
        assert np.abs(got - expected).max() <= 1.01 * quant.scale


@pytest.mark.parametrize(
    ("constants", "attributes", "found"),
    [
        (([0, 0, 1],), {}, "3 pads for 2 dimensions"),
        (([0, -2, 0, -2],), {}, "remove all of shape [3, 4]"),
        (([0, 4, 0, 0],), {"mode": "reflect"}, "4 elements of reflect padding on 4 elements; expected at most 3"),
        (([0, 1, 0, 0],), {"mode": "mirror"}, "mode 'mirror'"),
    ],
)
def test_what_cannot_be_padded_is_refused(tmp_path: Path, constants: tuple, attributes: dict, found: str) -> None:
    """Wrong numbers of pads, nothing left, mirrors beyond the tensor and unknown modes are refused with the reason."""
    assert found in refusal(one_node("Pad", (3, 4), constants, **attributes), tmp_path)


def test_the_border_may_be_computed(tmp_path: Path) -> None:
    """A value of the border that is known at run time only; of several elements it is refused."""
    node = helper.make_node("Pad", ["x", "p", "v"], ["y"], name="node")
    pads = {"p": [1, 0, 0, 2]}
    check_float(model([node], {"x": (2, 3), "v": ()}, ["y"], pads), tmp_path)
    assert "padding value" in refusal(model([node], {"x": (2, 3), "v": (2,)}, ["y"], pads), tmp_path)


def test_run_time_pads_are_refused(tmp_path: Path) -> None:
    """The shape of a result is known at import: pads that the network computes are refused."""
    nodes = [helper.make_node("ArgMax", ["x"], ["p"], axis=0), helper.make_node("Pad", ["x", "p"], ["y"], name="node")]
    assert "computed at run time" in refusal(model(nodes, {"x": (3, 4)}, ["y"]), tmp_path)


def test_transposed() -> None:
    """The pad of a transposed tensor is the transposed form's result, transposed."""
    x = np.arange(2 * 3 * 4, dtype=np.float32).reshape(1, 2, 3, 4)
    perm, op = (2, 0, 1), Pad((1, 0, 2), (0, 1, 0), "edge")
    moved = (0, *(axis + 1 for axis in perm))
    other = op.transposed(perm)
    assert other is not None
    np.testing.assert_array_equal(other.run_float(x)[0].transpose(moved), op.run_float(x.transpose(moved))[0])


def test_a_network_of_moving_operators_is_the_same_in_c(tmp_path: Path) -> None:
    """Numpy and C on this machine agree on a network of all of them, and int8 is close to float."""
    rng = np.random.default_rng(0)
    weights = {"w": (4, 2, 3, 3), "v": (3, 8, 3, 3), "u": (2, 3, 1, 1)}
    constants = {name: rng.standard_normal(shape) / 4 for name, shape in weights.items()}
    lists = {"p": [0, 0, 1, 1, 0, 0, 2, 0], "s": [1.0, 1, 3, 2], "t": [1.0, 1, 2, 2], "i": [2, 0, 1]}
    asymmetric = {"coordinate_transformation_mode": "asymmetric"}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Split", ["a"], ["b", "c"], axis=1),
        helper.make_node("Concat", ["c", "a", "b"], ["d"], axis=1),
        helper.make_node("Pad", ["d", "p"], ["e"], mode="reflect"),
        helper.make_node("Resize", ["e", "", "s"], ["f"], mode="linear", **asymmetric),
        helper.make_node("Conv", ["f", "v"], ["g"], strides=[2, 2]),
        helper.make_node("Resize", ["g", "", "t"], ["h"], mode="nearest", nearest_mode="floor", **asymmetric),
        helper.make_node("Gather", ["h", "i"], ["k"], axis=1),
        helper.make_node("Conv", ["k", "u"], ["l"]),
        helper.make_node("SpaceToDepth", ["l"], ["m"], blocksize=2),
        helper.make_node("Pad", ["m", "q", "o"], ["y"]),
        helper.make_node("ArgMax", ["m"], ["z"], axis=1, keepdims=0),
    ]
    given = {**constants, **lists, "q": [0, 0, 1, 0, 0, 0, 0, 2], "o": 0.25}
    proto = model(nodes, {"x": (1, 2, 6, 6)}, ["y", "z"], given, integers=["z"])
    inputs = samples(proto)
    graph = check_float(proto, tmp_path, inputs)
    program = compiled(graph, inputs)
    (comparison,) = verify(program, HOST, inputs)
    assert comparison.equal
    name, indices = program.outputs
    expected = run_graph(graph, inputs)
    noise = real(program, name, tinyglow.interpret(program, inputs)[name]).ravel() - expected[name].ravel()
    assert 10 * np.log10((expected[name] ** 2).sum() / (noise**2).sum()) > 25
    assert (tinyglow.interpret(program, inputs)[indices].ravel() == expected[indices].ravel()).mean() > 0.9
