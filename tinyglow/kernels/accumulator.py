"""What convolution and fully connected layers prepare at compile time for their int32 accumulators."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.numerics import glow


def accumulator_scale(inputs: QuantParams, weights: QuantParams) -> float:
    """Scale of a product of an input and a weight (float32, as Glow multiplies them)."""
    return glow.multiply_float32(inputs.scale, weights.scale)


def prepared_bias(data: Array, bias: QuantParams, inputs: QuantParams, weights: QuantParams) -> Array:
    """The int32 bias at the scale of the sums, where Glow's kernels start their sums.

    Glow rescales it in the kernel by the integer formula (Glow, lib/LLVMIRCodeGen/LLVMIRGen.cpp, biasPre ...
    biasScale). The result depends on constants only, so it is computed here.

    Args:
        data: The bias's integers.
        bias: Its parameters.
        inputs: Those of the layer's input.
        weights: Those of its weights.

    Returns:
        int32 of the same shape.

    Raises:
        UnsupportedError: 32 bits do not hold it, as when the weights are tiny compared with the bias. The formula would
            wrap.
    """
    if bias_overflows(data, bias, inputs, weights):
        largest = int(np.abs(_steps(data, bias).astype(np.int64)).max(initial=0))
        found = f"a bias of up to {largest * bias.scale:g} on sums in steps of {accumulator_scale(inputs, weights):g}"
        raise UnsupportedError(found, "biases that fit 32 bits", "the weights are too small beside the bias")
    return wrapped_bias(data, bias, inputs, weights)


def _steps(data: Array, bias: QuantParams) -> glow.Int32Array:
    steps: glow.Int32Array = data.astype(np.int32) - np.int32(bias.offset)
    return steps


def _bias_requant(bias: QuantParams, inputs: QuantParams, weights: QuantParams) -> glow.Requant:
    return glow.requantize_params(glow.divide_float32(bias.scale, accumulator_scale(inputs, weights)))


def bias_overflows(data: Array, bias: QuantParams, inputs: QuantParams, weights: QuantParams) -> bool:
    """Whether Glow's formula for ``prepared_bias`` may leave 32 bits."""
    requant = _bias_requant(bias, inputs, weights)
    largest = int(np.abs(_steps(data, bias).astype(np.int64)).max(initial=0))
    return ((largest >> requant.pre) + 1) * requant.multiplier + ((1 << requant.post) >> 1) > glow.INT32_MAX


def wrapped_bias(data: Array, bias: QuantParams, inputs: QuantParams, weights: QuantParams) -> glow.Int32Array:
    """``prepared_bias`` as two's complement has it, where 32 bits do not hold it."""
    return glow.requantize(_steps(data, bias), _bias_requant(bias, inputs, weights))


def output_requant(inputs: QuantParams, weights: QuantParams, out: QuantParams) -> glow.Requant:
    """From the accumulator's scale to the output's parameters."""
    ratio = glow.divide_float32(accumulator_scale(inputs, weights), out.scale)
    return glow.requantize_params(ratio, out.offset)


def check_accumulator(weights: Array, weight_params: QuantParams, inputs: QuantParams, bias: Array) -> None:
    """Prove that no sum over these weights [units, terms] leaves int32; UnsupportedError names the bound otherwise.

    C may not overflow a signed integer, so the kernels are only ever given weights for which this holds.
    """
    magnitude = np.abs(weights.astype(np.int64) - weight_params.offset).sum(axis=1)
    span = max(glow.INT8_MAX - inputs.offset, inputs.offset - glow.INT8_MIN)
    bound = int((magnitude * span + np.abs(bias.astype(np.int64))).max(initial=0))
    if bound > glow.INT32_MAX:
        raise UnsupportedError(f"a sum of up to {bound}", "sums that fit 32 bits", "use fewer inputs per output")
