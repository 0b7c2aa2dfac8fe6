"""Station 4: float graph + profile -> int8 (or int16) graph, by the rules of Glow's FunctionQuantizer.

Exactly Glow's own graph is made by ``tinyglow.glow`` instead.

Each value gets parameters from its own range. Every quantizable operator becomes int8; operators that keep their
input's parameters (pools, reshapes) are followed by a rescale to their own, which ``passes.tidy`` folds away where it
can. Where a float operator remains, Quantize and Dequantize stand at its border.

int16 activations (``Scheme.precision``) are beyond Glow, which silently leaves such networks in float. They are
symmetric; weights are int8, each output unit with a scale of its own; biases stay float until the lowering, which knows
the final steps of their sums. With so many steps, operators that keep their input's parameters need no rescale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tinyglow.errors import Problem, ProfileError
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Graph, Node, Value
from tinyglow.ir.namer import Namer
from tinyglow.ir.op import Op
from tinyglow.ir.types import ChannelParams, QuantParams, TensorType
from tinyglow.numerics import glow, wide
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.numerics import has_form
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.rescale import Rescale
from tinyglow.quant.element_tables import make_element_tables
from tinyglow.quant.leading import settle_leading
from tinyglow.quant.masks import settle_masks
from tinyglow.quant.match import match_profile
from tinyglow.quant.profile import Profile, Range
from tinyglow.quant.schema import (
    Schema,
    choose_params,
    layer_params,
    specialize_bias,
    specialize_channel,
)
from tinyglow.quant.scheme import Scheme, profiled_values
from tinyglow.quant.states import quantize_states, ranges_with_states
from tinyglow.quant.steps import ranges_of_steps


@dataclass
class Quantizer:
    """Makes the integer graph by a profile; implements ``ir.op.Quantizing``.

    Attributes:
        graph: The float graph.
        ranges: Of its values.
        scheme: How to quantize; ``own`` is that of the node at work.
        kept_float: Names of the nodes that stay float in any case.
    """

    graph: Graph
    ranges: Mapping[str, Range]
    scheme: Scheme
    kept_float: frozenset[str]
    edit: GraphEditor = field(init=False)
    # For each value of the float graph, the values that hold it as int8 (int16) and as float, as far as they exist; and
    # those that hold integers of one width in the other.
    as_integer: dict[str, Value] = field(default_factory=dict)
    in_other_width: dict[str, Value] = field(default_factory=dict)
    as_float: dict[str, Value] = field(default_factory=dict)
    origin: str = ""  # of the node at work

    def __post_init__(self) -> None:
        self.edit = GraphEditor.after(self.graph, Namer())
        self.edit.namer.used.update(output.name for output in self.graph.outputs)

    @property
    def own(self) -> Scheme:
        """How to quantize the node at work."""
        return self.scheme.at(self.origin)

    @property
    def channelwise(self) -> bool:
        """``ir.op.Quantizing.channelwise``."""
        return not self.int16 and (self.scheme.channelwise or self.origin in self.scheme.channelwise_nodes)

    @property
    def int16(self) -> bool:
        """``ir.op.Quantizing.int16``."""
        return self.own.int16

    @property
    def declared(self) -> bool:
        """``ir.op.Quantizing.declared``."""
        return False

    @property
    def by_unit(self) -> bool:
        """``ir.op.Quantizing.by_unit``."""
        return False

    @property
    def numerics(self) -> str:
        """``ir.op.Quantizing.numerics``."""
        return self.graph.numerics

    def run(self) -> Graph:
        """The integer graph."""
        for name in self.graph.inputs:
            self.as_float[name] = self._keep(self.graph.values[name])
            self.edit.inputs.append(name)
        for node in self.graph.nodes:
            self.origin = node.origin
            of_floats = self.graph.type_of(node.inputs[0]).dtype == "float32"  # and not of an ArgMax's indices
            is_kept = node.name in self.kept_float or not has_form(type(node.op), self.numerics)
            if of_floats and not is_kept and self.scheme.quantizes(node):
                try:
                    self.as_integer[node.outputs[0]] = node.op.quantize(node, self)
                except ValueError as error:  # of QuantParams
                    problem = Problem(node.origin or node.name, str(error), "ranges of ordinary size")
                    raise ProfileError("the ranges of the profile cannot be quantized", [problem]) from error
            else:
                self._keep_node(node)
        for output in self.graph.outputs:
            self.edit.set_output(replace(output, value=self.float(output.value).name))
        return self.edit.finish()

    def _keep(self, value: Value) -> Value:
        """The same value in the new graph, under its name where that is free."""
        name = self.edit.namer.unique(value.name)
        kept = replace(value, name=name)
        self.edit.values[name] = kept
        return kept

    def params(self, value: str, dtype: str = "") -> QuantParams:
        """``ir.op.Quantizing.params``, for a bias of another dtype too."""
        range_, dtype = self.ranges[value], dtype or self.own.precision
        if value in self.graph.pixels:  # which go in as they are
            pixels = self.graph.pixels[value]
            return QuantParams(pixels.scale, pixels.offset - (128 if dtype == "int8" else 0))
        calibrated = self.own.calibrate and self._may_calibrate(self.graph.values[value], dtype)
        histogram = range_.histogram if calibrated else ()
        constant = self.graph.values[value].data is not None
        return self.own.choose(range_.low, range_.high, dtype, constant, histogram)

    def _may_calibrate(self, value: Value, dtype: str) -> bool:
        """Not scalars, nor biases, nor constants as long as the scheme does not ask for those."""
        constant = value.data is not None and value.name not in self.graph.derived
        return value.type.elements != 1 and dtype == "int8" and (self.own.calibrate_constants or not constant)

    def data(self, value: str) -> Array | None:
        """``ir.op.Quantizing.data``."""
        return self.graph.values[value].data

    def choose(self, low: float, high: float) -> QuantParams:
        """``ir.op.Quantizing.choose``."""
        return self.own.choose(low, high, constant=True)

    def keep(self, value: str, result: Value) -> None:
        """``ir.op.Quantizing.keep``."""
        self.as_integer[value] = result

    def plain(self, value: str) -> Value:
        """``ir.op.Quantizing.plain``."""
        return self.float(value)

    def float(self, name: str) -> Value:
        """The value as float32: as it was, or dequantized."""
        if name not in self.as_float:
            source = self.graph.values[name]
            if source.data is not None:
                self.as_float[name] = self._keep(source)
            elif source.type.dtype != "float32":  # indices are integers, quantized or not
                self.as_float[name] = self.as_integer[name]
            else:
                integer = self.as_integer[name]
                self.as_float[name] = self.edit.add(f"{name}_dequantize", Dequantize(), [integer], name)
        return self.as_float[name]

    def quantized(self, value: str) -> Value:
        """``ir.op.Quantizing.quantized``."""
        precision = self.own.precision
        known = self.as_integer
        if value in known and known[value].type.dtype in ("int8", "int16") and known[value].type.dtype != precision:
            known = self.in_other_width
        if value not in known:
            source, params = self.graph.values[value], self.params(value)
            if source.data is not None:
                known[value] = self._constant(value, source.data, params, precision)
            else:
                type_ = source.type.quantized(params, precision)
                inputs = [self.float(value)]
                known[value] = self.edit.add(f"{value}_quantize", Quantize(), inputs, value, (type_,))
        return known[value]

    def rescale(self, name: str, value: Value, params: QuantParams, origin: str) -> Value:
        """``ir.op.Quantizing.rescale``."""
        if value.type.quant == params:
            return value
        return self.edit.add(name, Rescale(), [value], origin, (replace(value.type, quant=params),))

    def convert(self, node: Node) -> Value:
        """``ir.op.Quantizing.convert``."""
        if self.int16 and node.op.bias_operand is not None:
            return self.convert_layer(node, node.op)
        inputs = [self.quantized(name) for index, name in enumerate(node.inputs) if index != node.op.bias_operand]
        if node.op.bias_operand is not None:
            inputs.insert(node.op.bias_operand, self._bias(node.inputs[node.op.bias_operand], inputs[0], inputs[1]))
        own = self.params(node.outputs[0])
        if node.op.inputs_match_output:
            inputs = [self._matching(name, own, node.origin) for name in node.inputs]
        kept = inputs[0].type.quant if node.op.keeps_params else own
        dtype = self.own.precision
        types = tuple(replace(self.graph.type_of(name), dtype=dtype, quant=kept) for name in node.outputs)
        result = self.edit.add(node.name, node.op, inputs, node.origin, types)
        return result if self.int16 else self.rescale(node.name, result, own, node.origin)

    def _matching(self, name: str, params: QuantParams, origin: str) -> Value:
        """The value as int8 with ``params``; Glow merges the rescale of a constant into its quantization."""
        data = self.graph.values[name].data
        if data is not None:
            return self._constant(name, data, params, self.own.precision)
        value = self.quantized(name)
        return self.rescale(value.name, value, params, origin)

    def _constant(self, name: str, data: Array, params: QuantParams, dtype: str) -> Value:
        quantized = glow.quantize(data.astype(np.float32), params.scale, params.offset, dtype)
        return self.edit.constant(name, quantized, TensorType(tuple(data.shape), dtype, params))

    def _bias(self, name: str, inputs: Value, weights: Value) -> Value:
        """A bias is quantized for each layer by itself: its parameters depend on that layer's input and weights."""
        dtype = self.own.bias_dtype
        data = self.graph.values[name].data
        assert data is not None and inputs.type.quant is not None and weights.type.quant is not None
        own = self.params(name, dtype)
        return self._constant(name, data, specialize_bias(own, inputs.type.quant, weights.type.quant, dtype), dtype)

    def convert_channelwise(self, node: Node, op: Op, image: Value | None = None) -> Value:
        """``ir.op.Quantizing.convert_channelwise``.

        Filters and bias are quantized symmetrically where the schema is asymmetric (Glow: enableChannelwise).
        """
        image = image or self.quantized(node.inputs[0])
        layer = [self.graph.values[name] for name in node.inputs[1:]]
        assert image.type.quant is not None
        inputs = [image, *channel_constants(layer[0], layer[1], image.type.quant, self.scheme, self.edit)]
        type_ = self.graph.type_of(node.outputs[0]).quantized(self.params(node.outputs[0]))
        return self.edit.add(node.name, op, inputs, node.origin, (type_,))

    def convert_layer(self, node: Node, op: Op, bias: Value | None = None) -> Value:
        """``ir.op.Quantizing.convert_layer``."""
        x, data = self.quantized(node.inputs[0]), self.graph.values[node.inputs[1]].data
        bias = bias or self.float(node.inputs[2])
        assert data is not None and bias.data is not None and x.type.quant is not None
        rows, scale = np.moveaxis(data, op.units_axis, 0), x.type.quant.scale
        params = [
            layer_params(float(row.min()), float(row.max()), term, scale, self.own.value_schema)
            for row, term in zip(rows, bias.data.tolist(), strict=True)
        ]
        steps = wide.weight_steps(rows, [p.scale for p in params])
        channels = ChannelParams(tuple(p.scale for p in params), tuple(p.offset for p in params), op.units_axis)
        type_ = TensorType(tuple(data.shape), "int8", channel_quant=channels)
        matrix = np.ascontiguousarray(np.moveaxis(steps, 0, op.units_axis))
        inputs = [x, self.edit.constant(node.inputs[1], matrix, type_), bias]
        own = self.graph.type_of(node.outputs[0]).quantized(self.params(node.outputs[0]), "int16")
        return self.edit.add(node.name, op, inputs, node.origin, (own,))

    def _keep_node(self, node: Node) -> None:
        inputs = [self.float(name) for name in node.inputs]
        self.as_float[node.outputs[0]] = self.edit.add(node.name, node.op, inputs, node.origin)


def channel_constants(
    filters: Value, bias: Value, inputs: QuantParams, scheme: Scheme, edit: GraphEditor
) -> tuple[Value, Value]:
    """The filters and the bias of a convolution, quantized for each output channel by itself.

    They are quantized symmetrically where the schema is asymmetric (Glow: enableChannelwise).
    """
    schema = Schema.SYMMETRIC if scheme.schema is Schema.ASYMMETRIC else scheme.schema
    dtype = scheme.bias_dtype
    assert filters.data is not None and bias.data is not None
    pairs = []
    for weights, term in zip(filters.data, bias.data.tolist(), strict=True):
        own = choose_params(float(weights.min()), float(weights.max()), schema)
        own_bias = choose_params(term, term, schema, dtype)
        pairs.append(specialize_channel(own_bias, inputs, own, dtype, term == 0))
    return (
        _channel_constant(filters, [weights for _, weights in pairs], "int8", edit),
        _channel_constant(bias, [bias_params for bias_params, _ in pairs], dtype, edit),
    )


def _channel_constant(value: Value, params: list[QuantParams], dtype: str, edit: GraphEditor) -> Value:
    assert value.data is not None
    rows = [glow.quantize(row, p.scale, p.offset, dtype) for row, p in zip(value.data, params, strict=True)]
    channels = ChannelParams(tuple(p.scale for p in params), tuple(p.offset for p in params))
    type_ = TensorType(tuple(value.data.shape), dtype, channel_quant=channels)
    return edit.constant(value.name, np.stack(rows).reshape(value.data.shape), type_)


def settle(graph: Graph, profile: Profile, scheme: Scheme) -> tuple[Graph, Mapping[str, Range], frozenset[str]]:
    """What is quantized: the float graph, the ranges of its values, and the names of nodes that stay float in any case.

    Each step begins with the ranges that the one before it left. Masks of attention are raised (``quant.masks``); the
    steps of a recurrent layer share their ranges (``quant.steps``), and then both ends of a state (``quant.states``);
    normalization that the network begins with is folded or kept in float (``quant.leading``); chains of functions of
    one element become one (``quant.element_tables``). Glow does none of this. Margins are not among these: a profile
    has them already (``quant.margins``).

    Raises ProfileError if ``profile`` lacks the range of a value in ``profiled_values``.
    """
    recorded = match_profile(graph, profile, profiled_values(graph, scheme)).ranges
    masked, found = settle_masks(graph, recorded)
    shared = ranges_with_states(masked, ranges_of_steps(masked, found))
    settled, ranges, kept = settle_leading(
        masked, shared, scheme.quantizes, lambda range_: scheme.choose(range_.low, range_.high)
    )
    if scheme.int16:
        return settled, ranges, kept

    def may_join(node: Node) -> bool:
        return node.name not in kept and not scheme.keeps_float(node) and not scheme.at(node.origin).int16

    return make_element_tables(settled, lambda node: may_join(node) and scheme.quantizes(node), may_join), ranges, kept


def quantize(graph: Graph, profile: Profile, scheme: Scheme | None = None) -> Graph:
    """The int8 or int16 graph. ``profile`` has the range of every value in ``profiled_values``, else ProfileError."""
    scheme = scheme or Scheme()
    scheme.check_nodes(graph)
    settled, ranges, kept_float = settle(graph, profile, scheme)
    return quantize_states(Quantizer(settled, ranges, scheme, kept_float).run())
