"""Where the error of a quantized network comes from: how much each layer adds, and how much reaches an output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array, Graph
from tinyglow.pipeline.fidelity import computed
from tinyglow.pipeline.parts import output_parts
from tinyglow.pipeline.trace import Values


@dataclass(frozen=True)
class OwnError:
    """What quantizing one value adds to the error that its inputs bring along, on a few samples.

    Attributes:
        name: Of the value.
        error: [samples, *shape], in real units.
        share: How much of the error power of all answers (``answers_of``, each relative to its own power) is left if
            nothing else is quantized, 0 to 1. All layers together are 1.
    """

    name: str
    error: Array
    share: float


def own_errors(graph: Graph, real: Values, actual: Values) -> Values:
    """The error of each value against the float operator on the very inputs that the integers had.

    Inputs have the error of their own rounding. Values between two in ``actual`` are computed in float.

    Args:
        graph: The float graph.
        real: Every value of it.
        actual: Those of the quantized network, by the same names, in real units.

    Returns:
        The errors of the values in ``actual``.
    """
    exact: Values = dict(real)
    used: Values = {**real, **actual}
    for node in graph.nodes:
        results = computed(graph, node, [used[name] for name in node.inputs])
        for name, result in zip(node.outputs, results, strict=True):
            exact[name] = result
            if name not in actual:
                used[name] = result
    return {name: array.reshape(real[name].shape) - exact[name] for name, array in actual.items()}


def _downstream(graph: Graph, name: str, value: Array, real: Values) -> Values:
    """The values that change if ``name`` is ``value`` and all else is computed in float."""
    changed = {name: value}
    for node in graph.nodes:
        if name in node.outputs or not any(source in changed for source in node.inputs):
            continue
        results = computed(graph, node, [changed.get(source, real[source]) for source in node.inputs])
        changed.update(zip(node.outputs, results, strict=True))
    return changed


def answers_of(graph: Graph) -> list[str]:
    """The values that count: the outputs, and where a concatenation joins several in one, each of these."""
    found: dict[str, None] = {}
    for output in graph.outputs:
        parts = [part.value for part in output_parts(graph, output)]
        found.update(dict.fromkeys(parts or [output.value]))
    return list(found)


def _noise(answers: Sequence[str], changed: Values, real: Values) -> float:
    """Error power of all answers, each divided by its own power. For an answer of zeros it is not divided."""
    total = 0.0
    for name in answers:
        if name in changed:
            reference = real[name].astype(np.float64)
            error = changed[name].astype(np.float64) - reference
            total += float((error**2).sum()) / (float((reference**2).sum()) or 1.0)
    return total


def attribute(graph: Graph, real: Values, errors: Values) -> list[OwnError]:
    """The share of each value's own error in the outputs' error: injected by itself into the float network.

    The errors of different layers are nearly independent, so that their powers add up (as in Lin, Talathi and
    Annapureddy, "Fixed Point Quantization of Deep Convolutional Networks", 2016).
    """
    answers = answers_of(graph)
    with np.errstate(all="ignore"):
        powers = {
            name: _noise(answers, _downstream(graph, name, real[name] + error, real), real) if error.any() else 0.0
            for name, error in errors.items()
        }
    powers = {name: power if np.isfinite(power) else 0.0 for name, power in powers.items()}
    total = sum(powers.values()) or 1.0
    return [OwnError(name, error, powers[name] / total) for name, error in errors.items()]


def largest(errors: Iterable[OwnError], count: int) -> list[OwnError]:
    """The ``count`` values with the largest share, largest first."""
    return sorted(errors, key=lambda own: -own.share)[:count]
