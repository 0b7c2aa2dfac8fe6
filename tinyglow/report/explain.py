"""Why each value of a quantized network has the parameters that it has (``compile --explain-quantization``)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from tinyglow.glow.quantize import settle_as_glow
from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.program import Buffer, KernelCall, Program
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics import glow
from tinyglow.operators.conv2d import Conv2D
from tinyglow.quant.profile import Profile, Range
from tinyglow.quant.quantizer import settle
from tinyglow.quant.schema import INT16_HEADROOM
from tinyglow.quant.scheme import Scheme


@dataclass(frozen=True)
class Decision:
    """One value: its range (real numbers), type, the integer constants its kernel requantizes with, and the reason."""

    name: str
    kind: str
    range: str
    scale: str
    offset: str
    requantize: str
    why: str


@dataclass(frozen=True)
class _Explainer:
    graph: Graph
    ranges: Mapping[str, Range]
    scheme: Scheme
    calls: Mapping[str, KernelCall]
    buffers: Mapping[str, Buffer]

    def own(self, name: str) -> QuantParams | None:
        """What the value's own range asks for, without calibration."""
        range_ = self.ranges.get(name)
        return None if range_ is None else self.scheme.choose(range_.low, range_.high)

    def by_range(self) -> str:
        """That parameters are those of a value's own range, and how they come from it."""
        headroom = f", {INT16_HEADROOM:g} times as wide, for data beyond the profile" if self.scheme.int16 else ""
        return f"its own range, {self.scheme.value_schema.value}{headroom}"

    def result(self, node: Node) -> Decision:
        name, type_ = node.outputs[0], self.graph.type_of(node.outputs[0])
        kind = node.op.kind_in_glow
        if isinstance(node.op, Conv2D) and node.op.activation.kind != "NONE":
            kind += f" + {node.op.activation}"
        return self._decision(name, kind, type_, self._why_result(node, type_), self._numbers(node))

    def _numbers(self, node: Node) -> str:
        """The integers that the node's kernel scales with."""
        call = self.calls.get(node.name)
        names = [] if call is None else [operand.name for operand in call.kernel.operands]
        if call is None or "channels" not in names or not self.scheme.int16:
            return _constants(call)
        data = self.buffers[call.operands[names.index("channels")]].data
        pairs = [] if data is None else data.reshape(-1, 2).tolist()
        first = "".join(f"x * {multiplier} >> {shift}" for multiplier, shift in pairs[:1])
        return f"channels: {first}" + (f"; so each of {len(pairs)}, with its own" if len(pairs) > 1 else "")

    def _why_result(self, node: Node, type_: TensorType) -> str:
        if type_.quant is None:
            return self._why_float(node)
        own = self.own(node.outputs[0])
        source = self.graph.type_of(node.inputs[0]).quant if node.inputs else None
        if node.op.keeps_params and type_.quant == source:
            forced = "" if own == source else "; its own range would give another"
            return f"forced equal to its input: {node.op.kind_in_glow} moves values and changes none{forced}"
        if own == type_.quant:
            return self.by_range()
        absorbed = [name for name in self.ranges if self.own(name) == type_.quant]
        if absorbed:
            return f"the range of {absorbed[0]}, which it took over (activation or rescale folded into it)"
        if self.scheme.calibrate:
            return "its range, narrowed by KL calibration"
        return "parameters that its operator fixes"

    def _why_float(self, node: Node) -> str:
        if node.op.kind_in_glow in self.scheme.keep_float:
            return "kept float: asked for by --keep-float"
        if node.op.kind == "Dequantize":
            return "the border to float"
        return f"kept float: {'there is no int16' if self.scheme.int16 else 'Glow has no int8'} form of it"

    def constant(self, node: Node, index: int) -> Decision:
        name = node.inputs[index]
        type_ = self.graph.type_of(name)
        return self._decision(name, "Constant", type_, self._why_constant(node, index, type_), "")

    def _why_constant(self, node: Node, index: int, type_: TensorType) -> str:
        if type_.channel_quant is not None:
            scales = type_.channel_quant.scales
            return f"a scale for each of {len(scales)} channels, {min(scales):.6g} to {max(scales):.6g}"
        if index == node.op.bias_operand and type_.quant is None and node.name in self.calls:
            return self._why_int16_bias(self.calls[node.name])
        if index != node.op.bias_operand or type_.quant is None:
            return f"its own values, {self.scheme.value_schema.value}"
        inputs, weights = (self.graph.type_of(name).quant for name in node.inputs[:2])
        if inputs and weights and type_.quant.scale == glow.multiply_float32(inputs.scale, weights.scale):
            return "bias specialised: the scale of the sums, input scale times weights scale"
        return "bias: its own range needs a coarser scale than that of the sums, to which it is rescaled"

    def _why_int16_bias(self, call: KernelCall) -> str:
        """How wide a float bias becomes; of a layer that is float itself, that it stays so."""
        if "channels" not in [operand.name for operand in call.kernel.operands]:
            return "float, as its layer"
        if call.kernel.sum_bits == 64:
            return "bias: int64 in the steps of the sums, which might leave 32 bits"
        return "bias: int32 in the steps of the sums, which cannot leave 32 bits, whatever the input"

    def _decision(self, name: str, kind: str, type_: TensorType, why: str, constants: str) -> Decision:
        range_ = self.ranges.get(name)
        text = "" if range_ is None else f"{range_.low:.6g} .. {range_.high:.6g}"
        quant = type_.quant
        scale, offset = (f"{quant.scale:.9g}", str(quant.offset)) if quant else ("", "")
        return Decision(name, f"{kind} {type_.dtype}", text, scale, offset, constants, why)


_INT16_MULTIPLIERS = ("multiplier", "input_multiplier", "other_multiplier", "positive", "negative")


def _constants(call: KernelCall | None) -> str:
    """The Requant parameters of a call."""
    if call is None:
        return ""
    found = []
    for field in dataclasses.fields(call.params):
        value = getattr(call.params, field.name)
        if isinstance(value, glow.Requant) and not (field.name == "negative" and not getattr(call.params, "leaky", 0)):
            found.append(f"{field.name}: (x >> {value.pre}) * {value.multiplier} >> {value.post} + {value.offset}")
        elif field.name in _INT16_MULTIPLIERS:
            found.append(f"{field.name}: x * {value} >> {getattr(call.params, 'shift', 0)}")
    return "; ".join(found)


def explain(graph: Graph, profile: Profile, scheme: Scheme, quantized: Graph, program: Program) -> list[Decision]:
    """Every placeholder, constant and result of ``quantized``, which is ``graph`` by ``profile`` and ``scheme``."""
    if scheme.like_glow:
        _, ranges = settle_as_glow(graph, profile)
    else:
        _, ranges, _ = settle(graph, profile, scheme)
    calls = {call.origin: call for call in program.calls}
    explainer = _Explainer(quantized, ranges, scheme, calls, program.buffers)
    decisions = []
    for name in quantized.inputs:
        type_ = quantized.type_of(name)
        why = explainer.by_range() if type_.quant else "a float placeholder"
        decisions.append(explainer._decision(name, "Placeholder", type_, why, ""))
    for node in quantized.nodes:
        constants = [i for i, name in enumerate(node.inputs) if quantized.values[name].data is not None]
        decisions += [explainer.constant(node, index) for index in constants]
        decisions.append(explainer.result(node))
    return decisions
