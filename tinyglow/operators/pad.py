"""Borders around a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.reshape.strided_copy import Axis, copy_block, require_elements, strides_of, with_bytes
from tinyglow.numerics import glow
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.constants import dequantized
from tinyglow.operators.fill import fill
from tinyglow.operators.tflite_node import add_and_bind, constant_integers

MODES = ("constant", "reflect", "edge", "wrap")


class Pad(Op):
    """``before`` and ``after`` elements more along each dimension, or fewer where they are negative.

    mode: what the new elements are: "constant": ``value``; "edge": the nearest element; "reflect": the elements as far
    on the other side of the edge; "wrap": those of the opposite side. Glow knows "constant" only, and lowers it to a
    Splat and an InsertTensor; here it stays one operator.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    mode: str = "constant"
    value: float = 0.0

    onnx_types: ClassVar[OnnxForms] = {"Pad": OnnxForm(25, ("mode", "pads", "value"))}
    tflite_types: ClassVar[TFLiteForms] = {
        "PAD": TFLiteForm(5),
        "PADV2": TFLiteForm(5),
        "MIRROR_PAD": TFLiteForm(3, "MirrorPadOptions", ("mode",)),
    }
    glow_kind: ClassVar[str] = "InsertTensor"
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    inputs_match_output: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        rank = len(value.type.shape)
        pads = _amounts(node, importer)
        axes = _axes(node, importer, rank)
        if len(pads) != 2 * len(axes):
            raise UnsupportedError(f"{len(pads)} pads for {len(axes)} dimensions", "two for each dimension")
        before, after = [0] * rank, [0] * rank
        for index, axis in enumerate(axes):
            before[axis], after[axis] = pads[index], pads[index + len(axes)]
        op = cls(tuple(before), tuple(after), node.text("mode", "constant"), _filling(node, importer))
        importer.bind(node.outputs[0], importer.editor.add(node.name, op, [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Pads are [rank, 2]: before and after each dimension."""
        value, pads = importer.value(node.inputs[0]), constant_integers(node, importer, 1, "pads")
        if len(pads) != 2 * len(value.type.shape) or min(pads, default=0) < 0:
            raise UnsupportedError(
                f"pads {pads} of shape {list(value.type.shape)}", "two for each dimension, at least 0"
            )
        mode = "constant"
        if node.op_type == "MIRROR_PAD":
            mode = "reflect"
            if node.text("mode", "") != "REFLECT":
                raise UnsupportedError(f"mode {node.text('mode', '')!r}", "REFLECT")
        op = cls(tuple(pads[0::2]), tuple(pads[1::2]), mode, _tflite_filling(node, importer))
        add_and_bind(node, importer, op, [value])

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        pads = list(zip(self.before, self.after, strict=True))
        if self.mode not in MODES:
            raise ShapeError(f"mode {self.mode!r}", ", ".join(MODES))
        if len(pads) != len(shape):
            raise ShapeError(f"pads for {len(pads)} dimensions of shape {list(shape)}", "two for each dimension")
        kept = [size + min(0, begin) + min(0, end) for size, (begin, end) in zip(shape, pads, strict=True)]
        if min(kept, default=1) < 1:
            raise ShapeError(f"pads {[*self.before, *self.after]} that remove all of shape {list(shape)}")
        for size, pair in zip(kept, pads, strict=True):
            most = {"reflect": size - 1, "wrap": size}.get(self.mode)
            if most is not None and max(pair) > most:
                raise ShapeError(f"{max(pair)} elements of {self.mode} padding on {size} elements", f"at most {most}")
        return (inputs[0].reshaped(tuple(size + begin + end for size, (begin, end) in zip(shape, pads, strict=True))),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        kept = (slice(None), *self._kept(inputs[0].shape[1:]))
        x = inputs[0][kept]
        widths = [(0, 0), *((max(0, begin), max(0, end)) for begin, end in zip(self.before, self.after, strict=True))]
        if self.mode == "constant":
            return (np.pad(x, widths, constant_values=np.asarray(self.value, x.dtype)),)
        return (np.pad(x, widths, mode=cast(Any, self.mode)),)

    def _kept(self, shape: Sequence[int]) -> list[slice]:
        """The part of the input that negative pads leave."""
        pads = zip(shape, self.before, self.after, strict=True)
        return [slice(max(0, -begin), size - max(0, -end)) for size, begin, end in pads]

    def transposed(self, perm: tuple[int, ...]) -> Op | None:
        order = [perm.index(axis) for axis in range(len(perm))]
        before, after = (tuple(part[i] for i in order) for part in (self.before, self.after))
        return Pad(before, after, self.mode, self.value)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
        require_elements(source.shape)
        output = lowering.buffer(node.outputs[0])
        if self.mode == "constant" and max((*self.before, *self.after), default=0) > 0:
            fill(lowering, output, result, self.value)
        kept = self._kept(source.shape)
        sizes = [part.stop - part.start for part in kept]
        distances = strides_of(result)
        axes = [Axis(*dim) for dim in zip(sizes, strides_of(source), distances, strict=True)]
        begin = sum(part.start * distance for part, distance in zip(kept, strides_of(source), strict=True))
        inside = sum(max(0, pad) * distance for pad, distance in zip(self.before, distances, strict=True))
        copy_block(lowering, lowering.buffer(node.inputs[0]), output, with_bytes(axes, result.dtype), begin, inside)
        if self.mode != "constant":
            self._mirror(lowering, output, result, sizes)

    def _mirror(self, lowering: Lowering, output: str, result: TensorType, sizes: list[int]) -> None:
        """Fill the borders from the inside of the output: dimension by dimension, each over the whole of those done."""
        distances = strides_of(result)
        begins = [max(0, pad) for pad in self.before]
        axes = [Axis(size, distance, distance) for size, distance in zip(sizes, distances, strict=True)]
        corner = sum(begin * distance for begin, distance in zip(begins, distances, strict=True))
        for dim, distance in reversed(list(enumerate(distances))):
            first, size, end = begins[dim], sizes[dim], max(0, self.after[dim])
            last = first + size - 1
            corner -= first * distance
            # For each side: number of elements, the first of them, where it comes from, and the next one's origin.
            sides = {
                "edge": [(first, 0, first, 0), (end, last + 1, last, 0)],
                "reflect": [(first, 0, 2 * first, -1), (end, last + 1, last - 1, -1)],
                "wrap": [(first, 0, size, 1), (end, last + 1, first, 1)],
            }[self.mode]
            for count, place, origin, step in sides:
                if count:
                    axes[dim] = Axis(count, step * distance, distance)
                    block = with_bytes(axes, result.dtype)
                    copy_block(lowering, output, output, block, corner + origin * distance, corner + place * distance)
            axes[dim] = Axis(result.shape[dim], distance, distance)


def _amounts(node: SourceNode, importer: Importer) -> list[int]:
    """The pads: an input since operator set 11, an attribute before."""
    if len(node.inputs) > 1 and node.inputs[1]:
        data = importer.constant(node.inputs[1])
        if data is None:
            raise UnsupportedError("pads that are computed at run time", "constant pads")
        return [int(pad) for pad in data.ravel()]
    if "pads" not in node.attributes:
        raise UnsupportedError("has no pads")
    return list(node.ints("pads", ()))


def _axes(node: SourceNode, importer: Importer, rank: int) -> list[int]:
    """The dimensions that are padded: all, unless an input (operator set 18) names some."""
    if len(node.inputs) < 4 or not node.inputs[3]:
        return list(range(rank))
    data = importer.constant(node.inputs[3])
    if data is None:
        raise UnsupportedError("axes that are computed at run time", "constant axes")
    axes = [normalize_axis(int(axis), rank) for axis in data.ravel()]
    if len(set(axes)) != len(axes):
        raise UnsupportedError(f"axes {axes}", "each axis once")
    return axes


def _filling(node: SourceNode, importer: Importer) -> float:
    """The padding value: an input since operator set 11, an attribute before."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return glow.float32(node.real("value", 0.0))
    data = importer.constant(node.inputs[2])
    if data is None or data.size != 1:
        raise UnsupportedError("a padding value that is computed at run time or no scalar", "a constant scalar")
    return glow.float32(float(data.ravel()[0]))


def _tflite_filling(node: SourceNode, importer: Importer) -> float:
    """The padding value of PADV2, which may be quantized; 0 of others."""
    if node.op_type != "PADV2":
        return 0.0
    value = importer.value(node.inputs[2])
    if value.data is None or value.data.size != 1:
        raise UnsupportedError("a padding value that is computed at run time or no scalar", "a constant scalar")
    return glow.float32(float(dequantized(value.data, value.type).ravel()[0]))
