"""What cases are made of: small models on inputs that look random, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.tflite.builder import Array, Body, TFLiteBuilder

RELU, RELU_N1_TO_1, RELU6, TANH = range(1, 5)
SAME, VALID = 0, 1
SAMPLES = 2


def numbers(*shape: int, scale: float = 1.0, start: int = 0) -> Array:
    """float32 between -scale and scale that look random, the same everywhere."""
    steps = np.arange(start, start + int(np.prod(shape)), dtype=np.int64)
    return ((steps * 7919 + 31) % 1009 / np.float64(504.5) - 1).astype(np.float32).reshape(shape) * np.float32(scale)


@dataclass(frozen=True)
class Case:
    """A model of one input ``x`` and its inputs [samples, *shape]."""

    name: str
    model: bytes
    inputs: Array


CASES: dict[str, Callable[[], Case]] = {}


def register(
    name: str,
    shape: tuple[int, ...],
    make: Callable[[TFLiteBuilder, int], int | list[int]],
    scale: float = 1.0,
    samples: int = SAMPLES,
    other: Callable[[], TFLiteBuilder] | None = None,
    others: Callable[[], Sequence[Body]] = tuple,
) -> None:
    """Register the model that ``make`` builds on an input of ``shape``; it returns the outputs.

    other, others: build further subgraphs.
    """

    def build() -> Case:
        builder = TFLiteBuilder()
        x = builder.tensor("x", shape)
        outputs = make(builder, x)
        results = outputs if isinstance(outputs, list) else [outputs]
        model = builder.build([x], results, 0, other and other(), others())
        return Case(name, model, numbers(samples, *shape, scale=scale, start=5))

    assert name not in CASES, name
    CASES[name] = build
