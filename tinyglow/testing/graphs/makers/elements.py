"""Functions of single elements, and arithmetic of two tensors.

A function of one element that has no maker here gets one that draws it with its attributes' defaults.
"""

from __future__ import annotations

import numpy as np
import onnx

from tinyglow.operators.element_function import ElementFunction
from tinyglow.registry import ONNX_OPS
from tinyglow.testing.graphs.draw import Draw, Tensor, draws, operators_drawn


def clipped(draw: Draw, x: Tensor, low: float | None, high: float | None) -> Tensor:
    """A Clip; None leaves a bound out."""
    if draw.opset < 11:
        bounds = {name: value for name, value in (("min", low), ("max", high)) if value is not None}
        return draw.node("Clip", [x], x.shape, **bounds)
    inputs: list[Tensor | str] = [x, "" if low is None else draw.constant(np.float32(low), "low")]
    if high is not None:
        inputs.append(draw.constant(np.float32(high), "high"))
    return draw.node("Clip", inputs, x.shape)


@draws("Relu", weight=5)
def relu(draw: Draw, x: Tensor) -> Tensor | None:
    """After every kind of producer."""
    return draw.node("Relu", [x], x.shape)


@draws("Clip", weight=3)
def clip(draw: Draw, x: Tensor) -> Tensor | None:
    """Bounds on one side or both, of either sign, within the values or beyond."""
    bounds = [(0.0, 6.0), (-1.0, 1.0), (-0.5, 0.75), (0.25, 1.5), (-2.0, -0.1), (None, 1.0), (-0.5, None), (0.0, 1.0)]
    low, high = bounds[draw.integer(0, len(bounds) - 1)]
    return clipped(draw, x, low, high)


@draws("Clip", "Relu")
def bounds_in_a_row(draw: Draw, x: Tensor) -> Tensor | None:
    """Relus and Clips after each other."""
    for _ in range(draw.integer(2, 3)):
        step = relu if draw.chance(0.4) else clip
        x = step(draw, x) or x
    return x


@draws("LeakyRelu", "PRelu", weight=2)
def leaky(draw: Draw, x: Tensor) -> Tensor | None:
    """One slope of negative values, or one for each channel."""
    if draw.chance(0.6) or x.rank < 2:
        return draw.node("LeakyRelu", [x], x.shape, alpha=draw.real(0.01, 0.5))
    slopes = draw.rng.uniform(-0.2, 0.6, (x.shape[1], *[1] * (x.rank - 2)))
    return draw.node("PRelu", [x, draw.constant(slopes, "slopes")], x.shape)


@draws("Sigmoid", "Tanh", weight=2)
def bounded(draw: Draw, x: Tensor) -> Tensor | None:
    """Functions with two limits."""
    return draw.node("Sigmoid" if draw.chance(0.5) else "Tanh", [x], x.shape)


@draws("HardSwish", opsets=range(14, 100))
def hard_swish(draw: Draw, x: Tensor) -> Tensor | None:
    """As one operator."""
    return draw.node("HardSwish", [x], x.shape)


@draws("Abs", "Neg", "Exp", "Erf", "Sin", "Cos", weight=2)
def smooth(draw: Draw, x: Tensor) -> Tensor | None:
    """Float operators of values of any sign; what is raised to e is bounded first."""
    kind = draw.one_of(["Abs", "Neg", "Exp", "Erf", "Sin", "Cos"])
    if kind == "Exp":
        x = draw.node("Tanh", [x], x.shape) if draw.chance(0.5) else clipped(draw, x, -2.0, 1.5)
    return draw.node(kind, [x], x.shape)


@draws("Floor", "Ceil", "Round", weight=0.4)
def whole(draw: Draw, x: Tensor) -> Tensor | None:
    """Rounding, of values that are not whole by construction."""
    kinds = ["Floor", "Ceil"] + (["Round"] if draw.opset >= 11 else [])
    scaled = draw.node("Mul", [x, draw.constant(np.float32(3.1))], x.shape)
    shifted = draw.node("Add", [scaled, draw.constant(np.float32(0.1234))], x.shape)
    return draw.node(draw.one_of(kinds), [shifted], x.shape)


def positive(draw: Draw, x: Tensor) -> Tensor:
    """A value of the same shape between about 0.5 and 3."""
    kind = draw.integer(0, 2)
    if kind == 0:
        x = draw.node("Sigmoid", [x], x.shape)
    else:
        x = clipped(draw, draw.node("Abs", [x], x.shape) if kind == 1 else x, 0.0, 2.5)
    return draw.node("Add", [x, draw.constant(np.float32(0.5))], x.shape)


@draws("Sqrt", "Log", "Reciprocal", "Pow", weight=1.5)
def of_positive(draw: Draw, x: Tensor) -> Tensor | None:
    """Functions that are defined for positive numbers."""
    kind = draw.one_of(["Sqrt", "Log", "Reciprocal", "Pow"])
    x = positive(draw, x)
    if kind != "Pow":
        return draw.node(kind, [x], x.shape)
    return draw.node("Pow", [x, draw.constant(np.float32(draw.one_of([0.5, 1.5, 2.0, 3.0, -1.0])))], x.shape)


@draws("Pow", weight=0.5)
def square(draw: Draw, x: Tensor) -> Tensor | None:
    """Of values of any sign."""
    return draw.node("Pow", [x, draw.constant(np.float32(2))], x.shape)


def _term(draw: Draw, x: Tensor, positive_only: bool = False) -> str:
    """A constant that broadcasts to ``x``: a scalar, one number for each channel, or all different."""
    kind = draw.integer(0, 3)
    if kind == 0 or x.rank < 2:
        shape: tuple[int, ...] = () if draw.chance(0.5) else (1,)
    elif kind == 1:
        shape = x.shape
    else:
        shape = (x.shape[1], *[1] * (x.rank - 2))
        shape = (1, *shape) if draw.chance(0.5) else shape
    data = draw.rng.uniform(0.5, 2.0, shape)
    sign = 1.0 if positive_only else np.where(draw.rng.random(shape) < 0.4, -1.0, 1.0)
    return draw.constant(data * sign, "term")


@draws("Add", "Sub", "Mul", "Div", weight=5)
def with_constant(draw: Draw, x: Tensor) -> Tensor | None:
    """A constant on the right or on the left."""
    kind = draw.one_of(["Add", "Sub", "Mul", "Div"])
    if kind == "Div" and draw.chance(0.3):
        return draw.node("Div", [_term(draw, x), positive(draw, x)], x.shape)
    term = _term(draw, x)
    left = kind != "Div" and draw.chance(0.4)
    return draw.node(kind, [term, x] if left else [x, term], x.shape)


@draws("Add", "Sub", "Mul", "Max", "Min", weight=5)
def of_two(draw: Draw, x: Tensor) -> Tensor | None:
    """Two values of the same shape: a residual sum, a gate."""
    other = draw.like(x)
    if other is None:
        return None
    return draw.node(draw.one_of(["Add", "Add", "Sub", "Mul", "Max", "Min"]), [x, other], x.shape)


@draws("Div", weight=0.7)
def quotient(draw: Draw, x: Tensor) -> Tensor | None:
    """By a computed value that stays away from 0."""
    other = draw.like(x)
    return draw.node("Div", [x, positive(draw, other)], x.shape) if other else None


@draws("Sum", "Max", "Min")
def of_many(draw: Draw, x: Tensor) -> Tensor | None:
    """One to three values, a constant among them at times."""
    operands: list[Tensor | str] = [x]
    while len(operands) < 3 and draw.chance(0.7):
        other = draw.like(x)
        operands.append(_term(draw, x) if other is None or draw.chance(0.3) else other)
    return draw.node(draw.one_of(["Sum", "Max", "Min"]), operands, x.shape)


@draws("Add", "Mul", weight=0.7)
def broadcast(draw: Draw, x: Tensor) -> Tensor | None:
    """A value and one number of each of its channels, or of each of its rows."""
    if x.rank != 4:
        return None
    part = draw.node("GlobalAveragePool", [x], (*x.shape[:2], 1, 1))
    operands = [x, part] if draw.chance(0.6) else [part, x]
    return draw.node(draw.one_of(["Add", "Mul"]), operands, x.shape)


@draws("Softmax", weight=1.5)
def softmax(draw: Draw, x: Tensor) -> Tensor | None:
    """Along any axis."""
    if draw.chance(0.5):
        return draw.node("Softmax", [x], x.shape, axis=x.rank - 1 if x.rank < 3 or draw.opset >= 13 else 1)
    return draw.node("Softmax", [x], x.shape, axis=draw.integer(0 if draw.opset >= 13 else 1, x.rank - 1))


@draws("Identity", "Dropout", weight=0.7)
def nothing(draw: Draw, x: Tensor) -> Tensor | None:
    """What does nothing in a trained network."""
    return draw.node("Identity" if draw.chance(0.5) else "Dropout", [x], x.shape)


def _first_version(operator: str) -> int:
    """The operator set that brought an operator."""
    return min(schema.since_version for schema in onnx.defs.get_all_schemas_with_history() if schema.name == operator)


def _draw_as_it_is(operator: str) -> None:
    """Register a maker that draws the operator after any value, with the attributes' defaults."""

    def function(draw: Draw, x: Tensor) -> Tensor | None:
        return draw.node(operator, [x], x.shape)

    function.__name__ = operator.lower()
    draws(operator, opsets=range(_first_version(operator), 100))(function)


for _operator in sorted(set(ONNX_OPS) - operators_drawn()):
    if issubclass(ONNX_OPS[_operator], ElementFunction):
        _draw_as_it_is(_operator)
