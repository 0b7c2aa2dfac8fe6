"""Functions of one element that int8 looks up in a table of 256 entries.

In int16 there is a table with interpolation, except for Log: it has no straight piece near 0, and stays float.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, Quantizing, SourceNode
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.elementwise.lookup import LOOKUP, LOOKUP_INT16, Lookup16Params, LookupParams, interpolation_table
from tinyglow.kernels.elementwise.map import MapParams
from tinyglow.numerics import glow, tflite_tables
from tinyglow.numerics.names import GLOW, LIKE_LITERT, ONNX, TFLITE
from tinyglow.operators.numerics import lower_as_it_is
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.tables import TABLES


class ElementFunction(Op):
    """Base of the functions: one input, a result of the same shape."""

    elementwise: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    # What Glow adds to the node's name for the table's.
    table_suffix: ClassVar[str] = ""
    float_kernel: ClassVar[Kernel]
    other_numerics: ClassVar[OtherNumerics] = TABLES

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        """``Op.litert_table``: what LiteRT itself looks up."""
        return tflite_tables.function(source, result, self.function)

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        cls.from_onnx(node, importer)

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
        if quantizing.int16 and not (quantizing.numerics in LIKE_LITERT and self.int16_numerics):
            return self._interpolated(node, quantizing)
        if quantizing.numerics != GLOW:
            return quantizing.convert(node)
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


class BoundedFunction(ElementFunction):
    """A function that is almost constant outside of ``domain``, and whose values are in ``image``.

    In int8 it is looked up between these fixed ranges, with rescales before and after (Glow,
    lib/Quantization/Quantization.cpp, replaceQuantizedTanhWithLookupTable); or between the file's own.
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
        if quantizing.int16 or quantizing.declared or quantizing.numerics != GLOW:
            return super().quantize(node, quantizing)
        edit = quantizing.edit
        # Glow's three nodes get the numbers after the float node's.
        edit.namer.used.add(node.name)
        x = quantizing.quantized(node.inputs[0])
        types = (replace(x.type, quant=quantizing.choose(*self.domain)),)
        clipped = edit.add(node.name, Rescale(), [x], node.origin, types)
        y = self.look_up(node, clipped, quantizing.choose(*self.image), quantizing)
        types = (replace(y.type, quant=quantizing.params(node.outputs[0])),)
        return edit.add(node.name, Rescale(), [y], node.origin, types)


class IntLookupTable(Op):
    """Inputs: integers of any shape, and quantized results of ``of``: for all 256 int8, or the ends of int16 pieces."""

    of: ElementFunction

    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_as_it_is, ONNX: lower_as_it_is}

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
