"""Parts of a tensor: Slice and Split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.reshape.strided_copy import Axis, copy_block, require_elements, strides_of, with_bytes
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tflite_node import add_and_bind, add_node, constant_integers, require_count


@dataclass(frozen=True)
class Slice(Op):
    """Along each dimension ``sizes`` elements from ``starts`` on, each ``steps`` (which may be negative) further."""

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: tuple[int, ...]

    onnx_types: ClassVar[OnnxForms] = {
        "Slice": OnnxForm(13, ("axes", "ends", "starts")),
        "Split": OnnxForm(18, ("axis", "num_outputs", "split")),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "SLICE": TFLiteForm(8),
        "STRIDED_SLICE": TFLiteForm(
            8,
            "StridedSliceOptions",
            ("begin_mask", "ellipsis_mask", "end_mask", "new_axis_mask", "offset", "shrink_axis_mask"),
        ),
        "SPLIT": TFLiteForm(4, "SplitOptions", ("num_splits",)),
        "SPLIT_V": TFLiteForm(2, "SplitVOptions", ("num_splits",)),
        "UNPACK": TFLiteForm(5, "UnpackOptions", ("axis", "num")),
    }
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True
    rescale_sinks: ClassVar[bool] = True

    @classmethod
    def along(cls, shape: Sequence[int], ranges: dict[int, range]) -> Slice:
        """The slice of a tensor of ``shape`` that takes ``ranges`` along some dimensions, all of the others."""
        whole = [ranges.get(axis, range(size)) for axis, size in enumerate(shape)]
        parts = ((taken.start if len(taken) else 0, len(taken), taken.step) for taken in whole)
        starts, sizes, steps = zip(*parts, strict=True) if whole else ((), (), ())
        return cls(tuple(starts), tuple(sizes), tuple(steps))

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        shape = value.type.shape
        if node.op_type == "Slice":
            op = cls.along(shape, _ranges(node, importer, shape))
            importer.bind(node.outputs[0], importer.editor.add(node.name, op, [value], node.name))
            return
        axis, begin = normalize_axis(node.integer("axis", 0), len(shape)), 0
        for index, (output, size) in enumerate(zip(node.outputs, _parts(node, importer, shape[axis]), strict=True)):
            op = cls.along(shape, {axis: range(begin, begin + size)})
            part = importer.editor.add(f"{node.name}.out{index}", op, [value], node.name)
            if output:
                importer.bind(output, part)
            begin += size

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        if node.op_type == "SLICE":
            _tflite_slice(node, importer)
        elif node.op_type == "STRIDED_SLICE":
            _tflite_strided_slice(node, importer)
        else:
            _tflite_split(node, importer)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        parts = list(zip(self.starts, self.sizes, self.steps, strict=True))
        ends = (start + max(0, size - 1) * step for start, size, step in parts)
        inside = all(
            size == 0 or (0 <= start < dim and 0 <= end < dim)
            for (start, size, _), end, dim in zip(parts, ends, shape, strict=False)
        )
        if len(parts) != len(shape) or not inside:
            raise ShapeError(f"a slice from {list(self.starts)} of {list(self.sizes)} of shape {list(shape)}")
        return (inputs[0].reshaped(self.sizes),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        index: list[slice] = [slice(None)]
        for start, size, step in zip(self.starts, self.sizes, self.steps, strict=True):
            end = start + size * step
            index.append(slice(start, end if end >= 0 else None, step) if size else slice(0, 0))
        return (inputs[0][tuple(index)],)

    def transposed(self, perm: tuple[int, ...]) -> Op | None:
        order = [perm.index(axis) for axis in range(len(perm))]
        return Slice(*(tuple(part[i] for i in order) for part in (self.starts, self.sizes, self.steps)))

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
        require_elements(result.shape)
        distances = strides_of(source)
        steps = (step * distance for step, distance in zip(self.steps, distances, strict=True))
        axes = [Axis(*dim) for dim in zip(result.shape, steps, strides_of(result), strict=True)]
        begin = sum(start * distance for start, distance in zip(self.starts, distances, strict=True))
        buffers = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
        copy_block(lowering, *buffers, with_bytes(axes, source.dtype), source_offset=begin)


def _integers(node: SourceNode, importer: Importer, operand: int, name: str) -> list[int] | None:
    """A list that is an input since operator set 10 and was an attribute before; None if there is none."""
    if len(node.inputs) > operand and node.inputs[operand]:
        data = importer.constant(node.inputs[operand])
        if data is None:
            raise UnsupportedError(f"{name} that are computed at run time", f"constant {name}")
        return [int(item) for item in data.ravel()]
    return list(node.ints(name, ())) if node.attributes.get(name) is not None else None


def _ranges(node: SourceNode, importer: Importer, shape: Shape) -> dict[int, range]:
    """What a Slice takes along the dimensions it names."""
    starts, ends = _integers(node, importer, 1, "starts"), _integers(node, importer, 2, "ends")
    axes, steps = _integers(node, importer, 3, "axes"), _integers(node, importer, 4, "steps")
    if starts is None or ends is None:
        raise UnsupportedError("has no starts or no ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        lengths = f"{len(starts)} starts, {len(ends)} ends, {len(axes)} axes and {len(steps)} steps"
        raise UnsupportedError(lengths, "as many of each")
    if 0 in steps:
        raise UnsupportedError(f"steps {steps}", "steps that are not 0")
    ranges = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        number = normalize_axis(axis, len(shape))
        ranges[number] = range(*slice(start, end, step).indices(shape[number]))
    return ranges


def _parts(node: SourceNode, importer: Importer, length: int) -> list[int]:
    """The sizes of a Split's outputs."""
    count = len(node.outputs)
    sizes = _integers(node, importer, 1, "split")
    if sizes is None:
        # With num_outputs (operator set 18) the last part may be smaller; before, the parts had to be equal.
        part = -(-length // count)
        sizes = [min(part, max(0, length - i * part)) for i in range(count)]
        if node.integer("num_outputs", count) != count:
            raise UnsupportedError(f"num_outputs {node.integer('num_outputs', 0)}", f"{count}, as many outputs")
        if "num_outputs" not in node.attributes and len(set(sizes)) > 1:
            raise UnsupportedError(f"{length} elements in {count} parts", "a number of elements that can be divided")
    if len(sizes) != count or min(sizes) < 1 or sum(sizes) != length:
        raise UnsupportedError(f"{length} elements in {count} parts of {sizes}", "parts that make up the whole")
    return sizes


def _tflite_slice(node: SourceNode, importer: Importer) -> None:
    """``begin`` and ``size`` along each dimension; a size of -1 is all that follows."""
    value = importer.value(node.inputs[0])
    shape = value.type.shape
    begins = constant_integers(node, importer, 1, "a begin")
    sizes = constant_integers(node, importer, 2, "a size")
    if not len(begins) == len(sizes) == len(shape):
        raise UnsupportedError(f"begin {begins} and size {sizes} of shape {list(shape)}", "one for each dimension")
    sizes = [dim - begin if size == -1 else size for begin, size, dim in zip(begins, sizes, shape, strict=True)]
    if any(begin < 0 or size < 1 or begin + size > dim for begin, size, dim in zip(begins, sizes, shape, strict=True)):
        raise UnsupportedError(f"begin {begins} and size {sizes} of shape {list(shape)}", "a part of it")
    add_and_bind(node, importer, Slice(tuple(begins), tuple(sizes), (1,) * len(shape)), [value])


def _tflite_strided_slice(node: SourceNode, importer: Importer) -> None:
    """As Python's slices; the bits of masks say which ends are left open, and which dimensions are an index alone."""
    value = importer.value(node.inputs[0])
    shape = value.type.shape
    begins, ends, steps = (
        constant_integers(node, importer, operand, name)
        for operand, name in ((1, "a begin"), (2, "an end"), (3, "steps"))
    )
    for name in ("ellipsis_mask", "new_axis_mask", "offset"):
        if node.integer(name, 0):
            raise UnsupportedError(f"{name} {node.integer(name, 0)}", "0")
    if not len(begins) == len(ends) == len(steps) <= len(shape) or 0 in steps:
        found = f"begin {begins}, end {ends} and steps {steps} of shape {list(shape)}"
        raise UnsupportedError(found, "one of each for a dimension, no step 0")
    open_begins, open_ends = node.integer("begin_mask", 0), node.integer("end_mask", 0)
    indices, ranges = node.integer("shrink_axis_mask", 0), {}
    for axis, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if indices >> axis & 1:
            index = normalize_axis(begin, shape[axis])
            ranges[axis] = range(index, index + 1)
        else:
            first, last = None if open_begins >> axis & 1 else begin, None if open_ends >> axis & 1 else end
            ranges[axis] = range(*slice(first, last, step).indices(shape[axis]))
    part = add_node(node, importer, Slice.along(shape, ranges), [value])
    if indices:
        kept = Reshape(tuple(size for axis, size in enumerate(part.type.shape) if not indices >> axis & 1))
        part = add_node(node, importer, kept, [part], f"{node.name}.reshape")
    importer.bind(node.outputs[0], part)


def _tflite_split(node: SourceNode, importer: Importer) -> None:
    """SPLIT(axis, x), SPLIT_V(x, sizes, axis), and UNPACK(x), whose parts lose the dimension."""
    value = importer.value(node.inputs[1 if node.op_type == "SPLIT" else 0])
    shape, count = value.type.shape, len(node.outputs)
    require_count(node, "num" if node.op_type == "UNPACK" else "num_splits", count, "results")
    if node.op_type == "UNPACK":
        axis = node.integer("axis", 0)
    else:
        (axis,) = constant_integers(node, importer, 0 if node.op_type == "SPLIT" else 2, "an axis")[:1] or [len(shape)]
    axis = normalize_axis(axis, len(shape))
    length = shape[axis]
    sizes = [length // count] * count
    if node.op_type == "SPLIT_V":
        sizes = constant_integers(node, importer, 1, "sizes")
        rest = length - sum(size for size in sizes if size != -1)
        sizes = [rest if size == -1 else size for size in sizes] if sizes.count(-1) == 1 else sizes
    single = node.op_type == "UNPACK"
    if len(sizes) != count or min(sizes) < 1 or sum(sizes) != length or (single and max(sizes) > 1):
        raise UnsupportedError(f"{length} elements in {count} parts of {sizes}", "parts that make up the whole")
    begin = 0
    for index, (output, size) in enumerate(zip(node.outputs, sizes, strict=True)):
        op = Slice.along(shape, {axis: range(begin, begin + size)})
        part = add_node(node, importer, op, [value], f"{node.name}.out{index}")
        if single:
            rest_shape = Reshape((*shape[:axis], *shape[axis + 1 :]))
            part = add_node(node, importer, rest_shape, [part], f"{node.name}.Reshape{index}")
        importer.bind(output, part)
        begin += size
