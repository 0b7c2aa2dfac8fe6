"""Parts of a tensor: Slice and Split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.ops.concat import normalize_axis
from tinyglow.ops.strided import Axis, copy_block, require_elements, strides_of, with_bytes


@dataclass(frozen=True)
class Slice(Op):
    """Along each dimension ``sizes`` elements from ``starts`` on, each ``steps`` (which may be negative) further."""

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: tuple[int, ...]

    onnx_types: ClassVar[tuple[str, ...]] = ("Slice", "Split")
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
        if "num_outputs" not in node.attributes and len(set(sizes)) > 1:
            raise UnsupportedError(f"{length} elements in {count} parts", "a number of elements that can be divided")
    if len(sizes) != count or min(sizes) < 1 or sum(sizes) != length:
        raise UnsupportedError(f"{length} elements in {count} parts of {sizes}", "parts that make up the whole")
    return sizes
