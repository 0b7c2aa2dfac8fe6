"""Station 4 of a model that comes quantized: the parameters are those that its file declares, instead of a profile's.

A node becomes int8 where the file declares int8 for all that it reads and makes; others stay float, between
conversions. Weights and biases are the file's own integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.errors import ModelError, Problem
from tinyglow.ir.graph import Array, Graph, Node, Value
from tinyglow.ir.op import Op
from tinyglow.ir.types import ChannelParams, QuantParams, TensorType
from tinyglow.numerics import glow
from tinyglow.numerics.names import LIKE_LITERT
from tinyglow.operators.declared import is_int16, reason_for_float
from tinyglow.operators.litert_function import litert_function
from tinyglow.operators.litert_refused import refused_in_float
from tinyglow.operators.prelu import PRelu, SlopedPRelu
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.rescale_width import RescaleWidth
from tinyglow.quant.quantizer import Quantizer
from tinyglow.quant.scheme import Scheme
from tinyglow.quant.states import quantize_states

_INT16 = Scheme(precision="int16")


def quantize_declared(graph: Graph) -> Graph:
    """The integer graph of a graph whose model file declares how values are quantized.

    Raises:
        ModelError: Nodes have no form with the graph's numerics.
    """
    problems = refused_in_float(graph)
    if problems:
        raise ModelError("the network cannot be compiled", problems)
    return quantize_states(DeclaredQuantizer(graph, {}, Scheme(), frozenset()).run())


def float_nodes(graph: Graph) -> list[Problem]:
    """The nodes that stay float although the file quantizes what they read or make, each with the reason."""
    problems: dict[str, Problem] = {}
    for node in graph.nodes:
        values = [graph.values[name] for name in (*node.inputs, *node.outputs)]
        reason = reason_for_float(node, graph)
        if reason and not isinstance(node.op, Rescale) and any(value.declared for value in values):
            problems.setdefault(node.origin, Problem(node.origin or node.name, f"stays float: {reason}"))
    return list(problems.values())


class DeclaredQuantizer(Quantizer):
    """Makes the integer graph by what the model file declares."""

    @property
    def declared(self) -> bool:
        """``ir.op.Quantizing.declared``."""
        return True

    @property
    def channelwise(self) -> bool:
        """``ir.op.Quantizing.channelwise``."""
        return self.by_unit and not self.int16

    @property
    def by_unit(self) -> bool:
        """``ir.op.Quantizing.by_unit``."""
        return self._by_unit

    def run(self) -> Graph:
        """The integer graph. Inputs and outputs have the file's own types."""
        for name in self.graph.inputs:
            kept = self._keep(replace(self.graph.values[name], type=self.graph.integer_type(name), declared=None))
            (self.as_integer if kept.type.quant else self.as_float)[name] = kept
            self.edit.inputs.append(name)
        for node in self.graph.nodes:
            self.origin, self._by_unit = node.origin, self._has_unit_params(node)
            self.scheme = _INT16 if is_int16(node, self.graph) else Scheme()
            slopes = self._slopes(node)
            if isinstance(node.op, Rescale):
                self._convert_border(node)
            elif slopes:
                inputs = [self.quantized(node.inputs[0]), self.quantized(slopes)]
                types = (inputs[0].type.quantized(self.params(node.outputs[0])),)
                self.as_integer[node.outputs[0]] = self.edit.add(node.name, SlopedPRelu(), inputs, node.origin, types)
            elif function := litert_function(node, self.graph):
                x = self.quantized(node.inputs[0])
                types = (replace(x.type, quant=self.params(node.outputs[0])),)
                self.as_integer[node.outputs[0]] = self.edit.add(node.name, function, [x], node.origin, types)
            elif not reason_for_float(node, self.graph):
                self.as_integer[node.outputs[0]] = node.op.quantize(node, self)
            else:
                self._keep_node(node)
                for name in node.outputs:
                    if self.graph.values[name].declared is not None:
                        self._quantize_float(name, self.as_float.pop(name))
        for output in self.graph.outputs:
            is_declared = self.graph.values[output.value].declared is not None
            value = (self.quantized if is_declared else self.float)(output.value)
            self.edit.set_output(replace(output, value=value.name))
        return self.edit.finish()

    def _slopes(self, node: Node) -> str:
        """Of a PRelu with int8 slopes, in the numerics of LiteRT and its like, their name; else ""."""
        if not isinstance(node.op, PRelu) or self.numerics not in LIKE_LITERT:
            return ""
        product = next((other for other in self.graph.nodes if node.inputs[1] in other.outputs), None)
        constants = [name for name in product.inputs if self.graph.values[name].data is not None] if product else []
        declared = [self.graph.values[name].declared for name in (*constants[:1], node.inputs[0], node.outputs[0])]
        fits = len(declared) == 3 and all(one and one.dtype == "int8" and one.quant for one in declared)
        return constants[0] if fits else ""

    def _has_unit_params(self, node: Node) -> bool:
        if node.op.bias_operand is None:
            return False
        declared = self.graph.values[node.inputs[1]].declared
        return declared is not None and declared.channel_quant is not None

    def _convert_border(self, node: Node) -> None:
        """A change of what is declared: from integers or float, to other integers or float."""
        source, result = node.inputs[0], node.outputs[0]
        before, after = (self.graph.values[name].declared for name in (source, result))
        if after is None:
            self.as_float[result] = self.float(source)
        elif before is None or before.dtype != after.dtype:
            if before is not None and self.numerics in LIKE_LITERT:
                integers = self.quantized(source)
                types = (replace(integers.type, dtype=after.dtype, quant=self.params(result)),)
                self.as_integer[result] = self.edit.add(node.name, RescaleWidth(), [integers], node.origin, types)
            else:
                self._quantize_float(result, self.float(source))
        else:
            self.as_integer[result] = self.rescale(node.name, self.quantized(source), self.params(result), node.origin)

    def _quantize_float(self, name: str, value: Value) -> None:
        """A float value becomes the integers that are declared for the value ``name`` of the float graph."""
        declared = self.graph.values[name].declared
        assert declared is not None
        type_ = replace(value.type, dtype=declared.dtype, quant=self.params(name))
        self.as_integer[name] = self.edit.add(f"{name}_quantize", Quantize(), [value], self.origin, (type_,))

    def _keep(self, value: Value) -> Value:
        return super()._keep(replace(value, declared=None))

    def params(self, value: str, dtype: str = "") -> QuantParams:
        """``ir.op.Quantizing.params``."""
        declared = self.graph.values[value].declared
        assert declared is not None and declared.quant is not None, value
        return declared.quant

    def quantized(self, value: str) -> Value:
        """``ir.op.Quantizing.quantized``; a constant is the file's own integers. Those of 64 bits are biases alone."""
        source = self.graph.values[value]
        if value not in self.as_integer and source.data is not None and source.declared is not None:
            data = source.declared.data
            assert data is not None
            type_ = None if data.dtype == np.int64 else source.declared.type_of(data.shape)
            self.as_integer[value] = self.edit.constant(value, data, type_)
        if value in self.as_integer:  # of the file's own width, which may be another than the node's
            return self.as_integer[value]
        return super().quantized(value)

    def _bias(self, name: str, inputs: Value, weights: Value) -> Value:
        assert inputs.type.quant is not None
        channels = weights.type.channel_quant
        scales = channels.scales if channels else (weights.type.quant.scale,) if weights.type.quant else ()
        products = [glow.multiply_float32(inputs.type.quant.scale, scale) for scale in scales]
        data = bias_integers(self.graph.values[name], products)
        type_ = TensorType(data.shape, "int32", QuantParams(products[0], 0))
        if channels:
            own = ChannelParams(tuple(products), (0,) * len(products))
            type_ = TensorType(data.shape, "int32", channel_quant=own)
        return self.edit.constant(name, data, type_)

    def convert_layer(self, node: Node, op: Op, bias: Value | None = None) -> Value:
        """``ir.op.Quantizing.convert_layer``: weights and bias are the file's own integers."""
        weights, steps = (self.graph.values[name] for name in node.inputs[1:])
        assert weights.declared is not None and weights.declared.data is not None
        data, axis = weights.declared.data, op.units_axis
        channels = weights.declared.channel_quant
        if channels is None:
            assert weights.declared.quant is not None
            one, units = weights.declared.quant, data.shape[axis]
            channels = ChannelParams((one.scale,) * units, (one.offset,) * units, axis)
        type_ = TensorType(data.shape, "int8", channel_quant=replace(channels, axis=axis))
        own = bias or self.float(node.inputs[2])
        if bias is None and steps.declared is not None and steps.declared.data is not None:
            own = self.edit.constant(steps.name, steps.declared.data)
        inputs = [self.quantized(node.inputs[0]), self.edit.constant(weights.name, data, type_), own]
        result = self.graph.type_of(node.outputs[0]).quantized(self.params(node.outputs[0]), "int16")
        return self.edit.add(node.name, op, inputs, node.origin, (result,))

    def convert_channelwise(self, node: Node, op: Op, image: Value | None = None) -> Value:
        """``ir.op.Quantizing.convert_channelwise``."""
        image = image or self.quantized(node.inputs[0])
        weights, bias = (self.graph.values[name] for name in node.inputs[1:])
        assert image.type.quant is not None and weights.declared is not None and weights.declared.data is not None
        channels, axis = weights.declared.channel_quant, node.op.units_axis
        assert channels is not None
        filters = np.ascontiguousarray(np.moveaxis(weights.declared.data, axis, 0))
        if filters.ndim == 2:  # of a fully connected layer
            filters = filters[:, np.newaxis, np.newaxis]
        products = [glow.multiply_float32(image.type.quant.scale, scale) for scale in channels.scales]
        steps = bias_integers(bias, products)
        types = (
            TensorType(filters.shape, "int8", channel_quant=replace(channels, axis=0)),
            TensorType(steps.shape, "int32", channel_quant=ChannelParams(tuple(products), (0,) * len(products))),
        )
        inputs = [
            image,
            *(map(self.edit.constant, (weights.name, bias.name), (filters, steps), types)),
        ]
        own = op.infer(*(value.type for value in inputs))[0]
        type_ = TensorType(own.shape, "int8", self.params(node.outputs[0]))
        return self.edit.add(node.name, op, inputs, node.origin, (type_,))


def bias_integers(bias: Value, products: Sequence[float]) -> Array:
    """A bias in steps of a layer's sums.

    Args:
        bias: The file's integers if it declares some, else rounded.
        products: The step of each unit's sum; one for all of them.

    Returns:
        int32 [units].
    """
    if bias.declared is not None and bias.declared.data is not None:
        return bias.declared.data
    assert bias.data is not None
    steps = np.rint(bias.data.astype(np.float64) / np.array(products, np.float64))
    return np.clip(steps, glow.INT32_MIN, glow.INT32_MAX).astype(np.int32)
