"""Functions of one element: Sigmoid, Tanh, Log, HardSwish. int8 looks them up in a table of 256 entries.

In int16 there is a table with interpolation, but for Log, which has no straight piece near 0, and is float.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, Quantizing, SourceNode
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics import float32, glow
from tinyglow.ops.lookup_int16 import LOOKUP_INT16, PIECE, Lookup16Params, interpolation_table
from tinyglow.ops.one_nan import one_nan
from tinyglow.ops.rescale import Rescale


@dataclass(frozen=True)
class LookupParams(Params):
    """``count`` elements."""

    count: U32


@dataclass(frozen=True)
class MapParams(Params):
    """``count`` elements."""

    count: U32


def lookup_s8(p: LookupParams, x: Array, table: Array, out: Array) -> None:
    """Definition of tg_lookup_s8: table[x + 128]."""
    out[...] = table[0][x.astype(np.int32) + 128]


LOOKUP = Kernel(
    symbol="tg_lookup_s8",
    c_file="elementwise/tg_lookup_s8.c",
    params=LookupParams,
    operands=(In("input", "int8"), In("table", "int8"), Out("output", "int8", may_alias="input")),
    reference=lookup_s8,
    summary="function of one element, by table",
)


def _map_kernel(name: str, function: Callable[[Array], Array], summary: str) -> Kernel:
    """The kernel tg_map_<name>_f32, defined as ``function`` of all elements."""

    def reference(p: MapParams, x: Array, out: Array) -> None:
        out[...] = function(x)

    return Kernel(
        symbol=f"tg_map_{name}_f32",
        c_file=f"elementwise/tg_map_{name}_f32.c",
        params=MapParams,
        operands=(In("input", "float32"), Out("output", "float32", may_alias="input")),
        reference=reference,
        summary=f"{summary}, in float",
    )


def hard_swish(x: Array) -> Array:
    """x * (min(max(x + 3, 0), 6) / 6) in float32 steps, the division as a product."""
    with np.errstate(invalid="ignore"):
        shifted = x + np.float32(3)
        raised = np.where(shifted < 0, np.float32(0), shifted)
        share = np.where(raised > 6, np.float32(6), raised) * np.float32(1 / 6)
        return one_nan(x * share)


SIGMOID_FLOAT = _map_kernel("sigmoid", float32.sigmoid, "1 / (1 + e^-x)")
TANH_FLOAT = _map_kernel("tanh", float32.tanh, "hyperbolic tangent")
LOG_FLOAT = _map_kernel("log", float32.log, "natural logarithm")
HARD_SWISH_FLOAT = _map_kernel("hard_swish", hard_swish, "x * min(max(x + 3, 0), 6) / 6")


@dataclass(frozen=True)
class ElementFunction(Op):
    """Base of the functions: one input, a result of the same shape."""

    elementwise: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    # What Glow adds to the node's name for the table's.
    table_suffix: ClassVar[str] = ""
    float_kernel: ClassVar[Kernel]

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, declared = importer.value(node.inputs[0]), importer.declared(node.outputs[0])
        if value.type.quant is None or declared.quant is None:
            cls.from_onnx(node, importer)
            return
        importer.bind(node.outputs[0], cls().tabulated_node(node.name, value, declared.quant, importer.editor))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            return (self.function(inputs[0].astype(np.float64)).astype(np.float32),)

    @abstractmethod
    def function(self, x: Array) -> Array:
        """The function of float64 values."""

    def tabulated(self, x: Array) -> Array:
        """What the table holds of float64 values, where that is not the function itself."""
        with np.errstate(all="ignore"):
            return self.function(x)

    def table(self, source: QuantParams, result: QuantParams) -> Array:
        """int8 [256]: the quantized result for each int8 input from -128 on.

        The inputs are summed up step by step in float32 (Glow, include/glow/Quantization/Base/Base.h, createMapping).
        """
        first = glow.multiply_float32(-128 - source.offset, source.scale)
        steps = np.full(256, source.scale, np.float32)
        steps[0] = first
        y = self.tabulated(np.cumsum(steps, dtype=np.float32).astype(np.float64))
        return glow.quantize(y.astype(np.float32), result.scale, result.offset)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        if quantizing.int16:
            return self._interpolated(node, quantizing)
        return self.look_up(node, quantizing.quantized(node.inputs[0]), quantizing.params(node.outputs[0]), quantizing)

    def int16_params(self, source: QuantParams, node: Node, quantizing: Quantizing) -> tuple[QuantParams, QuantParams]:
        """Parameters of the int16 table's inputs and results, for inputs that come with ``source``."""
        return source, quantizing.params(node.outputs[0])

    def _interpolated(self, node: Node, quantizing: Quantizing) -> Value:
        """Add a table of straight pieces in place of ``node``, in int16, with a rescale before it where one is due."""
        edit, x = quantizing.edit, quantizing.quantized(node.inputs[0])
        assert x.type.quant
        source, result = self.int16_params(x.type.quant, node, quantizing)
        x = quantizing.rescale(node.name, x, source, node.origin)
        data = interpolation_table(self.function, source.scale, result.scale)
        mapping = edit.constant("mapping", data, TensorType(data.shape, "int16", result))
        return edit.add(node.name, IntLookupTable(self), [x, mapping], node.origin, (replace(x.type, quant=result),))

    def look_up(self, node: Node, x: Value, params: QuantParams, quantizing: Quantizing) -> Value:
        """Add an IntLookupTable of this function in place of ``node``, whose result has ``params``."""
        name = f"{node.name}{self.table_suffix}"
        return self.tabulated_node(name, x, params, quantizing.edit, node.origin)

    def tabulated_node(self, name: str, x: Value, params: QuantParams, edit: GraphEditor, origin: str = "") -> Value:
        """Add a table of this function of ``x``, an int8 value, whose result has ``params``."""
        assert x.type.quant
        type_ = TensorType((256,), "int8", params)
        mapping = edit.constant("mapping", self.table(x.type.quant, params), type_)
        return edit.add(name, IntLookupTable(self), [x, mapping], origin or name, (replace(x.type, quant=params),))

    def lower(self, node: Node, lowering: Lowering) -> None:
        result = lowering.type_of(node.outputs[0])
        if result.dtype != "float32":
            super().lower(node, lowering)  # int8 comes as an IntLookupTable
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        lowering.call(self.float_kernel, buffers, MapParams(result.elements))


@dataclass(frozen=True)
class BoundedFunction(ElementFunction):
    """A function that is almost constant outside of ``domain``, and whose values are in ``image``.

    In int8 it is looked up between these fixed ranges, with rescales before and behind (Glow,
    lib/Quantization/Quantization.cpp, replaceQuantizedTanhWithLookupTable).
    """

    domain: ClassVar[tuple[float, float]]
    image: ClassVar[tuple[float, float]]
    # Beyond +-reach the function is as good as constant in int16: within half a step of ``image`` of its limit.
    reach: ClassVar[float]
    has_int16: ClassVar[bool] = True

    def int16_params(self, source: QuantParams, node: Node, quantizing: Quantizing) -> tuple[QuantParams, QuantParams]:
        """Inputs as they are, or within ``reach`` where theirs goes beyond; the result spans ``image``."""
        domain = quantizing.choose(-self.reach, self.reach)
        return min(source, domain, key=lambda params: params.scale), quantizing.choose(*self.image)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        if quantizing.int16:
            return super().quantize(node, quantizing)
        edit = quantizing.edit
        # Glow's three nodes get the numbers behind the float node's.
        edit.namer.used.add(node.name)
        x = quantizing.quantized(node.inputs[0])
        types = (replace(x.type, quant=quantizing.choose(*self.domain)),)
        clipped = edit.add(node.name, Rescale(), [x], node.origin, types)
        y = self.look_up(node, clipped, quantizing.choose(*self.image), quantizing)
        types = (replace(y.type, quant=quantizing.params(node.outputs[0])),)
        return edit.add(node.name, Rescale(), [y], node.origin, types)


@dataclass(frozen=True)
class Sigmoid(BoundedFunction):
    """1 / (1 + e ** -x)."""

    onnx_types: ClassVar[OnnxForms] = {"Sigmoid": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"LOGISTIC": TFLiteForm(3)}
    domain: ClassVar[tuple[float, float]] = (-6.0, 6.0)
    reach: ClassVar[float] = 11.1  # 1 - sigmoid(x) = e**-x: half of 2**-15
    image: ClassVar[tuple[float, float]] = (0.0, 1.0)
    float_kernel: ClassVar[Kernel] = SIGMOID_FLOAT

    def function(self, x: Array) -> Array:
        result: Array = 1.0 / (1.0 + np.exp(-x))
        return result


@dataclass(frozen=True)
class Tanh(BoundedFunction):
    """Hyperbolic tangent."""

    onnx_types: ClassVar[OnnxForms] = {"Tanh": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"TANH": TFLiteForm(3)}
    domain: ClassVar[tuple[float, float]] = (-3.0, 3.0)
    reach: ClassVar[float] = 5.9  # 1 - tanh(x) = 2 * e**-2x: half of 2**-15
    image: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    float_kernel: ClassVar[Kernel] = TANH_FLOAT

    def function(self, x: Array) -> Array:
        result: Array = np.tanh(x)
        return result


@dataclass(frozen=True)
class Log(ElementFunction):
    """Natural logarithm. Below 0 it is NaN, which int8 holds as -128."""

    onnx_types: ClassVar[OnnxForms] = {"Log": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"LOG": TFLiteForm(2)}
    table_suffix: ClassVar[str] = ".log"
    float_kernel: ClassVar[Kernel] = LOG_FLOAT

    def function(self, x: Array) -> Array:
        result: Array = np.log(x)
        return result

    def tabulated(self, x: Array) -> Array:
        """As Glow's createIntLog (lib/Graph/Graph.cpp): 0 counts as the smallest normal float32."""
        return super().tabulated(np.where(x == 0, float(np.finfo(np.float32).tiny), x))


@dataclass(frozen=True)
class HardSwish(ElementFunction):
    """x * min(max(x + 3, 0), 6) / 6.

    Glow has it for TFLite models alone, with a table whose x + 3 is cut to an integer: steps instead of a curve.
    """

    onnx_types: ClassVar[OnnxForms] = {"HardSwish": OnnxForm(22)}
    tflite_types: ClassVar[TFLiteForms] = {"HARD_SWISH": TFLiteForm(1)}
    float_kernel: ClassVar[Kernel] = HARD_SWISH_FLOAT
    has_int16: ClassVar[bool] = True

    def int16_params(self, source: QuantParams, node: Node, quantizing: Quantizing) -> tuple[QuantParams, QuantParams]:
        """The function bends at -3 and 3: the scale is made a little larger, so that pieces of the table end there."""
        pieces = max(1, math.floor(3.0 / (PIECE * source.scale)))
        return QuantParams(glow.float32(3.0 / (PIECE * pieces)), 0), quantizing.params(node.outputs[0])

    def function(self, x: Array) -> Array:
        result: Array = x * np.clip(x + 3.0, 0.0, 6.0) / 6.0
        return result


@dataclass(frozen=True)
class IntLookupTable(Op):
    """Inputs: integers of any shape, and quantized results of ``of``: for all 256 int8, or the ends of int16 pieces."""

    of: ElementFunction

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (replace(inputs[0], quant=inputs[1].quant),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return self.of.run_float(inputs[0])

    def lower(self, node: Node, lowering: Lowering) -> None:
        table = lowering.constant(node.inputs[1], lowering.data_of(node.inputs[1]))
        operands = [lowering.buffer(node.inputs[0]), table, lowering.buffer(node.outputs[0])]
        result = lowering.type_of(node.outputs[0])
        if result.dtype == "int16":
            lowering.call(LOOKUP_INT16, operands, Lookup16Params(result.elements))
        else:
            lowering.call(LOOKUP, operands, LookupParams(result.elements))
