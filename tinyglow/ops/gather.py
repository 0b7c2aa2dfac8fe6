"""Elements by their number along a dimension, and the kernel that copies from places that tables name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.ops.axes import normalize_axis
from tinyglow.ops.reshape import Reshape
from tinyglow.ops.slice import Slice
from tinyglow.ops.strided import require_elements, strides_of


@dataclass(frozen=True)
class GatherParams(Params):
    """rows x columns runs of ``run`` bytes from each of ``blocks`` blocks, which begin ``block_stride`` bytes apart."""

    blocks: U32
    rows: U32
    columns: U32
    run: U32
    block_stride: U32


def gather_s8(p: GatherParams, x: Array, row_offsets: Array, column_offsets: Array, out: Array) -> None:
    """Definition of tg_gather_s8: out[b, r, c, i] = x[b * block_stride + row_offsets[r] + column_offsets[c] + i].

    row_offsets: int32 [1, rows], column_offsets: int32 [1, columns]; both in bytes.
    """
    blocks = np.arange(p.blocks, dtype=np.int64).reshape(-1, 1, 1, 1) * p.block_stride
    index = blocks + row_offsets[0].reshape(-1, 1, 1) + column_offsets[0].reshape(-1, 1) + np.arange(p.run)
    out[...] = x[:, index.ravel()]


GATHER = Kernel(
    symbol="tg_gather_s8",
    c_file="reshape/tg_gather_s8.c",
    params=GatherParams,
    operands=(
        In("input", "int8"),
        In("row_offsets", "int32"),
        In("column_offsets", "int32"),
        Out("output", "int8"),
    ),
    reference=gather_s8,
    summary="copy of runs of bytes from places that tables name",
)


def gather(node: Node, lowering: Lowering, picks: Sequence[Sequence[int]]) -> None:
    """Emit the call that takes, along each dimension of the node's input, the elements numbered ``picks``.

    The dimensions before the first that is not taken whole are blocks, those behind the last are runs.
    """
    type_ = lowering.type_of(node.inputs[0])
    distances = strides_of(type_)
    changed = [axis for axis, pick in enumerate(picks) if list(pick) != list(range(type_.shape[axis]))]
    if not changed:
        lowering.alias(node.outputs[0], node.inputs[0])
        return
    require_elements((*type_.shape, *(len(pick) for pick in picks)))
    first, last = changed[0], changed[-1]
    rows = [
        sum(index * distance for index, distance in zip(place, distances[first:last], strict=True))
        for place in product(*picks[first:last])
    ]
    columns = [index * distances[last] for index in picks[last]]
    run = distances[last]
    params = GatherParams(
        blocks=math.prod(type_.shape[:first]),
        rows=len(rows),
        columns=len(columns),
        run=run,
        block_stride=distances[first] * type_.shape[first],
    )
    output = lowering.buffer(node.outputs[0])
    tables = [
        lowering.constant(f"{output}_{name}", np.array(offsets, np.int32))
        for name, offsets in (("rows", rows), ("columns", columns))
    ]
    lowering.call(GATHER, [lowering.buffer(node.inputs[0]), *tables, output], params)


@dataclass(frozen=True)
class Gather(Op):
    """The elements numbered ``indices`` (at least 0) along ``axis``, in whose place come dimensions ``index_shape``."""

    axis: int
    indices: tuple[int, ...]
    index_shape: Shape

    onnx_types: ClassVar[OnnxForms] = {"Gather": OnnxForm(13, ("axis",))}
    tflite_types: ClassVar[TFLiteForms] = {"GATHER": TFLiteForm(7, "GatherOptions", ("axis", "batch_dims"))}
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value, data = importer.value(node.inputs[0]), importer.constant(node.inputs[1])
        shape = value.type.shape
        if data is None:
            raise UnsupportedError("indices that are computed at run time", "constant indices")
        axis = normalize_axis(node.integer("axis", 0), len(shape))
        length = shape[axis]
        indices = [int(index) for index in data.ravel()]
        if not all(-length <= index < length for index in indices):
            raise UnsupportedError(f"indices {indices} of {length} elements", f"{-length} to {length - 1}")
        indices = [index % length for index in indices]
        edit = importer.editor
        if len(indices) != 1:
            op = cls(axis, tuple(indices), tuple(data.shape))
            importer.bind(node.outputs[0], edit.add(node.name, op, [value], node.name))
            return
        # One element is a Slice (Glow: GatherToSlice, which makes new nodes of the Gather's name).
        edit.namer.unique(node.name)
        part = Slice.along(shape, {axis: range(indices[0], indices[0] + 1)})
        target = Reshape((*shape[:axis], *data.shape, *shape[axis + 1 :]))
        taken = edit.add(node.name, part, [value], node.name)
        importer.bind(node.outputs[0], edit.add(node.name, target, [taken], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        if node.integer("batch_dims", 0):
            raise UnsupportedError(f"batch_dims {node.integer('batch_dims', 0)}", "0")
        cls.from_onnx(node, importer)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        if not 0 <= self.axis < len(shape) or max(self.indices, default=0) >= shape[self.axis]:
            raise ShapeError(f"elements {list(self.indices)} along dimension {self.axis} of shape {list(shape)}")
        return (inputs[0].reshaped((*shape[: self.axis], *self.index_shape, *shape[self.axis + 1 :])),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        index = np.array(self.indices, np.int64).reshape(self.index_shape)
        return (np.take(inputs[0], index, axis=self.axis + 1),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        shape = lowering.type_of(node.inputs[0]).shape
        picks: list[Sequence[int]] = [range(size) for size in shape]
        picks[self.axis] = self.indices
        gather(node, lowering, picks)
