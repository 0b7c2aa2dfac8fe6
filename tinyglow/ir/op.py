"""The base class of operators: one subclass, in one file, says everything that is to say about an operator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.forms import OnnxForms, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.kernel import Kernel, Params
from tinyglow.ir.target import Target, Variant
from tinyglow.ir.types import QuantParams, TensorType

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
    """A node as a model file has it, free of the file format's own classes.

    opset: its operator set's version; in TFLite files, which number operators by themselves, its own.
    """

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    opset: int = 13

    def ints(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """An integer-list attribute; ``default`` where it is absent."""
        value = self.attributes.get(name)
        if value is None:
            return tuple(default)
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise UnsupportedError(f"attribute {name} is {value!r}", "a list of integers")
        return tuple(int(item) for item in value)

    def integer(self, name: str, default: int) -> int:
        """An integer attribute. Raises UnsupportedError if it is none."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise UnsupportedError(f"attribute {name} is {value!r}", "an integer")
        return value

    def real(self, name: str, default: float) -> float:
        """A float attribute. Raises UnsupportedError if it is none."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise UnsupportedError(f"attribute {name} is {value!r}", "a number")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """A string attribute. Raises UnsupportedError if it is none."""
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

    def declared(self, name: str) -> TensorType:
        """The type that the file gives a source tensor: in TFLite files all have one. Shape () leaves it open."""


class Quantizing(Protocol):
    """What an operator needs of the quantizer to become int8. Value names are those of the float graph."""

    edit: GraphEditor

    def quantized(self, value: str) -> Value:
        """The float graph's value as int8 (or int16), with the parameters of its own profile."""

    def params(self, value: str) -> QuantParams:
        """The parameters that a value's profile asks for."""

    def choose(self, low: float, high: float) -> QuantParams:
        """Parameters for a range, by the schema in use."""

    def rescale(self, name: str, value: Value, params: QuantParams, origin: str) -> Value:
        """``value`` with ``params``: itself if it has them, else after a Rescale called ``name``."""

    @property
    def channelwise(self) -> bool:
        """Whether convolutions get a scale for each output channel."""

    def convert_channelwise(self, node: Node, op: Op) -> Value:
        """A convolution (image, filters, bias) as ``op``, its constants quantized for each output channel."""

    def convert(self, node: Node) -> Value:
        """The default: ``node`` on quantized inputs, as the operator's class variables say."""

    def data(self, value: str) -> Array | None:
        """The float graph's value if it is constant, else None."""

    @property
    def int16(self) -> bool:
        """Whether activations become int16 instead of int8."""

    def convert_layer(self, node: Node, op: Op, bias: Value | None = None) -> Value:
        """A layer (input, weights, bias) as ``op`` on an int16 input: int8 weights, each output unit with a scale."""


class Lowering(Protocol):
    """What an operator needs of the lowering to become kernel calls."""

    def type_of(self, value: str) -> TensorType:
        """The type of a value."""

    def data_of(self, value: str) -> Array:
        """The data of a constant value; UnsupportedError if it is computed at run time."""

    def constant(self, name: str, data: Array) -> str:
        """A buffer that holds ``data`` (int8 or int32, as prepared for a kernel); returns its name."""

    def code(self, name: str, data: Array) -> str:
        """A buffer for a kernel's operand that is code: ``data`` in the interpreter, a function in C."""

    def buffer(self, value: str) -> str:
        """The buffer that holds a value at run time."""

    def alias(self, value: str, of: str) -> None:
        """``value`` is ``of``'s buffer under another shape."""

    def call(self, kernel: Kernel, operands: Sequence[str], params: Params) -> None:
        """Emit a kernel call. operands: names of buffers, in the kernel's order."""

    def temporary(self, type_: TensorType) -> str:
        """A buffer for a result between two calls of one node."""

    @property
    def target(self) -> Target:
        """What the program is made for."""

    def choose(self, variants: Sequence[Variant]) -> None:
        """Emit one of several ways to compute the node; the first is the simplest and serves everywhere."""


@dataclass(frozen=True)
class GlowParts:
    """What Glow's profiler records besides a node's result, where it lowers the node first; by names of values.

    same: values that hold the same elements as a value of our graph. computed: values of their own, as functions of the
    node's inputs. filled: values of the result's shape with one number everywhere; their names are made unique.
    """

    same: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[str, Callable[..., Array]] = field(default_factory=dict)
    filled: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Op(ABC):
    """An operator; the fields of a subclass are its attributes.

    Arrays in ``run_float`` have a leading sample axis: [samples, *shape], constants [1, *shape].
    """

    # The operators of model files that it stands for; a subclass that does not inherit them says so.
    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    # What Glow calls the node kind, where that is not the class's name.
    glow_kind: ClassVar[str] = ""
    # How Glow quantizes it to int8 (lib/Quantization/Quantization.cpp): whether it does at all; whether the result must
    # keep the input's parameters, or all inputs must have the result's (rescales are put after it, or before); which
    # operand is the bias.
    quantizable: ClassVar[bool] = False
    keeps_params: ClassVar[bool] = False
    inputs_match_output: ClassVar[bool] = False
    bias_operand: ClassVar[int | None] = None
    # Whether ``from_tflite`` takes int8 inputs; else it is float in quantized networks, between conversions.
    int8_in_tflite: ClassVar[bool] = True
    # Whether it stays float in Glow, which knows no int8 kernel of it.
    float_in_glow: ClassVar[bool] = False
    # Whether it has an int16 form, which Glow has of nothing; what has none stays float in an int16 network. Of layers:
    # which dimension of their weights counts the output's units.
    has_int16: ClassVar[bool] = False
    units_axis: ClassVar[int] = 0
    # Whether a rescale of the input may as well come after it (in Glow: Reshape, Transpose, Slice, MaxPool only).
    rescale_sinks: ClassVar[bool] = False
    # Which inputs a kernel of this op takes with any parameters, and whether its result may have any, so that a rescale
    # there costs nothing (Glow, lib/Optimizer/GraphOptimizer/GraphOptimizer.cpp, OptimizeQuantization).
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = ()
    absorbs_rescale_after: ClassVar[bool] = False
    # Whether each element of the result depends on the elements at the same place only.
    elementwise: ClassVar[bool] = False

    @property
    def kind(self) -> str:
        """Name of the class."""
        return type(self).__name__

    @property
    def kind_in_glow(self) -> str:
        """What Glow calls this kind of node."""
        return self.glow_kind or self.kind

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """Add the nodes that stand for an ONNX node, and bind its outputs. Raises UnsupportedError."""
        raise UnsupportedError(f"{cls.__name__} has no ONNX form")

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """As ``from_onnx``, for an operator of a TFLite file: images are NHWC there."""
        raise UnsupportedError(f"{cls.__name__} has no TFLite form")

    @abstractmethod
    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """Types of the results; raises ShapeError. Quantized results carry the parameters the op itself determines."""

    @abstractmethod
    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        """The results in float32."""

    def multiplications(self, *inputs: TensorType) -> int:
        """How many products of two elements a layer sums; 0 of what is no layer."""
        return 0

    def transposed(self, perm: tuple[int, ...]) -> Op | None:
        """The operator with op(Transpose(x, perm), ...) = Transpose(result(x, ...), perm); None if there is none."""
        return None

    def parts_in_glow(self, node: Node) -> GlowParts:
        """What else of ``node`` a profile of Glow's holds (lib/Optimizer/Lower/Lower.cpp)."""
        return GlowParts()

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        """The int8 form of ``node``: add its nodes to ``quantizing.edit``, return the result with its own parameters.

        Only called where ``quantizable``. The default does what the class variables say.
        """
        return quantizing.convert(node)

    def lower(self, node: Node, lowering: Lowering) -> None:
        """Emit the kernel calls that compute ``node``. Raises UnsupportedError where no kernel serves."""
        raise UnsupportedError(f"{self.kind} has no int8 kernel")
