"""What the int16 kernels of convolutions and fully connected layers share; ours, as ``kernels.int16`` says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import In, Kernel, Out, Params
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.sums import sum_range
from tinyglow.kernels.activation import Activation
from tinyglow.kernels.int16 import (
    Words,
    int16_bounds,
    layer_constants,
    litert_bounds,
    litert_words,
    litert_words_twice,
    own_words,
    unpacked_bias,
)
from tinyglow.numerics import tflite, wide
from tinyglow.numerics.glow import Requant
from tinyglow.numerics.names import HINT, LIKE_LITERT


class ActivatedParams(Protocol):
    """Parameters of a layer that bounds its int16 outputs, and scales negative ones before that if leaky."""

    @property
    def act_min(self) -> int:
        """Lower bound of the sums."""

    @property
    def act_max(self) -> int:
        """Upper bound of the sums."""

    @property
    def leaky(self) -> int:
        """Whether negative sums have a slope."""

    @property
    def slope(self) -> int:
        """Multiplier of negative sums."""

    @property
    def slope_shift(self) -> int:
        """Shift after that multiplication."""


def activate_int16(p: ActivatedParams, sums: Array, channels: Array) -> Array:
    """Sums [..., units] as int16: scaled by each unit's constants, after the activation."""
    words = channels.reshape(-1, 2)
    return _activated(p, wide.scaled(sums, words[:, 0], words[:, 1]))


def activate_twice_int16(p: ActivatedParams, sums: Array, channels: Array) -> Array:
    """The same with LiteRT's multipliers for sums of 32 bits, rounded twice."""
    words = channels.reshape(-1, 2).tolist()
    by = [tflite.scaled_twice(sums[..., unit], tflite.Multiplier(*own)) for unit, own in enumerate(words)]
    return _activated(p, np.stack(by, axis=-1))


def _activated(p: ActivatedParams, x: Array) -> Array:
    if p.leaky:
        x = np.where(x < 0, wide.scaled(x, p.slope, p.slope_shift), x)
    return np.clip(x, p.act_min, p.act_max).astype(np.int16)


def layer_kernel_int16(
    name: str,
    family: str,
    weights: str,
    params: type[Params],
    summary: str,
    reference: Callable[..., None],
) -> Kernel:
    """The kernel tg_<name>_s16 of a layer with weights, a bias and a scale for each unit."""
    operands = (In("input", "int16"), In(weights, "int8"), In("bias", "int32"), In("channels", "int32"))
    return Kernel(
        symbol=f"tg_{name}_s16",
        c_file=f"{family}/tg_{name}_s16.c",
        params=params,
        operands=(*operands, Out("output", "int16")),
        reference=reference,
        summary=summary,
    )


def with_wide_sums(kernel: Kernel, symbol: str) -> Kernel:
    """The same layer, called ``symbol`` in C, with sums of 64 bits."""
    summary = f"{kernel.summary}, with sums of 64 bits"
    return kernel.with_settings(symbol, {"TG_WIDE_SUMS": "1"}, summary=summary, sum_bits=64)


def rounded_twice(kernel: Kernel, symbol: str, reference: Callable[..., None]) -> Kernel:
    """The same layer as LiteRT has it with biases of 32 bits, called ``symbol`` in C."""
    summary = f"{kernel.summary}, rounded twice as LiteRT does with biases of 32 bits"
    return kernel.with_settings(symbol, {"TG_TWICE": "1"}, reference=reference, summary=summary)


def _activation_fields(activation: Activation, scale: float, numerics: str) -> dict[str, Any]:
    """The fields of both layers' parameters that stand for ``activation`` on results of ``scale``."""
    low, high, slope = -math.inf, math.inf, 1.0
    if activation.kind == "RELU":
        low = 0.0
    elif activation.kind == "CLIP":
        low, high = activation.args
    elif activation.kind == "LEAKY_RELU":
        slope = activation.args[0]
    bounds = litert_bounds if numerics in LIKE_LITERT else int16_bounds
    act_min, act_max = bounds(low, high, scale)
    (multiplier,), shift = wide.multipliers([slope], -wide.INT32_MIN)
    leaky = int(activation.kind == "LEAKY_RELU")
    return {"act_min": act_min, "act_max": act_max, "leaky": leaky, "slope": multiplier, "slope_shift": shift}


def lower_layer_int16(
    node: Node,
    lowering: Lowering,
    weights: Array,
    activation: Activation,
    kernels: tuple[Kernel, Kernel],
    params: type[Params],
    sizes: dict[str, Any],
    words_of_litert: Words = litert_words,
    twice: Kernel | None = None,
    words_of_twice: Words = litert_words_twice,
) -> None:
    """The call of one of two kernels (32-bit sums, 64-bit sums) for weights [units, ...].

    twice: the kernel for biases of 32 bits with LiteRT's numerics; None where it is refused. words_of_twice: its words.
    """
    x, filters = lowering.type_of(node.inputs[0]), lowering.type_of(node.inputs[1])
    out = lowering.type_of(node.outputs[0])
    assert x.quant and out.quant
    bias = lowering.data_of(node.inputs[2])
    like_litert = lowering.numerics in LIKE_LITERT
    is_twice = like_litert and bias.dtype == "int32"
    if is_twice and twice is None:
        raise UnsupportedError("a bias of 32 bits in an int16 layer", "one of 64 bits, as converters write it", HINT)
    words = words_of_twice if is_twice else words_of_litert if like_litert else own_words
    matrix = weights.reshape(len(weights), -1)
    constants = layer_constants(matrix, filters, bias, x.quant.scale, out.quant.scale, words)
    operands = [
        lowering.buffer(node.inputs[0]),
        lowering.constant(node.inputs[1], weights),
        lowering.constant(node.inputs[2], constants.bias),
        lowering.constant(f"{node.inputs[1]}_channels", constants.channels),
        lowering.buffer(node.outputs[0]),
    ]
    fields = {**sizes, **_activation_fields(activation, out.quant.scale, lowering.numerics)}
    multipliers = constants.channels[::2].tolist()
    sums = sum_range(
        matrix,
        unpacked_bias(constants.bias, len(matrix)),
        (wide.INT16_MIN, wide.INT16_MAX),
        [Requant(0, 0, multiplier, 0) for multiplier in multipliers],
    )
    kernel = twice if is_twice and twice is not None else kernels[int(constants.is_wide)]
    lowering.call(kernel, operands, params(**fields), sums=sums)
