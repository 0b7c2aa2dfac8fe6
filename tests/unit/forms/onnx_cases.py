"""One node of every ONNX operator with attributes, in every version, and the values that its attributes may have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from tests.unit.operators.single import constant, model, one_node
from tinyglow.frontend.onnx_node import CONSTANT, MIN_OPSET
from tinyglow.ir.forms import OnnxForm
from tinyglow.registry import ONNX_OPS

IMAGE = (1, 2, 7, 6)
NEWEST_OPSET = 28  # that the forms were written for; the installed onnx may be older
FORMS: dict[str, OnnxForm] = {name: cls.onnx_types[name] for name, cls in ONNX_OPS.items()} | {"Constant": CONSTANT}
_RNG = np.random.default_rng(0)


def schemas(op_type: str) -> list[onnx.defs.OpSchema]:
    """The versions of an operator that a model of a supported operator set may have, oldest first."""
    history = [s for s in onnx.defs.get_all_schemas_with_history() if s.name == op_type and not s.domain]
    newer = sorted({s.since_version: s for s in history}.items())
    first = max((version for version, _ in newer if version <= MIN_OPSET), default=MIN_OPSET)
    return [schema for version, schema in newer if first <= version <= FORMS[op_type].version]


def opset_of(schema: onnx.defs.OpSchema) -> int:
    """The first supported operator set whose operator this is."""
    return max(MIN_OPSET, int(schema.since_version))


def is_known(op_type: str) -> bool:
    """Whether the installed onnx knows the newest version of an operator that is read."""
    return FORMS[op_type].version <= onnx.defs.onnx_opset_version()


@dataclass(frozen=True)
class Base:
    """A node that is read: the shape of its input x, its further inputs, the attributes that it needs."""

    shape: Sequence[int] = IMAGE
    constants: Sequence[npt.ArrayLike | None] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    outputs: int = 1


def _weights(*shape: int) -> npt.NDArray[Any]:
    return _RNG.standard_normal(shape).astype(np.float32)


_FILTERS, _BIAS, _ONES = _weights(4, 2, 3, 3), _weights(4), _weights(2)
_MATRIX, _ROW = _weights(6, 6), _weights(6)
_POOL = Base(attributes={"kernel_shape": [3, 3]})


def base(op_type: str, opset: int) -> Base:
    """A node of ``op_type`` that is read, with what is an attribute in one operator set and an input in another."""
    if op_type == "Slice":
        parts: dict[str, Any] = {"starts": [1, 0], "ends": [5, 4], "axes": [2, 3]}
        return Base(attributes=parts) if opset < 10 else Base(constants=list(parts.values()))
    if op_type == "Pad":
        pads = [0, 0, 1, 0, 0, 0, 2, 1]
        return Base(attributes={"pads": pads}) if opset < 11 else Base(constants=[pads])
    if op_type in ("Squeeze", "Unsqueeze"):
        return Base((1, 2, 1, 3), *(((), {"axes": [2]}) if opset < 13 else ([[2]], {})))
    if op_type == "Split":
        return Base((1, 2, 6, 6), attributes={"axis": 2}, outputs=2)
    if op_type == "Upsample":
        scales = [1.0, 1.0, 2.0, 2.0]
        return Base(attributes={"scales": scales}) if opset < 9 else Base(constants=[scales])
    if op_type == "Resize":
        scales = [1.0, 1.0, 2.0, 1.5]
        return Base((1, 2, 4, 6), [scales] if opset < 11 else [None, scales])
    if op_type == "BatchNormalization":
        return Base(constants=[_ONES, _ONES, _ONES, np.abs(_ONES)])
    if op_type == "Gemm":
        return Base((3, 6), [_MATRIX, _ROW])
    return {
        "Conv": Base(constants=[_FILTERS, _BIAS]),
        "MaxPool": _POOL,
        "AveragePool": _POOL,
        "Reshape": Base(constants=[[0, -1]]),
        "SpaceToDepth": Base((1, 3, 4, 6), attributes={"blocksize": 2}),
        "DepthToSpace": Base((1, 8, 3, 2), attributes={"blocksize": 2}),
        "Concat": Base(constants=[_weights(1, 2, 7, 6)], attributes={"axis": 1}),
        "Gather": Base(constants=[[1, 0]]),
        "Cast": Base(constants=[[0.0, 2.7, -1.5]], attributes={"to": 1}),
        "Range": Base(constants=[1.0, 9.0, 2.0]),
        "Mod": Base(constants=[[7, -7, 7, -7], [3, 3, -3, -3]]),
        "ReduceProd": Base(constants=[[[1.0, 2.0], [3.0, 4.0]]]),
        "ConstantOfShape": Base(constants=[[2, 3]]),
        "Constant": Base(),
    }.get(op_type, Base())


ON_CONSTANTS = {"Cast", "Range", "Mod", "ReduceProd", "ConstantOfShape", "Constant"}


def build(op_type: str, opset: int, **attributes: Any) -> onnx.ModelProto:
    """A model of the base node with other attributes; None takes an attribute away."""
    given = base(op_type, opset)
    chosen = {name: value for name, value in {**given.attributes, **attributes}.items() if value is not None}
    if op_type in ON_CONSTANTS or op_type == "Shape":  # its result, as float, times 1 + 0 * the sum of x
        names = ["x"] if op_type == "Shape" else [f"c{index}" for index in range(len(given.constants))]
        nodes = [
            helper.make_node(op_type, names, ["made"], name="node", **chosen),
            helper.make_node("Cast", ["made"], ["float"], to=1),
            helper.make_node("Mul", ["one", "float"], ["y"]),
            helper.make_node("Relu", ["x"], ["z"]),
        ]
        constants = dict(zip(names, given.constants, strict=True)) if op_type != "Shape" else {}
        return model(nodes, {"x": given.shape}, ["z", "y"], {**constants, "one": 1.0}, opset)
    if given.outputs > 1:
        outputs = [f"y{index}" for index in range(given.outputs)]
        names = [f"c{index}" for index in range(len(given.constants))]
        node = helper.make_node(op_type, ["x", *names], outputs, name="node", **chosen)
        return model([node], {"x": given.shape}, outputs, dict(zip(names, given.constants, strict=True)), opset)
    integers = ("y",) if op_type in ("ArgMax", "ArgMin") else ()
    return one_node(op_type, given.shape, given.constants, opset, integers, **chosen)


_PADDING = ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", "VALID_OR_SAME"]
_WINDOW: dict[str, list[Any]] = {
    "auto_pad": _PADDING,
    "dilations": [[1, 1], [2, 1], [2, 2], [0, 1], [1]],
    "kernel_shape": [[3, 3], [2, 3], [3], [0, 1]],
    "pads": [[1, 1, 1, 1], [1, 0, 2, 1], [-1, 0, 0, 0], [1, 1]],
    "strides": [[1, 1], [2, 1], [2, 3], [0, 1]],
}
_POOLS = _WINDOW | {"ceil_mode": [0, 1]}
_REDUCE: dict[str, list[Any]] = {
    "axes": [[1], [-1], [1, 2], [0, 1, 2, 3], [-2, 1], [4], [1, 1]],
    "keepdims": [0, 1],
    "noop_with_empty_axes": [0, 1],
}
_ARG = {"axis": [0, 1, 2, 3, -1, -4, 4], "keepdims": [0, 1], "select_last_index": [0, 1]}
_AXIS = [0, 1, 2, 3, -1, -3, 4, -5]
_TENSORS = [numpy_helper.from_array(constant(value)) for value in ([2.5], [3], [1.0, 2.0])]

# Every value of an attribute that is legal and means something, and some that are not legal.
VALUES: dict[str, dict[str, list[Any]]] = {
    "Conv": _WINDOW | {"group": [1, 2, 0, 3]},
    "MaxPool": _POOLS | {"storage_order": [0, 1]},
    "AveragePool": _POOLS | {"count_include_pad": [0, 1]},
    "ArgMax": _ARG,
    "ArgMin": _ARG,
    "BatchNormalization": {
        "epsilon": [1e-5, 0.0, 0.5],
        "momentum": [0.9, 0.5],
        "training_mode": [0, 1],
        "spatial": [0, 1],
    },
    "Cast": {
        "to": [1, 6, 7, 9, 2, 3, 10, 11, 16, 0, 99],
        "saturate": [0, 1],
        "round_mode": ["up", "down", "nearest"],
    },
    "Clip": {"max": [0.5], "min": [-0.5]},
    "Concat": {"axis": [1, -3, 4, None]},
    "Constant": {
        "value": [_TENSORS[0], _TENSORS[2]],
        "value_float": [1.5],
        "value_floats": [[1.5, 2.0]],
        "value_int": [3],
        "value_ints": [[3, 4]],
        "value_string": ["text"],
        "value_strings": [["text"]],
        "sparse_value": [helper.make_sparse_tensor(numpy_helper.from_array(np.array([1.0])), _TENSORS[1], [5])],
    },
    "ConstantOfShape": {"value": _TENSORS},
    "DepthToSpace": {"blocksize": [1, 2, 3, 0, None], "mode": ["DCR", "CRD", "RCD"]},
    "SpaceToDepth": {"blocksize": [1, 2, 3, 0, None], "mode": ["DCR", "CRD", "RCD"]},
    "Dropout": {"ratio": [0.5, 0.0, 1.0], "seed": [7]},
    "Flatten": {"axis": [0, 1, 2, 3, 4, -1, -4, 5]},
    "Gather": {"axis": [1, 2, 3, -1, 4]},
    "Gemm": {"alpha": [1.0, 0.5, -2.0], "beta": [1.0, 0.0, -0.5], "transA": [0, 1], "transB": [0, 1]},
    "LeakyRelu": {"alpha": [0.01, 0.0, 0.3, 1.5, -0.5]},
    "Mod": {"fmod": [0, 1]},
    "Pad": {
        "mode": ["constant", "reflect", "edge", "wrap", "mirror"],
        "pads": [[0, 0, 0, 0, 0, 0, 1, 1], [0, 1], [0, 0, -1, 0, 0, 0, 0, 0]],
        "value": [0.0, 1.5, -3.0],
    },
    "Range": {"stash_type": [1, 10]},
    "ReduceMax": _REDUCE,
    "ReduceMean": _REDUCE,
    "ReduceProd": _REDUCE | {"axes": [[0], [1], [-1], [0, 1], [2]]},
    "ReduceSum": _REDUCE,
    "Reshape": {"allowzero": [0, 1]},
    "Resize": {
        "antialias": [0, 1],
        "axes": [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3], [0, 1, 2, 2]],
        "coordinate_transformation_mode": [
            "half_pixel",
            "half_pixel_symmetric",
            "pytorch_half_pixel",
            "align_corners",
            "asymmetric",
            "tf_crop_and_resize",
            "own",
        ],
        "cubic_coeff_a": [-0.75, -0.5],
        "exclude_outside": [0, 1],
        "extrapolation_value": [0.0, 1.0],
        "keep_aspect_ratio_policy": ["stretch", "not_larger", "not_smaller", "own"],
        "mode": ["nearest", "linear", "cubic", "own"],
        "nearest_mode": ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "own"],
    },
    "Shape": {"start": [0, 1, -2, -9, 3, 9], "end": [4, 1, -1, -9, 0, 9]},
    "Slice": {"starts": [[0, 1], [-3, 0]], "ends": [[3, 9], [-1, 4]], "axes": [[0, 1], [-1, -2], [1, 1], [2, 9]]},
    "Softmax": {"axis": _AXIS},
    "Split": {"axis": [2, 3, -1, 0, 4], "num_outputs": [2, 3], "split": [[3, 3], [5, 1], [3, 2], [2, 2, 2]]},
    "Squeeze": {"axes": [[0], [-2], [0, 2], [1], None]},
    "Transpose": {"perm": [[0, 1, 2, 3], [0, 2, 3, 1], [3, 2, 1, 0], [0, 0, 1, 2], [0, 1]]},
    "Unsqueeze": {"axes": [[0], [-1], [0, 5], [1, 3], [6], [1, 1]]},
    "Upsample": {"mode": ["nearest", "linear", "own"], "scales": [[1.0, 1.0, 3.0, 2.0], [1.0, 2.0]]},
}


# Attributes that mean something only beside others.
BESIDE: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("AveragePool", "ceil_mode"): [
        {"strides": [2, 2]},
        {"strides": [2, 3], "pads": [1, 1, 1, 1]},
        {"strides": [2, 4], "pads": [1, 0, 1, 1], "count_include_pad": 1},
        {"strides": [4, 3], "count_include_pad": 1},
    ],
    ("AveragePool", "count_include_pad"): [{"pads": [1, 1, 1, 1]}, {"pads": [0, 1, 2, 1]}, {"auto_pad": "SAME_UPPER"}],
    ("MaxPool", "ceil_mode"): [{"strides": [2, 2]}, {"strides": [2, 3], "pads": [1, 1, 1, 1]}],
    ("MaxPool", "auto_pad"): [{"strides": [2, 2]}],
    ("AveragePool", "auto_pad"): [{"strides": [2, 2]}],
    ("Conv", "auto_pad"): [{"strides": [2, 2]}, {"dilations": [2, 1]}, {"pads": [1, 1, 1, 1]}],
    ("Resize", "nearest_mode"): [{"coordinate_transformation_mode": "asymmetric"}],
    ("Resize", "antialias"): [{"mode": "linear"}],
    ("Resize", "exclude_outside"): [{"mode": "linear"}],
    ("Resize", "extrapolation_value"): [{"mode": "linear"}],
    ("Upsample", "scales"): [{"mode": "linear"}],
}


def cases(op_type: str, opsets: Collection[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(operator set, attributes) for every value of every attribute of an operator's versions, {} where it has none."""
    for schema in schemas(op_type):
        if opset_of(schema) not in opsets:
            continue
        names = schema.attributes
        if not names:
            yield opset_of(schema), {}
        for name in names:
            for value in VALUES[op_type][name]:
                for beside in [{}, *BESIDE.get((op_type, name), [])]:
                    if set(beside) <= set(names):
                        yield opset_of(schema), {**beside, name: value}
