"""Nodes of operator sets 1 to 6 as those of set 7, from which on operands broadcast as numpy's do.

The rules are those of ONNX's change log (docs/Changelog.md of onnx). ``onnx.version_converter`` has only some of them,
and is not made for untrusted files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import UnsupportedError

FIRST = 7  # the operator set that nodes are brought to
# Until set 5 a hint about memory, which changes no result.
_CONSUMED = "consumed_inputs"
# Until set 6 a hint about which results are wanted.
_OUTPUT_SEQUENCE = "output_sequence"
_DEFAULTS_OF_SELU = {"alpha": 1.6732, "gamma": 1.0507}
_FOR_INFERENCE = "export the model for inference"


@dataclass
class _Old:
    """One node on its way.

    Attributes:
        node: A copy of it, which is changed.
        of: What stands for a tensor before it; UnsupportedError if nothing does.
        unused: Makes a name that no tensor has.
        before: Nodes that come before it.
    """

    node: onnx.NodeProto
    of: Callable[[str], Value]
    unused: Callable[[str], str]
    before: list[onnx.NodeProto]

    def take(self, name: str) -> onnx.AttributeProto | None:
        """An attribute, which the node has no longer."""
        for index, item in enumerate(self.node.attribute):
            if item.name == name:
                found = onnx.AttributeProto()
                found.CopyFrom(item)
                del self.node.attribute[index]
                return found
        return None

    def required(self, name: str) -> onnx.AttributeProto:
        found = self.take(name)
        if found is None:
            raise UnsupportedError(f"attribute {name} is missing", "what ONNX requires")
        return found

    def flag(self, name: str) -> bool:
        found = self.take(name)
        return found is not None and bool(found.i)

    def has(self, name: str) -> bool:
        return any(item.name == name for item in self.node.attribute)

    def give(self, name: str, value: object) -> None:
        self.node.attribute.append(onnx.helper.make_attribute(name, value))

    def value(self, index: int) -> Value:
        return self.of(self.node.input[index] if index < len(self.node.input) else "")

    def constant(self, index: int, what: str) -> Array:
        data = self.value(index).data
        if data is None:
            raise UnsupportedError(f"{what} computed at run time", "a constant")
        return data

    def add_constant(self, what: str, numbers: object) -> str:
        """A constant of integers before the node; its name."""
        name = self.unused(f"{self.node.output[0]}_{what}")
        tensor = numpy_helper.from_array(np.asarray(numbers, np.int64), name)
        self.before.append(onnx.helper.make_node("Constant", [], [name], name, value=tensor))
        return name

    def unsqueeze(self, index: int, first: int, count: int) -> None:
        """Give an input ``count`` dimensions of one element, from dimension ``first`` on."""
        if count <= 0:
            return
        name = self.unused(f"{self.node.output[0]}_operand")
        axes = list(range(first, first + count))
        self.before.append(onnx.helper.make_node("Unsqueeze", [self.node.input[index]], [name], name, axes=axes))
        self.node.input[index] = name


def modern(
    node: onnx.NodeProto, opset: int, of: Callable[[str], Value], unused: Callable[[str], str]
) -> list[onnx.NodeProto]:
    """The nodes of operator set 7 that compute what a node of an older set does.

    Args:
        node: The node.
        opset: Its operator set.
        of: What stands for a tensor before it; UnsupportedError if nothing does.
        unused: Makes a name that no tensor has.

    Returns:
        The nodes, in their order; the node itself from set 7 on.

    Raises:
        UnsupportedError: It has a form that set 7 does not have.
    """
    if opset >= FIRST or not node.output:
        return [node]
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    old = _Old(copy, of, unused, [])
    if opset < 6 and node.op_type in _CONSUMING:
        old.take(_CONSUMED)
    change = _CHANGES.get(node.op_type)
    if change is not None and opset < change[0]:
        change[1](old)
    return [*old.before, copy]


def _broadcast(old: _Old) -> None:
    """The second operand's dimensions are those of the first from ``axis`` on; without it, the last ones."""
    axis, broadcast = old.take("axis"), old.flag("broadcast")
    first, second = old.value(0).type.shape, old.value(1).type.shape
    if not broadcast:
        if first != second:
            found = f"operands of shapes {list(first)} and {list(second)} without attribute broadcast"
            raise UnsupportedError(found, "equal shapes, or broadcast=1")
        return
    if axis is not None and second:
        start = int(axis.i) + (len(first) if axis.i < 0 else 0)
        if not 0 <= start <= len(first) - len(second):
            raise UnsupportedError(f"axis {axis.i} for operands of shapes {list(first)} and {list(second)}")
        old.unsqueeze(1, len(second), len(first) - len(second) - start)


def _prelu(old: _Old) -> None:
    """One slope for each channel, which is dimension 1."""
    slope = old.value(1).type.shape
    if len(slope) == 1 and slope[0] > 1:
        old.unsqueeze(1, 1, len(old.value(0).type.shape) - 2)


def _is_test(old: _Old) -> None:
    if not old.flag("is_test"):
        raise UnsupportedError(f"a {old.node.op_type} for training (is_test=0)", "is_test=1", _FOR_INFERENCE)


def _cast(old: _Old) -> None:
    given = old.take("to")
    name = given.s.decode("utf-8", "replace").upper() if given is not None else ""
    number = dict(onnx.TensorProto.DataType.items()).get(name)
    if number is None:
        raise UnsupportedError(f"a Cast to {name!r}", "the name of an element type")
    old.give("to", number)


def _concat(old: _Old) -> None:
    if not old.has("axis"):
        old.give("axis", 1)


def _split(old: _Old) -> None:
    """The sizes of the parts were an input, as they are again from operator set 13 on."""
    if len(old.node.input) > 1:
        sizes = old.constant(1, "sizes of the parts")
        del old.node.input[1:]
        old.take("split")
        old.give("split", [int(size) for size in sizes.ravel()])


def _tile(old: _Old) -> None:
    """So many tiles along one axis."""
    tiles, axis = old.constant(1, "a number of tiles").ravel(), old.constant(2, "an axis").ravel()
    rank = len(old.value(0).type.shape)
    if tiles.size != 1 or axis.size != 1 or not -rank <= int(axis[0]) < rank:
        raise UnsupportedError(f"{tiles.tolist()} tiles along axis {axis.tolist()}", "one number, and one axis")
    repeats = [1] * rank
    repeats[int(axis[0])] = int(tiles[0])
    name = old.add_constant("repeats", repeats)
    del old.node.input[1:]
    old.node.input.append(name)


def _reshape(old: _Old) -> None:
    old.node.input.append(old.add_constant("shape", list(old.required("shape").ints)))


def _upsample(old: _Old) -> None:
    height, width = old.take("height_scale"), old.take("width_scale")
    if height is None or width is None:
        raise UnsupportedError("attributes height_scale and width_scale are missing", "what ONNX requires")
    old.give("scales", [1.0, 1.0, height.f, width.f])


def _pad(old: _Old) -> None:
    old.give("pads", list(old.required("paddings").ints))


def _selu(old: _Old) -> None:
    for name, number in _DEFAULTS_OF_SELU.items():
        if not old.has(name):
            old.give(name, number)


def _lp_pool(old: _Old) -> None:
    given = old.take("p")
    if given is not None:
        if given.f != int(given.f):
            raise UnsupportedError(f"p = {given.f}", "a whole number")
        old.give("p", int(given.f))


def _without(name: str) -> Callable[[_Old], None]:
    """Leave out an attribute that says nothing now."""

    def change(old: _Old) -> None:
        old.take(name)

    return change


# For each operator the first set that has it as set 7 does, and what to do before it.
_CHANGES: dict[str, tuple[int, Callable[[_Old], None]]] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow"), (7, _broadcast)),
    **dict.fromkeys(("And", "Or", "Xor", "Equal", "Greater", "Less"), (7, _broadcast)),
    **dict.fromkeys(("BatchNormalization", "Dropout"), (7, _is_test)),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), (7, _without(_OUTPUT_SEQUENCE))),
    **dict.fromkeys(("LpPool", "GlobalLpPool"), (2, _lp_pool)),
    "Gemm": (7, _without("broadcast")),
    "PRelu": (7, _prelu),
    "Cast": (6, _cast),
    "Tile": (6, _tile),
    "Selu": (6, _selu),
    "Reshape": (5, _reshape),
    "Concat": (4, _concat),
    "Split": (2, _split),
    "Pad": (2, _pad),
    "Upsample": (7, _upsample),
}
_CONSUMING = {
    *("Abs", "Add", "BatchNormalization", "Ceil", "Clip", "Div", "Dropout", "Elu", "Exp", "Floor", "HardSigmoid"),
    *("InstanceNormalization", "LeakyRelu", "Log", "Max", "Mean", "Min", "Mul", "Neg", "PRelu", "Reciprocal", "Relu"),
    *("Reshape", "Selu", "Sigmoid", "Sqrt", "Sub", "Sum", "Tanh"),
}
