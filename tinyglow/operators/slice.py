"""Parts of a tensor: Slice and Split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.reshape.strided_copy import Axis, copy_block, require_elements, strides_of, with_bytes
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tflite_node import add_and_bind, add_node, constant_integers, require_count


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
    def along(cls, shape: Sequence[int], ranges: Mapping[int, range]) -> Slice:
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


def _bits(node: SourceNode, mask: str) -> Callable[[int], bool]:
    """Whether a mask has the bit of an entry."""
    number = node.integer(mask, 0)
    return lambda index: bool(number >> index & 1)


def _tflite_strided_slice(node: SourceNode, importer: Importer) -> None:
    """As numpy's indexing; bits of masks say which entries leave an end open, are an index, a new axis, an ellipsis."""
    value = importer.value(node.inputs[0])
    shape = value.type.shape
    begins, ends, steps = (
        constant_integers(node, importer, operand, name)
        for operand, name in ((1, "a begin"), (2, "an end"), (3, "steps"))
    )
    if node.integer("offset", 0):
        raise UnsupportedError("offset 1", "0")
    is_new, is_rest, is_index = (_bits(node, f"{name}_mask") for name in ("new_axis", "ellipsis", "shrink_axis"))
    is_begin_open, is_end_open = _bits(node, "begin_mask"), _bits(node, "end_mask")
    rest = [entry for entry in range(len(begins)) if is_rest(entry)]
    used = sum(not (is_new(entry) or is_rest(entry)) for entry in range(len(begins)))
    if not len(begins) == len(ends) == len(steps) or 0 in steps or used > len(shape) or len(rest) > 1:
        found = f"begin {begins}, end {ends} and steps {steps} of shape {list(shape)}"
        raise UnsupportedError(found, "one of each for a dimension, no step 0, one ellipsis at most")
    ranges: dict[int, range] = {}
    kept: list[int | None] = []  # the result's dimensions: the input's, or None for a new one
    axis = 0
    for entry, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if is_rest(entry):
            kept += range(axis, axis + len(shape) - used)
            axis += len(shape) - used
        elif is_new(entry):
            kept.append(None)
        elif is_index(entry):
            index = normalize_axis(begin, shape[axis])
            ranges[axis] = range(index, index + 1)
            axis += 1
        else:
            first, last = None if is_begin_open(entry) else begin, None if is_end_open(entry) else end
            ranges[axis] = range(*slice(first, last, step).indices(shape[axis]))
            kept.append(axis)
            axis += 1
    kept += range(axis, len(shape))
    _add_part(node, importer, value, ranges, kept)


def _add_part(
    node: SourceNode, importer: Importer, value: Value, ranges: Mapping[int, range], kept: Sequence[int | None]
) -> None:
    """Bind what ``ranges`` takes of a value, with the dimensions of ``kept``; None is a new one."""
    shape = value.type.shape
    whole = all(taken == range(shape[axis]) for axis, taken in ranges.items())
    part = value if whole and None in kept else add_node(node, importer, Slice.along(shape, ranges), [value])
    if list(kept) != list(range(len(shape))):
        sizes = Reshape(tuple(1 if axis is None else part.type.shape[axis] for axis in kept))
        part = add_node(node, importer, sizes, [part], node.name if part is value else f"{node.name}.reshape")
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
