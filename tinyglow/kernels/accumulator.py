"""What convolution and fully connected layers prepare at compile time for their int32 accumulators."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.record import Record
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
        hint = "the weights are too small beside the bias; --wrap computes what Glow does"
        raise UnsupportedError(found, "biases that fit 32 bits", hint)
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


def bias_or_wrapped(
    data: Array, bias: QuantParams, inputs: QuantParams, weights: QuantParams, wraps: bool
) -> glow.Int32Array:
    """``prepared_bias``; or what is left of it where it does not fit, and may wrap."""
    if wraps and bias_overflows(data, bias, inputs, weights):
        return wrapped_bias(data, bias, inputs, weights)
    prepared: glow.Int32Array = prepared_bias(data, bias, inputs, weights)
    return prepared


def wrapped_bias(data: Array, bias: QuantParams, inputs: QuantParams, weights: QuantParams) -> glow.Int32Array:
    """``prepared_bias`` as two's complement has it, where 32 bits do not hold it."""
    return glow.requantize(_steps(data, bias), _bias_requant(bias, inputs, weights))


def output_requant(inputs: QuantParams, weights: QuantParams, out: QuantParams) -> glow.Requant:
    """From the accumulator's scale to the output's parameters."""
    ratio = glow.divide_float32(accumulator_scale(inputs, weights), out.scale)
    return glow.requantize_params(ratio, out.offset)


class Overflow(Record, eq=False):
    """A unit whose sums leave int32, with inputs for which they do.

    Attributes:
        unit: Its number.
        total: Such a sum.
        inputs: int8 [terms]: inputs of the layer that give it.
    """

    unit: int
    total: int
    inputs: Array

    @property
    def wrapped(self) -> int:
        """What is left of the sum in 32 bits."""
        return (self.total - glow.INT32_MIN) % (1 << 32) + glow.INT32_MIN


def overflow_of(weights: Array, weight_params: QuantParams, inputs: QuantParams, bias: Array) -> Overflow | None:
    """The unit whose sums leave int32 the furthest; None if no input of int8 makes any do so.

    Each product's range holds 0. So partial sums stay within the range of the whole sum, with the bias or without it.

    Args:
        weights: Integers [units, terms].
        weight_params: Their parameters.
        inputs: Those of the layer's input.
        bias: [units], at the scale of the sums.
    """
    centred = weights.astype(np.int64) - weight_params.offset
    least, most = glow.INT8_MIN - inputs.offset, glow.INT8_MAX - inputs.offset
    positive, negative = np.maximum(centred, 0).sum(axis=1), np.minimum(centred, 0).sum(axis=1)
    start = bias.astype(np.int64)
    high, low = positive * most + negative * least, positive * least + negative * most
    # With the bias, or without it where it is added last.
    high, low = np.maximum(high, high + start), np.minimum(low, low + start)
    beyond = np.maximum(high - glow.INT32_MAX, glow.INT32_MIN - low)
    if int(beyond.max(initial=0)) <= 0:
        return None
    unit = int(beyond.argmax())
    above = high[unit] - glow.INT32_MAX >= glow.INT32_MIN - low[unit]
    ends = (glow.INT8_MAX, glow.INT8_MIN) if above else (glow.INT8_MIN, glow.INT8_MAX)
    witness = np.where(centred[unit] > 0, *ends).astype(np.int8)
    return Overflow(unit, int(high[unit] if above else low[unit]), witness)


def check_accumulator(
    weights: Array, weight_params: QuantParams, inputs: QuantParams, bias: Array, first: int = 0
) -> None:
    """Prove that no sum over these weights [units, terms] leaves int32.

    C may not overflow a signed integer, so the kernels are only ever given weights for which this holds.

    Raises:
        UnsupportedError: With the channel (``first`` is the number of the first unit), a sum, and inputs that give it.
    """
    found = overflow_of(weights, weight_params, inputs, bias)
    if found is None:
        return
    positive = glow.INT8_MAX if found.total > 0 else glow.INT8_MIN
    witness = f"{positive} where its weight is above {weight_params.offset}, {-1 - positive} elsewhere"
    raise UnsupportedError(
        f"channel {found.unit + first}: a sum of {found.total}, which 32 bits wrap to {found.wrapped}",
        "sums that fit 32 bits",
        f"inputs of {witness} give it; use fewer inputs per output, or --wrap to compute what Glow does",
    )
