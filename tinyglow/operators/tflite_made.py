"""Operators of TFLite files that are made of plain ones (``operators.generic``)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Value
from tinyglow.ir.op import Importer, NotInGlowError, SourceNode, UnsupportedError
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.div import Div
from tinyglow.operators.floor import Floor
from tinyglow.operators.fused_activation import activate
from tinyglow.operators.gather import Gather
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.indexing import gather_nd
from tinyglow.operators.generic.reductions import running
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.sqrt import Sqrt

_LEAST_NORM = 1e-6  # LiteRT, l2normalization.h


def _only(result: Value | Sequence[Value]) -> Value:
    """The result of a function that may have several."""
    assert isinstance(result, Value)
    return result


class Made(Reshape):
    """Base: in the graph it is other operators."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        if importer.like_glow:
            raise NotInGlowError(f"the operator {node.op_type}", "another")
        typed: Any = importer
        importer.bind(node.outputs[0], cls.made(Build(node, typed)))

    @staticmethod
    @abstractmethod
    def made(build: Build) -> Value:
        """The result of the nodes that it adds. Raises UnsupportedError."""


class AddAll(Made):
    """The sum of any number of tensors of one shape."""

    tflite_types: ClassVar[TFLiteForms] = {"ADD_N": TFLiteForm(1, "AddNOptions")}

    @staticmethod
    def made(build: Build) -> Value:
        total = build.input(0)
        for index in range(1, len(build.node.inputs)):
            total = build.each("add", total, build.input(index))
        return total


class SquaredDifference(Made):
    """(x - y) ** 2."""

    tflite_types: ClassVar[TFLiteForms] = {"SQUARED_DIFFERENCE": TFLiteForm(2, "SquaredDifferenceOptions")}

    @staticmethod
    def made(build: Build) -> Value:
        difference = build.each("sub", build.input(0), build.input(1))
        return build.each("mul", difference, difference)


class FloorDivision(Made):
    """The largest whole number that is not above x / y."""

    tflite_types: ClassVar[TFLiteForms] = {"FLOOR_DIV": TFLiteForm(3, "FloorDivOptions")}

    @staticmethod
    def made(build: Build) -> Value:
        x, y = build.input(0), build.input(1)
        if x.type.dtype != "float32":
            raise UnsupportedError(f"operands of type {x.type.dtype}", "floats")
        return build.add(Floor(), build.float_binary(Div(), x, y))


class FloorRemainder(Made):
    """What is left of x after its division by y, of the sign of y."""

    tflite_types: ClassVar[TFLiteForms] = {"FLOOR_MOD": TFLiteForm(2, "FloorModOptions")}

    @staticmethod
    def made(build: Build) -> Value:
        return build.each("mod", build.input(0), build.input(1))


class Updated(Made):
    """A tensor with another one over a part of it, whose first place is constant, and moved to where it fits."""

    tflite_types: ClassVar[TFLiteForms] = {"DYNAMIC_UPDATE_SLICE": TFLiteForm(4, "DynamicUpdateSliceOptions")}

    @staticmethod
    def made(build: Build) -> Value:
        whole, part, first = build.input(0), build.input(1), build.integers(2, "a place")
        shape, own = whole.type.shape, part.type.shape
        if not len(shape) == len(own) == len(first) or any(map(int.__gt__, own, shape)):
            raise UnsupportedError(f"a part of shape {list(own)} at {first} of {list(shape)}", "one that fits into it")
        starts = [min(max(0, at), size - less) for at, size, less in zip(first, shape, own, strict=True)]
        places = build.places(whole).copy()
        within = tuple(slice(start, start + size) for start, size in zip(starts, own, strict=True))
        places[within] = whole.type.elements + build.places(part)
        return build.pick_of([whole, part], places)


class Reversed(Made):
    """Elements in the opposite order along dimensions."""

    tflite_types: ClassVar[TFLiteForms] = {"REVERSE_V2": TFLiteForm(3, "ReverseV2Options")}

    @staticmethod
    def made(build: Build) -> Value:
        x = build.input(0)
        shape = x.type.shape
        axes = {normalize_axis(axis, len(shape)) for axis in build.integers(1, "axes")}
        if not axes:
            return x
        return build.add(Slice.along(shape, {axis: range(shape[axis] - 1, -1, -1) for axis in axes}), x)


class Broadcasted(Made):
    """A tensor repeated to a shape."""

    tflite_types: ClassVar[TFLiteForms] = {"BROADCAST_TO": TFLiteForm(3, "BroadcastToOptions")}

    @staticmethod
    def made(build: Build) -> Value:
        return build.expand(build.input(0), build.integers(1, "a shape"))


class BroadcastShape(Made):
    """The shape to which two others repeat."""

    tflite_types: ClassVar[TFLiteForms] = {"BROADCAST_ARGS": TFLiteForm(1)}

    @staticmethod
    def made(build: Build) -> Value:
        shapes = [tuple(build.integers(index, "a shape")) for index in (0, 1)]
        try:
            return build.constant(np.array(np.broadcast_shapes(*shapes), np.int64))
        except ValueError as error:
            raise UnsupportedError(f"shapes {shapes[0]} and {shapes[1]}", "shapes that repeat to one") from error


class Filled(Made):
    """A tensor of one number."""

    tflite_types: ClassVar[TFLiteForms] = {"FILL": TFLiteForm(4, "FillOptions")}

    @staticmethod
    def made(build: Build) -> Value:
        return build.expand(build.input(1), build.integers(0, "a shape"))


class Zeros(Made):
    """Zeros of the input's shape."""

    tflite_types: ClassVar[TFLiteForms] = {"ZEROS_LIKE": TFLiteForm(1, "ZerosLikeOptions")}

    @staticmethod
    def made(build: Build) -> Value:
        type_ = build.input(0).type
        build.require(type_.shape)
        return build.constant(np.zeros(type_.shape, type_.dtype))


class RunningTotal(Made):
    """Running totals along a dimension."""

    tflite_types: ClassVar[TFLiteForms] = {"CUMSUM": TFLiteForm(1, "CumsumOptions", ("exclusive", "reverse"))}

    @staticmethod
    def made(build: Build) -> Value:
        return _only(running(Build(replace(build.node, op_type="CumSum"), build.importer)))


class GatheredSlices(Made):
    """Slices by tuples of indices."""

    tflite_types: ClassVar[TFLiteForms] = {"GATHER_ND": TFLiteForm(5, "GatherNdOptions")}

    @staticmethod
    def made(build: Build) -> Value:
        return _only(gather_nd(build))


class ReduceMin(Made):
    """The smallest element over dimensions."""

    tflite_types: ClassVar[TFLiteForms] = {"REDUCE_MIN": TFLiteForm(3, "ReducerOptions", ("keep_dims",))}

    @staticmethod
    def made(build: Build) -> Value:
        axes = build.integers(1, "axes")
        return build.fold("min", build.input(0), axes, bool(build.node.integer("keep_dims", 0)))


class ReduceAll(Made):
    """Whether all elements over dimensions are true."""

    tflite_types: ClassVar[TFLiteForms] = {"REDUCE_ALL": TFLiteForm(1, "ReducerOptions", ("keep_dims",))}

    @staticmethod
    def made(build: Build) -> Value:
        x, axes = build.cast(build.input(0), "uint8"), build.integers(1, "axes")
        return build.cast(build.fold("min", x, axes, bool(build.node.integer("keep_dims", 0))), "bool")


class L2Normalization(Made):
    """Each vector along the last dimension over its length, which counts as 1e-6 at least."""

    tflite_types: ClassVar[TFLiteForms] = {
        "L2_NORMALIZATION": TFLiteForm(2, "L2NormOptions", ("fused_activation_function",))
    }

    @staticmethod
    def made(build: Build) -> Value:
        x = build.input(0)
        total = build.fold("sum", build.each("mul", x, x), [len(x.type.shape) - 1])
        length = build.each("max", build.add(Sqrt(), total), build.like(_LEAST_NORM, total))
        return activate(build.node, build.importer, build.float_binary(Div(), x, length))


class EmbeddingLookup(Gather):
    """Rows of a table by their numbers."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {"EMBEDDING_LOOKUP": TFLiteForm(4)}
    glow_kind: ClassVar[str] = "Gather"

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        Gather.from_tflite(replace(node, inputs=(node.inputs[1], node.inputs[0])), importer)
