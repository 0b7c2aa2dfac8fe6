"""Fully connected layer of int16 by int8: ours, as ``kernels.int16`` says."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I16, I32, U8, U32, Params
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.kernels.activation import NO_ACTIVATION
from tinyglow.kernels.int16 import Words, litert_words, litert_words_once, unpacked_bias
from tinyglow.kernels.layers_int16 import activate_int16, layer_kernel_int16, lower_layer_int16, with_wide_sums
from tinyglow.numerics import wide
from tinyglow.numerics.names import HINT, TFLITE, TFLM


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
    out[...] = activate_int16(p, sums + unpacked_bias(bias, p.units), channels).reshape(out.shape)


_SUMMARY = "fully connected layer, int16 by int8"

FULLY_CONNECTED_INT16 = layer_kernel_int16(
    "fully_connected", "fully_connected", "weights", FullyConnected16Params, _SUMMARY, fully_connected_s16
)
FULLY_CONNECTED_WIDE_INT16 = with_wide_sums(FULLY_CONNECTED_INT16, "tg_fully_connected_wide_s16")


def lower_fully_connected_int16(node: Node, lowering: Lowering) -> None:
    """Emit the call of a fully connected layer of weights [depth, units]: each unit's side by side."""
    matrix = np.ascontiguousarray(lowering.data_of(node.inputs[1]).T)
    rows, depth = lowering.type_of(node.inputs[0]).shape
    sizes = {"rows": rows, "depth": depth, "units": len(matrix)}
    kernels = FULLY_CONNECTED_INT16, FULLY_CONNECTED_WIDE_INT16
    channels = lowering.type_of(node.inputs[1]).channel_quant
    by_unit = channels is not None and len(set(channels.scales)) > 1
    if by_unit and lowering.numerics == TFLM:
        found = "an int16 fully connected layer with a scale for each unit"
        raise UnsupportedError(found, "one scale for all weights, which TensorFlow Lite Micro has alone", HINT)
    is_litert = lowering.numerics == TFLITE
    words = (litert_words_once if by_unit else _float_words_once) if is_litert else _float_words
    lower_layer_int16(
        node,
        lowering,
        matrix,
        NO_ACTIVATION,
        kernels,
        FullyConnected16Params,
        sizes,
        words,
        FULLY_CONNECTED_INT16 if is_litert else None,
        _of_short_sums(words),
    )


def _float_words(x: float, weight: float, out: float, bound: int) -> tuple[int, int]:
    """Scales of one tensor each are multiplied as floats (kernel_util.cc). CMSIS-NN's multipliers have 16 bits."""
    return litert_words(float(np.float32(x) * np.float32(weight)), 1.0, out, bound)


def _float_words_once(x: float, weight: float, out: float, bound: int) -> tuple[int, int]:
    """The same; LiteRT's multipliers have 31 bits."""
    return litert_words_once(float(np.float32(x) * np.float32(weight)), 1.0, out, bound)


def _of_short_sums(words: Words) -> Words:
    """The same for biases of 32 bits, with which LiteRT's sums have 32 bits and wrap."""

    def short(x: float, weight: float, out: float, bound: int) -> tuple[int, int]:
        if bound > wide.INT32_MAX:
            raise UnsupportedError(f"a sum of up to {bound} with a bias of 32 bits", "sums of 32 bits, or biases of 64")
        return words(x, weight, out, bound)

    return short
