"""The graph: values, and nodes that compute values from values. Graphs are frozen; a pass returns a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from tinyglow.ir import show
from tinyglow.ir.record import Record
from tinyglow.ir.types import ChannelParams, QuantParams, Shape, TensorType
from tinyglow.numerics.names import GLOW

if TYPE_CHECKING:
    from tinyglow.ir.op import Op

Array = npt.NDArray[Any]


class Declared(Record, eq=False):
    """How a model file quantizes a value that is float in the graph. The quantizer makes such integers of it.

    Attributes:
        dtype: Of the integers.
        quant: Parameters of the whole tensor; None if there are some for each index along a dimension.
        channel_quant: Those; None if there are none.
        data: The integers of a constant, in the value's shape.
        raised: How much larger the file's integers are: 128 where they are uint8, and int8 here.
    """

    dtype: str
    quant: QuantParams | None = None
    channel_quant: ChannelParams | None = None
    data: Array | None = None
    raised: int = 0

    def type_of(self, shape: Shape) -> TensorType:
        """The integer type of a value of that shape."""
        return TensorType(shape, self.dtype, self.quant, self.channel_quant)

    def is_like(self, other: Declared | None) -> bool:
        """Whether both mean the same by the same integers."""
        if other is None:
            return False
        return (self.dtype, self.quant, self.channel_quant) == (other.dtype, other.quant, other.channel_quant)


class Value(Record, eq=False):
    """A tensor: a placeholder, a constant or the result of a node.

    Attributes:
        name: Unique in the graph.
        type: Its type.
        data: Of a constant, in ``type``'s shape and dtype.
        declared: How the model file quantizes it; None if it is float there, or once the quantizer has run.
    """

    name: str
    type: TensorType
    data: Array | None = None
    declared: Declared | None = None


class Node(Record):
    """One operation.

    Attributes:
        name: Unique in the graph.
        op: The operator, with its attributes.
        inputs: Names of the values that it reads.
        outputs: Names of the values that it computes.
        origin: The node of the model file that it stems from.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    origin: str = ""


class Output(Record):
    """A result of the network: its placeholder's name and the value that is saved there."""

    name: str
    value: str


class State(Record, eq=False):
    """A value that lives from one call to the next: what a call writes, the next one reads.

    Both ends are in the graph as an input and an output, so that every pass treats them as such; who calls the network
    sees neither. Their types are the same.

    Attributes:
        read: Name of the input that holds it at the beginning of a call.
        write: Name of the output that holds it at the end.
        first: What it holds after a reset: float32 (reals, where the value is quantized), or the value's own integers
            or truth values; in the value's shape.
    """

    read: str
    write: str
    first: Array


class Graph(Record, eq=False):
    """A network: nodes in topological order, and the values that they read and compute.

    Attributes:
        name: Name of the network in C.
        inputs: Names of the input values, those of states included.
        outputs: The network's outputs, those of states included.
        nodes: The nodes, each after those whose results it reads.
        values: All values, by name.
        source_names: The name in the model file of each placeholder, by its C-legal name.
        derived: Names of the constants that Glow computes with a node at the time it quantizes, and so treats as
            results.
        used_names: Names that are taken (``ir.editor.Namer``).
        original_names: Names of the model file (``ir.editor.Namer``).
        pixels: The inputs that are uint8 in the model file, by name, and what an element stands for there:
            scale * (element - offset).
        numerics: Whose rounding the integers have: a name of ``numerics.names``.
        joined: For a node of the model file, by ``Node.origin``: all nodes of the file whose work is done by what
            stems from it, in their order, but none that other nodes stem from. Without an entry it is that node alone.
        made: Names of the nodes in the order in which they were made. Glow's passes take them in this order.
        like_glow: Whether its nodes are those that Glow has.
        deviations: What Glow computes otherwise than the model says, by the model's nodes.
        own_numerics: That of the runtime for which the model file was quantized; "" for a float model, or once the
            user has chosen one. Station 4 takes it where every node has a form with it.
        states: What lives from one call to the next.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[Output, ...]
    nodes: tuple[Node, ...]
    values: Mapping[str, Value]
    source_names: Mapping[str, str]
    derived: frozenset[str] = frozenset()
    used_names: frozenset[str] = frozenset()
    original_names: frozenset[str] = frozenset()
    pixels: Mapping[str, QuantParams] = field(default_factory=dict)
    numerics: str = GLOW
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    made: tuple[str, ...] = ()
    like_glow: bool = False
    deviations: Mapping[str, str] = field(default_factory=dict)
    own_numerics: str = ""
    states: tuple[State, ...] = ()

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the inputs that who calls the network gives: all but the states."""
        read = {state.read for state in self.states}
        return tuple(name for name in self.inputs if name not in read)

    @property
    def results(self) -> tuple[Output, ...]:
        """The outputs that who calls the network sees: all but the states."""
        written = {state.write for state in self.states}
        return tuple(output for output in self.outputs if output.name not in written)

    @cached_property
    def _by_origin(self) -> Mapping[str, list[Node]]:
        """The nodes that stem from each node of the model file, in order. Made once: graphs do not change."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.origin, []).append(node)
        return found

    def layers_of(self, node: Node) -> tuple[str, ...]:
        """The nodes of the model file whose work ``node`` does, in their order.

        If several nodes stem from one, the layer among them has those that were joined with it.

        Args:
            node: A node of this graph.

        Returns:
            Their names.
        """
        same = self._by_origin[node.origin]
        layer = next((other for other in same if other.op.bias_operand is not None), same[-1])
        alone = (node.origin,) if node.origin else ()
        return self.joined.get(node.origin, alone) if node is layer else alone

    @property
    def is_declared(self) -> bool:
        """Whether the model file quantizes some of the values, so that the quantizer needs no profile.

        Of a file that quantizes its weights alone all values are float.
        """
        return any(value.declared and value.data is None for value in self.values.values())

    @property
    def is_quantized(self) -> bool:
        """Whether any value is quantized: the model file says so, or station 4 has run."""
        return self.is_declared or any(value.type.quant or value.type.channel_quant for value in self.values.values())

    def integer_type(self, value: str) -> TensorType:
        """The type that the quantizer gives a value by what its model file declares; else its type as it is."""
        found = self.values[value]
        return found.declared.type_of(found.type.shape) if found.declared else found.type

    def type_of(self, value: str) -> TensorType:
        """The type of a value."""
        return self.values[value].type

    def __repr__(self) -> str:
        return show.graph_text(self)

    def _repr_html_(self) -> str:
        return show.graph_html(self)
