"""What an option of quantization should gain, from the shares of the error that it takes away."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from tinyglow.pipeline.layers import Closely, making, weights_share

_MOST = 30.0  # dB: more cannot be told from a few samples


@dataclass(frozen=True)
class Part:
    """What one value adds to the answers' error.

    Attributes:
        nodes: The model's nodes that compute it: functions of single elements, and the layer that they follow; () for
            an input.
        share: Of the error power of all answers, 0 to 1.
        by_weights: How much of it the rounding of its layer's weights makes, 0 to ``share``.
    """

    nodes: tuple[str, ...]
    share: float
    by_weights: float


@dataclass(frozen=True)
class Forecast:
    """The parts of the answers' error, and what is left without some of them.

    Errors of different layers hardly correlate, so that their powers add up: without a share s of the power the SNR is
    10 log10(1 / (1 - s)) dB higher.
    """

    parts: tuple[Part, ...]

    def in_float(self, nodes: Collection[str]) -> float:
        """The gain in dB if some of the model's nodes are not quantized."""
        return _gain(sum(part.share for part in self.parts if set(part.nodes[:1]) & set(nodes)))

    def per_channel(self, nodes: Collection[str]) -> float:
        """The most that a scale for each channel of the weights of some nodes can gain, in dB."""
        return _gain(sum(part.by_weights for part in self.parts if set(part.nodes) & set(nodes)))

    def fine_activations(self) -> float:
        """The gain in dB if no activation is rounded and weights are as they are."""
        return _gain(sum(part.share - part.by_weights for part in self.parts))


def _gain(saved: float) -> float:
    left = 1 - min(1.0, max(0.0, saved))
    return min(_MOST, 10 * math.log10(1 / left)) if left > 0 else _MOST


def forecast(close: Closely) -> Forecast:
    """Look at the errors of all layers on the few samples of ``close``."""
    graph = close.traced.graph
    return Forecast(
        tuple(
            Part(tuple(making(graph, own.name)), own.share, own.share * weights_share(close, own))
            for own in close.ranked()
        )
    )
