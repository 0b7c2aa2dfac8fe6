"""ReduceSum, ReduceMean and ReduceMax over any dimensions."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.kernel import F32, I32, In, Kernel, Out
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.ops.avg_pool import AvgPool
from tinyglow.ops.axes import normalize_axis
from tinyglow.ops.constants import computed
from tinyglow.ops.int8 import int8_params, scale_requant
from tinyglow.ops.one_nan import one_nan
from tinyglow.ops.reduce_int16 import lower_reduce_max_int16, lower_reduce_sum_int16
from tinyglow.ops.reduce_loops import ReduceParams, reduce_loops
from tinyglow.ops.reshape import Reshape
from tinyglow.ops.tflite_node import add_node, constant_integers
from tinyglow.ops.transpose import Transpose
from tinyglow.ops.window import NCHW_TO_NHWC, NHWC_TO_NCHW, Window


@dataclass(frozen=True)
class ReduceSumParams(ReduceParams):
    """Sums begin with ``start`` (what the input's offset adds to them, negated); ``out`` maps them to the output."""

    start: I32
    out: glow.Requant


def reduce_sum_s8(p: ReduceSumParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_sum_s8 (``libjit_batchedreduceadd_i8``): saturate(requantize(start + sum))."""
    sums = p.groups(x).sum(axis=2, dtype=np.int32) + np.int32(p.start)
    out[...] = glow.saturate_int8(glow.requantize(sums, p.out))


@dataclass(frozen=True)
class ReduceMaxParams(ReduceParams):
    """Nothing but the loops: input and output have the same scale and offset."""


def reduce_max_s8(p: ReduceMaxParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_max_s8."""
    out[...] = p.groups(x).max(axis=2)


_OPERANDS = (In("input", "int8"), Out("output", "int8"))

REDUCE_SUM = Kernel(
    symbol="tg_reduce_sum_s8",
    c_file="reduce/tg_reduce_sum_s8.c",
    params=ReduceSumParams,
    operands=_OPERANDS,
    reference=reduce_sum_s8,
    summary="sum or mean over up to three runs of dimensions",
)

REDUCE_MAX = Kernel(
    symbol="tg_reduce_max_s8",
    c_file="reduce/tg_reduce_max_s8.c",
    params=ReduceMaxParams,
    operands=_OPERANDS,
    reference=reduce_max_s8,
    summary="largest element over up to three runs of dimensions",
)


@dataclass(frozen=True)
class ReduceSumFloatParams(ReduceParams):
    """Sums are divided by ``divisor``."""

    divisor: F32


def reduce_sum_f32(p: ReduceSumFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_sum_f32: elements are added to 0 in the order of the loops; the sum over divisor."""
    groups = p.groups(x)
    sums = np.zeros(groups.shape[:2], np.float32)
    with np.errstate(all="ignore"):
        for term in range(groups.shape[2]):
            sums = sums + groups[:, :, term]
        out[...] = one_nan(sums / np.float32(p.divisor))


@dataclass(frozen=True)
class ReduceMaxFloatParams(ReduceParams):
    """Nothing but the loops."""


def reduce_max_f32(p: ReduceMaxFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_reduce_max_f32: NaN where an element is; of 0 and -0, the first."""
    groups = p.groups(x)
    largest = np.full(groups.shape[:2], -np.inf, np.float32)
    for term in range(groups.shape[2]):
        element = groups[:, :, term]
        largest = np.where((element > largest) | np.isnan(element), element, largest)
    out[...] = one_nan(largest)


_FLOAT_OPERANDS = (In("input", "float32"), Out("output", "float32"))

REDUCE_SUM_FLOAT = Kernel(
    symbol="tg_reduce_sum_f32",
    c_file="reduce/tg_reduce_sum_f32.c",
    params=ReduceSumFloatParams,
    operands=_FLOAT_OPERANDS,
    reference=reduce_sum_f32,
    summary="sum or mean over up to three runs of dimensions, in float",
)

REDUCE_MAX_FLOAT = Kernel(
    symbol="tg_reduce_max_f32",
    c_file="reduce/tg_reduce_max_f32.c",
    params=ReduceMaxFloatParams,
    operands=_FLOAT_OPERANDS,
    reference=reduce_max_f32,
    summary="largest element over up to three runs of dimensions, in float",
)


def _axes(node: SourceNode, rank: int, importer: Importer) -> tuple[int, ...]:
    """The reduced dimensions, an attribute or (newer operator sets) an input; all where they are not given."""
    axes = node.ints("axes", ())
    if len(node.inputs) > 1 and node.inputs[1]:
        data = importer.constant(node.inputs[1])
        if data is None or data.dtype.kind != "i":
            raise UnsupportedError("axes that are computed at run time", "constant integers")
        axes = tuple(int(axis) for axis in data.ravel())
    if not axes:
        return () if node.integer("noop_with_empty_axes", 0) else tuple(range(rank))
    if any(not -rank <= axis < rank for axis in axes) or len({axis % rank for axis in axes}) < len(axes):
        raise UnsupportedError(f"axes {list(axes)} for {rank} dimensions", f"different ones from {-rank} to {rank - 1}")
    return tuple(sorted(axis % rank for axis in axes))


@dataclass(frozen=True)
class Reduce(Op):
    """Base: ``axes`` (ascending) are gone from the result."""

    axes: tuple[int, ...]

    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """Glow's node drops the dimensions; a Reshape behind it brings them back as 1 where the model keeps them."""
        value, edit = importer.value(node.inputs[0]), importer.editor
        shape = value.type.shape
        op = cls(_axes(node, len(shape), importer))
        if not op.axes:
            importer.bind(node.outputs[0], value)
            return
        kept = tuple(1 if axis in op.axes else count for axis, count in enumerate(shape))
        result = computed(op, node.outputs[0], [value], importer) or op.added(node.name, value, importer)
        if node.integer("keepdims", 1) and result.data is not None:
            result = edit.constant(node.outputs[0], result.data.reshape(kept))
        elif node.integer("keepdims", 1):
            result = edit.add(node.name, Reshape(kept), [result], node.name)
        importer.bind(node.outputs[0], result)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        shape = value.type.shape
        given = [normalize_axis(axis, len(shape)) for axis in constant_integers(node, importer, 1, "axes")]
        op = cls(tuple(sorted(set(given))))
        if not op.axes:
            importer.bind(node.outputs[0], value)
            return
        result = op.added_to_nhwc(node, value, importer)
        kept = tuple(1 if axis in op.axes else count for axis, count in enumerate(shape))
        if not node.integer("keep_dims", 0):
            kept = tuple(count for axis, count in enumerate(shape) if axis not in op.axes)
        if result.type.shape != kept:
            result = edit.add(f"{node.name}.Expand", Reshape(kept), [result], node.name)
        importer.bind(node.outputs[0], result)

    def added_to_nhwc(self, node: SourceNode, value: Value, importer: Importer) -> Value:
        """As ``added``, of a TFLite operator; the result's reduced dimensions may be gone, or 1."""
        return add_node(node, importer, self, [value])

    def added(self, name: str, value: Value, importer: Importer) -> Value:
        """Add what computes this of ``value``; without the reduced dimensions."""
        return importer.editor.add(name, self, [value], name)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        if any(not 0 <= axis < len(shape) for axis in self.axes):
            raise ShapeError(f"axes {list(self.axes)} of shape {list(shape)}", "dimensions that are there")
        return (inputs[0].reshaped(tuple(count for axis, count in enumerate(shape) if axis not in self.axes)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (self.reduce(inputs[0], tuple(axis + 1 for axis in self.axes)),)

    @abstractmethod
    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        """``x`` without ``axes``, in its own dtype."""


def _lower_sum(node: Node, lowering: Lowering, axes: tuple[int, ...], divisor: int) -> None:
    """Sums divided by ``divisor``: input scale / (divisor * output scale), in float32 (Glow, BatchedReduceAddInst)."""
    shape = lowering.type_of(node.inputs[0]).shape
    buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
    if lowering.type_of(node.outputs[0]).dtype == "float32":
        lowering.call(REDUCE_SUM_FLOAT, buffers, ReduceSumFloatParams(**reduce_loops(shape, axes), divisor=divisor))
        return
    if lowering.type_of(node.outputs[0]).dtype == "int16":
        lower_reduce_sum_int16(node, lowering, axes, divisor)
        return
    source, result = int8_params(node, lowering)
    terms = math.prod(shape[axis] for axis in axes)
    # Partial sums begin at -offset * terms, and each element is at most 128 in magnitude.
    if 256 * terms > glow.INT32_MAX:
        raise UnsupportedError(f"sums of {terms} elements", "sums that fit 32 bits")
    scale = glow.divide_float32(source.scale, glow.multiply_float32(result.scale, divisor))
    params = ReduceSumParams(
        **reduce_loops(shape, axes),
        start=-source.offset * terms,
        out=scale_requant(scale, result.offset),
    )
    lowering.call(REDUCE_SUM, buffers, params)


@dataclass(frozen=True)
class ReduceSum(Reduce):
    """Sum over ``axes``. Glow's sums over one dimension only, and leaves the others of a model's list out."""

    onnx_types: ClassVar[OnnxForms] = {"ReduceSum": OnnxForm(13, ("axes", "keepdims", "noop_with_empty_axes"))}
    tflite_types: ClassVar[TFLiteForms] = {"SUM": TFLiteForm(2, "ReducerOptions", ("keep_dims",))}
    glow_kind: ClassVar[str] = "BatchedReduceAdd"

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.sum(axis=axes, dtype=x.dtype)

    def lower(self, node: Node, lowering: Lowering) -> None:
        _lower_sum(node, lowering, self.axes, 1)


@dataclass(frozen=True)
class ReduceMean(Reduce):
    """Mean over ``axes``.

    Over the image of [n, c, h, w] it is an AvgPool, as in Glow (GraphOptimizer.cpp, OptimizeReduceMean). Of any other
    Glow makes a sum and a Div, whose int8 form loses almost everything; this one divides as it requantizes the sum.
    """

    onnx_types: ClassVar[OnnxForms] = {"ReduceMean": OnnxForm(18, ("axes", "keepdims", "noop_with_empty_axes"))}
    tflite_types: ClassVar[TFLiteForms] = {"MEAN": TFLiteForm(3, "ReducerOptions", ("keep_dims",))}
    glow_kind: ClassVar[str] = "BatchedReduceMean"

    def added(self, name: str, value: Value, importer: Importer) -> Value:
        """See the class."""
        shape, edit = value.type.shape, importer.editor
        if len(shape) != 4 or self.axes != (2, 3):
            return super().added(name, value, importer)
        edit.namer.unique(name)  # the BatchedReduceMean that Glow replaces
        nhwc = edit.add(f"{name}.transposeNCHW2NHWC", Transpose(NCHW_TO_NHWC), [value], name)
        pool = AvgPool(Window((shape[2], shape[3])), count_include_pads=True)
        mean = edit.add(f"{name}.avgPool", pool, [nhwc], name)
        back = edit.add(f"{name}.transposeNHWC2NCHW", Transpose(NHWC_TO_NCHW), [mean], name)
        return edit.add(f"{name}.reshape", Reshape(shape[:2]), [back], name)

    def added_to_nhwc(self, node: SourceNode, value: Value, importer: Importer) -> Value:
        """Over the image of [n, h, w, c] it is an AvgPool (Glow, TFLiteModelLoader.cpp, loadReduce)."""
        shape = value.type.shape
        if len(shape) != 4 or self.axes != (1, 2):
            return super().added_to_nhwc(node, value, importer)
        return add_node(node, importer, AvgPool(Window((shape[1], shape[2]))), [value])

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.mean(axis=axes, dtype=x.dtype)

    def lower(self, node: Node, lowering: Lowering) -> None:
        shape = lowering.type_of(node.inputs[0]).shape
        _lower_sum(node, lowering, self.axes, math.prod(shape[axis] for axis in self.axes))


@dataclass(frozen=True)
class ReduceMax(Reduce):
    """Largest element over ``axes``. Glow leaves it in float; in int8 it is exact."""

    onnx_types: ClassVar[OnnxForms] = {"ReduceMax": OnnxForm(20, ("axes", "keepdims", "noop_with_empty_axes"))}
    tflite_types: ClassVar[TFLiteForms] = {"REDUCE_MAX": TFLiteForm(3, "ReducerOptions", ("keep_dims",))}
    glow_kind: ClassVar[str] = "BatchedReduceMax"
    keeps_params: ClassVar[bool] = True
    float_in_glow: ClassVar[bool] = True

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.max(axis=axes)

    def lower(self, node: Node, lowering: Lowering) -> None:
        loops = reduce_loops(lowering.type_of(node.inputs[0]).shape, self.axes)
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        if lowering.type_of(node.outputs[0]).dtype == "float32":
            lowering.call(REDUCE_MAX_FLOAT, buffers, ReduceMaxFloatParams(**loops))
            return
        if lowering.type_of(node.outputs[0]).dtype == "int16":
            lower_reduce_max_int16(node, lowering, self.axes)
            return
        int8_params(node, lowering)
        lowering.call(REDUCE_MAX, buffers, ReduceMaxParams(**loops))
