"""Concat: any axis, any number of inputs, constants among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

import tinyglow
from tests.unit.operators.single import check_float, check_moves, compiled, model, refusal, samples
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.operators.concat import Concat
from tinyglow.testing import budget

SHAPES = [(1, 2, 3, 4), (1, 6, 3, 4), (1, 1, 3, 4)]


def _concat(shapes: list[tuple[int, ...]], axis: int, opset: int = 13, **constants: np.ndarray) -> onnx.ModelProto:
    names = [f"x{i}" for i in range(len(shapes))]
    node = helper.make_node("Concat", [*names, *constants], ["y"], name="node", axis=axis)
    return model([node], dict(zip(names, shapes, strict=True)), ["y"], constants, opset)


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("axis", [1, -3])
def test_inputs_follow_one_another(tmp_path: Path, axis: int, opset: int) -> None:
    """Three inputs of different lengths come one after the other, in float and in int8."""
    program = check_moves(_concat(SHAPES, axis, opset), tmp_path)
    assert sum(call.kernel.symbol == "tg_strided_copy_s8" for call in program.calls) == 3


@budget(quick=10, full=300)
@given(data=st.data())
def test_any_axis(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Along whichever dimension of tensors of any rank, the result is onnx's."""
    rest = data.draw(st.lists(st.integers(1, 4), min_size=0, max_size=4))
    axis = data.draw(st.integers(0, len(rest)))
    lengths = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    shapes = [(*rest[:axis], length, *rest[axis:]) for length in lengths]
    check_moves(_concat(shapes, axis), tmp_path_factory.mktemp("net"))


def test_constants_are_inputs_too(tmp_path: Path) -> None:
    """A constant part is quantized with the parameters of the result."""
    part = np.linspace(-2, 2, 12).reshape(1, 1, 3, 4)
    check_moves(_concat([(1, 2, 3, 4)], 1, c=part), tmp_path)


def test_inputs_are_rescaled_to_the_result(tmp_path: Path) -> None:
    """Inputs of very different ranges share the parameters of the result."""
    proto = _concat([(1, 4), (1, 4)], 1)
    inputs = samples(proto)
    inputs["x1"] *= 50
    graph = check_float(proto, tmp_path, inputs)
    program = compiled(graph, inputs)
    assert [call.kernel.symbol for call in program.calls].count("tg_rescale_s8") <= 1
    assert len({program.buffers[name].type.quant for call in program.calls[-2:] for name in call.operands}) == 1


def test_different_shapes_are_refused(tmp_path: Path) -> None:
    """Inputs that differ in another dimension too are refused with their shapes."""
    message = refusal(_concat([(1, 2, 3), (1, 2, 4)], 1), tmp_path)
    assert "shapes [1, 2, 3], [1, 2, 4]" in message
    assert "along that dimension only" in message


def test_an_axis_beyond_the_dimensions_is_refused(tmp_path: Path) -> None:
    """An axis that the tensors do not have is refused with those they have."""
    assert "axis 3 of a tensor of 3 dimensions; expected -3 to 2" in refusal(_concat([(1, 2, 3)], 3), tmp_path)


@pytest.mark.parametrize("perm", [(0, 3, 1, 2), (3, 2, 0, 1)])
def test_transposed(perm: tuple[int, ...]) -> None:
    """Concat of transposed tensors is the transposed form's result, transposed."""
    rng = np.random.default_rng(0)
    tensors = [rng.standard_normal((2, 3, 4, 2, 5)).astype(np.float32) for _ in range(2)]
    moved = (0, *(axis + 1 for axis in perm))
    op = Concat(2).transposed(perm)
    assert op is not None
    (expected,) = Concat(2).run_float(*(x.transpose(moved) for x in tensors))
    (got,) = op.run_float(*tensors)
    np.testing.assert_array_equal(got.transpose(moved), expected)


def test_run_float_repeats_constants_for_each_sample() -> None:
    """A constant, which has one sample, stands before every sample of the others."""
    (result,) = Concat(0).run_float(np.zeros((1, 2), np.float32), np.ones((3, 1), np.float32))
    np.testing.assert_array_equal(result, [[0, 0, 1]] * 3)
    assert Concat(0).infer(TensorType((2,)), TensorType((1,))) == (TensorType((3,)),)


def test_a_constant_is_quantized_once(tmp_path: Path) -> None:
    """A constant part has the parameters of the result from the beginning: no rescale rounds it a second time."""
    part = np.linspace(-0.5, 0.3, 12).astype(np.float32).reshape(1, 1, 3, 4)
    proto = _concat([(1, 2, 3, 4)], 1, c=part)
    inputs = samples(proto)
    program = compiled(check_float(proto, tmp_path, inputs), inputs)
    quant = program.buffers["y"].type.quant
    assert quant is not None
    result = tinyglow.interpret(program, inputs)["y"].reshape(-1, 36)[:, 24:]
    np.testing.assert_array_equal(result, [glow.quantize(part.ravel(), quant.scale, quant.offset)] * len(result))
