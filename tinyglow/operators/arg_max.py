"""ArgMax and ArgMin: the place of the largest or smallest element along a dimension."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, Quantizing, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.reduce.arg_max import ARG_MAX_F32, ARG_MAX_S8, ARG_MAX_S16, ArgMaxParams, places_of_largest
from tinyglow.kernels.reshape.strided_copy import require_elements
from tinyglow.numerics.names import ONNX, TFLITE
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.numerics import lower_exactly
from tinyglow.operators.tflite_node import add_and_bind, constant_integers

# Of TFLite's TensorType: float32, which nobody can mean, is what a file holds that names no type.
_INDEX_TYPES = {0: "int64", 2: "int32", 4: "int64"}


class ArgMax(Op):
    """Indices of ``dtype`` along ``axis``, which stays as a dimension of size 1 if ``keep_dims``."""

    axis: int
    keep_dims: bool = True
    last: bool = False
    dtype: str = "int64"

    onnx_types: ClassVar[OnnxForms] = {
        "ArgMax": OnnxForm(13, ("axis", "keepdims", "select_last_index")),
        "ArgMin": OnnxForm(13, ("axis", "keepdims", "select_last_index")),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "ARG_MAX": TFLiteForm(3, "ArgMaxOptions", ("output_type",)),
        "ARG_MIN": TFLiteForm(3, "ArgMinOptions", ("output_type",)),
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    smallest: ClassVar[bool] = False
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_exactly, ONNX: lower_exactly}

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        axis = normalize_axis(node.integer("axis", 0), len(value.type.shape))
        kind = ArgMin if node.op_type == "ArgMin" else ArgMax
        op = kind(axis, bool(node.integer("keepdims", 1)), bool(node.integer("select_last_index", 0)))
        op = replace(op, dtype="int32") if importer.like_glow else op
        importer.bind(node.outputs[0], importer.editor.add(node.name, op, [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Indices are int32 or int64, as the file says; Glow's are int32 (transformIndexTypeDemotion)."""
        value = importer.value(node.inputs[0])
        axes = constant_integers(node, importer, 1, "an axis")
        if len(axes) != 1:
            raise UnsupportedError(f"axes {axes}", "one axis")
        kind = ArgMin if node.op_type == "ARG_MIN" else ArgMax
        code = node.integer("output_type", 0)
        if code not in _INDEX_TYPES:
            raise UnsupportedError(f"indices of tensor type {code}", "2 (int32) or 4 (int64)")
        dtype = "int32" if importer.like_glow else _INDEX_TYPES[code]
        op = kind(normalize_axis(axes[0], len(value.type.shape)), keep_dims=False, dtype=dtype)
        add_and_bind(node, importer, op, [value])

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shape = inputs[0].shape
        if not 0 <= self.axis < len(shape) or shape[self.axis] == 0:
            raise ShapeError(f"dimension {self.axis} of shape {list(shape)}", "a dimension with elements")
        kept = (1,) if self.keep_dims else ()
        return (TensorType((*shape[: self.axis], *kept, *shape[self.axis + 1 :]), self.dtype),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        shape = inputs[0].shape[1:]
        (result,) = self.infer(TensorType(shape))
        return (places_of_largest(self._params(shape), inputs[0]).reshape(-1, *result.shape),)

    def transposed(self, perm: tuple[int, ...]) -> Op | None:
        return replace(self, axis=perm[self.axis]) if self.keep_dims else None

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        return quantizing.edit.add(node.name, self, [quantizing.quantized(node.inputs[0])], node.origin)

    def _params(self, shape: Shape) -> ArgMaxParams:
        outer, inner = math.prod(shape[: self.axis]), math.prod(shape[self.axis + 1 :])
        return ArgMaxParams(
            outer, shape[self.axis], inner, int(self.smallest), int(self.last), int(self.dtype == "int64")
        )

    def lower(self, node: Node, lowering: Lowering) -> None:
        source = lowering.type_of(node.inputs[0])
        require_elements(source.shape)
        kernel = {"float32": ARG_MAX_F32, "int16": ARG_MAX_S16}.get(source.dtype, ARG_MAX_S8)
        buffers = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
        lowering.call(kernel, buffers, self._params(source.shape))


class ArgMin(ArgMax):
    """As ArgMax, of the smallest element."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    smallest: ClassVar[bool] = True
