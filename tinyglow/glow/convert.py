"""Glow's FunctionQuantizer: every node that the CPU backend has in int8, between conversions (Quantization.cpp).

Nodes are taken from the last to the first (FunctionConverter.cpp). A node whose values the profile does not name stays
float, as in Glow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tinyglow.errors import Problem, ProfileError
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node, Value
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.operators.concat import Concat
from tinyglow.operators.conv2d import ChannelwiseConv2D, Conv2D
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.element_function import BoundedFunction, ElementFunction
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.inserted import InsertedPad, InsertedTile
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.rescale import Rescale
from tinyglow.quant.implied import own_range
from tinyglow.quant.profile import Range
from tinyglow.quant.quantizer import channel_constants
from tinyglow.quant.schema import specialize_bias
from tinyglow.quant.scheme import Scheme

_WITH_BIAS = (Conv2D, FullyConnected)
_BIAS = 2
_WITH_INPUTS_AS_RESULT = (Concat, InsertedPad, InsertedTile)


@dataclass
class Converter:
    """One run of FunctionQuantizer over a graph."""

    edit: GraphEditor
    ranges: Mapping[str, Range]
    scheme: Scheme
    params: dict[str, QuantParams] = field(default_factory=dict)  # of the float values that have any

    def choose_all(self) -> None:
        """Parameters for every float value that has a range. A bias has them in its own precision for all its users."""
        biases = {
            node.inputs[_BIAS] for node in self.edit.nodes if type(node.op) in _WITH_BIAS and len(node.inputs) > _BIAS
        }
        for name, value in self.edit.values.items():
            range_ = self.ranges.get(name) or (own_range(value.data) if value.data is not None else None)
            if value.type.dtype == "float32" and range_ is not None:
                self.params[name] = self._choose(value, range_, name in biases)

    def _choose(self, value: Value, range_: Range, is_bias: bool) -> QuantParams:
        if value.name in self.edit.pixels:  # which go in as they are
            pixels = self.edit.pixels[value.name]
            return QuantParams(pixels.scale, pixels.offset - 128)
        dtype = self.scheme.bias_dtype if is_bias else "int8"
        constant = value.data is not None
        calibrated = self.scheme.calibrate and not is_bias and value.type.elements != 1
        calibrated &= self.scheme.calibrate_constants or not constant
        histogram = range_.histogram if calibrated else ()
        try:
            return self.scheme.choose(range_.low, range_.high, dtype, constant, histogram)
        except ValueError as error:  # of QuantParams
            problem = Problem(value.name, str(error), "ranges of ordinary size")
            raise ProfileError("the ranges of the profile cannot be quantized", [problem]) from error

    def run(self) -> None:
        """Convert every node that has int8 in Glow."""
        self.choose_all()
        for name in [node.name for node in reversed(self.edit.nodes)]:
            node = self.edit.node(name)  # as it is by now: its inputs may be converted
            if node is not None and self._can_convert(node):
                self._convert(node)
        for node in reversed(self.edit.nodes):
            if isinstance(node.op, Dequantize):
                self._make_channelwise(node)

    def _can_convert(self, node: Node) -> bool:
        if node.op.kind_in_glow in self.scheme.keep_float or node.origin in self.scheme.float_nodes:
            return False
        if not node.op.quantizable or node.op.float_in_glow or isinstance(node.op, Rescale):
            return False
        floats = [name for name in (*node.inputs, *node.outputs) if self.edit.value(name).type.dtype == "float32"]
        return bool(floats) and all(name in self.params for name in floats)

    def _convert(self, node: Node) -> None:
        dequantized = self._convert_result(node)
        node = self._convert_inputs(node)
        if dequantized is None:
            return
        result = self.edit.value(node.outputs[0])
        if isinstance(node.op, _WITH_INPUTS_AS_RESULT):
            self._match_inputs(node, result.type)
        elif node.op.keeps_params:
            result = self._keep_params(node, result.type)
        elif isinstance(node.op, ElementFunction):
            result = self._tabulate(node, node.op, result.type)
        if result.name != node.outputs[0]:
            self.edit.set_inputs(dequantized, (result.name,))
        assert result.type.quant is not None
        self.params[dequantized.outputs[0]] = result.type.quant

    def _convert_result(self, node: Node) -> Node | None:
        """The result as int8, dequantized for its users; returns that node, None if there are no users."""
        name = node.outputs[0]
        value, users = self.edit.value(name), self.edit.users(name)
        if value.type.dtype != "float32":
            return None
        self.edit.set_type(name, value.type.quantized(self.params[name]))
        if not users and not self.edit.is_output(name):
            return None
        back = self.edit.add(f"{node.name}_dequantize", Dequantize(), [self.edit.value(name)], node.origin)
        for user in users:
            self.edit.set_inputs(user, tuple(back.name if read == name else read for read in user.inputs))
        for output in self.edit.outputs:
            if output.value == name:
                self.edit.set_output(replace(output, value=back.name))
        return self.edit.producer(back.name)

    def _convert_inputs(self, node: Node) -> Node:
        inputs = list(node.inputs)
        for index, name in enumerate(node.inputs):
            value = self.edit.value(name)
            if value.type.dtype != "float32":
                continue
            type_ = value.type.quantized(self.params[name])
            if index == _BIAS and type(node.op) in _WITH_BIAS:
                type_ = self._bias_type(value, inputs)
            inputs[index] = self.edit.add(f"{node.name}_quantize", Quantize(), [value], node.origin, (type_,)).name
        return self.edit.set_inputs(node, tuple(inputs))

    def _bias_type(self, bias: Value, inputs: list[str]) -> TensorType:
        layer, weights = (self.edit.value(name).type.quant for name in inputs[:2])
        assert layer is not None and weights is not None
        dtype = self.scheme.bias_dtype
        return bias.type.quantized(specialize_bias(self.params[bias.name], layer, weights, dtype), dtype)

    def _match_inputs(self, node: Node, type_: TensorType) -> None:
        inputs = []
        for value in map(self.edit.value, node.inputs):
            types = (replace(type_, shape=value.type.shape),)
            before = self.edit.producer(value.name)
            name = before.name if before is not None else value.name
            inputs.append(self.edit.add(name, Rescale(), [value], node.origin, types).name)
        self.edit.set_inputs(node, tuple(inputs))

    def _keep_params(self, node: Node, type_: TensorType) -> Value:
        """The result has its input's parameters, and is rescaled to its own."""
        kept = self.edit.value(node.inputs[0]).type.quant
        self.edit.set_type(node.outputs[0], replace(type_, quant=kept))
        return self.edit.add(node.name, Rescale(), [self.edit.value(node.outputs[0])], node.origin, (type_,))

    def _tabulate(self, node: Node, op: ElementFunction, type_: TensorType) -> Value:
        x = self.edit.value(node.inputs[0])
        assert type_.quant is not None
        if not isinstance(op, BoundedFunction):
            return op.tabulated_node(f"{node.name}{op.table_suffix}", x, type_.quant, self.edit, node.origin)
        domain, image = (self.scheme.choose(*ends, constant=True) for ends in (op.domain, op.image))
        clipped = self.edit.add(node.name, Rescale(), [x], node.origin, (replace(x.type, quant=domain),))
        looked_up = op.tabulated_node(node.name, clipped, image, self.edit, node.origin)
        return self.edit.add(node.name, Rescale(), [looked_up], node.origin, (type_,))

    def _make_channelwise(self, node: Node) -> None:
        layer = self.edit.producer(node.inputs[0])
        if layer is None or type(layer.op) is not Conv2D or not isinstance(layer.op, Conv2D):
            return
        if not (self.scheme.channelwise or layer.origin in self.scheme.channelwise_nodes):
            return
        filters, bias = (self.edit.producer(name) for name in layer.inputs[1:])
        image = self.edit.value(layer.inputs[0])
        if filters is None or bias is None or image.type.quant is None:
            return
        weights, terms = (self.edit.value(quantize.inputs[0]) for quantize in (filters, bias))
        if not (isinstance(filters.op, Quantize) and isinstance(bias.op, Quantize)):
            return
        if weights.data is None or terms.data is None:
            return
        constants = channel_constants(weights, terms, image.type.quant, self.scheme, self.edit)
        op = ChannelwiseConv2D(layer.op.window, layer.op.group, layer.op.activation)
        types = (self.edit.value(layer.outputs[0]).type,)
        made = self.edit.add("ChannelwiseQuantizedConv", op, [image, *constants], layer.origin, types)
        self.edit.redirect(layer.outputs[0], made.name)


def convert(edit: GraphEditor, ranges: Mapping[str, Range], scheme: Scheme) -> None:
    """Quantize what ``ranges`` has, by the rules of ``scheme``; constants have their own range.

    Args:
        edit: The lowered float graph.
        ranges: Of values, by name.
        scheme: How to quantize.

    Raises:
        ProfileError: A range cannot be quantized.
    """
    Converter(edit, ranges, scheme).run()
