"""Convolution, fully connected layer and matrix product on int16 activations; ours, as ``ops.int16`` says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I16, I32, U8, U16, U32, In, Kernel, Out, Params
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.numerics import wide
from tinyglow.ops.activation import NO_ACTIVATION, Activation
from tinyglow.ops.conv2d_float import ConvSizes
from tinyglow.ops.int16 import int16_bounds, int16_scales, layer_constants, unpacked_bias


def _activate(p: Conv2D16Params | FullyConnected16Params, sums: Array, channels: Array) -> Array:
    """Sums [..., units] as int16: scaled by each unit's constants, behind the activation."""
    words = channels.reshape(-1, 2)
    x = wide.scaled(sums, words[:, 0], words[:, 1])
    if p.leaky:
        x = np.where(x < 0, wide.scaled(x, p.slope, p.slope_shift), x)
    return np.clip(x, p.act_min, p.act_max).astype(np.int16)


@dataclass(frozen=True)
class Conv2D16Params(ConvSizes):
    """Sizes in elements; outputs are brought between act_min and act_max.

    leaky: negative outputs are multiplied by slope / 2**slope_shift before that.
    """

    act_min: I16
    act_max: I16
    leaky: U8
    slope: I32
    slope_shift: U8


def conv2d_s16(p: Conv2D16Params, x: Array, filters: Array, bias: Array, channels: Array, out: Array) -> None:
    """Definition of tg_conv2d_s16 and tg_conv2d_wide_s16: activation(scaled(bias + sum of input * filter))."""
    patches = p.patches(x)
    weights = filters.reshape(p.out_c, patches.shape[3], -1)
    in_g, out_g = p.in_c // p.group, p.out_c // p.group
    sums = np.empty((*patches.shape[:3], p.out_c), np.int64)
    for g in range(p.group):
        columns = patches[..., g * in_g : (g + 1) * in_g].reshape(-1, patches.shape[3] * in_g)
        matrix = weights[g * out_g : (g + 1) * out_g].reshape(out_g, -1)
        sums[..., g * out_g : (g + 1) * out_g] = wide.accumulate(columns, matrix.T).reshape(*patches.shape[:3], out_g)
    out[...] = _activate(p, sums + unpacked_bias(bias, p.out_c), channels).reshape(out.shape)


@dataclass(frozen=True)
class FullyConnected16Params(Params):
    """Sizes in elements; outputs are brought between act_min and act_max, negative ones scaled before if leaky."""

    rows: U32
    depth: U32
    units: U32
    act_min: I16
    act_max: I16
    leaky: U8
    slope: I32
    slope_shift: U8


def fully_connected_s16(
    p: FullyConnected16Params, x: Array, weights: Array, bias: Array, channels: Array, out: Array
) -> None:
    """Definition of tg_fully_connected_s16 and tg_fully_connected_wide_s16: scaled(bias + sum of input * weights)."""
    sums = wide.accumulate(x.reshape(-1, p.depth), weights.reshape(p.units, p.depth).T)
    out[...] = _activate(p, sums + unpacked_bias(bias, p.units), channels).reshape(out.shape)


def _layer(
    name: str, family: str, weights: str, params: type[Params], summary: str, reference: Callable[..., None]
) -> Kernel:
    operands = (In("input", "int16"), In(weights, "int8"), In("bias", "int32"), In("channels", "int32"))
    return Kernel(
        symbol=f"tg_{name}_s16",
        c_file=f"{family}/tg_{name}_s16.c",
        params=params,
        operands=(*operands, Out("output", "int16")),
        reference=reference,
        summary=summary,
    )


_CONV, _DENSE = "2-D convolution of int16 by int8", "fully connected layer, int16 by int8"
CONV2D_INT16 = _layer("conv2d", "convolution", "filter", Conv2D16Params, _CONV, conv2d_s16)
CONV2D_WIDE_INT16 = _layer(
    "conv2d_wide", "convolution", "filter", Conv2D16Params, f"{_CONV}, with sums of 64 bits", conv2d_s16
)
FULLY_CONNECTED_INT16 = _layer(
    "fully_connected", "fully_connected", "weights", FullyConnected16Params, _DENSE, fully_connected_s16
)
FULLY_CONNECTED_WIDE_INT16 = _layer(
    "fully_connected_wide",
    "fully_connected",
    "weights",
    FullyConnected16Params,
    f"{_DENSE}, with sums of 64 bits",
    fully_connected_s16,
)


@dataclass(frozen=True)
class MatMul16Params(Params):
    """``batch`` products of [rows, depth] and [depth, columns]; sums times multiplier / 2**shift are the output."""

    batch: U16
    rows: U16
    depth: U32
    columns: U16
    multiplier: I32
    shift: U8


def matmul_s16(p: MatMul16Params, lhs: Array, rhs: Array, out: Array) -> None:
    """Definition of tg_matmul_s16: saturate(scaled(sum of lhs * rhs)), sums of 64 bits."""
    a = lhs.reshape(-1, p.batch, p.rows, p.depth)
    b = rhs.reshape(-1, p.batch, p.depth, p.columns)
    out[...] = wide.saturate_int16(wide.scaled(wide.accumulate(a, b), p.multiplier, p.shift)).reshape(out.shape)


MATMUL_INT16 = Kernel(
    symbol="tg_matmul_s16",
    c_file="matmul/tg_matmul_s16.c",
    params=MatMul16Params,
    operands=(In("lhs", "int16"), In("rhs", "int16"), Out("output", "int16")),
    reference=matmul_s16,
    summary="matrix products of two tensors, in int16",
)


def _activation_fields(activation: Activation, scale: float) -> dict[str, Any]:
    """The fields of both layers' parameters that stand for ``activation`` on results of ``scale``."""
    low, high, slope = -math.inf, math.inf, 1.0
    if activation.kind == "RELU":
        low = 0.0
    elif activation.kind == "CLIP":
        low, high = activation.args
    elif activation.kind == "LEAKY_RELU":
        slope = activation.args[0]
    act_min, act_max = int16_bounds(low, high, scale)
    (multiplier,), shift = wide.multipliers([slope], -wide.INT32_MIN)
    leaky = int(activation.kind == "LEAKY_RELU")
    return {"act_min": act_min, "act_max": act_max, "leaky": leaky, "slope": multiplier, "slope_shift": shift}


def lower_conv2d_int16(node: Node, lowering: Lowering, sizes: dict[str, Any], activation: Activation) -> None:
    """Emit the call of a convolution whose filters and bias are constant; ``sizes``: the fields of ConvSizes."""
    weights = lowering.data_of(node.inputs[1])
    _lower_layer(node, lowering, weights, activation, (CONV2D_INT16, CONV2D_WIDE_INT16), Conv2D16Params, sizes)


def lower_fully_connected_int16(node: Node, lowering: Lowering) -> None:
    """Emit the call of a fully connected layer of weights [depth, units]: each unit's side by side."""
    matrix = np.ascontiguousarray(lowering.data_of(node.inputs[1]).T)
    rows, depth = lowering.type_of(node.inputs[0]).shape
    sizes = {"rows": rows, "depth": depth, "units": len(matrix)}
    kernels = FULLY_CONNECTED_INT16, FULLY_CONNECTED_WIDE_INT16
    _lower_layer(node, lowering, matrix, NO_ACTIVATION, kernels, FullyConnected16Params, sizes)


def _lower_layer(
    node: Node,
    lowering: Lowering,
    weights: Array,
    activation: Activation,
    kernels: tuple[Kernel, Kernel],
    params: type[Params],
    sizes: dict[str, Any],
) -> None:
    """The call of one of two kernels (32-bit sums, 64-bit sums) for weights [units, ...]."""
    x, filters = lowering.type_of(node.inputs[0]), lowering.type_of(node.inputs[1])
    out = lowering.type_of(node.outputs[0])
    assert x.quant and out.quant
    bias = lowering.data_of(node.inputs[2])
    constants = layer_constants(weights.reshape(len(weights), -1), filters, bias, x.quant.scale, out.quant.scale)
    operands = [
        lowering.buffer(node.inputs[0]),
        lowering.constant(node.inputs[1], weights),
        lowering.constant(node.inputs[2], constants.bias),
        lowering.constant(f"{node.inputs[1]}_channels", constants.channels),
        lowering.buffer(node.outputs[0]),
    ]
    fields = {**sizes, **_activation_fields(activation, out.quant.scale)}
    lowering.call(kernels[int(constants.is_wide)], operands, params(**fields))


def lower_matmul_int16(node: Node, lowering: Lowering, batch: int) -> None:
    """Emit the call of a product of two tensors, neither of which is constant."""
    x, y, out = int16_scales(node, lowering)
    (rows, depth), columns = lowering.type_of(node.inputs[0]).shape[-2:], lowering.type_of(node.inputs[1]).shape[-1]
    bound = depth * wide.INT16_MIN**2
    if bound > wide.MAX_SUM:
        raise UnsupportedError(f"sums of {depth} products", f"at most {wide.MAX_SUM // wide.INT16_MIN**2}")
    (multiplier,), shift = wide.multipliers([x * y / out], bound)
    buffers = [lowering.buffer(name) for name in (*node.inputs, node.outputs[0])]
    lowering.call(MATMUL_INT16, buffers, MatMul16Params(batch, rows, depth, columns, multiplier, shift))
