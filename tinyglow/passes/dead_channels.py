"""Dead arithmetic: channels that are always the same, or that nothing reads, are computed now and left out.

Which they are, ``channel_ranges`` proves from the real weights. A constant channel of a layer's input becomes part of
its bias, exactly: in every sum it is the same number of steps, unless some of its taps lie in the padding. Channels
that are always equal become one, whose weights are the sums of theirs, where int8 holds those. What is left out are
whole channels, from the layer that makes them through depthwise convolutions, pools and rescales to the layers that
read them. The result of the network is the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node, Value
from tinyglow.ir.record import Record
from tinyglow.ir.types import ChannelParams, TensorType
from tinyglow.kernels.accumulator import accumulator_scale
from tinyglow.numerics.names import GLOW
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.reshape import Reshape
from tinyglow.passes.channel_ranges import Linear, Ranges, channel_ranges, flattens, keeps_channels, linear_of


class _Facts(Record, eq=False):
    """A graph, the ranges of its channels, its layers of sums by node, and who reads and who makes each value."""

    graph: Graph
    ranges: dict[str, Ranges]
    linear: dict[str, Linear]
    readers: dict[str, list[Node]]
    makers: dict[str, Node]

    @classmethod
    def of(cls, graph: Graph) -> _Facts:
        linear = {node.name: linear_of(graph, node) for node in graph.nodes}
        readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                readers.setdefault(name, []).append(node)
        known = {name: layer for name, layer in linear.items() if layer is not None}
        makers = {node.outputs[0]: node for node in graph.nodes}
        return cls(graph, channel_ranges(graph), known, readers, makers)

    def passes_on(self, node: Node) -> bool:
        """Whether channel c of the result comes from channel c of the input, for every c."""
        if isinstance(node.op, Conv2D):
            layer = self.linear.get(node.name)
            return layer is not None and layer.weights.shape[0] == layer.group > 1 and layer.weights.shape[2] == 1
        return keeps_channels(node) or (isinstance(node.op, Reshape) and flattens(node, self.graph))

    def reads_all(self, node: Node, value: str) -> Linear | None:
        """The layer that reads ``value`` and sums over all its channels; None if there is none."""
        layer = self.linear.get(node.name)
        return layer if layer is not None and layer.group == 1 and node.inputs.count(value) == 1 else None


def _families(facts: _Facts) -> Iterator[tuple[Node, list[str]]]:
    """Each layer whose units can be left out, with its result and the other values that have the same channels."""
    for node in facts.graph.nodes:
        layer = facts.linear.get(node.name)
        if layer is None or layer.group != 1:
            continue
        values = [node.outputs[0]]
        for name in values:  # grows
            values += [
                reader.outputs[0]
                for reader in facts.readers.get(name, [])
                if facts.passes_on(reader) and reader.inputs[0] == name and name in facts.ranges
            ]
        yield node, values


def _positions(channels: Array, elements: int) -> Array:
    """A figure for each channel, repeated for each element of the last dimension of a value."""
    return np.resize(channels, elements)


def _folded(layer: Linear, x: Ranges, gone: Array) -> Array:
    """int64 [units]: what the channels that are ``gone`` add to every sum, unless no weight reads them."""
    elements = layer.weights.shape[2]
    steps = _positions(np.where(gone & x.is_constant(), x.low - layer.in_offset, 0), elements)
    result: Array = (layer.weights * steps).sum(axis=(1, 2))
    return result


def _exact(facts: _Facts, node: Node) -> bool:
    """Whether the layer's bias is in steps of its sums, so that it can take up any number of them.

    It has room for them: the channels that it stands for could have added as much (``check_accumulator``).
    """
    image, filters, bias = (facts.graph.values[name].type for name in node.inputs)
    if facts.graph.numerics != GLOW:
        return True  # as of all models that come quantized
    assert image.quant
    pairs = zip(filters.channel_params(), bias.channel_params(), strict=False)
    return bias.dtype == "int32" and all(
        of_bias.offset == 0 and of_bias.scale == accumulator_scale(image.quant, params) for params, of_bias in pairs
    )


def _readers(facts: _Facts, values: Sequence[str]) -> list[tuple[str, Node, Linear]] | None:
    """The layers that read a family's values, all channels of them; None if anything else does."""
    outputs = {output.value for output in facts.graph.outputs}
    found = []
    for name in values:
        if name in outputs or name not in facts.ranges:
            return None
        for node in facts.readers.get(name, []):
            if facts.passes_on(node) and node.inputs[0] == name and node.outputs[0] in values:
                continue
            layer = facts.reads_all(node, name)
            if layer is None or node.inputs[0] != name:
                return None
            found.append((name, node, layer))
    return found


def _dispensable(facts: _Facts, values: Sequence[str]) -> Array:
    """bool [channels]: which channels of a family the network can do without."""
    readers = _readers(facts, values)
    count = facts.ranges[values[0]].channels if values[0] in facts.ranges else 0
    if readers is None:
        return np.zeros(count, bool)
    result = np.ones(count, bool)
    for name, node, layer in readers:
        x = facts.ranges[name]
        weights = np.abs(layer.weights).sum(axis=(0, 1))
        unread = ~np.array([weights[channel::count].any() for channel in range(count)])
        no_step = x.low == layer.in_offset
        anywhere = not layer.padded and _exact(facts, node)
        result &= unread | (x.is_constant() & (no_step | anywhere))
    if result.all():
        result[0] = False  # a layer has one unit at least
    return result


def _stored_offsets(filters: Value) -> Array:
    """What is in a layer's constant for a weight of 0, of each unit."""
    quant = filters.type.quant
    if quant is not None:
        return np.array([quant.offset])
    return np.array([params.offset for params in filters.type.channel_params()])


def _stored(filters: Value, weights: Array) -> Array:
    """Weights int64 [units, taps, inputs] as a layer's constant has them, of the same shape; not yet int8."""
    assert filters.data is not None
    stored = weights + _stored_offsets(filters).reshape(-1, 1, 1)
    shape = filters.data.shape
    result: Array = stored.reshape(shape) if len(shape) == 4 else stored[:, 0].T
    return result


def _merged(layer: Linear, into: Array) -> Array:
    """The layer's weights, with those of each channel added to the weights of channel into[channel]."""
    weights, count = layer.weights.copy(), len(into)
    for channel in np.flatnonzero(into != np.arange(count)).tolist():
        weights[:, :, into[channel] :: count] += layer.weights[:, :, channel::count]
    return weights


def _twins(facts: _Facts, root: Node, values: Sequence[str]) -> Array:
    """int [channels]: for each channel of a family the first one that always equals it, and may stand for it."""
    readers = _readers(facts, values)
    layers = [facts.linear[root.name]]
    names = [facts.makers[value].name for value in values[1:]]
    layers += [facts.linear[name] for name in names if name in facts.linear]
    count = len(layers[0].bias)
    into = np.arange(count)
    if readers is None:
        return into
    seen: dict[tuple[object, ...], int] = {}
    for channel in range(count):
        key = tuple((x.weights[channel].tobytes(), int(x.bias[channel]), x.requants[channel]) for x in layers)
        first = seen.setdefault(key, channel)
        if first == channel:
            continue
        attempt = into.copy()
        attempt[channel] = first
        stored = [_stored(facts.graph.values[node.inputs[1]], _merged(layer, attempt)) for _, node, layer in readers]
        if all(data.min() >= -128 and data.max() <= 127 for data in stored):
            into = attempt
    return into


@dataclass
class _Rebuilding:
    """The graph without some channels: gone[value] says which of its channels are left out.

    into[value]: which channels stand for those that are; of others, what they add to sums becomes part of the bias.
    """

    facts: _Facts
    gone: dict[str, Array]
    into: dict[str, Array]

    def graph(self) -> Graph:
        graph, self.values = self.facts.graph, dict(self.facts.graph.values)
        for name, gone in self.gone.items():
            value = graph.values[name]
            self.values[name] = replace(value, type=_narrowed(value.type, gone))
        nodes = tuple(self._node(node) for node in graph.nodes)
        return replace(graph, nodes=nodes, values=self.values)

    def _node(self, node: Node) -> Node:
        before, after = (self.gone.get(names[0]) if names else None for names in (node.inputs, node.outputs))
        if before is None and after is None:
            return node
        if isinstance(node.op, Reshape):
            return replace(node, op=replace(node.op, shape=self.values[node.outputs[0]].type.shape))
        layer = self.facts.linear.get(node.name)
        if layer is None:
            return node
        filters, bias = (self.facts.graph.values[name] for name in node.inputs[1:3])
        data, sums = filters.data, bias.data
        assert data is not None and sums is not None
        op = node.op
        if layer.group > 1:
            assert after is not None and isinstance(op, Conv2D)
            op = replace(op, group=int((~after).sum()))
        elif before is not None:
            if node.inputs[0] in self.into:
                data = _stored(filters, _merged(layer, self.into[node.inputs[0]])).astype(data.dtype)
            else:
                sums = (sums + _folded(layer, self.facts.ranges[node.inputs[0]], before)).astype(sums.dtype)
            axis = 3 if isinstance(op, Conv2D) else 0
            data = np.compress(~_positions(before, data.shape[axis]), data, axis=axis)
        if after is not None:
            data = np.compress(~after, data, axis=0 if isinstance(op, Conv2D) else 1)
            sums = sums[~after]
        units = after if isinstance(op, Conv2D) else None
        names = [self._constant(filters, data, units), self._constant(bias, sums, after)]
        return replace(node, op=op, inputs=(node.inputs[0], *names))

    def _constant(self, old: Value, data: Array, units: Array | None) -> str:
        """A new constant in the place of ``old``; units: which are left out, along the first dimension."""
        type_ = replace(old.type, shape=data.shape)
        if type_.channel_quant is not None and units is not None:
            scales, offsets = (
                tuple(np.compress(~units, items).tolist())
                for items in (type_.channel_quant.scales, type_.channel_quant.offsets)
            )
            type_ = replace(type_, channel_quant=ChannelParams(scales, offsets))
        number = 1
        while f"{old.name}_live__{number}" in self.values:
            number += 1
        name = f"{old.name}_live__{number}"
        self.values[name] = Value(name, type_, np.ascontiguousarray(data))
        return name


def _narrowed(type_: TensorType, gone: Array) -> TensorType:
    last = type_.shape[-1] - int(_positions(gone, type_.shape[-1]).sum())
    return replace(type_, shape=(*type_.shape[:-1], last))


def _unused_constants_dropped(graph: Graph) -> Graph:
    used = {name for node in graph.nodes for name in (*node.inputs, *node.outputs)}
    used |= {*graph.inputs, *(output.value for output in graph.outputs)}
    return replace(graph, values={name: value for name, value in graph.values.items() if name in used})


def _grouped(into: Array, multiple: int) -> Array:
    """``into`` (see ``_twins``) with as many channels standing for themselves again as make a multiple."""
    own = np.arange(len(into))
    return np.where(_whole_groups(into != own, multiple), into, own)


def _whole_groups(gone: Array, multiple: int) -> Array:
    """``gone`` but for as many of the first as make the rest a multiple, or as there are."""
    kept = -int((~gone).sum()) % multiple
    result: Array = gone & (np.cumsum(gone) > kept)
    return result


def drop_dead_channels(graph: Graph, multiple: int = 1) -> Graph:
    """A quantized ``graph`` without the channels that its results do not depend on.

    multiple: as many channels of a layer stay as make their number one of these, where there are enough.
    """
    while True:
        facts = _Facts.of(graph)
        families = list(_families(facts))
        gone = {
            name: dispensable
            for _, values in families
            if (dispensable := _whole_groups(_dispensable(facts, values), multiple)).any()
            for name in values
        }
        into: dict[str, Array] = {}
        if not gone:
            pairs = ((values, _grouped(_twins(facts, root, values), multiple)) for root, values in families)
            into = {name: twins for values, twins in pairs if (twins != np.arange(len(twins))).any() for name in values}
            gone = {name: twins != np.arange(len(twins)) for name, twins in into.items()}
        if not gone:
            return graph
        graph = _unused_constants_dropped(_Rebuilding(facts, gone, into).graph())


def multiplications(graph: Graph) -> int:
    """Products of an input and a weight in the graph's int8 convolutions and fully connected layers."""
    total = 0
    for node in graph.nodes:
        layer = linear_of(graph, node)
        if layer is not None:
            shape = graph.type_of(node.outputs[0]).shape
            total += int(np.prod(shape[:-1])) * layer.weights.size
    return total
