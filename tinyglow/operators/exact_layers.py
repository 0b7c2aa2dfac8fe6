"""Layers with a numerics other than Glow's: kernels whose loop takes that numerics' epilogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.accumulator import check_accumulator
from tinyglow.kernels.activation import NO_ACTIVATION, Activation
from tinyglow.kernels.convolution.conv2d import portable_variant as convolution_portable_variant
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.convolution.variants import VARIANTS as CONVOLUTION_VARIANTS
from tinyglow.kernels.fully_connected.fully_connected import portable_variant as dense_portable_variant
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.kernels.fully_connected.variants import VARIANTS as DENSE_VARIANTS
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.onnx import ONNX as EPILOGUE_OF_ONNX
from tinyglow.numerics.epilogues.onnxi import ONNXI as ONNX_INTEGERS
from tinyglow.numerics.epilogues.tflite import TFLITE as ONCE
from tinyglow.numerics.epilogues.tflm import TFLM as TWICE
from tinyglow.numerics.epilogues.tflmr import TFLMR as TWICE_BELOW_RELU
from tinyglow.numerics.glow import Requant
from tinyglow.numerics.names import HINT, ONNX, TFLM
from tinyglow.operators.tables import bound_of

_STEPS = 64  # sums for a step of the result, where a channel's result is constant

TypeOf = Callable[[str], TensorType]
DataOf = Callable[[str], Array]


def lower_convolution(node: Node, lowering: Lowering, layer: ConvLayer) -> None:
    """Emit the call for a convolution: the fastest kernel whose loop takes its epilogue."""
    variants = (family(layer, lowering) for family in (convolution_portable_variant, *CONVOLUTION_VARIANTS))
    lowering.choose(variant for variant in variants if variant is not None)


def lower_fully_connected(node: Node, lowering: Lowering) -> None:
    """Emit the call for a fully connected layer."""
    layer = dense_layer(node, lowering.numerics, lowering.type_of, lowering.data_of)
    if isinstance(layer, ConvLayer):
        lower_convolution(node, lowering, layer)
        return
    variants = (family(layer, lowering) for family in (dense_portable_variant, *DENSE_VARIANTS))
    lowering.choose(variant for variant in variants if variant is not None)


def convolution_layer(
    node: Node,
    numerics: str,
    type_of: TypeOf,
    data_of: DataOf,
    sizes: dict[str, Any],
    activation: Activation,
    pool: int,
) -> ConvLayer:
    """What is known of a convolution, rounded twice in LiteRT.

    Args:
        node: The node.
        numerics: Not Glow's.
        type_of: The type of a value.
        data_of: The data of a constant. Raises UnsupportedError if it is none.
        sizes: Fields of ConvSizes.
        activation: NONE, RELU or CLIP.
        pool: See PooledGeometry.

    Returns:
        The layer.

    Raises:
        UnsupportedError: Its sums may overflow, or leave no room for the multiplier.
    """
    epilogue = EPILOGUE_OF_ONNX if numerics == ONNX else TWICE
    filters = data_of(node.inputs[1])
    return _layer(node, numerics, type_of, data_of, filters, sizes, epilogue, activation, pool)


def dense_layer(node: Node, numerics: str, type_of: TypeOf, data_of: DataOf) -> DenseLayer | ConvLayer:
    """What is known of a fully connected layer, rounded once in LiteRT alone; otherwise as ``convolution_layer``.

    With a scale for each unit it is a 1x1 convolution over the rows.
    """
    weights, data = type_of(node.inputs[1]), data_of(node.inputs[1])
    matrix = np.ascontiguousarray(data.T)
    rows, depth = type_of(node.inputs[0]).shape
    epilogue: Epilogue = {ONNX: EPILOGUE_OF_ONNX, TFLM: TWICE}.get(numerics, ONCE)
    if weights.channel_quant is not None:
        names = ("in_h", "in_w", "out_h", "out_w", "kernel_h", "kernel_w", "stride_h", "stride_w")
        sizes = dict.fromkeys((*names, "dilation_h", "dilation_w", "group"), 1)
        sizes |= {"in_c": depth, "out_c": len(matrix), "pad_top": 0, "pad_left": 0, "images": rows}
        filters = matrix[:, np.newaxis, np.newaxis]
        return _layer(node, numerics, type_of, data_of, filters, sizes, epilogue, NO_ACTIVATION, 0)
    image, result = (type_of(name).quant for name in (node.inputs[0], node.outputs[0]))
    assert weights.quant is not None and image is not None and result is not None
    bias = data_of(node.inputs[2])
    check_accumulator(matrix, weights.quant, image, bias)
    folded = bias - image.offset * (matrix.astype(np.int64) - weights.quant.offset).sum(axis=1)
    check_accumulator(matrix, weights.quant, QuantParams(image.scale, 0), folded)
    # LiteRT multiplies the scales of one tensor each as floats (kernel_util.cc).
    product = float(np.float32(image.scale) * np.float32(weights.quant.scale))
    out = _constants(epilogue, product, result)
    spans = np.abs(matrix.astype(np.int64) - weights.quant.offset).sum(axis=1) * 255 + np.abs(bias.astype(np.int64))
    bounds = [(-int(span), int(span)) for span in spans]
    if epilogue is EPILOGUE_OF_ONNX:
        epilogue, out = _by_integers(out, bounds)
    params = FullyConnectedParams(rows, depth, len(matrix), weights.quant.offset, -128, 127, out)
    _require_room(epilogue, bounds, [out] * len(matrix))
    return DenseLayer(node, matrix, folded.astype(np.int32), params, image.offset, epilogue)


def _layer(
    node: Node,
    numerics: str,
    type_of: TypeOf,
    data_of: DataOf,
    filters: Array,
    sizes: dict[str, Any],
    epilogue: Epilogue,
    activation: Activation,
    pool: int,
) -> ConvLayer:
    image, result = (type_of(name).quant for name in (node.inputs[0], node.outputs[0]))
    assert image is not None and result is not None
    params = _filter_params(type_of(node.inputs[1]), len(filters))
    bias = data_of(node.inputs[2])
    for unit, (rows, own, term) in enumerate(zip(filters, params, bias, strict=True)):
        check_accumulator(rows.reshape(1, -1), own, image, np.array([term]), unit)
    low, high = _bounds(activation, result, numerics)
    if epilogue is TWICE and low >= result.offset:
        epilogue = TWICE_BELOW_RELU
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
        pool=pool,
        epilogue=epilogue,
    )
    layer = _with_integers(layer) if epilogue is EPILOGUE_OF_ONNX else layer
    layer = with_constant_channels(layer)
    least, most = layer.sum_bounds()
    _require_room(layer.epilogue, list(zip(least.tolist(), most.tolist(), strict=True)), layer.requants)
    return layer


def with_constant_channels(layer: ConvLayer) -> ConvLayer:
    """Channels with a constant result have constants that every form of the epilogue takes.

    Converters give channels without weights scales near 0, and so biases that leave no room for the multiplier: a small
    sum and an ordinary scale give their result too. Other channels always give the output's offset, which a scale
    near 0 gives of any sum. Of still others the products with the weights are too small beside the bias to change the
    result: without weights they are like the first.
    """
    epilogue = layer.epilogue
    layer = _without_small_weights(layer)
    least, most = layer.sum_bounds()
    bias, requants = layer.bias.copy(), list(layer.requants)
    for channel, own in enumerate(layer.requants):
        ends = int(least[channel]), int(most[channel])
        if all(epilogue.high.holds(end, own) for end in ends) and epilogue.high.words([own]) is not None:
            continue
        constant = _constant_channel(layer, channel, ends, epilogue)
        if constant is not None:
            bias[channel], requants[channel] = constant
    return replace(layer, bias=bias, requants=requants)


def _without_small_weights(layer: ConvLayer) -> ConvLayer:
    """The layer with weights of 0 where the sum leaves no room, and products never change the result.

    The result grows with the sum, and is that of numpy, which needs no room: LiteRT and CMSIS-NN multiply to 64 bits.
    """
    if layer.epilogue not in (TWICE, TWICE_BELOW_RELU):
        return layer
    least, most = (ends.tolist() for ends in layer.sum_bounds())
    filters = layer.filters.copy()
    for channel, own in enumerate(layer.requants):
        ends = least[channel], most[channel]
        if all(layer.epilogue.holds(end, own) for end in ends) or own.pre != 1 or not _is_int32(*ends):
            continue
        first, last = layer.epilogue.requantize(np.array(ends, np.int32), own)
        if first == last:
            filters[channel] = layer.filter_offsets[channel]
    return replace(layer, filters=filters)


def _is_int32(*numbers: int) -> bool:
    return min(numbers) >= -(2**31) and max(numbers) < 2**31


def _constant_channel(
    layer: ConvLayer, channel: int, ends: tuple[int, int], epilogue: Epilogue
) -> tuple[int, Requant] | None:
    """A bias and constants of ``epilogue`` for a channel whose result is constant; None for others, or if it may wrap.

    ends: the least and the largest sum.
    """
    own, ordinary = layer.requants[channel], epilogue.constants(1 / _STEPS, layer.requants[channel].offset)
    if ends[0] != ends[1] and not all(layer.epilogue.holds(end, own) for end in ends):
        return None
    results = layer.epilogue.requantize(np.array(ends, np.int32), own) - own.offset
    if ends[0] == ends[1]:
        return _STEPS * int(np.clip(results[0], -256, 256)), ordinary
    return (int(layer.bias[channel]), replace(ordinary, multiplier=0)) if not results.any() else None


def _with_integers(layer: ConvLayer) -> ConvLayer:
    """The layer with the integer form of onnxruntime's epilogue, if all its channels have one; else as it is.

    Channels with a constant result have it with any scale: see ``with_constant_channels``.
    """
    bias, requants = layer.bias.copy(), []
    least, most = layer.sum_bounds()
    for channel, own in enumerate(layer.requants):
        made = ONNX_INTEGERS.form_of(own)
        if made is None:
            constant = _constant_channel(layer, channel, (int(least[channel]), int(most[channel])), ONNX_INTEGERS)
            if constant is None:
                return layer
            bias[channel], made = constant
        requants.append(made)
    made_of = replace(layer, bias=bias, requants=requants, epilogue=ONNX_INTEGERS)
    least, most = made_of.sum_bounds()
    return made_of if ONNX_INTEGERS.holds_for(zip(least.tolist(), most.tolist(), strict=True), requants) else layer


def _by_integers(own: Requant, bounds: list[tuple[int, int]]) -> tuple[Epilogue, Requant]:
    """The integer form of onnxruntime's epilogue with its constants, if it has these sums; else the other."""
    made = ONNX_INTEGERS.form_of(own)
    if made is None or not ONNX_INTEGERS.holds_for(bounds, [made] * len(bounds)):
        return EPILOGUE_OF_ONNX, own
    return ONNX_INTEGERS, made


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
        raise UnsupportedError(f"a sum of up to {largest}", "sums that leave room for the multiplier", HINT)


def _bounds(activation: Activation, result: QuantParams, numerics: str) -> tuple[int, int]:
    """The bounds of a layer's activation, in steps of the result."""
    if activation.kind == "NONE":
        return -128, 127
    if activation.kind == "RELU":
        return result.offset, 127
    if activation.kind != "CLIP":
        raise UnsupportedError(f"the activation {activation} in a layer", "RELU or CLIP", HINT)
    low, high = (bound_of(real, result, numerics) for real in activation.args)
    return low, high
