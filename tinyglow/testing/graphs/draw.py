"""Building a random ONNX model node by node; makers of operators register themselves here."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from tinyglow.ir.graph import Array

IR_VERSION = 8
_Choice = TypeVar("_Choice")


@dataclass(frozen=True)
class Tensor:
    """A float value of the model under construction."""

    name: str
    shape: tuple[int, ...]

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def elements(self) -> int:
        """Product of the dimensions."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class RandomModel:
    """A model with float inputs [1, ...] of ``shapes``; ``seed`` draws it again, and its samples.

    states: inputs that live from one call to the next, each with the output that it becomes; not among ``shapes``.
    """

    seed: int
    proto: onnx.ModelProto
    shapes: Mapping[str, tuple[int, ...]]
    states: Mapping[str, str] = field(default_factory=dict)

    @property
    def operators(self) -> frozenset[str]:
        """ONNX names of the nodes' operators."""
        return frozenset(node.op_type for node in self.proto.graph.node)

    def samples(self, count: int) -> dict[str, npt.NDArray[np.float32]]:
        """Normally distributed inputs [count, *shape], of a mean and a spread of its own for each input."""
        rng = np.random.default_rng([self.seed, 1])
        arrays: dict[str, npt.NDArray[np.float32]] = {}
        for name, shape in self.shapes.items():
            mean, spread = rng.uniform(-0.5, 0.5), rng.uniform(0.5, 2.0)
            draws = np.random.default_rng([self.seed, 2, len(arrays)]).standard_normal((count, *shape))
            arrays[name] = (mean + spread * draws).astype(np.float32)
        return arrays


class Draw:
    """A random number generator and the model it is drawing. ``opset``: the version the model is written for."""

    def __init__(self, seed: int, opset: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.pool: list[Tensor] = []  # what makers may read
        self.used: set[str] = set()

    # chance

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def real(self, low: float, high: float) -> float:
        """Uniformly distributed."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True so often."""
        return bool(self.rng.random() < probability)

    def one_of(self, choices: Sequence[_Choice]) -> _Choice:
        """Each as likely as the others."""
        return choices[self.integer(0, len(choices) - 1)]

    def weights(self, *shape: int, fan_in: int = 0) -> Array:
        """float32, of a size that keeps that of what they multiply; ``fan_in`` terms are summed."""
        fan_in = fan_in or max(1, math.prod(shape) // shape[0])
        return (self.rng.standard_normal(shape) / math.sqrt(fan_in)).astype(np.float32)

    # making

    def constant(self, data: npt.ArrayLike, stem: str = "constant") -> str:
        """An initializer, or at times the result of a Constant node; integers become int64."""
        array = np.asarray(data)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        name = f"{stem}_c{len(self.initializers) + len(self.nodes)}"  # as no node is called
        tensor = numpy_helper.from_array(array, name)
        if self.chance(0.1):
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.initializers.append(tensor)
        return name

    def names(self, op_type: str, inputs: Sequence[str], count: int = 1, **attributes: Any) -> list[str]:
        """Add a node; the names of its results."""
        name = f"{op_type.lower()}_{len(self.nodes)}"
        outputs = [name if count == 1 and self.chance(0.5) else f"{name}_out{index}" for index in range(count)]
        self.nodes.append(helper.make_node(op_type, list(inputs), outputs, name=name, **attributes))
        self.used.update(inputs)
        return outputs

    def node(self, op_type: str, inputs: Sequence[Tensor | str], shape: Sequence[int], **attributes: Any) -> Tensor:
        """Add a node with one result, a float of ``shape``."""
        names = [item.name if isinstance(item, Tensor) else item for item in inputs]
        (name,) = self.names(op_type, names, **attributes)
        return Tensor(name, tuple(int(size) for size in shape))

    def add(self, tensor: Tensor) -> Tensor:
        """Let other makers read ``tensor``."""
        if tensor not in self.pool:
            self.pool.append(tensor)
        return tensor

    def like(self, x: Tensor) -> Tensor | None:
        """Another value of the same shape, if there is one."""
        others = [tensor for tensor in self.pool if tensor.shape == x.shape and tensor.name != x.name]
        return others[self.integer(0, len(others) - 1)] if others else None

    def finish(
        self,
        seed: int,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        states: Sequence[tuple[Tensor, Tensor]] = (),
    ) -> RandomModel:
        """The model; ``outputs`` may be integers (of an ArgMax).

        states: Inputs that live inside, and what they become.
        """
        kinds = {output: node.op_type for node in self.nodes for output in node.output}

        def info(tensor: Tensor) -> onnx.ValueInfoProto:
            whole = kinds.get(tensor.name) in ("ArgMax", "ArgMin")
            return helper.make_tensor_value_info(
                tensor.name, TensorProto.INT64 if whole else TensorProto.FLOAT, list(tensor.shape)
            )

        given = [*inputs, *(before for before, _ in states)]
        after = {tensor.name: tensor for _, tensor in states}
        results = [tensor for tensor in outputs if tensor.name not in after] + list(after.values())
        graph = helper.make_graph(
            self.nodes, f"random_{seed}", [info(x) for x in given], [info(y) for y in results], self.initializers
        )
        opsets = [helper.make_opsetid("", self.opset)]
        proto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        pairs = {before.name: tensor.name for before, tensor in states}
        return RandomModel(seed, proto, {x.name: x.shape for x in inputs}, pairs)


# Adds nodes that read a given value; None if they do not apply to it. Integer results are not for other makers.
Maker = Callable[[Draw, Tensor], "Tensor | None"]


@dataclass(frozen=True)
class _Registered:
    maker: Maker
    operators: tuple[str, ...]
    weight: float
    opsets: range


@dataclass
class _Registry:
    makers: list[_Registered] = field(default_factory=list)


_REGISTRY = _Registry()


def draws(*operators: str, weight: float = 1.0, opsets: range = range(1, 100)) -> Callable[[Maker], Maker]:
    """Register a maker of ``operators``, by their ONNX names; weight: how often it is drawn; opsets: where."""

    def register(maker: Maker) -> Maker:
        _REGISTRY.makers.append(_Registered(maker, operators, weight, opsets))
        return maker

    return register


def operators_drawn() -> set[str]:
    """ONNX names of the operators of the makers so far."""
    return {name for item in _REGISTRY.makers for name in item.operators}


@cache
def registered() -> tuple[_Registered, ...]:
    """All makers, in a fixed order: every file of ``makers`` adds some."""
    package = importlib.import_module("tinyglow.testing.graphs.makers")
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        importlib.import_module(f"{package.__name__}.{info.name}")
    return tuple(sorted(_REGISTRY.makers, key=lambda item: (item.maker.__module__, item.maker.__name__)))


def covered_operators() -> set[str]:
    """ONNX names of the operators that some maker draws."""
    return {name for item in registered() for name in item.operators}
