"""Kernel calls for data sets of CMSIS-NN: what our lowering makes of such operators, with the sets' multipliers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from tests.cmsis_nn import models
from tests.cmsis_nn.reader import Array, DataSet, unpacked
from tinyglow.ir.graph import Node
from tinyglow.ir.kernel import Kernel, Params
from tinyglow.ir.sums import SumRange
from tinyglow.ir.target import Target
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.convolution.conv2d import portable_variant as portable_convolution
from tinyglow.kernels.convolution.conv2d_s16 import CONV2D_INT16, CONV2D_TWICE_INT16, CONV2D_WIDE_INT16, Conv2D16Params
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.variants import VARIANTS as CONVOLUTIONS
from tinyglow.kernels.elementwise.add_tflite import ADD_TFLITE, LEFT_SHIFT, SumTfliteParams
from tinyglow.kernels.elementwise.mul_tflite import MUL_TFLITE, ProductTfliteParams
from tinyglow.kernels.elementwise.tflite_s16 import (
    ADD_TFLITE_INT16,
    LEFT_SHIFT_INT16,
    MUL_TFLITE_INT16,
    ProductTflite16Params,
    SumTflite16Params,
)
from tinyglow.kernels.fully_connected.fully_connected import portable_variant as portable_dense
from tinyglow.kernels.fully_connected.fully_connected_s16 import (
    FULLY_CONNECTED_INT16,
    FULLY_CONNECTED_WIDE_INT16,
    FullyConnected16Params,
)
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.kernels.fully_connected.variants import VARIANTS as DENSE
from tinyglow.kernels.int16 import packed_bias, sum_bounds
from tinyglow.kernels.pooling.avg_pool_tflite import AVG_POOL_TFLITE, AvgPoolTfliteParams
from tinyglow.kernels.pooling.max_pool import MAX_POOL, MAX_POOL_INT16, MaxPool16Params, MaxPoolParams
from tinyglow.kernels.softmax.softmax_tflm import SOFTMAX_TFLM, SoftMaxTflmParams, exponentials
from tinyglow.kernels.window import Window
from tinyglow.numerics import tflite, wide
from tinyglow.numerics.epilogues.tflm import TFLM
from tinyglow.numerics.epilogues.tflmr import TFLMR
from tinyglow.numerics.glow import Requant
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.exact_layers import with_constant_channels
from tinyglow.operators.transposed_conv import phase_filters
from tinyglow.testing.case import Case


@dataclass(frozen=True, eq=False)
class Calls:
    """Calls whose outputs are the set's reference, after what our lowering does besides: by default nothing."""

    cases: Sequence[Case]
    after: Callable[[Array], Array] = field(default=lambda out: out)

    def outputs(self) -> Iterator[tuple[str, Array]]:
        """Each kernel's symbol, and what it gives in numpy."""
        for case in self.cases:
            (out,) = case.expected().values()
            yield case.kernel.symbol, self.after(out)


class NotTakenError(Exception):
    """A data set that our lowering refuses, with the reason."""


@dataclass
class Collector:
    """Takes the place of ``ir.op.Lowering`` for variants, whose calls it keeps as cases."""

    inputs: dict[str, Array]
    outputs: int
    target: Target = field(default_factory=Target)
    cases: list[Case] = field(default_factory=list)

    def buffer(self, name: str) -> str:
        """The value's own name."""
        return name

    def constant(self, name: str, data: Array) -> str:
        """Kept under its name."""
        self.inputs[name] = np.ascontiguousarray(data).reshape(-1)
        return name

    def call(self, kernel: Kernel, operands: Sequence[str], params: Params, *, sums: SumRange | None = None) -> None:
        """One case."""
        names = [operand.name for operand in kernel.operands]
        given = {name: self.inputs[value] for name, value in zip(names[:-1], operands[:-1], strict=True)}
        self.cases.append(Case(kernel, params, given, {names[-1]: self.outputs}))


_NODE = Node("node", Conv2D(Window((1, 1))), ("x", "w", "b"), ("y",), "node")


def _cases(
    layer: Any, portable: Callable[..., Any], families: Sequence[Callable[..., Any]], x: Array, size: int
) -> Calls:
    collector = Collector({"x": x}, size)
    variants = [portable(layer, collector), *(family(layer, collector) for family in families)]
    for variant in variants:
        if variant is not None and variant.code == 0 and variant.scratch == 0:
            variant.emit()
    return Calls(collector.cases)


def _requants(data: DataSet, count: int, offset: int) -> list[Requant]:
    if "OUTPUT_MULTIPLIER" in data.numbers:
        pairs = [(data.number("OUTPUT_MULTIPLIER"), data.number("OUTPUT_SHIFT"))] * count
    else:
        pairs = list(zip(data.array("output_mult").tolist(), data.array("output_shift").tolist(), strict=False))
    return [Requant(1 + max(shift, 0), max(-shift, 0), multiplier, offset) for multiplier, shift in pairs[:count]]


def _weights(data: DataSet, count: int) -> Array:
    weights = data.array("weights")
    return unpacked(weights, count) if "int4" in data.name else weights[:count]


def _bias(data: DataSet, count: int, dtype: str) -> Array:
    bias = data.arrays.get("biases")
    if bias is None:
        return np.zeros(count, dtype)
    return bias[:count] if bias.size else np.zeros(count, bias.dtype)


def _conv_sizes(data: DataSet) -> dict[str, int]:
    sizes = {"in_h": data.number("INPUT_H"), "in_w": data.number("INPUT_W"), "in_c": data.number("IN_CH")}
    sizes |= {"out_h": data.number("OUTPUT_H"), "out_w": data.number("OUTPUT_W"), "out_c": data.number("OUT_CH")}
    sizes |= {"kernel_h": data.number("FILTER_Y"), "kernel_w": data.number("FILTER_X")}
    sizes |= {"stride_h": data.number("STRIDE_Y"), "stride_w": data.number("STRIDE_X")}
    sizes |= {"pad_top": data.number("PAD_Y"), "pad_left": data.number("PAD_X")}
    sizes |= {"dilation_h": data.number("DILATION_Y", default=1), "dilation_w": data.number("DILATION_X", default=1)}
    return {**sizes, "group": 1, "images": data.number("INPUT_BATCHES", default=1)}


def _filters(data: DataSet, sizes: dict[str, int]) -> Array:
    """[out, kernel_h, kernel_w, in / group]; a depthwise set has [1, kernel_h, kernel_w, out]."""
    taps = (sizes["kernel_h"], sizes["kernel_w"])
    if "CH_MULT" in data.numbers:
        sizes["group"] = sizes["in_c"]
        weights = _weights(data, taps[0] * taps[1] * sizes["out_c"]).reshape(*taps, sizes["out_c"])
        return np.ascontiguousarray(weights.transpose(2, 0, 1)[..., np.newaxis])
    depth = data.number("FILTER_CH", default=sizes["in_c"])
    sizes["group"] = sizes["in_c"] // depth
    return _weights(data, sizes["out_c"] * taps[0] * taps[1] * depth).reshape(sizes["out_c"], *taps, depth)


def convolution(data: DataSet) -> Calls:
    """Int8 convolutions of all kinds, by every kernel that could take them."""
    sizes = _conv_sizes(data)
    filters, offset = _filters(data, sizes), data.number("OUTPUT_OFFSET")
    x = data.array("input")[: sizes["images"] * sizes["in_h"] * sizes["in_w"] * sizes["in_c"]]
    count = sizes["images"] * sizes["out_h"] * sizes["out_w"] * sizes["out_c"]
    return _layer(data, sizes, filters, offset, x, count)


def _layer(data: DataSet, sizes: dict[str, int], filters: Array, offset: int, x: Array, count: int) -> Calls:
    low, high = data.number("OUT_ACTIVATION_MIN"), data.number("OUT_ACTIVATION_MAX")
    layer = ConvLayer(
        node=_NODE,
        sizes=sizes,
        filters=filters,
        filter_offsets=np.zeros(len(filters), np.int32),
        bias=_bias(data, len(filters), "int32"),
        requants=_requants(data, len(filters), offset),
        in_offset=-data.number("INPUT_OFFSET"),
        out=QuantParams(1.0, offset),
        activation={"act_min": low, "act_max": high, "leaky": 0, "negative": Requant(0, 0, 1, offset)},
        per_channel=True,
        epilogue=TFLMR if low >= offset else TFLM,
    )
    layer = with_constant_channels(layer)
    least, most = layer.sum_bounds()
    if not layer.epilogue.holds_for(zip(least.tolist(), most.tolist(), strict=True), layer.requants):
        raise NotTakenError("sums leave no room for the multiplier")
    return _cases(layer, portable_convolution, CONVOLUTIONS, x, count)


def fully_connected(data: DataSet) -> Calls:
    """Int8 fully connected layers, with a scale for each unit too."""
    depth, units = data.number("ACCUMULATION_DEPTH"), data.number("OUT_CH")
    rows, offset = data.number("INPUT_BATCHES"), data.number("OUTPUT_OFFSET")
    matrix, x = _weights(data, units * depth).reshape(units, depth), data.array("input")[: rows * depth]
    if "OUTPUT_MULTIPLIER" not in data.numbers:
        names = ("in_h", "in_w", "out_h", "out_w", "kernel_h", "kernel_w", "stride_h", "stride_w")
        sizes = dict.fromkeys((*names, "dilation_h", "dilation_w", "group"), 1)
        sizes |= {"in_c": depth, "out_c": units, "pad_top": 0, "pad_left": 0, "images": rows}
        return _layer(data, sizes, matrix[:, np.newaxis, np.newaxis], offset, x, rows * units)
    in_offset, zero = -data.number("INPUT_OFFSET"), -data.number("FILTER_OFFSET", default=0)
    bias = _bias(data, units, "int32").astype(np.int64)
    folded = (bias - in_offset * (matrix.astype(np.int64) - zero).sum(axis=1)).astype(np.int32)
    bounds = data.number("OUT_ACTIVATION_MIN"), data.number("OUT_ACTIVATION_MAX")
    params = FullyConnectedParams(rows, depth, units, zero, *bounds, _requants(data, 1, offset)[0])
    layer = DenseLayer(_NODE, matrix, folded, params, in_offset, TFLM)
    return _cases(layer, portable_dense, DENSE, x, rows * units)


def _wide_layer(
    data: DataSet, kernels: tuple[Kernel, Kernel], params: Params, matrix: Array, weights: str, x: Array, count: int
) -> Calls:
    bias = _bias(data, len(matrix), "int64")
    requants = _requants(data, len(matrix), 0)
    by = [tflite.Multiplier(own.multiplier, own.pre - 1 - own.post) for own in requants]
    if bias.dtype == np.int32:
        words = [word for own in by for word in (own.multiplier, own.shift)]
        inputs = {"input": x, weights: np.ascontiguousarray(matrix).reshape(-1), "bias": bias}
        inputs["channels"] = np.array(words, np.int32)
        return Calls([Case(CONV2D_TWICE_INT16, params, inputs, {"output": count})])
    words = [word for own in by for word in tflite.reduced(own)]
    is_wide = int(sum_bounds(matrix.reshape(len(matrix), -1), bias).max()) > wide.INT32_MAX
    inputs = {"input": x, weights: np.ascontiguousarray(matrix).reshape(-1), "bias": packed_bias(bias, is_wide)}
    return Calls([Case(kernels[is_wide], params, {**inputs, "channels": np.array(words, np.int32)}, {"output": count})])


def _wide_fields(data: DataSet) -> dict[str, int]:
    bounds = {"act_min": data.number("OUT_ACTIVATION_MIN"), "act_max": data.number("OUT_ACTIVATION_MAX")}
    return {**bounds, "leaky": 0, "slope": 1, "slope_shift": 0}


def convolution_s16(data: DataSet) -> Calls:
    """Convolutions of int16 by int8."""
    sizes = _conv_sizes(data)
    filters, params = _filters(data, sizes), Conv2D16Params(**sizes, **_wide_fields(data))
    x = data.array("input")[: sizes["images"] * sizes["in_h"] * sizes["in_w"] * sizes["in_c"]]
    count = sizes["images"] * sizes["out_h"] * sizes["out_w"] * sizes["out_c"]
    return _wide_layer(data, (CONV2D_INT16, CONV2D_WIDE_INT16), params, filters, "filter", x, count)


def fully_connected_s16(data: DataSet) -> Calls:
    """Fully connected layers of int16 by int8."""
    depth, units, rows = data.number("ACCUMULATION_DEPTH"), data.number("OUT_CH"), data.number("INPUT_BATCHES")
    params = FullyConnected16Params(rows, depth, units, **_wide_fields(data))
    matrix, x = _weights(data, units * depth).reshape(units, depth), data.array("input")[: rows * depth]
    kernels = FULLY_CONNECTED_INT16, FULLY_CONNECTED_WIDE_INT16
    return _wide_layer(data, kernels, params, matrix, "weights", x, rows * units)


def _two(data: DataSet) -> tuple[dict[str, Array], dict[str, int], dict[str, int]]:
    x, y = data.array("input1"), data.array("input2")
    loops = {"outer": 1, "middle": 1, "inner": x.size, "outer_stride": 0, "middle_stride": 0, "inner_stride": 1}
    out = {"multiplier": data.number("OUTPUT_MULT"), "shift": data.number("OUTPUT_SHIFT")}
    return {"input": x, "other": y}, loops, out


def _int8_fields(data: DataSet) -> dict[str, int]:
    return {
        "input_offset": -data.number("INPUT1_OFFSET"),
        "other_offset": -data.number("INPUT2_OFFSET"),
        "out_offset": data.number("OUTPUT_OFFSET"),
        "act_min": data.number("OUT_ACTIVATION_MIN"),
        "act_max": data.number("OUT_ACTIVATION_MAX"),
    }


def _addends(data: DataSet) -> dict[str, int]:
    return {
        "input_shift": data.number("INPUT1_SHIFT"),
        "other_shift": data.number("INPUT2_SHIFT"),
        "input_sign": 1,
        "other_sign": 1,
        "input_multiplier": data.number("INPUT1_MULT"),
        "other_multiplier": data.number("INPUT2_MULT"),
    }


def _int16_bounds(data: DataSet) -> dict[str, int]:
    return {"low": data.number("OUT_ACTIVATION_MIN"), "high": data.number("OUT_ACTIVATION_MAX")}


def add(data: DataSet) -> Calls:
    """Sums, int8."""
    inputs, loops, out = _two(data)
    assert data.number("LEFT_SHIFT") == LEFT_SHIFT
    params = SumTfliteParams(**loops, **_int8_fields(data), **out, **_addends(data))
    return Calls([Case(ADD_TFLITE, params, inputs, {"output": inputs["input"].size})])


def add_s16(data: DataSet) -> Calls:
    """Sums, int16."""
    inputs, loops, out = _two(data)
    assert data.number("LEFT_SHIFT") == LEFT_SHIFT_INT16
    params = SumTflite16Params(**loops, **_int16_bounds(data), **out, **_addends(data))
    return Calls([Case(ADD_TFLITE_INT16, params, inputs, {"output": inputs["input"].size})])


def mul(data: DataSet) -> Calls:
    """Products, int8."""
    inputs, loops, out = _two(data)
    params = ProductTfliteParams(**loops, **_int8_fields(data), **out)
    return Calls([Case(MUL_TFLITE, params, inputs, {"output": inputs["input"].size})])


def mul_s16(data: DataSet) -> Calls:
    """Products, int16."""
    inputs, loops, out = _two(data)
    params = ProductTflite16Params(**loops, **_int16_bounds(data), **out)
    return Calls([Case(MUL_TFLITE_INT16, params, inputs, {"output": inputs["input"].size})])


def average_pool(data: DataSet) -> Calls:
    """Average pools, int8."""
    sizes, count = pool_sizes(data)
    bounds = data.number("ACTIVATION_MIN"), data.number("ACTIVATION_MAX")
    inputs = {"input": data.array("input_tensor", "input")}
    return Calls([Case(AVG_POOL_TFLITE, AvgPoolTfliteParams(*sizes, *bounds), inputs, {"output": count})])


def softmax(data: DataSet) -> Calls:
    """Softmax, int8."""
    rows, columns = data.number("NUM_ROWS"), data.number("ROW_SIZE")
    scale = data.number("INPUT_MULT") * 2.0 ** (data.number("INPUT_LEFT_SHIFT") - 57)
    inputs = {"input": data.array("input"), "table": exponentials(scale)}
    return Calls([Case(SOFTMAX_TFLM, SoftMaxTflmParams(rows, columns), inputs, {"output": rows * columns})])


def pool_sizes(data: DataSet) -> tuple[list[int], int]:
    """The fields of PoolGeometry, and the elements of the result."""
    names = ("INPUT_H", "INPUT_W", "INPUT_C", "OUTPUT_H", "OUTPUT_W", "FILTER_H", "FILTER_W", "STRIDE_H", "STRIDE_W")
    sizes = [data.number(name) for name in (*names, "PADDING_H", "PADDING_W")]
    sizes.append(data.number("BATCH_SIZE", "INPUT_N"))
    return sizes, sizes[11] * sizes[3] * sizes[4] * sizes[2]


def _pooled(data: DataSet, kernel: Kernel, params: Callable[..., Params]) -> Calls:
    """A maximum, whose bounds are a table after it."""
    sizes, count = pool_sizes(data)
    case = Case(kernel, params(*sizes), {"input": data.array("input_tensor", "input")}, {"output": count})
    bounds = data.number("ACTIVATION_MIN"), data.number("ACTIVATION_MAX")
    return Calls([case], lambda out: np.clip(out, *bounds))


def max_pool(data: DataSet) -> Calls:
    """Maxima over windows, int8."""
    return _pooled(data, MAX_POOL, MaxPoolParams)


def max_pool_s16(data: DataSet) -> Calls:
    """Maxima over windows, int16."""
    return _pooled(data, MAX_POOL_INT16, partial(MaxPool16Params, dilation_h=1, dilation_w=1))


def transposed_convolution(data: DataSet) -> Calls:
    """A transposed convolution: an ordinary one, whose channels are dealt out to pixels."""
    sizes = _conv_sizes(data)
    strides, kernel = (sizes["stride_h"], sizes["stride_w"]), (sizes["kernel_h"], sizes["kernel_w"])
    starts, out = (sizes["pad_top"], sizes["pad_left"]), (sizes["out_h"], sizes["out_w"])
    taps = [-(-size // stride) for size, stride in zip(kernel, strides, strict=True)]
    blocks = [(o - 1 + s) // t + 1 for o, s, t in zip(out, starts, strides, strict=True)]
    units, count = sizes["out_c"], strides[0] * strides[1]
    filters = phase_filters(_filters(data, sizes), strides, taps)
    sizes |= {"kernel_h": taps[0], "kernel_w": taps[1], "out_h": blocks[0], "out_w": blocks[1], "out_c": units * count}
    sizes |= {"stride_h": 1, "stride_w": 1, "pad_top": taps[0] - 1, "pad_left": taps[1] - 1}
    offset, rows = data.number("OUTPUT_OFFSET"), sizes["images"] * blocks[0] * blocks[1]
    data = replace(data, arrays=data.arrays | {key: np.tile(data.arrays[key][:units], count) for key in _BY_CHANNEL})
    cases = _layer(data, sizes, filters, offset, data.array("input"), rows * units * count).cases

    def dealt_out(result: Array) -> Array:
        parts = result.reshape(-1, *blocks, *strides, units).transpose(0, 1, 3, 2, 4, 5)
        pixels = parts.reshape(-1, blocks[0] * strides[0], blocks[1] * strides[1], units)
        return pixels[:, starts[0] : starts[0] + out[0], starts[1] : starts[1] + out[1]].ravel()

    return Calls(cases, dealt_out)


_BY_CHANNEL = ("biases", "output_mult", "output_shift")
Call = Callable[[DataSet], "Calls | models.Model"]
