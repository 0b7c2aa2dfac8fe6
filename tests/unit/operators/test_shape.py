"""Shapes that a model computes: everything about them is known at import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.unit.operators.single import check_float, loaded, model, refusal
from tinyglow.ir.types import TensorType
from tinyglow.operators.pad import Pad
from tinyglow.operators.reshape import Reshape

BEHIND = 2**63 - 1


def _node(op_type: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op_type, inputs.split(), [output], **attributes)


def _value(data: npt.ArrayLike) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(data))


def _computed(
    nodes: Sequence[onnx.NodeProto], constants: dict[str, npt.ArrayLike], shape: Sequence[int], opset: int = 13
) -> onnx.ModelProto:
    """A model that reshapes its input to the shape ``s`` that ``nodes`` compute."""
    return model([*nodes, _node("Reshape", "x s", "y")], {"x": shape}, ["y"], constants, opset)


def test_flatten_as_pytorch_exports_it(tmp_path: Path) -> None:
    """x.view(x.size(0), -1): Shape, Gather, Unsqueeze, Concat."""
    nodes = [
        _node("Shape", "x", "a"),
        _node("Gather", "a zero", "b", axis=0),
        _node("Unsqueeze", "b axes", "c"),
        _node("Concat", "c rest", "s", axis=0),
    ]
    constants = {"zero": 0, "axes": [0], "rest": [-1]}
    graph = check_float(_computed(nodes, constants, (2, 3, 4)), tmp_path)
    (node,) = graph.nodes
    assert node.op == Reshape((2, 12))


def test_pad_as_pytorch_exports_it(tmp_path: Path) -> None:
    """functional.pad: the pads, innermost first, are extended, reversed and transposed into ONNX's order."""
    nodes = [
        _node("ConstantOfShape", "missing", "a", value=_value([0])),
        _node("Concat", "pads a", "b", axis=0),
        _node("Reshape", "b pairs", "c"),
        _node("Slice", "c last first zero back", "d"),
        _node("Transpose", "d", "e", perm=[1, 0]),
        _node("Reshape", "e flat", "f"),
        _node("Cast", "f", "g", to=TensorProto.INT64),
        _node("Pad", "x g", "y"),
    ]
    constants = {
        **{"missing": [4], "pads": [1, 2, 3, 0], "pairs": [-1, 2], "last": [-1]},
        **{"first": [-BEHIND], "zero": [0], "back": [-1], "flat": [-1]},
    }
    graph = check_float(model(nodes, {"x": (1, 2, 3, 4)}, ["y"], constants), tmp_path)
    (node,) = graph.nodes
    assert node.op == Pad((0, 0, 3, 1), (0, 0, 0, 2))


def test_upsample_as_exporters_compute_it(tmp_path: Path) -> None:
    """Sizes by Shape, Slice, Cast, Mul, Floor, Cast and Concat."""
    nodes = [
        _node("Shape", "x", "a"),
        _node("Slice", "a two four", "b"),
        _node("Cast", "b", "c", to=TensorProto.FLOAT),
        _node("Mul", "c factors", "d"),
        _node("Floor", "d", "e"),
        _node("Cast", "e", "f", to=TensorProto.INT64),
        _node("Slice", "a none two", "g"),
        _node("Concat", "g f", "h", axis=0),
        helper.make_node("Resize", ["x", "", "", "h"], ["y"], mode="nearest", nearest_mode="floor"),
    ]
    constants = {"none": [0], "two": [2], "four": [4], "factors": [2.0, 1.5]}
    graph = check_float(model(nodes, {"x": (1, 2, 3, 5)}, ["y"], constants), tmp_path)
    assert graph.type_of(graph.outputs[0].value).shape == (1, 2, 6, 7)


def test_expand_as_pytorch_exports_it(tmp_path: Path) -> None:
    """-1 in an expanded shape: ConstantOfShape, Mul, Equal, Where."""
    nodes = [
        _node("ConstantOfShape", "rank", "ones", value=_value([1])),
        _node("Mul", "ones minus", "a"),
        _node("Equal", "wanted a", "b"),
        _node("Where", "b ones wanted", "s"),
    ]
    constants = {"rank": [2], "minus": -1, "wanted": [-1, 12]}
    graph = check_float(_computed(nodes, constants, (3, 4)), tmp_path)
    assert graph.type_of(graph.outputs[0].value).shape == (1, 12)


@pytest.mark.parametrize(
    ("nodes", "constants", "expected"),
    [
        ([_node("Shape", "x", "s")], {}, (2, 3, 4)),
        ([_node("Shape", "x", "a", start=1, end=-1), _node("Concat", "a m", "s", axis=0)], {"m": [-1]}, (3, 8)),
        ([_node("Size", "x", "a"), _node("Unsqueeze", "a z", "s")], {"z": [0]}, (24,)),
        ([_node("Range", "a b c", "s")], {"a": 2, "b": 5, "c": 1}, (2, 3, 4)),
        ([_node("Shape", "x", "a"), _node("ReduceProd", "a", "s", keepdims=1)], {}, (24,)),
        ([_node("Div", "a b", "c"), _node("Mul", "c n", "s")], {"a": [-49], "b": [2], "n": [-1]}, (24,)),
        ([_node("Mod", "a b", "c"), _node("Concat", "c m", "s", axis=0)], {"a": [11], "b": [9], "m": [-1]}, (2, 12)),
        ([_node("Ceil", "a", "b"), _node("Cast", "b", "s", to=7)], {"a": [1.5, 11.2]}, (2, 12)),
        ([_node("Slice", "e z z", "a"), _node("Concat", "a m", "s", axis=0)], {"e": [5], "z": [0], "m": [24]}, (24,)),
    ],
)
def test_shape_arithmetic(
    tmp_path: Path, nodes: list[onnx.NodeProto], constants: dict[str, npt.ArrayLike], expected: tuple[int, ...]
) -> None:
    """Each operator computes what ONNX says; what is left is one Reshape, or nothing."""
    graph = check_float(_computed(nodes, constants, (2, 3, 4), 15), tmp_path)
    assert graph.type_of(graph.outputs[0].value).shape == expected
    assert {node.op.kind for node in graph.nodes} <= {"Reshape"}


def test_weights_are_named_after_their_tensor(tmp_path: Path) -> None:
    """A weight that nodes prepare is a constant with the name of the tensor, as in Glow's profiles."""
    nodes = [_node("Transpose", "w", "prepared", perm=[1, 0]), _node("MatMul", "x prepared", "y")]
    proto = model(nodes, {"x": (1, 3)}, ["y"], {"w": np.ones((4, 3))})
    assert "prepared" in check_float(proto, tmp_path).values


def test_casts_at_run_time(tmp_path: Path) -> None:
    """x.float() leaves no node; a cast to integers goes towards 0."""
    nodes = [_node("Relu", "x", "a"), _node("Cast", "a", "y", to=TensorProto.FLOAT)]
    assert [node.op.kind for node in check_float(model(nodes, {"x": (2,)}, ["y"]), tmp_path).nodes] == ["Relu"]
    nodes = [_node("Mul", "x five", "a"), _node("Cast", "a", "y", to=TensorProto.INT64)]
    graph = check_float(model(nodes, {"x": (20,)}, ["y"], {"five": 5.0}, integers=["y"]), tmp_path)
    assert graph.type_of(graph.outputs[0].value) == TensorType((20,), "int64")


@pytest.mark.parametrize(
    ("nodes", "constants", "found"),
    [
        ([_node("Range", "x a a", "y")], {"a": 1.0}, "a Range of what is computed at run time"),
        ([_node("Range", "a b c", "s")], {"a": 0, "b": 2**40, "c": 1}, "a constant of 1.09951e+12 elements"),
        ([_node("Range", "a b c", "s")], {"a": 0, "b": 2, "c": 0}, "a step of 0"),
        ([_node("ConstantOfShape", "a", "s")], {"a": [2**20, 2**20]}, "a constant of 1.09951e+12 elements"),
        ([_node("ConstantOfShape", "a", "s")], {"a": [-1]}, "shape [-1]"),
        ([_node("Expand", "a b", "s")], {"a": [1], "b": [2**20, 2**20]}, "constant of shape [1048576, 1048576]"),
        ([_node("Equal", "a b", "s")], {"a": [1, 2], "b": [1, 2, 3]}, "shapes that broadcast"),
        ([_node("Cast", "a", "s", to=TensorProto.STRING)], {"a": [1]}, "a cast to type number 8"),
    ],
)
def test_what_no_shape_needs_is_refused(
    tmp_path: Path, nodes: list[onnx.NodeProto], constants: dict[str, npt.ArrayLike], found: str
) -> None:
    """Such arithmetic at run time, and constants that would fill the memory, are refused."""
    proto = (
        model(nodes, {"x": ()}, ["y"], constants)
        if nodes[0].output[0] == "y"
        else _computed(nodes, constants, (2, 3, 4))
    )
    assert found in refusal(proto, tmp_path)


def test_integer_outputs_may_be_constants(tmp_path: Path) -> None:
    """A network whose output is a shape has it as a constant of the type that ONNX gives it."""
    graph = loaded(model([_node("Shape", "x", "y")], {"x": (2, 3)}, ["y"], integers=["y"]), tmp_path)
    (output,) = graph.outputs
    assert graph.type_of(output.value) == TensorType((2,), "int64")
