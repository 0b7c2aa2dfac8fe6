"""The base class of operators: one subclass, in one file, says everything that is to say about an operator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.kernel import Kernel, Params
from tinyglow.ir.types import TensorType

Attribute = int | float | str | Array | list[int] | list[float] | None


class UnsupportedError(Exception):
    """An operator, or a form of it, that cannot be compiled: what was found, what is supported, what to do.

    Raised by operators; the frontend and the lowering collect all of them before they report any.
    """

    def __init__(self, found: str, expected: str = "", hint: str = "") -> None:
        super().__init__(found)
        self.found, self.expected, self.hint = found, expected, hint


class ShapeError(UnsupportedError):
    """Input types that an operator cannot take."""


@dataclass(frozen=True)
class SourceNode:
    """A node as a model file has it, free of the file format's own classes."""

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    def ints(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """An integer-list attribute; ``default`` where it is absent."""
        value = self.attributes.get(name)
        if value is None:
            return tuple(default)
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise UnsupportedError(f"attribute {name} is {value!r}", "a list of integers")
        return tuple(int(item) for item in value)

    def integer(self, name: str, default: int) -> int:
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise UnsupportedError(f"attribute {name} is {value!r}", "an integer")
        return value

    def real(self, name: str, default: float) -> float:
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise UnsupportedError(f"attribute {name} is {value!r}", "a number")
        return float(value)

    def text(self, name: str, default: str) -> str:
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise UnsupportedError(f"attribute {name} is {value!r}", "a string")
        return value


class Importer(Protocol):
    """What an operator needs of a frontend to bring a source node into the graph."""

    editor: GraphEditor

    def value(self, name: str) -> Value:
        """The graph's value for a source tensor."""

    def constant(self, name: str) -> Array | None:
        """The data of a source tensor if it is known now, else None."""

    def bind(self, name: str, value: Value) -> None:
        """Say which value stands for a source tensor."""


class Lowering(Protocol):
    """What an operator needs of the lowering to become kernel calls."""

    def type_of(self, value: str) -> TensorType: ...

    def data_of(self, value: str) -> Array:
        """The data of a constant value; UnsupportedError if it is computed at run time."""

    def constant(self, name: str, data: Array) -> str:
        """A buffer that holds ``data`` (int8 or int32, as prepared for a kernel); returns its name."""

    def buffer(self, value: str) -> str:
        """The buffer that holds a value at run time."""

    def alias(self, value: str, of: str) -> None:
        """``value`` is ``of``'s buffer under another shape."""

    def call(self, kernel: Kernel, operands: Sequence[str], params: Params) -> None: ...


@dataclass(frozen=True)
class Op(ABC):
    """An operator; the fields of a subclass are its attributes.

    Arrays in ``run_float`` have a leading sample axis: [samples, *shape], constants [1, *shape].
    """

    onnx_types: ClassVar[tuple[str, ...]] = ()
    # How Glow quantizes it to int8 (lib/Quantization/Quantization.cpp): whether it does at all; whether the result
    # must keep the input's parameters (a rescale to its own follows); which operand is the bias.
    quantizable: ClassVar[bool] = False
    # Whether a kernel of this op takes any parameters on its first input, or on its result, so that a rescale before or
    # behind it costs nothing (Glow, lib/Optimizer/GraphOptimizer, OptimizeQuantization).
    absorbs_rescale_before: ClassVar[bool] = False
    absorbs_rescale_after: ClassVar[bool] = False
    keeps_params: ClassVar[bool] = False
    bias_operand: ClassVar[int | None] = None

    @property
    def kind(self) -> str:
        return type(self).__name__

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """Add the nodes that stand for an ONNX node, and bind its outputs. Raises UnsupportedError."""
        raise UnsupportedError(f"{cls.__name__} has no ONNX form")

    @abstractmethod
    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """Types of the results; raises ShapeError. Quantized results carry the parameters the op itself determines."""

    @abstractmethod
    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        """The results in float32."""

    def lower(self, node: Node, lowering: Lowering) -> None:
        """Emit the kernel calls that compute ``node``. Raises UnsupportedError where no kernel serves."""
        raise UnsupportedError(f"{self.kind} has no int8 kernel")
