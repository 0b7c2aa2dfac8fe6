"""Random quantized TFLite networks: int8, or int16 activations with int8 weights (16x8).

A network is a list of steps, each with random numbers of its own: without some of them it still is one.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.ir.graph import Array
from tinyglow.testing.graphs.tflite_writer import Quant, TFLiteBuilder

_MOST_ELEMENTS = 600
UNIT = 2.0**-15  # the scale of what LOGISTIC, TANH and SOFTMAX give in int16
_RAISED = 128  # what uint8 has more than int8


@dataclass(frozen=True)
class Value:
    """A tensor of the network.

    Attributes:
        number: In the file.
        shape: Its dimensions, channels last.
        quant: Scale and zero point.
        spread: About the standard deviation of its elements.
    """

    number: int
    shape: tuple[int, ...]
    quant: Quant
    spread: float

    @property
    def scale(self) -> float:
        """The real number that a step of its integers is."""
        return self.quant.scales[0]


@dataclass(frozen=True)
class TFLiteModel:
    """A random network.

    Attributes:
        seed: Draws it again.
        dtype: Of activations, "INT8", "INT16", or "UINT8" as converters once wrote them.
        steps: Names of makers, each with the seed of its numbers.
        data: The file.
        shape: Of its only input, "x".
    """

    seed: int
    dtype: str
    steps: tuple[tuple[str, int], ...]
    data: bytes
    shape: tuple[int, ...]

    def samples(self, count: int) -> dict[str, npt.NDArray[np.float32]]:
        """Normally distributed inputs [count, *shape]."""
        rng = np.random.default_rng([self.seed, 2])
        return {"x": rng.standard_normal((count, *self.shape)).astype(np.float32)}

    def smaller(self) -> Iterator[TFLiteModel]:
        """The same network without one of its steps, the last first."""
        for index in reversed(range(len(self.steps))):
            steps = self.steps[:index] + self.steps[index + 1 :]
            made = _written(self.seed, self.dtype, steps)
            if made is not None and len(made.steps) < len(self.steps):
                yield made


class Net:
    """A network under construction: what makers of operators write to, and read from."""

    def __init__(self, dtype: str) -> None:
        self.dtype, self.b = dtype, TFLiteBuilder()
        self.pool: list[Value] = []
        self.used: set[int] = set()
        self.rng = np.random.default_rng(0)  # of the step

    @property
    def is_int8(self) -> bool:
        """Whether activations are int8."""
        return self.dtype == "INT8"

    @property
    def is_eight_bits(self) -> bool:
        """Whether activations are int8 or uint8."""
        return self.dtype != "INT16"

    @property
    def has_channels(self) -> bool:
        """Whether layers may have a scale for each channel; those of uint8 never had."""
        return self.dtype != "UINT8"

    def zero(self, point: int) -> int:
        """A zero point of int8 as one of the network's type."""
        return {"INT8": point, "UINT8": point + _RAISED}.get(self.dtype, 0)

    def stored(self, data: Array, quant: Quant) -> tuple[Array, Quant]:
        """Constants of int8 in the network's type of weights: those of uint8 have zero points besides."""
        if self.dtype != "UINT8":
            return data, quant
        return (data.astype(np.int16) + _RAISED).astype(np.uint8), Quant(
            quant.scales, [point + _RAISED for point in quant.zero_points], quant.axis
        )

    def quant(self, spread: float) -> Quant:
        """Parameters for values of that spread, from wide to narrow; at times a power of two."""
        rng, most = self.rng, 127 if self.is_eight_bits else 32767
        scale = max(spread, 1e-4) * float(rng.choice([1.5, 3.0, 4.0])) / most
        scale = 2.0 ** round(math.log2(scale)) if rng.random() < 0.15 else scale
        zero = int(rng.choice([0, -128, 127, int(rng.integers(-100, 101))]))
        return Quant([float(np.float32(scale))], [self.zero(zero)])

    def add(
        self,
        kind: str,
        inputs: Sequence[Value | int],
        shape: Sequence[int],
        quant: Quant,
        spread: float,
        options: str = "",
        **fields: Any,
    ) -> Value:
        """An operator with one result."""
        numbers = [item.number if isinstance(item, Value) else item for item in inputs]
        self.used |= {item.number for item in inputs if isinstance(item, Value)}
        number = self.b.node(kind, numbers, tuple(shape), "", options, 1, self.dtype, quant, **fields)
        return Value(number, tuple(shape), quant, spread)

    def constant(self, data: npt.ArrayLike, quant: Quant | None = None) -> int:
        """A tensor with data."""
        return self.b.constant(f"constant_{len(self.b.tensors)}", data, quant)

    def like(self, x: Value) -> Value:
        """Another value of the same shape, or the same one."""
        others = [value for value in self.pool if value.shape == x.shape and value.number != x.number]
        return others[int(self.rng.integers(len(others)))] if others else x


Maker = Callable[[Net, Value], "Value | None"]
MAKERS: dict[str, tuple[Maker, float]] = {}


def makes(name: str, weight: float = 1.0) -> Callable[[Maker], Maker]:
    """Register a maker; weight: how often it is drawn."""

    def register(maker: Maker) -> Maker:
        MAKERS[name] = maker, weight
        return maker

    return register


def tflite_model(seed: int, operators: int = 0) -> TFLiteModel:
    """The network of a seed; the same in every run.

    Args:
        seed: Any number.
        operators: How many makers draw (default: 2 to 8).

    Returns:
        The network. Needs the packages tflite and flatbuffers.
    """
    importlib.import_module("tinyglow.testing.graphs.tflite_makers")  # they register themselves
    rng = np.random.default_rng([seed, 3])
    dtype = str(rng.choice(["INT8", "INT16", "UINT8"], p=[0.6, 0.3, 0.1]))
    names = sorted(MAKERS)
    weights = np.array([MAKERS[name][1] for name in names])
    count = operators or int(rng.integers(2, 9))
    drawn = rng.choice(len(names), size=8 * count, p=weights / weights.sum())
    seeds = rng.integers(0, 2**31, len(drawn))
    steps = [(names[int(number)], int(own)) for number, own in zip(drawn, seeds, strict=True)]
    made = _written(seed, dtype, steps, count)
    return made if made is not None else _written(seed, dtype, [("relu", 0)]) or tflite_model(seed + 2**20)


def _written(seed: int, dtype: str, steps: Sequence[tuple[str, int]], most: int = 0) -> TFLiteModel | None:
    """The network of these steps, without those that do not apply; None if none does."""
    rng, net = np.random.default_rng([seed, 4]), Net(dtype)
    shape = _shape(rng)
    scale = float(np.float32(3.0 / (127 if net.is_eight_bits else 32767)))
    quant = Quant([scale], [net.zero(int(rng.integers(-20, 21)))])
    net.pool.append(Value(net.b.tensor("x", shape, dtype, quant), shape, quant, 1.0))
    taken: list[tuple[str, int]] = []
    for name, own in steps:
        if most and len(taken) == most:
            break
        net.rng = np.random.default_rng(own)
        fresh = [value for value in net.pool if value.number not in net.used]
        choices = fresh if fresh and net.rng.random() < 0.7 else net.pool
        made = MAKERS[name][0](net, choices[int(net.rng.integers(len(choices)))])
        if made is not None and math.prod(made.shape) <= _MOST_ELEMENTS:
            net.pool.append(made)
            taken.append((name, own))
    outputs = [value.number for value in net.pool[1:] if value.number not in net.used][-3:]
    if not outputs:
        return None
    data = net.b.build([net.pool[0].number], outputs)
    return TFLiteModel(seed, dtype, tuple(taken), data, shape)


def _shape(rng: np.random.Generator) -> tuple[int, ...]:
    if rng.random() < 0.75:
        return 1, int(rng.integers(1, 9)), int(rng.integers(1, 9)), int(rng.integers(1, 9))
    return 1, int(rng.integers(2, 25))
