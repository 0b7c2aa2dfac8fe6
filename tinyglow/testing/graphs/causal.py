"""Random causal networks: no element of the result depends on later elements, so that the network can be a stream."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.testing.graphs.draw import Draw, RandomModel, Tensor

_OPSET = 13
_MOST_STEPS = 4  # that windows may make together
TIME = 2  # the dimension along which sequences go


def causal_model(seed: int, operators: int = 0) -> tuple[RandomModel, int]:
    """The causal network of a seed; the same in every run.

    Args:
        seed: Any number.
        operators: How many layers (default: 2 to 6).

    Returns:
        The model over [1, channels, time], and the least number of elements that a call of its stream takes.
    """
    draw = Draw(seed, _OPSET)
    x = Tensor("input", (1, draw.integer(1, 6), 12 * draw.integer(1, 3)))
    first, steps = x, 1
    for _ in range(operators or draw.integer(2, 6)):
        x, stride = _layer(draw, x, steps)
        steps *= stride
    return draw.finish(seed, [first], [draw.node("Relu", [x], x.shape)]), steps


def _layer(draw: Draw, x: Tensor, steps: int) -> tuple[Tensor, int]:
    """One more layer, and the step that its windows make."""
    kind = draw.one_of(
        ["conv", "conv", "chomp", "valid", "residual", "stride", "max", "mean", "beside", "point", "scale"]
    )
    taps, dilation = draw.integer(2, 4), draw.integer(1, 3)
    span = (taps - 1) * dilation
    if kind in ("valid", "residual") and span >= x.shape[TIME] // 2:
        kind = "conv"
    if kind == "conv":
        group = x.shape[1] if draw.chance(0.3) else 1
        return draw.node("Relu", [y := _conv(draw, x, taps, dilation, (span, 0), group=group)], y.shape), 1
    if kind == "chomp":
        return _cut(draw, _conv(draw, x, taps, dilation, (span, span)), 0, x.shape[TIME]), 1
    if kind == "valid":
        return _conv(draw, x, taps, dilation, (0, 0)), 1
    if kind == "residual":
        inner = _conv(draw, x, taps, dilation, (0, 0), units=x.shape[1])
        inner = draw.node("Tanh", [inner], inner.shape)
        return draw.node("Add", [inner, _cut(draw, x, span, x.shape[TIME])], inner.shape), 1
    if kind == "stride" and 2 * steps <= _MOST_STEPS and x.shape[TIME] % 2 == 0:
        return _conv(draw, x, 2, 1, (1, 0), stride=2), 2
    if kind == "max":
        return draw.node("MaxPool", [x], x.shape, kernel_shape=[taps], pads=[taps - 1, 0], strides=[1]), 1
    if kind == "mean":
        return draw.node("AveragePool", [x], x.shape, kernel_shape=[2], pads=[1, 0], count_include_pad=1), 1
    if kind == "beside":
        other = _conv(draw, x, taps, dilation, (span, 0))
        joined = draw.node("Concat", [other, x], (1, other.shape[1] + x.shape[1], x.shape[TIME]), axis=1)
        return _conv(draw, joined, 1, 1, (0, 0)), 1
    if kind == "scale":
        factors = draw.constant(draw.rng.uniform(0.5, 1.5, (x.shape[1], 1)))
        return draw.node("Mul", [x, factors], x.shape), 1
    point = _conv(draw, x, 1, 1, (0, 0))
    return draw.node("Sigmoid" if draw.chance(0.5) else "Relu", [point], point.shape), 1


def _conv(
    draw: Draw,
    x: Tensor,
    taps: int,
    dilation: int,
    pads: tuple[int, int],
    group: int = 1,
    stride: int = 1,
    units: int = 0,
) -> Tensor:
    channels = x.shape[1]
    units = units or (channels if group > 1 else draw.integer(1, 6))
    filters: Array = draw.weights(units, channels // group, taps)
    inputs: list[Tensor | str] = [x, draw.constant(filters, "filters")]
    if draw.chance(0.8):
        inputs.append(draw.constant(0.3 * draw.rng.standard_normal(units), "bias"))
    length = (x.shape[TIME] + sum(pads) - ((taps - 1) * dilation + 1)) // stride + 1
    kind = {"dilations": [dilation], "strides": [stride], "pads": list(pads), "group": group}
    return draw.node("Conv", inputs, (1, units, length), **kind)


def _cut(draw: Draw, x: Tensor, begin: int, end: int) -> Tensor:
    ends = [draw.constant(np.array([number])) for number in (begin, end, TIME)]
    return draw.node("Slice", [x, *ends], (*x.shape[:TIME], end - begin))
