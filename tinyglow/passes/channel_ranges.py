"""What each channel of an int8 value can be, over all inputs: from the real weights, by interval arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.kernels.accumulator import check_accumulator, output_requant, prepared_bias
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.elementwise.rescale import rescale_params, rescale_s8
from tinyglow.numerics import glow, names
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.exact_layers import dense_layer
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.max_pool import MaxPool
from tinyglow.operators.relu import Relu
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.reshape import Reshape


class Ranges(Record, eq=False):
    """Least and largest integer of each channel, int64 [channels]; element i of a value is of channel i % channels."""

    low: Array
    high: Array

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.low)

    def is_constant(self) -> Array:
        """bool [channels]."""
        result: Array = self.low == self.high
        return result


class Linear(Record, eq=False):
    """A layer of sums of (x - in_offset) * weight.

    weights: int64 [units, taps, inputs], inputs being channels of the image (of one group of them) or all elements.
    bias: int64 [units], at the scale of the sums.
    """

    weights: Array
    bias: Array
    in_offset: int
    requants: Sequence[glow.Requant]
    act_min: int
    act_max: int
    leaky: bool
    group: int
    padded: bool
    epilogue: Epilogue = GLOW


def linear_of(graph: Graph, node: Node) -> Linear | None:
    """``node`` as sums, if it is an int8 convolution without a fused pool or a fully connected layer with constants."""
    values = [graph.values[name] for name in (*node.inputs, *node.outputs)]
    if not isinstance(node.op, Conv2D | FullyConnected) or values[-1].type.dtype != "int8":
        return None
    if values[1].data is None or values[2].data is None:
        return None
    try:
        if isinstance(node.op, Conv2D):
            layer = node.op.layer_of(node, graph.values.__getitem__, graph.numerics)
            return None if node.op.pool else _convolution(layer)
        return _fully_connected(values) if graph.numerics == names.GLOW else _exactly_connected(graph, node)
    except (UnsupportedError, ValueError):
        return None  # lowering will say why


def _convolution(layer: ConvLayer) -> Linear:
    out_c, taps = len(layer.filters), layer.sizes["kernel_h"] * layer.sizes["kernel_w"]
    return Linear(
        weights=layer.weights.astype(np.int64).reshape(out_c, taps, -1),
        bias=layer.bias.astype(np.int64),
        in_offset=layer.in_offset,
        requants=layer.requants,
        act_min=layer.activation["act_min"],
        act_max=layer.activation["act_max"],
        leaky=bool(layer.activation["leaky"]),
        group=layer.sizes["group"],
        padded=_is_padded(layer.sizes),
        epilogue=layer.epilogue,
    )


def _is_padded(sizes: Mapping[str, int]) -> bool:
    """Whether a window may reach beyond the image."""
    ends = [
        (sizes[f"out_{side}"] - 1) * sizes[f"stride_{side}"]
        + (sizes[f"kernel_{side}"] - 1) * sizes[f"dilation_{side}"]
        - sizes[pad]
        >= sizes[f"in_{side}"]
        for side, pad in (("h", "pad_top"), ("w", "pad_left"))
    ]
    return bool(sizes["pad_top"] or sizes["pad_left"] or any(ends))


def _exactly_connected(graph: Graph, node: Node) -> Linear:
    """A fully connected layer with another numerics than Glow's."""
    values = graph.values

    def data_of(name: str) -> Array:
        data = values[name].data
        assert data is not None
        return data

    layer = dense_layer(node, graph.numerics, lambda name: values[name].type, data_of)
    if isinstance(layer, ConvLayer):
        return _convolution(layer)
    weights = layer.weights.astype(np.int64) - layer.params.weights_offset
    return Linear(
        weights=weights[:, np.newaxis],
        bias=layer.bias.astype(np.int64) + layer.in_offset * weights.sum(axis=1),
        in_offset=layer.in_offset,
        requants=[layer.params.out] * len(weights),
        act_min=glow.INT8_MIN,
        act_max=glow.INT8_MAX,
        leaky=False,
        group=1,
        padded=False,
        epilogue=layer.epilogue,
    )


def _fully_connected(values: Sequence[Value]) -> Linear:
    x, weights, bias, out = (value.type.quant for value in values)
    matrix, data = values[1].data, values[2].data
    assert x and weights and bias and out and matrix is not None and data is not None
    sums = prepared_bias(data, bias, x, weights)
    check_accumulator(matrix.T, weights, x, sums)
    return Linear(
        weights=(matrix.T.astype(np.int64) - weights.offset)[:, np.newaxis],
        bias=sums.astype(np.int64),
        in_offset=x.offset,
        requants=[output_requant(x, weights, out)] * matrix.shape[1],
        act_min=glow.INT8_MIN,
        act_max=glow.INT8_MAX,
        leaky=False,
        group=1,
        padded=False,
    )


def inputs_of(linear: Linear, per_channel: Array, elements: int) -> Array:
    """A figure for each input channel, repeated for each weight that multiplies it: [units, 1, inputs]."""
    units, _, inputs = linear.weights.shape
    if linear.group == 1:
        # A fully connected layer has a weight for each element.
        return np.broadcast_to(np.resize(per_channel, inputs), (units, 1, inputs))
    grouped = per_channel.reshape(linear.group, 1, inputs)
    return np.repeat(grouped, units // linear.group, axis=0)


def _is_tame(epilogue: Epilogue, bounds: Array, requant: glow.Requant) -> bool:
    """Whether larger sums never give smaller results between these bounds."""
    if epilogue is not GLOW:
        return all(epilogue.holds(total, requant) for total in bounds.tolist())
    ends = np.abs((bounds >> requant.pre) * requant.multiplier) + (1 << requant.post)
    return bool(requant.multiplier > 0 and int(ends.max()) <= glow.INT32_MAX)


def _sums_to_outputs(linear: Linear, low: Array, high: Array) -> Ranges:
    bottom, top = [], []
    for channel, requant in enumerate(linear.requants):
        bounds = np.array([low[channel], high[channel]])
        if not linear.leaky and _is_tame(linear.epilogue, bounds, requant):
            results = linear.epilogue.requantize(bounds.astype(np.int32), requant)
            first, last = np.clip(results, linear.act_min, linear.act_max)
        else:
            first, last = linear.act_min, linear.act_max
        bottom.append(int(first))
        top.append(int(last))
    return Ranges(np.array(bottom, np.int64), np.array(top, np.int64))


def sums_of(linear: Linear, x: Ranges, elements: int) -> tuple[Array, Array]:
    """Least and largest sum of each unit of a layer, int64 [units], over all inputs with these channels' ranges.

    elements: of the layer's input.
    """
    low, high = (inputs_of(linear, ends - linear.in_offset, elements) * linear.weights for ends in (x.low, x.high))
    low, high = np.minimum(low, high), np.maximum(low, high)
    if linear.padded:  # a tap in the padding counts as 0
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    return linear.bias + low.sum(axis=(1, 2)), linear.bias + high.sum(axis=(1, 2))


def _linear_ranges(linear: Linear, x: Ranges, elements: int) -> Ranges:
    return _sums_to_outputs(linear, *sums_of(linear, x, elements))


def unknown(value: Value) -> Ranges:
    """All that int8 holds, in every channel of a value."""
    channels = value.type.shape[-1] if value.type.shape else 1
    return Ranges(np.full(channels, glow.INT8_MIN, np.int64), np.full(channels, glow.INT8_MAX, np.int64))


def _rescaled(graph: Graph, node: Node, x: Ranges) -> Ranges:
    source, result = graph.type_of(node.inputs[0]), graph.type_of(node.outputs[0])
    params = rescale_params(source, result, isinstance(node.op, Relu))
    every = np.arange(glow.INT8_MIN, glow.INT8_MAX + 1)
    table = np.empty((1, every.size), np.int8)
    rescale_s8(params, every.astype(np.int8)[np.newaxis], table)
    ends = [table[0, low + 128 : high + 129] for low, high in zip(x.low.tolist(), x.high.tolist(), strict=True)]
    return Ranges(*(np.array([end(part) for part in ends], np.int64) for end in (np.min, np.max)))


def _pooled(node: Node, offset: int, x: Ranges) -> Ranges:
    assert isinstance(node.op, MaxPool)
    window = node.op.window
    if any(pad >= window.extent(side % 2) for side, pad in enumerate(window.pads)):
        return Ranges(np.minimum(x.low, offset), np.maximum(x.high, offset))  # a window without a tap gives 0.0
    return x


def keeps_channels(node: Node) -> bool:
    """Whether it has no weights, and channel c of the result depends only on channel c of the input."""
    return isinstance(node.op, MaxPool | Relu | Rescale)


def channel_ranges(graph: Graph) -> dict[str, Ranges]:
    """The range of each channel (the last dimension) of the graph's int8 values; a flattened image keeps its channels.

    Values of which nothing is known, as inputs, are left out.
    """
    known: dict[str, Ranges] = {}
    for node in graph.nodes:
        result = graph.values[node.outputs[0]]
        if len(node.outputs) != 1 or result.type.dtype != "int8" or not node.inputs:
            continue
        source = graph.values[node.inputs[0]]
        if source.type.dtype != "int8" or source.type.quant is None or result.type.quant is None:
            continue
        x = known.get(source.name) or unknown(source)
        linear = linear_of(graph, node)
        if linear is not None:
            known[result.name] = _linear_ranges(linear, x, source.type.elements)
        elif isinstance(node.op, Relu | Rescale) and graph.numerics == names.GLOW:
            known[result.name] = _rescaled(graph, node, x)
        elif isinstance(node.op, MaxPool):
            known[result.name] = _pooled(node, result.type.quant.offset, x)
        elif isinstance(node.op, Reshape) and result.type.quant == source.type.quant and flattens(node, graph):
            known[result.name] = x
    return known


def flattens(node: Node, graph: Graph) -> bool:
    """[1, ..., c] -> [1, n]: element i is of channel i % c."""
    shape = graph.type_of(node.outputs[0]).shape
    return len(shape) == 2 and shape[0] == 1 and graph.type_of(node.inputs[0]).shape[0] == 1
