"""The base class of operators. One subclass, in one file, holds all that the compiler knows about an operator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Protocol

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.forms import OnnxForms, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.kernel import Kernel, Params
from tinyglow.ir.record import Record
from tinyglow.ir.sums import SumRange
from tinyglow.ir.target import Target, Variant
from tinyglow.ir.types import QuantParams, Shape, TensorType

Attribute = int | float | str | Array | list[int] | list[float] | list[str] | None


class UnsupportedError(Exception):
    """An operator, or a form of it, that cannot be compiled.

    Operators raise it. The frontend and the lowering collect all of them before they report any.

    Args:
        found: What the model has.
        expected: What is supported; "" if that is obvious.
        hint: What the user can do; "" if there is nothing to add.
    """

    def __init__(self, found: str, expected: str = "", hint: str = "") -> None:
        super().__init__(found)
        self.found, self.expected, self.hint = found, expected, hint


class NotInGlowError(UnsupportedError):
    """A form of an operator that Glow's importer refuses or takes for another, where exactly its graph is asked for."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"{found}, of which Glow makes no such network", expected, "use --graph=tiny")


class ShapeError(UnsupportedError):
    """Input types that an operator cannot take."""


class SourceNode(Record):
    """A node of a model file, free of the file format's own classes.

    Attributes:
        name: Its name in the file, or one that the frontend made.
        op_type: The operator's name in the file format.
        inputs: Names of the tensors that it reads; "" for an optional one that is absent.
        outputs: Names of the tensors that it computes.
        attributes: Its attributes by name.
        opset: Version of its operator set; in TFLite files, which number operators by themselves, its own.
    """

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    opset: int = 13

    def ints(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """An integer-list attribute; ``default`` where it is absent. Raises UnsupportedError if it is none."""
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
    """What an operator may ask of a frontend while it brings a source node into the graph.

    like_glow: whether to make exactly the nodes that Glow's importer makes.
    """

    editor: GraphEditor
    like_glow: bool

    def value(self, name: str) -> Value:
        """The graph's value for a source tensor."""

    def constant(self, name: str) -> Array | None:
        """The data of a source tensor if it is known at compile time, else None."""

    def bind(self, name: str, value: Value) -> None:
        """Say which value stands for a source tensor."""

    def declared(self, name: str) -> TensorType:
        """The type that the file gives a source tensor. In TFLite files all have one; shape () leaves it open."""


class Quantizing(Protocol):
    """What an operator may ask of the quantizer while it becomes int8. Names of values are those of the float graph."""

    edit: GraphEditor

    def quantized(self, value: str) -> Value:
        """A value of the float graph as int8 (or int16), with the parameters of its own profile."""

    def params(self, value: str) -> QuantParams:
        """The parameters that a value gets by its profile."""

    def choose(self, low: float, high: float) -> QuantParams:
        """The parameters for a range of reals, by the schema in use."""

    def plain(self, value: str) -> Value:
        """A value that is not quantized: truth values as they are, floats in float."""

    def rescale(self, name: str, value: Value, params: QuantParams, origin: str) -> Value:
        """A value with other parameters.

        Args:
            name: Name for the Rescale node, if one is needed.
            value: The quantized value.
            params: The parameters that are wanted.
            origin: The model's node for which it happens.

        Returns:
            ``value`` itself if it has ``params``, else the result of a new Rescale.
        """

    @property
    def channelwise(self) -> bool:
        """Whether convolutions get a scale for each output channel."""

    def convert_channelwise(self, node: Node, op: Op, image: Value | None = None) -> Value:
        """A layer (input, weights, bias) as ``op``, with weights and bias quantized for each output channel.

        Args:
            node: The layer.
            op: A convolution, whose filters are [units, ...].
            image: The quantized input, where that is not simply the node's.
        """

    @property
    def declared(self) -> bool:
        """Whether the parameters are those that the model file declares."""

    @property
    def numerics(self) -> str:
        """Whose rounding the integers have: a name of ``numerics.names``."""

    @property
    def by_unit(self) -> bool:
        """Whether the file declares parameters for each unit of the weights of the layer at work."""

    def keep(self, value: str, result: Value) -> None:
        """Say what holds a further result of a node of the float graph, beside the one that ``quantize`` gives."""

    def convert(self, node: Node) -> Value:
        """``node`` on quantized inputs, as the operator's class variables say: what most operators need."""

    def data(self, value: str) -> Array | None:
        """The data of a value of the float graph if it is constant, else None."""

    @property
    def int16(self) -> bool:
        """Whether activations become int16 instead of int8."""

    def convert_layer(self, node: Node, op: Op, bias: Value | None = None) -> Value:
        """A layer (input, weights, bias) as ``op`` on an int16 input; weights have a scale for each output unit."""


class Lowering(Protocol):
    """What an operator may ask of the lowering while it becomes kernel calls."""

    def type_of(self, value: str) -> TensorType:
        """The type of a value."""

    def data_of(self, value: str) -> Array:
        """The data of a constant value. Raises UnsupportedError if it is computed at run time."""

    def constant(self, name: str, data: Array) -> str:
        """A buffer that holds ``data``, as prepared for a kernel. Returns its name: ``name``, or one made of it."""

    def code(self, name: str, data: Array) -> str:
        """A buffer for a kernel's operand that is code: data in the interpreter, a function in C. Returns its name."""

    def buffer(self, value: str) -> str:
        """Name of the buffer that holds a value at run time."""

    def alias(self, value: str, of: str) -> None:
        """Let ``value`` have the buffer of ``of``: it is the same data under another shape."""

    def call(self, kernel: Kernel, operands: Sequence[str], params: Params, *, sums: SumRange | None = None) -> None:
        """Emit a kernel call. operands: names of buffers, in the kernel's order; sums: of constant weights."""

    def temporary(self, type_: TensorType) -> str:
        """A new buffer for a result between two calls of one node. Returns its name."""

    @property
    def target(self) -> Target:
        """What the program is made for."""

    @property
    def numerics(self) -> str:
        """Whose rounding the integers have: a name of ``numerics.names``."""

    def choose(self, variants: Iterable[Variant]) -> None:
        """Emit one of several ways to compute the node. The first is the simplest and serves everywhere.

        What no target can make it take is not asked for: a generator saves the work on the others.
        """


# How a node is lowered with each numerics.
OtherNumerics = Mapping[str, Callable[[Node, Lowering], None]]


class Op(Record, ABC):
    """An operator. The fields of a subclass are the operator's attributes; class variables say how it is quantized."""

    # The operators of model files that it stands for. A subclass that does not inherit them says so.
    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    # Glow's name for the node kind, if that is not the class's name.
    glow_kind: ClassVar[str] = ""

    # How Glow quantizes it to int8 (Glow, lib/Quantization/Quantization.cpp).
    # Whether Glow quantizes it at all.
    quantizable: ClassVar[bool] = False
    # Whether the result must have the input's parameters; a rescale to its own parameters follows.
    keeps_params: ClassVar[bool] = False
    # Whether all inputs must have the result's parameters; rescales come before it.
    inputs_match_output: ClassVar[bool] = False
    # Which operand is the bias.
    bias_operand: ClassVar[int | None] = None
    # Whether it becomes int8 where the model file declares the parameters of all its values. If not, it stays float.
    declared_int8: ClassVar[bool] = True
    # Whether it is there for integers of a model file alone, of which each value may have a type of its own.
    mixes_integers: ClassVar[bool] = False
    # Whether Glow has no int8 kernel for it and leaves it in float.
    float_in_glow: ClassVar[bool] = False

    # Whether it takes int32 numbers that are computed at run time, or given as an input.
    takes_indices: ClassVar[bool] = False

    # How it is lowered to int8 with other numerics than Glow's, by their names.
    other_numerics: ClassVar[OtherNumerics] = {}
    # And to the int16 of a model that comes quantized so.
    int16_numerics: ClassVar[OtherNumerics] = {}
    # Whether it has an int16 form. int16 is ours; an operator without such a form stays float in an int16 network.
    has_int16: ClassVar[bool] = False
    # Whether each element of its results is a probability; None: if the elements of its first input are.
    gives_probabilities: ClassVar[bool | None] = False
    # Of layers with weights: which dimension of the weights counts the output units.
    units_axis: ClassVar[int] = 0

    # Whether a rescale of the input may follow the operator instead (in Glow: Reshape, Transpose, Slice, MaxPool).
    rescale_sinks: ClassVar[bool] = False
    # Which inputs a kernel takes with any parameters, and whether its result may have any: a rescale there is free
    # (Glow, lib/Optimizer/GraphOptimizer/GraphOptimizer.cpp, OptimizeQuantization).
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = ()
    absorbs_rescale_after: ClassVar[bool] = False
    # Whether each element of the result is one of the inputs', or 0: then every numerics has the same integers.
    moves: ClassVar[bool] = False
    # Whether each element of the result depends only on the elements at the same place.
    elementwise: ClassVar[bool] = False

    def has_onnx_form(self, shapes: Sequence[Shape], quants: Sequence[QuantParams]) -> bool:
        """Whether the int8 form of ``other_numerics`` with the numerics of onnxruntime is there for these values.

        Args:
            shapes: Of inputs and results.
            quants: Their parameters, where each has one scale; else none.
        """
        return True

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
        """Add the nodes that stand for an ONNX node, and bind its outputs.

        Args:
            node: The node of the file.
            importer: Gives the inputs' values, and takes the outputs'.

        Raises:
            UnsupportedError: The node has a form that is not supported.
        """
        raise UnsupportedError(f"{cls.__name__} has no ONNX form")

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Add the nodes that stand for an operator of a TFLite file. As ``from_onnx``, but images are NHWC."""
        raise UnsupportedError(f"{cls.__name__} has no TFLite form")

    @abstractmethod
    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The types of the results.

        Args:
            *inputs: Types of the inputs.

        Returns:
            One type for each result. Quantized results have the parameters that the operator itself determines.

        Raises:
            ShapeError: The operator cannot take these inputs.
        """

    @abstractmethod
    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        """The results in float32.

        Args:
            *inputs: Arrays [samples, *shape]; constants [1, *shape].

        Returns:
            Arrays [samples, *shape].
        """

    def multiplications(self, *inputs: TensorType) -> int:
        """How many products of two elements a layer sums; 0 of what is no layer."""
        return 0

    def transposed(self, perm: tuple[int, ...]) -> Op | None:
        """The operator that computes the transposed result of a transposed input.

        Args:
            perm: The permutation of dimensions.

        Returns:
            The operator with ``op(Transpose(x, perm), ...) = Transpose(result(x, ...), perm)``; None if there is none.
        """
        return None

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        """The int8 form of a node. Only called where ``quantizable``; the default does what the class variables say.

        Args:
            node: A node of the float graph.
            quantizing: Gives quantized inputs; new nodes are added to ``quantizing.edit``.

        Returns: The quantized result, with its own parameters.
        """
        return quantizing.convert(node)

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        """Of a function of one element, what LiteRT's reference kernels compute.

        Args:
            source: Scale and offset of the input.
            result: Scale and offset of the result.

        Returns:
            int8 [256], for inputs from -128 on.
        """
        raise UnsupportedError(f"{self.kind} is no function of one element")

    def lower(self, node: Node, lowering: Lowering) -> None:
        """Emit the kernel calls that compute a node.

        Args:
            node: A node of the graph that is lowered.
            lowering: Gives buffers, and takes calls.

        Raises:
            UnsupportedError: No kernel computes this form of the node.
        """
        raise UnsupportedError(f"{self.kind} has no int8 kernel")
