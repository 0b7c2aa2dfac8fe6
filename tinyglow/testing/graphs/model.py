"""A random network: inputs, a handful of operators and small blocks of them, and several outputs."""

from __future__ import annotations

import numpy as np

from tinyglow.testing.graphs.draw import Draw, RandomModel, Tensor, registered

_OPSETS = (9, 11, 13, 13, 18)
_MOST_ELEMENTS = 600
_STATE = "state"
_READ_LATEST = 0.6  # how often the next operator reads a value that nothing reads yet


def _inputs(draw: Draw) -> list[Tensor]:
    kind = draw.rng.random()
    if kind < 0.75:
        size = draw.integer(1, 8) if draw.chance(0.3) else draw.integer(4, 8)
        width = size if draw.chance(0.6) else draw.integer(1, 8)
        shape: tuple[int, ...] = (1, draw.integer(1, 6), size, width)
    elif kind < 0.9:
        shape = (1, draw.integer(2, 16))
    else:
        shape = (1, draw.integer(1, 6), draw.integer(2, 12))
    inputs = [Tensor("input", shape)]
    if draw.chance(0.2):
        inputs.append(Tensor("other", shape if draw.chance(0.7) else (1, draw.integer(2, 8))))
    return inputs


def _normalized(draw: Draw, x: Tensor) -> Tensor:
    """What many networks begin with: (x - mean) / deviation, as one to three operators with constants."""
    shape = [1] * x.rank
    if x.rank == 4 and draw.chance(0.7):
        shape[1] = x.shape[1]
    mean, spread = draw.rng.uniform(-0.5, 0.5, shape), draw.rng.uniform(0.5, 2.0, shape)
    if draw.chance(0.7):
        x = draw.node("Sub" if draw.chance(0.6) else "Add", [x, draw.constant(mean)], x.shape)
    if draw.chance(0.7):
        x = draw.node("Div" if draw.chance(0.6) else "Mul", [x, draw.constant(spread)], x.shape)
    return x


def _next(draw: Draw) -> Tensor:
    """The value that the next operator reads: often one that nothing reads yet."""
    fresh = [tensor for tensor in draw.pool if tensor.name not in draw.used]
    choices = fresh if fresh and draw.chance(_READ_LATEST) else draw.pool
    return choices[draw.integer(0, len(choices) - 1)]


def _outputs(draw: Draw, integers: list[Tensor]) -> list[Tensor]:
    """The last value, at times others that nothing reads, and a value that is read inside as well."""
    made = {output for node in draw.nodes for output in node.output}
    ends = [tensor for tensor in draw.pool if tensor.name not in draw.used and tensor.name in made]
    ends = ends or [tensor for tensor in draw.pool if tensor.name in made][-1:]
    outputs = ends[-draw.integer(1, 3) :]
    taken = {tensor.name for tensor in outputs}
    inner = [tensor for tensor in draw.pool if tensor.name in made - taken]
    if inner and draw.chance(0.15):
        outputs.append(inner[draw.integer(0, len(inner) - 1)])
    return outputs + integers[:1]


def _with_state(draw: Draw, x: Tensor) -> tuple[Tensor, Tensor]:
    """An input of the form of ``x`` that is to live inside the network, and what it becomes for the next call.

    What remains of it is mixed with ``x``, or it holds what was given before.
    """
    before = Tensor(_STATE, x.shape)
    if draw.chance(0.6):
        kept = draw.node("Mul", [before, draw.constant(np.float32(draw.real(0.3, 0.9)))], x.shape)
        after = draw.add(draw.node("Add", [kept, x], x.shape))
        return before, draw.node("Identity", [after], x.shape)
    size = x.shape[-1]
    joined = draw.add(draw.node("Concat", [before, x], (*x.shape[:-1], 2 * size), axis=x.rank - 1))
    ends = [draw.constant(np.array([number])) for number in (1, size + 1, x.rank - 1)]
    return before, draw.node("Slice", [joined, *ends], x.shape)


def random_model(
    seed: int, operators: int = 0, opsets: tuple[int, ...] = _OPSETS, with_state: bool = False
) -> RandomModel:
    """The model of ``seed``; the same in every run.

    Args:
        seed: Any number.
        operators: How many makers draw (default: 2 to 11).
        opsets: Versions of the operators, of which one is drawn.
        with_state: Whether an input lives in the network from one call to the next.

    Returns:
        The model.
    """
    draw = Draw(seed, 13)
    draw.opset = draw.one_of(opsets)
    inputs = _inputs(draw)
    for x in inputs:
        draw.add(_normalized(draw, x) if draw.chance(0.15) else x)
    states = [_with_state(draw, inputs[0])] if with_state else []
    makers = [item for item in registered() if draw.opset in item.opsets]
    weights = np.array([item.weight for item in makers])
    integers: list[Tensor] = []
    large: list[Tensor] = []
    wanted, drawn = operators or draw.integer(2, 11), 0
    for _ in range(20 * wanted):
        if drawn == wanted:
            break
        maker = makers[int(draw.rng.choice(len(makers), p=weights / weights.sum()))]
        result = maker.maker(draw, _next(draw))
        if result is None:
            continue
        drawn += 1
        if result.elements > _MOST_ELEMENTS:
            draw.used.add(result.name)  # read by nothing, and no output if there is another
            large.append(result)
        elif {"ArgMax", "ArgMin"} & set(maker.operators):
            integers.append(result)
        else:
            draw.add(result)
    return draw.finish(seed, inputs, _outputs(draw, integers) or large[-1:], states)
