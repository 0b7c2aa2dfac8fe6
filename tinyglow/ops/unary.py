"""Functions of one element that Glow leaves in float: Exp, Sqrt, Reciprocal, Erf, Neg, Abs, Floor, Ceil, Round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode
from tinyglow.ir.types import TensorType
from tinyglow.numerics import float32
from tinyglow.ops.broadcast import OrderedParams, loop_fields
from tinyglow.ops.lookup_table import MapParams
from tinyglow.ops.multiplication import DIV_FLOAT
from tinyglow.ops.one_nan import one_nan


def _kernel(name: str, function: Callable[[Array], Array], summary: str) -> Kernel:
    """The kernel tg_map_<name>_f32, defined as ``function`` of all elements."""

    def reference(p: Params, x: Array, out: Array) -> None:
        out[...] = function(x)

    return Kernel(
        symbol=f"tg_map_{name}_f32",
        c_file=f"elementwise/tg_map_{name}_f32.c",
        params=MapParams,
        operands=(In("input", "float32"), Out("output", "float32", may_alias="input")),
        reference=reference,
        summary=f"{summary}, in float",
    )


EXP = _kernel("exp", float32.exp, "e^x")
SQRT = _kernel("sqrt", float32.sqrt, "square root")
ERF = _kernel("erf", float32.erf, "error function")
NEG = _kernel("neg", lambda x: one_nan(-x), "negation")
ABS = _kernel("abs", lambda x: one_nan(np.abs(x)), "absolute value")
FLOOR = _kernel("floor", float32.floor, "largest integer not above")
CEIL = _kernel("ceil", float32.ceil, "smallest integer not below")
ROUND = _kernel("round", float32.nearest, "nearest integer, of two the even one")


def lower_reciprocal(node: Node, lowering: Lowering) -> None:
    """Emit the call that divides 1 by the node's first input."""
    elements = lowering.type_of(node.outputs[0]).elements
    one = lowering.constant(f"{node.name}_one", np.ones(1, np.float32))
    params = OrderedParams(**loop_fields([(elements, 0)]), is_reversed=1)
    lowering.call(DIV_FLOAT, [lowering.buffer(node.inputs[0]), one, lowering.buffer(node.outputs[0])], params)


@dataclass(frozen=True)
class Unary(Op):
    """Base: float32 to float32 of the same shape, in the float graph too as the kernel computes it."""

    elementwise: ClassVar[bool] = True
    kernel: ClassVar[Kernel]
    # Whether it is defined for integers: those of shapes, which are known at compile time.
    takes_integers: ClassVar[bool] = False
    # Whether Glow makes a Pow with a constant of it, which takes the node's own name.
    is_pow_in_glow: ClassVar[bool] = False
    int8_in_tflite: ClassVar[bool] = False

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        if cls.is_pow_in_glow:
            edit.namer.unique(node.name)
        importer.bind(node.outputs[0], edit.add(node.name, cls(), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        cls.from_onnx(node, importer)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if inputs[0].dtype != "float32" and not self.takes_integers:
            raise ShapeError(f"elements of type {inputs[0].dtype}", "float32")
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        return (self.function(x if self.takes_integers and x.dtype.kind == "i" else x.astype(np.float32)),)

    def function(self, x: Array) -> Array:
        """The result for float32 values; and for integers where it takes them."""
        result = np.empty_like(x)
        self.kernel.run(MapParams(x.size), [x, result])
        return result

    def lower(self, node: Node, lowering: Lowering) -> None:
        result = lowering.type_of(node.outputs[0])
        if result.dtype != "float32":
            super().lower(node, lowering)
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        lowering.call(self.kernel, buffers, MapParams(result.elements))


@dataclass(frozen=True)
class Exp(Unary):
    """e ** x."""

    onnx_types: ClassVar[OnnxForms] = {"Exp": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"EXP": TFLiteForm(2)}
    kernel: ClassVar[Kernel] = EXP


@dataclass(frozen=True)
class Erf(Unary):
    """The error function."""

    onnx_types: ClassVar[OnnxForms] = {"Erf": OnnxForm(13)}
    kernel: ClassVar[Kernel] = ERF


@dataclass(frozen=True)
class Neg(Unary):
    """-x."""

    onnx_types: ClassVar[OnnxForms] = {"Neg": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"NEG": TFLiteForm(1)}
    kernel: ClassVar[Kernel] = NEG
    takes_integers: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        """-x, of its own type."""
        return -x if x.dtype.kind == "i" else super().function(x)


@dataclass(frozen=True)
class Abs(Unary):
    """The absolute value."""

    onnx_types: ClassVar[OnnxForms] = {"Abs": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"ABS": TFLiteForm(5)}
    kernel: ClassVar[Kernel] = ABS
    takes_integers: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        """The absolute value, of its own type."""
        return np.abs(x) if x.dtype.kind == "i" else super().function(x)


@dataclass(frozen=True)
class Floor(Unary):
    """The largest integer not above x."""

    onnx_types: ClassVar[OnnxForms] = {"Floor": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"FLOOR": TFLiteForm(1)}
    kernel: ClassVar[Kernel] = FLOOR


@dataclass(frozen=True)
class Ceil(Unary):
    """The smallest integer not below x."""

    onnx_types: ClassVar[OnnxForms] = {"Ceil": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"CEIL": TFLiteForm(1)}
    kernel: ClassVar[Kernel] = CEIL


@dataclass(frozen=True)
class Round(Unary):
    """The nearest integer, of two the even one."""

    onnx_types: ClassVar[OnnxForms] = {"Round": OnnxForm(22)}
    tflite_types: ClassVar[TFLiteForms] = {"ROUND": TFLiteForm(1)}
    kernel: ClassVar[Kernel] = ROUND


@dataclass(frozen=True)
class Sqrt(Unary):
    """The square root; NaN of negative numbers."""

    onnx_types: ClassVar[OnnxForms] = {"Sqrt": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"SQRT": TFLiteForm(2)}
    glow_kind: ClassVar[str] = "Pow"
    kernel: ClassVar[Kernel] = SQRT
    is_pow_in_glow: ClassVar[bool] = True


@dataclass(frozen=True)
class Reciprocal(Unary):
    """1 / x, by the kernel that divides."""

    onnx_types: ClassVar[OnnxForms] = {"Reciprocal": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"RSQRT": TFLiteForm(3)}
    glow_kind: ClassVar[str] = "Pow"
    kernel: ClassVar[Kernel] = DIV_FLOAT
    is_pow_in_glow: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """RSQRT: of the square root."""
        root = importer.editor.add(f"{node.name}.Sqrt", Sqrt(), [importer.value(node.inputs[0])], node.name)
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [root], node.name))

    def function(self, x: Array) -> Array:
        """1 / x, rounded once."""
        with np.errstate(all="ignore"):
            return one_nan(np.float32(1) / x)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_reciprocal(node, lowering)
