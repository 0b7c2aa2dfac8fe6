"""ONNX's normalizations that it does not define by functions itself."""

from __future__ import annotations

import math

from tinyglow.ir.graph import Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.sqrt import Sqrt


@makes("InstanceNormalization", version=22, attributes=("epsilon",))
def instance_normalization(build: Build) -> Value:
    """Each channel of each image less its mean, over its deviation; times a scale, plus a bias."""
    x, scale, bias = (build.input(index) for index in range(3))
    shape = x.type.shape
    if len(shape) < 3 or scale.type.shape != (shape[1],) or bias.type.shape != (shape[1],):
        found = f"input {list(shape)}, scale {list(scale.type.shape)}, bias {list(bias.type.shape)}"
        raise UnsupportedError(found, "[N, C, ...], [C] and [C]")
    lines = build.reshape(x, (*shape[:2], math.prod(shape[2:])))
    centred = build.each("sub", lines, build.mean(lines, [2]))
    variance = build.mean(build.each("mul", centred, centred), [2])
    epsilon = build.like(build.node.real("epsilon", 1e-5), variance)
    normal = build.each("div", centred, build.add(Sqrt(), build.each("add", variance, epsilon)))
    scale, bias = (build.reshape(value, (shape[1], 1)) for value in (scale, bias))
    return build.reshape(build.each("add", build.each("mul", normal, scale), bias), shape)


@makes("LpNormalization", version=22, attributes=("axis", "p"))
def lp_normalization(build: Build) -> Value:
    """Numbers along an axis over the sum of their sizes (p = 1) or their length (p = 2); 0 where that is 0."""
    x, p = build.input(0), build.node.integer("p", 2)
    axis = normalize_axis(build.node.integer("axis", -1), len(x.type.shape))
    if p not in (1, 2):
        raise UnsupportedError(f"p {p}", "1 or 2")
    if p == 1:
        norm = build.fold("sum", build.absolute(x), [axis])
    else:
        norm = build.add(Sqrt(), build.fold("sum", build.each("mul", x, x), [axis]))
    is_zero = build.each("equal", norm, build.like(0, norm))
    return build.each("div", x, build.each("where", is_zero, build.like(1, norm), norm))
