"""Station 4: float graph + profile -> int8 graph, by the rules of Glow's FunctionQuantizer.

Each value gets parameters from its own range. Every quantizable operator becomes int8; operators that keep their
input's parameters (pools, reshapes) are followed by a rescale to their own, which ``passes.tidy`` folds away where it
can. Where a float operator remains, Quantize and Dequantize stand at its border.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tinyglow.ir.editor import GraphEditor, Namer
from tinyglow.ir.graph import Array, Graph, Node, Value
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics import glow
from tinyglow.ops.quantize import Dequantize, Quantize
from tinyglow.ops.rescale import Rescale
from tinyglow.quant.match import match_profile
from tinyglow.quant.profile import Profile, Range
from tinyglow.quant.schema import Schema, choose_params, specialize_bias


@dataclass(frozen=True)
class Scheme:
    """How to quantize: Glow's -quantization-schema and -quantization-precision-bias."""

    schema: Schema = Schema.ASYMMETRIC
    bias_dtype: str = "int32"


def profiled_values(graph: Graph) -> list[str]:
    """Names of the values whose ranges quantization needs: all that a quantizable node reads or makes."""
    names: dict[str, None] = {}
    for node in graph.nodes:
        if node.op.quantizable:
            names.update(dict.fromkeys([*node.inputs, *node.outputs]))
    return list(names)


@dataclass
class _Quantizer:
    graph: Graph
    ranges: Mapping[str, Range]
    scheme: Scheme
    edit: GraphEditor = field(init=False)
    # For each value of the float graph, the values that hold it as int8 and as float, as far as they exist.
    as_int8: dict[str, Value] = field(default_factory=dict)
    as_float: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.edit = GraphEditor(self.graph.name, Namer())
        self.edit.source_names = dict(self.graph.source_names)
        self.edit.namer.used.update(output.name for output in self.graph.outputs)

    def run(self) -> Graph:
        for name in self.graph.inputs:
            self.as_float[name] = self._keep(self.graph.values[name])
            self.edit.inputs.append(name)
        for node in self.graph.nodes:
            if node.op.quantizable:
                self._quantize_node(node)
            else:
                self._keep_node(node)
        for output in self.graph.outputs:
            self.edit.outputs.append(replace(output, value=self._float(output.value).name))
        return self.edit.finish()

    def _keep(self, value: Value) -> Value:
        """The same value in the new graph, under its name where that is free."""
        name = self.edit.namer.unique(value.name)
        kept = replace(value, name=name)
        self.edit.values[name] = kept
        return kept

    def _params(self, name: str, dtype: str = "int8") -> QuantParams:
        range_ = self.ranges[name]
        return choose_params(range_.low, range_.high, self.scheme.schema, dtype)

    def _float(self, name: str) -> Value:
        if name not in self.as_float:
            source = self.graph.values[name]
            if source.data is not None:
                self.as_float[name] = self._keep(source)
            else:
                int8 = self.as_int8[name]
                self.as_float[name] = self.edit.add(f"{name}_dequantize", Dequantize(), [int8], name)
        return self.as_float[name]

    def _int8(self, name: str) -> Value:
        if name not in self.as_int8:
            value = self.graph.values[name]
            if value.data is not None:
                self.as_int8[name] = self._constant(value.name, value.data, self._params(name), "int8")
            else:
                type_ = value.type.quantized(self._params(name))
                self.as_int8[name] = self.edit.add(f"{name}_quantize", Quantize(), [self._float(name)], name, (type_,))
        return self.as_int8[name]

    def _constant(self, name: str, data: Array, params: QuantParams, dtype: str) -> Value:
        quantized = glow.quantize(data.astype(np.float32), params.scale, params.offset, dtype)
        return self.edit.constant(name, quantized, TensorType(tuple(data.shape), dtype, params))

    def _bias(self, name: str, inputs: Value, weights: Value) -> Value:
        """A bias is quantized for each layer by itself: its parameters depend on that layer's input and weights."""
        dtype = self.scheme.bias_dtype
        data = self.graph.values[name].data
        assert data is not None and inputs.type.quant is not None and weights.type.quant is not None
        own = self._params(name, dtype)
        return self._constant(name, data, specialize_bias(own, inputs.type.quant, weights.type.quant, dtype), dtype)

    def _quantize_node(self, node: Node) -> None:
        inputs = [self._int8(name) for index, name in enumerate(node.inputs) if index != node.op.bias_operand]
        if node.op.bias_operand is not None:
            inputs.insert(node.op.bias_operand, self._bias(node.inputs[node.op.bias_operand], inputs[0], inputs[1]))
        types = []
        for name in node.outputs:
            own = self.graph.type_of(name).quantized(self._params(name))
            types.append(replace(own, quant=inputs[0].type.quant) if node.op.keeps_params else own)
        result = self.edit.add(node.name, node.op, inputs, node.origin, tuple(types))
        own_params = self._params(node.outputs[0])
        if result.type.quant != own_params:
            target = replace(result.type, quant=own_params)
            result = self.edit.add(node.name, Rescale(), [result], node.origin, (target,))
        self.as_int8[node.outputs[0]] = result

    def _keep_node(self, node: Node) -> None:
        inputs = [self._float(name) for name in node.inputs]
        self.as_float[node.outputs[0]] = self.edit.add(node.name, node.op, inputs, node.origin)


def quantize(graph: Graph, profile: Profile, scheme: Scheme | None = None) -> Graph:
    """The int8 graph. ``profile`` has the range of every value in ``profiled_values(graph)``, else ProfileError."""
    match = match_profile(graph, profile, profiled_values(graph))
    return _Quantizer(graph, match.ranges, scheme or Scheme()).run()
