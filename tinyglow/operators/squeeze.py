"""Dimensions of size 1 that come and go: Squeeze and Unsqueeze, which become Reshapes."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForms
from tinyglow.ir.op import Importer, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.reshape import Reshape


def _axes(node: SourceNode, importer: Importer) -> list[int] | None:
    """The axes: an input since operator set 13, an attribute before; None where they are not given."""
    if len(node.inputs) > 1 and node.inputs[1]:
        data = importer.constant(node.inputs[1])
        if data is None:
            raise UnsupportedError("axes that are computed at run time", "constant axes")
        return [int(axis) for axis in data.ravel()]
    return list(node.ints("axes", ())) if node.attributes.get("axes") is not None else None


def squeezed(shape: Shape, axes: list[int] | None) -> Shape:
    """``shape`` without the given dimensions, which must be 1; without all that are 1 if none are given."""
    gone = {normalize_axis(axis, len(shape)) for axis in axes} if axes is not None else None
    if gone is None:
        return tuple(size for size in shape if size != 1)
    if any(shape[axis] != 1 for axis in gone):
        raise UnsupportedError(f"dimensions {sorted(gone)} of shape {list(shape)}", "dimensions of size 1")
    return tuple(size for axis, size in enumerate(shape) if axis not in gone)


def unsqueezed(shape: Shape, axes: list[int] | None) -> Shape:
    """``shape`` with dimensions of size 1 in the given places of the result."""
    if axes is None:
        raise UnsupportedError("has no axes")
    rank = len(shape) + len(axes)
    new = {normalize_axis(axis, rank) for axis in axes}
    if len(new) != len(axes):
        raise UnsupportedError(f"axes {axes}", "each axis once")
    sizes = iter(shape)
    return tuple(1 if axis in new else next(sizes) for axis in range(rank))


class Squeeze(Reshape):
    """ONNX's Squeeze and Unsqueeze; in the graph they are Reshapes, under the names that Glow gives these."""

    onnx_types: ClassVar[OnnxForms] = {
        "Squeeze": OnnxForm(25, ("axes",)),
        "Unsqueeze": OnnxForm(25, ("axes",)),
    }
    tflite_types: ClassVar[TFLiteForms] = {}

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        axes = _axes(node, importer)
        if node.op_type == "Squeeze":
            name, shape = f"{node.name}.reshape", squeezed(value.type.shape, axes)
        else:
            name, shape = f"{node.name}.expanddims", unsqueezed(value.type.shape, axes)
        importer.bind(node.outputs[0], importer.editor.add(name, Reshape(shape), [value], node.name))
