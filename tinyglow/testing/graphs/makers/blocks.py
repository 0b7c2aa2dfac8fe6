"""Small blocks as networks have them: what passes rewrite together."""

from __future__ import annotations

import numpy as np

from tinyglow.testing.graphs.draw import Draw, Tensor, draws
from tinyglow.testing.graphs.makers.elements import clip, clipped, leaky, relu
from tinyglow.testing.graphs.makers.layers import convolved, dense, normalized
from tinyglow.testing.graphs.makers.movement import concatenated, transposed


def _activated(draw: Draw, x: Tensor) -> Tensor:
    """``x`` after an activation of some kind, or after none."""
    kind = draw.integer(0, 5)
    if kind == 0:
        return x
    if kind <= 3:
        return relu(draw, x) or x
    return (clip if kind == 4 else leaky)(draw, x) or x


@draws("Conv", "BatchNormalization", "Relu", weight=14)
def layer(draw: Draw, x: Tensor) -> Tensor | None:
    """Convolution, normalization, activation."""
    result = convolved(draw, x)
    if result is None:
        return None
    if draw.chance(0.6):
        result = normalized(draw, result) or result
    return _activated(draw, result)


@draws("Concat", "Conv", weight=6)
def branches(draw: Draw, x: Tensor) -> Tensor | None:
    """Two or three convolutions of one image, each with an activation of its own, joined."""
    if x.rank not in (3, 4):
        return None
    parts: list[Tensor] = []
    for _ in range(draw.integer(2, 3)):
        part = convolved(draw, x, units=draw.integer(1, 4), kernel=(1,) * (x.rank - 2), group=1)
        if part is None or (parts and part.shape[2:] != parts[0].shape[2:]):
            continue
        parts.append(_activated(draw, part))
    if draw.chance(0.3) and parts and parts[0].shape[2:] == x.shape[2:]:
        parts.append(x)
    return concatenated(draw, parts, 1) if parts else None


@draws("Add", "Conv", weight=3)
def residual(draw: Draw, x: Tensor) -> Tensor | None:
    """x + f(x), with an activation after the sum at times."""
    if x.rank != 4:
        return None
    inner = _activated(draw, convolved(draw, x, units=x.shape[1], kernel=(1, 1), group=1) or x)
    if inner.shape != x.shape:
        return None
    total = draw.node("Add", [x, inner] if draw.chance(0.5) else [inner, x], x.shape)
    return _activated(draw, total)


@draws("Sub", "Conv", "Add", "Mul", "Div", weight=3)
def chain_behind_convolution(draw: Draw, x: Tensor) -> Tensor | None:
    """Arithmetic with constants after a convolution, which may be folded into it."""
    result = convolved(draw, x)
    if result is None:
        return None
    for _ in range(draw.integer(1, 3)):
        kind = draw.one_of(["Add", "Sub", "Sub", "Mul", "Div"])
        shape = (1, result.shape[1], *[1] * (result.rank - 2)) if draw.chance(0.6) else ()
        shape = shape[1:] if draw.chance(0.3) else shape
        constant = draw.constant(draw.rng.uniform(0.5, 2, shape) * (-1 if draw.chance(0.3) else 1), "term")
        left = kind != "Div" and draw.chance(0.5)
        result = draw.node(kind, [constant, result] if left else [result, constant], result.shape)
    return result


@draws("GlobalAveragePool", "Gemm", "Sigmoid", "Mul")
def squeeze_and_excite(draw: Draw, x: Tensor) -> Tensor | None:
    """Channels scaled by gates that are computed of their means."""
    if x.rank != 4:
        return None
    n, channels = x.shape[:2]
    means = draw.node("GlobalAveragePool", [x], (n, channels, 1, 1))
    if draw.chance(0.5):
        rows = draw.node("Flatten", [means], (n, channels))
        gates = dense(draw, relu(draw, dense(draw, rows, 2) or rows) or rows, channels)
        assert gates is not None
        shape = draw.constant([n, channels, 1, 1], "shape")
        gate = draw.node("Reshape", [draw.node("Sigmoid", [gates], gates.shape), shape], means.shape)
    else:
        filters = draw.constant(draw.weights(channels, channels, 1, 1), "filters")
        gates = draw.node("Conv", [means, filters], means.shape)
        gate = draw.node("Sigmoid", [gates], gates.shape)
    return draw.node("Mul", [x, gate] if draw.chance(0.5) else [gate, x], x.shape)


@draws("Sigmoid", "Mul", "Clip")
def swish(draw: Draw, x: Tensor) -> Tensor | None:
    """x * sigmoid(x), or the hard one in pieces: x * clip(x + 3, 0, 6) / 6."""
    if draw.chance(0.5):
        gate = draw.node("Sigmoid", [x], x.shape)
        return draw.node("Mul", [x, gate], x.shape)
    shifted = draw.node("Add", [x, draw.constant(np.float32(3))], x.shape)
    product = draw.node("Mul", [x, clipped(draw, shifted, 0.0, 6.0)], x.shape)
    if draw.chance(0.5):
        return draw.node("Div", [product, draw.constant(np.float32(6))], x.shape)
    return draw.node("Mul", [product, draw.constant(np.float32(1 / 6))], x.shape)


@draws("Transpose", weight=1.5)
def between_transposes(draw: Draw, x: Tensor) -> Tensor | None:
    """An operator on an image in the other order of dimensions, turned back at times."""
    if x.rank != 4:
        return None
    turned = transposed(draw, x, [0, 2, 3, 1])
    kind = draw.integer(0, 4)
    if kind == 0:
        turned = draw.node(draw.one_of(["Abs", "Neg", "Erf", "Sigmoid"]), [turned], turned.shape)
    elif kind == 1:
        turned = normalized(draw, turned) or turned
    elif kind == 2:
        term = draw.constant(draw.rng.uniform(-1, 1, x.shape[1]), "term")
        turned = draw.node(draw.one_of(["Add", "Mul", "Sub"]), [turned, term], turned.shape)
    elif kind == 3:
        turned = concatenated(draw, [turned, relu(draw, turned) or turned], 3)
    else:
        turned = _activated(draw, turned)
    return transposed(draw, turned, [0, 3, 1, 2]) if draw.chance(0.6) else turned


@draws("Flatten", "Concat", "Gemm")
def joined_features(draw: Draw, x: Tensor) -> Tensor | None:
    """Rows of several values side by side."""
    rows = []
    for y in [x, *([other] if (other := draw.like(x)) else []), draw.pool[draw.integer(0, len(draw.pool) - 1)]]:
        if y.shape[0] == 1:
            rows.append(draw.node("Flatten", [y], (1, y.elements)) if y.rank > 2 or y.rank < 2 else y)
    return concatenated(draw, rows, 1) if len(rows) > 1 and rows[0].rank == 2 else None


@draws("Add", weight=1.5)
def three_way_sum(draw: Draw, x: Tensor) -> Tensor | None:
    """Sums of sums of values of the same shape; partial sums have ranges of their own."""
    first, second = draw.like(x), draw.like(x)
    if first is None or second is None:
        return None
    partial = draw.node("Add", [x, first], x.shape)
    return draw.node("Add", [partial, second] if draw.chance(0.5) else [second, partial], x.shape)


@draws("Concat", weight=1.5)
def concats_of_concats(draw: Draw, x: Tensor) -> Tensor | None:
    """Parts joined one after the other, along the same dimension."""
    if x.rank < 2:
        return None
    inner = concatenated(draw, [x, leaky(draw, x) or x], 1)
    more = draw.node(draw.one_of(["Neg", "Relu", "Tanh"]), [x], x.shape)
    return concatenated(draw, [inner, more] if draw.chance(0.5) else [more, inner], 1)


@draws("LeakyRelu", "Clip", "Concat", weight=1.5)
def siblings(draw: Draw, x: Tensor) -> Tensor | None:
    """The same operator twice on the same value, with other attributes."""
    if x.rank < 2:
        return None
    if draw.chance(0.5):
        parts = [draw.node("LeakyRelu", [x], x.shape, alpha=alpha) for alpha in (0.05, 0.5)]
    else:
        parts = [clipped(draw, x, 0.0, 1.0), clipped(draw, x, -1.0, 0.5)]
    if draw.chance(0.5):
        return draw.node("Sub", [parts[0].name, parts[1].name], x.shape)
    return concatenated(draw, parts, 1)


@draws("Conv", "Relu", weight=1.5)
def shared(draw: Draw, x: Tensor) -> Tensor | None:
    """A convolution that is read twice: through an activation and as it is."""
    result = convolved(draw, x)
    if result is None:
        return None
    draw.add(result)
    return _activated(draw, result)
