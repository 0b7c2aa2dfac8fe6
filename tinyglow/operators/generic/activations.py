"""ONNX's activations that are made of other functions; exact near 0, where the schemas' own formulas cancel."""

from __future__ import annotations

from collections.abc import Sequence

from tinyglow.ir.graph import Value
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.exp import Exp
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.log import Log
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.tanh import Tanh


def _below_zero(build: Build, x: Value, below: Value) -> Value:
    """x where it is above 0, else ``below``."""
    return build.each("where", build.each("less", build.like(0, x), x), x, below)


def scaled(build: Build, x: Value, factor: float) -> Value:
    """x times a number."""
    return x if factor == 1.0 else build.each("mul", x, build.like(factor, x))


def shifted(build: Build, x: Value, term: float) -> Value:
    """x plus a number."""
    return build.each("add", x, build.like(term, x))


@makes("Elu", attributes=("alpha",))
def elu(build: Build) -> Value:
    """Alpha (e ** x - 1) below 0."""
    x = build.input(0)
    return _below_zero(build, x, scaled(build, build.each("expm1", x), build.node.real("alpha", 1.0)))


@makes("Selu", attributes=("alpha", "gamma"))
def selu(build: Build) -> Value:
    """Gamma times Elu."""
    x = build.input(0)
    below = scaled(build, build.each("expm1", x), build.node.real("alpha", 1.67326319217681884765625))
    return scaled(build, _below_zero(build, x, below), build.node.real("gamma", 1.05070102214813232421875))


@makes("Celu", attributes=("alpha",))
def celu(build: Build) -> Value:
    """Alpha (e ** (x / alpha) - 1) below 0."""
    x, alpha = build.input(0), build.node.real("alpha", 1.0)
    power = build.each("expm1", build.each("div", x, build.like(alpha, x)))
    return _below_zero(build, x, scaled(build, power, alpha))


@makes("Mish")
def mish(build: Build) -> Value:
    """X tanh(ln(1 + e ** x))."""
    x = build.input(0)
    return build.each("mul", x, build.add(Tanh(), build.each("softplus", x)))


@makes("Swish", attributes=("alpha",))
def swish(build: Build) -> Value:
    """X times the sigmoid of alpha x."""
    x = build.input(0)
    return build.each("mul", x, build.add(Sigmoid(), scaled(build, x, build.node.real("alpha", 1.0))))


@makes("Softsign")
def softsign(build: Build) -> Value:
    """X / (1 + |x|)."""
    x = build.input(0)
    return build.each("div", x, shifted(build, build.absolute(x), 1.0))


@makes("HardSigmoid", attributes=("alpha", "beta"))
def hard_sigmoid(build: Build) -> Value:
    """Alpha x + beta between 0 and 1."""
    x, node = build.input(0), build.node
    line = shifted(build, scaled(build, x, node.real("alpha", 0.2)), node.real("beta", 0.5))
    return build.each("max", build.like(0, x), build.each("min", build.like(1, x), line))


@makes("ThresholdedRelu", attributes=("alpha",))
def thresholded_relu(build: Build) -> Value:
    """X above alpha, else 0."""
    x = build.input(0)
    above = build.each("less", build.like(build.node.real("alpha", 1.0), x), x)
    return build.each("where", above, x, build.like(0, x))


@makes("Shrink", attributes=("lambd", "bias"))
def shrink(build: Build) -> Value:
    """X nearer to 0 by the bias, and 0 up to lambd."""
    x, node = build.input(0), build.node
    low, bias = node.real("lambd", 0.5), node.real("bias", 0.0)
    below = build.each("less", x, build.like(-low, x))
    above = build.each("less", build.like(low, x), x)
    inner = build.each("where", above, shifted(build, x, -bias), build.like(0, x))
    return build.each("where", below, shifted(build, x, bias), inner)


def shares(build: Build, x: Value, axes: Sequence[int]) -> Value:
    """Exponentials over their sum over ``axes``."""
    powers = build.add(Exp(), build.each("sub", x, build.fold("max", x, axes)))
    return build.each("div", powers, build.fold("sum", powers, axes))


@makes("Softmax", "LogSoftmax", attributes=("axis",))
def softmax(build: Build) -> Value:
    """Exponentials over their sum along an axis; or the logarithm of that. Until opset 12 along all axes from it on."""
    x, node = build.input(0), build.node
    rank, old = len(x.type.shape), node.opset < 13
    axis = normalize_axis(node.integer("axis", 1 if old else -1), max(1, rank))
    axes = list(range(axis % max(1, rank), rank)) if old else [axis]
    if node.op_type == "Softmax":
        return shares(build, x, axes)
    rest = build.each("sub", x, build.fold("max", x, axes))
    total = build.fold("sum", build.add(Exp(), rest), axes)
    return build.each("sub", rest, build.add(Log(), total))


@makes("Hardmax", attributes=("axis",))
def hardmax(build: Build) -> Value:
    """1 at the first of the largest elements along an axis, else 0."""
    x, node = build.input(0), build.node
    shape, old = x.type.shape, node.opset < 13
    axis = normalize_axis(node.integer("axis", 1 if old else -1), len(shape))
    lines = x
    if old:
        rows = 1
        for size in shape[:axis]:
            rows *= size
        lines, axis = build.reshape(x, (rows, x.type.elements // rows)), 1
    best = build.order(lines, axis, 1, smallest=False)
    places = build.places_along(lines.type.shape, axis)
    return build.reshape(build.cast(build.each("equal", places, best), "float32"), shape)
