"""How operators become kernel calls with another numerics than Glow's, operator by operator.

Operators that only move elements are the same in all. Functions of one element are tables, which hold whatever the
numerics computes. An operator that is not listed here has no form with that numerics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, UnsupportedError
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.accumulator import check_accumulator
from tinyglow.kernels.convolution.conv2d import portable_variant as convolution_portable_variant
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.variants import VARIANTS as CONVOLUTION_VARIANTS
from tinyglow.kernels.elementwise.lookup import LOOKUP, LookupParams
from tinyglow.kernels.elementwise.quantize_steps import AWAY, QUANTIZE_STEPS, TO_EVEN, QuantizeStepsParams
from tinyglow.kernels.fully_connected.fully_connected import portable_variant as dense_portable_variant
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.kernels.fully_connected.variants import VARIANTS as DENSE_VARIANTS
from tinyglow.numerics import onnx, tflite_tables
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.onnx import ONNX as EPILOGUE_OF_ONNX
from tinyglow.numerics.epilogues.tflite import TFLITE as ONCE
from tinyglow.numerics.epilogues.tflm import TFLM as TWICE
from tinyglow.numerics.glow import Requant
from tinyglow.numerics.names import GLOW, ONNX, TFLITE
from tinyglow.operators import litert
from tinyglow.operators.add import Add
from tinyglow.operators.arg_max import ArgMax
from tinyglow.operators.avg_pool import AvgPool, ImageMean
from tinyglow.operators.clip import Clip
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.element_function import ElementFunction
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.hard_swish import HardSwish
from tinyglow.operators.leaky_relu import LeakyRelu
from tinyglow.operators.max import Max
from tinyglow.operators.min import Min
from tinyglow.operators.mul import Mul
from tinyglow.operators.prelu import SlopedPRelu
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.reduce_mean import ReduceMean
from tinyglow.operators.relu import Relu
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.resize_bilinear import ResizeBilinear
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.softmax import SoftMax
from tinyglow.operators.sub import Sub
from tinyglow.operators.tanh import Tanh

Lower = Callable[[Node, Lowering], None]


def lower_node(node: Node, lowering: Lowering) -> None:
    """Emit the calls for a node with the numerics in use. Raises UnsupportedError."""
    types = [lowering.type_of(name) for name in (*node.inputs, *node.outputs)]
    is_float = not any(type_.quant or type_.channel_quant for type_ in types)
    if lowering.numerics == GLOW or is_float:
        node.op.lower(node, lowering)
        return
    lower = form(type(node.op), lowering.numerics)
    if lower is None:
        found = f"{node.op.kind} has no form with the numerics {lowering.numerics}"
        raise UnsupportedError(found, "", litert.HINT)
    lower(node, lowering)


def form(kind: type[Op], numerics: str) -> Lower | None:
    """How a kind of operator is lowered to int8 with a numerics other than Glow's; None if it is not."""
    if kind.moves:
        return _lower_exactly
    return next((lower for known, lower in _FORMS[numerics].items() if issubclass(kind, known)), None)


def _lower_exactly(node: Node, lowering: Lowering) -> None:
    """Only where the integers stay what they are."""
    types = [lowering.type_of(name) for name in (*node.inputs, *node.outputs)]
    quants = {type_.quant for type_ in types if type_.dtype == "int8"}
    if len(quants) > 1:
        found = f"{node.op.kind} of values with different scales, with the numerics {lowering.numerics}"
        raise UnsupportedError(found, "one scale and zero point", litert.HINT)
    node.op.lower(node, lowering)


# Layers


def _lower_convolution(node: Node, lowering: Lowering) -> None:
    op = node.op
    assert isinstance(op, Conv2D)
    image, _, _, out = (lowering.type_of(name) for name in (*node.inputs, node.outputs[0]))
    epilogue = EPILOGUE_OF_ONNX if lowering.numerics == ONNX else TWICE
    filters = lowering.data_of(node.inputs[1])
    _choose_convolution(node, lowering, filters, op.sizes(image, out), epilogue)


def _lower_fully_connected(node: Node, lowering: Lowering) -> None:
    """With a scale for each unit as a 1x1 convolution over the rows."""
    weights = lowering.type_of(node.inputs[1])
    matrix = np.ascontiguousarray(lowering.data_of(node.inputs[1]).T)
    rows, depth = lowering.type_of(node.inputs[0]).shape
    epilogue = EPILOGUE_OF_ONNX if lowering.numerics == ONNX else ONCE
    if weights.channel_quant is not None:
        names = ("in_h", "in_w", "out_h", "out_w", "kernel_h", "kernel_w", "stride_h", "stride_w")
        sizes = dict.fromkeys((*names, "dilation_h", "dilation_w", "group"), 1)
        sizes |= {"in_c": depth, "out_c": len(matrix), "pad_top": 0, "pad_left": 0, "images": rows}
        _choose_convolution(node, lowering, matrix[:, np.newaxis, np.newaxis], sizes, epilogue)
        return
    image, result = litert.int8_ends(node, lowering)
    assert weights.quant is not None
    bias = lowering.data_of(node.inputs[2])
    check_accumulator(matrix, weights.quant, image, bias)
    folded = bias - image.offset * (matrix.astype(np.int64) - weights.quant.offset).sum(axis=1)
    check_accumulator(matrix, weights.quant, QuantParams(image.scale, 0), folded)
    # LiteRT multiplies the scales of one tensor each as floats (kernel_util.cc).
    product = float(np.float32(image.scale) * np.float32(weights.quant.scale))
    out = _constants(epilogue, product, result)
    params = FullyConnectedParams(rows, depth, len(matrix), weights.quant.offset, -128, 127, out)
    layer = DenseLayer(node, matrix, folded.astype(np.int32), params, image.offset, epilogue)
    spans = np.abs(matrix.astype(np.int64) - weights.quant.offset).sum(axis=1) * 255 + np.abs(bias.astype(np.int64))
    _require_room(epilogue, [(-int(span), int(span)) for span in spans], [out] * len(matrix))
    others = (family(layer, lowering) for family in DENSE_VARIANTS)
    variants = [variant for variant in others if variant is not None]
    lowering.choose([dense_portable_variant(layer, lowering), *variants])


def _choose_convolution(
    node: Node, lowering: Lowering, filters: Array, sizes: dict[str, Any], epilogue: Epilogue
) -> None:
    """The fastest kernel for a convolution whose loop takes the epilogue."""
    image, result = litert.int8_ends(node, lowering)
    params = _filter_params(lowering.type_of(node.inputs[1]), len(filters))
    bias = lowering.data_of(node.inputs[2])
    for rows, own, term in zip(filters, params, bias, strict=True):
        check_accumulator(rows.reshape(1, -1), own, image, np.array([term]))
    low, high = _bounds(node.op, result, lowering.numerics)
    layer = ConvLayer(
        node=node,
        sizes=sizes,
        filters=filters,
        filter_offsets=np.array([own.offset for own in params], np.int32),
        bias=bias,
        requants=[_constants(epilogue, image.scale * own.scale, result) for own in params],
        in_offset=image.offset,
        out=result,
        activation={"act_min": low, "act_max": high, "leaky": 0, "negative": Requant(0, 0, 1, result.offset)},
        per_channel=True,
        epilogue=epilogue,
    )
    layer = _with_constant_channels(layer)
    least, most = layer.sum_bounds()
    _require_room(epilogue, list(zip(least.tolist(), most.tolist(), strict=True)), layer.requants)
    others = (family(layer, lowering) for family in CONVOLUTION_VARIANTS)
    variants = [variant for variant in others if variant is not None]
    lowering.choose([convolution_portable_variant(layer, lowering), *variants])


def _with_constant_channels(layer: ConvLayer) -> ConvLayer:
    """Channels without weights have a constant result, which a small sum and a scale of 1 give too.

    Converters give them weights' scales near 0, and so biases that leave no room for the multiplier.
    """
    least, most = layer.sum_bounds()
    bias, requants = layer.bias.copy(), list(layer.requants)
    for channel in np.flatnonzero(least == most).tolist():
        own = requants[channel]
        if not layer.epilogue.holds(int(least[channel]), own):
            result = layer.epilogue.requantize(bias[channel : channel + 1], own) - own.offset
            bias[channel] = np.clip(result, -256, 256)[0]
            requants[channel] = layer.epilogue.constants(1.0, own.offset)
    return replace(layer, bias=bias, requants=requants)


def _filter_params(type_: TensorType, units: int) -> list[QuantParams]:
    """The parameters of each unit's weights."""
    if type_.channel_quant is not None:
        return type_.channel_quant.channels()
    assert type_.quant is not None
    return [type_.quant] * units


def _constants(epilogue: Epilogue, product: float, result: QuantParams) -> Requant:
    """The constants for a product of the input's and the weights' scale: a double, but a float in onnxruntime."""
    if epilogue is EPILOGUE_OF_ONNX:
        product = float(np.float32(np.float32(product) / np.float32(result.scale)))
        return epilogue.constants(product, result.offset)
    return epilogue.constants(product / result.scale, result.offset)


def _require_room(epilogue: Epilogue, bounds: list[tuple[int, int]], constants: Sequence[Requant]) -> None:
    """Raises UnsupportedError unless the epilogue is defined for all sums."""
    if not epilogue.holds_for(bounds, constants):
        largest = max(abs(end) for pair in bounds for end in pair)
        raise UnsupportedError(f"a sum of up to {largest}", "sums that leave room for the multiplier", litert.HINT)


def _bounds(op: Op, result: QuantParams, numerics: str) -> tuple[int, int]:
    """The bounds of a layer's activation, in steps of the result."""
    activation = op.activation if isinstance(op, Conv2D) else None
    if activation is None or activation.kind == "NONE":
        return -128, 127
    if activation.kind == "RELU":
        return result.offset, 127
    if activation.kind != "CLIP":
        raise UnsupportedError(f"the activation {activation} in a layer", "RELU or CLIP", litert.HINT)
    low, high = (bound_of(real, result, numerics) for real in activation.args)
    return low, high


def bound_of(real: float, result: QuantParams, numerics: str) -> int:
    """A real bound as the integer that a numerics makes of it."""
    if numerics == TFLITE:
        return tflite_tables.bound(real, (result.scale, result.offset))
    return int(onnx.quantize(np.array([real], np.float32), result.scale, result.offset)[0])


# Functions of one element


def _lower_table(node: Node, lowering: Lowering) -> None:
    source, result = litert.int8_ends(node, lowering)
    of = _litert_table if lowering.numerics == TFLITE else _onnx_table
    table = lowering.constant(f"{node.outputs[0]}_table", of(node.op, source, result))
    operands = [lowering.buffer(node.inputs[0]), table, lowering.buffer(node.outputs[0])]
    lowering.call(LOOKUP, operands, LookupParams(lowering.type_of(node.outputs[0]).elements))


def _litert_table(op: Op, source: QuantParams, result: QuantParams) -> Array:
    x, y = (source.scale, source.offset), (result.scale, result.offset)
    if isinstance(op, Rescale):
        return tflite_tables.rescale(x, y)
    if isinstance(op, Relu):
        return tflite_tables.rescale(x, y, low=tflite_tables.bound(0.0, y))
    if isinstance(op, Clip):
        return tflite_tables.rescale(x, y, tflite_tables.bound(op.low, y), tflite_tables.bound(op.high, y))
    if isinstance(op, LeakyRelu):
        return tflite_tables.leaky_relu(x, y, op.alpha)
    if isinstance(op, HardSwish):
        return tflite_tables.hard_swish(x, y)
    if isinstance(op, Sigmoid) and y == (1 / 256, -128):
        return tflite_tables.logistic(x, y)
    if isinstance(op, Tanh) and y == (1 / 128, 0):
        return tflite_tables.tanh(x, y)
    assert isinstance(op, ElementFunction)
    return tflite_tables.function(x, y, op.function)


def _onnx_table(op: Op, source: QuantParams, result: QuantParams) -> Array:
    """DequantizeLinear, the float operator, QuantizeLinear."""
    steps = np.arange(-128, 128, dtype=np.int64) - source.offset
    real = np.float32(source.scale) * steps.astype(np.float32)
    (y,) = op.run_float(real[np.newaxis])
    return onnx.quantize(y[0], result.scale, result.offset)


def _lower_quantize(node: Node, lowering: Lowering) -> None:
    type_ = lowering.type_of(node.outputs[0])
    if type_.dtype != "int8" or type_.quant is None:
        raise UnsupportedError(f"a float as {type_.dtype}", "int8", litert.HINT)
    ties = AWAY if lowering.numerics == TFLITE else TO_EVEN
    params = QuantizeStepsParams(type_.elements, type_.quant.scale, type_.quant.offset, ties)
    lowering.call(QUANTIZE_STEPS, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


_COMMON: dict[Any, Lower] = {
    Conv2D: _lower_convolution,
    FullyConnected: _lower_fully_connected,
    Quantize: _lower_quantize,
    Dequantize: _lower_exactly,
    ArgMax: _lower_exactly,
    Rescale: _lower_table,
    Relu: _lower_table,
    Clip: _lower_table,
    LeakyRelu: _lower_table,
    ElementFunction: _lower_table,
}
_FORMS: dict[str, dict[Any, Lower]] = {
    TFLITE: _COMMON
    | {
        Add: litert.lower_sum,
        Sub: litert.lower_sum,
        Mul: litert.lower_product,
        ImageMean: litert.lower_mean,
        ReduceMean: litert.lower_mean,
        AvgPool: litert.lower_avg_pool,
        SlopedPRelu: litert.lower_prelu,
        ResizeBilinear: litert.lower_bilinear,
        SoftMax: litert.lower_softmax,
        Max: _lower_exactly,
        Min: _lower_exactly,
    },
    ONNX: _COMMON,
}


def has_form(kind: type[Op], numerics: str) -> bool:
    """Whether an operator has an int8 form with a numerics."""
    return numerics == GLOW or form(kind, numerics) is not None
