"""Weights and biases of layers that a file has quantized already, as the kernels take them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import Importer, SourceNode, UnsupportedError
from tinyglow.ir.types import ChannelParams, QuantParams, Shape, TensorType
from tinyglow.numerics import glow

# How far a bias's scale may be from the product of the input's and the weights' (Glow,
# -tflite-bias-scale-check-max-error): then that product is what it was meant to be.
_TOLERANCE = 1e-6
# In place of a scale of 0, which stands for weights that are all 0 (Glow, TFLiteModelLoader.cpp, loadConv2D).
_ANY_SCALE = 0.125


def layer_constants(
    node: SourceNode, importer: Importer, perm: Sequence[int], units_axis: int = 0, shape: Shape | None = None
) -> tuple[Value, Value]:
    """Weights and bias of an int8 layer: its second and third operand.

    Args:
        node: The node of the file.
        importer: Gives the operands' values.
        perm: How the weights' dimensions are permuted.
        units_axis: Which dimension of the permuted weights counts the units.
        shape: Of the weights in the end, if not that; their units come first then.

    Returns:
        Weights and bias.

    Raises:
        UnsupportedError: For other types, and for biases whose scale is not the product of the input's and the
            weights'.
    """
    x, weights = (importer.value(name) for name in node.inputs[:2])
    if weights.data is None or weights.type.dtype != "int8" or x.type.quant is None:
        raise UnsupportedError(f"weights of type {weights.type.dtype} on an int8 input", "constant int8 weights")
    data = np.ascontiguousarray(weights.data.transpose(perm))
    units = data.shape[units_axis]
    channels = weights.type.channel_quant
    if channels is not None and perm[units_axis] != channels.axis:
        raise UnsupportedError(f"scales along dimension {channels.axis} of the weights", f"{perm[units_axis]}")
    data, params = _without_zero_scales(data, _unit_params(weights.type, units), units_axis)
    data = data.reshape(shape or data.shape)
    type_ = TensorType(data.shape, "int8", params[0])
    if channels is not None:
        own = ChannelParams(tuple(p.scale for p in params), tuple(p.offset for p in params), units_axis)
        type_ = TensorType(data.shape, "int8", channel_quant=own)
    products = [glow.multiply_float32(x.type.quant.scale, param.scale) for param in params]
    if not all(0 < product < math.inf for product in products):
        raise UnsupportedError(f"scales whose product is {min(products):g} to {max(products):g}", "ordinary numbers")
    bias_type = TensorType((units,), "int32", QuantParams(products[0], 0))
    if channels is not None:
        bias_type = TensorType((units,), "int32", channel_quant=ChannelParams(tuple(products), (0,) * units))
    edit = importer.editor
    bias = edit.constant(f"{node.name}.bias", _bias(node, importer, products), bias_type)
    return edit.constant(node.inputs[1], data, type_), bias


def _unit_params(type_: TensorType, units: int) -> list[QuantParams | None]:
    """The parameters of each unit's weights; None for a scale of 0."""
    if type_.quant is not None:
        return [type_.quant] * units
    given = type_.channel_quant
    assert given is not None
    if len(given.scales) != units:
        raise UnsupportedError(f"{len(given.scales)} scales for {units} units", "a scale for each")
    pairs = zip(given.scales, given.offsets, strict=True)
    return [QuantParams(scale, offset) if scale > 0 else None for scale, offset in pairs]


def _without_zero_scales(
    data: Array, params: Sequence[QuantParams | None], units_axis: int
) -> tuple[Array, list[QuantParams]]:
    """Weights whose scale is 0 are 0, with some other scale."""
    if all(param is not None for param in params):
        return data, [param for param in params if param is not None]
    along = tuple(-1 if axis == units_axis else 1 for axis in range(data.ndim))
    known = np.array([param is not None for param in params]).reshape(along)
    return np.where(known, data, np.int8(0)), [param or QuantParams(_ANY_SCALE, 0) for param in params]


def _bias(node: SourceNode, importer: Importer, products: Sequence[float]) -> Array:
    """The bias in steps of the sums, int32 [units]; zeros where there is none."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return np.zeros(len(products), np.int32)
    bias = importer.value(node.inputs[2])
    whole, many = bias.type.quant, bias.type.channel_quant
    if bias.data is None or bias.type.dtype != "int32" or bias.data.shape != (len(products),) or not (whole or many):
        found = f"a bias of type {bias.type.dtype} and shape {list(bias.type.shape)}"
        raise UnsupportedError(found, f"a constant int32 of shape [{len(products)}] with scales")
    scales = [whole.scale] * len(products) if whole else many.scales if many else ()
    if len(scales) != len(products):
        raise UnsupportedError(f"{len(scales)} scales of a bias for {len(products)} units", "a scale for each")
    result = bias.data.copy()
    for unit, (scale, product) in enumerate(zip(scales, products, strict=True)):
        if scale == 0:
            result[unit] = 0
        elif abs(scale - product) > _TOLERANCE * product:
            expected = f"{product:g}, the product of the input's and the weights'"
            raise UnsupportedError(f"a bias with the scale {scale:g}", expected)
    return result
