"""The graph: values, and nodes that compute values from values. Graphs are frozen; a pass returns a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from tinyglow.ir import show
from tinyglow.ir.types import QuantParams, TensorType

if TYPE_CHECKING:
    from tinyglow.ir.op import Op

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor: a placeholder, a constant (then ``data`` has ``type``'s shape and dtype) or the result of a node."""

    name: str
    type: TensorType
    data: Array | None = None


@dataclass(frozen=True)
class Node:
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


@dataclass(frozen=True)
class Output:
    """A result of the network: its placeholder's name and the value that is saved there."""

    name: str
    value: str


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: nodes in topological order, and the values that they read and compute.

    Attributes:
        name: Name of the network in C.
        inputs: Names of the input values.
        outputs: The network's outputs.
        nodes: The nodes, each after those whose results it reads.
        values: All values, by name.
        source_names: The name in the model file of each placeholder, by its C-legal name.
        derived: Names of the constants that Glow computes with a node at the time it quantizes, and so treats as
            results.
        used_names: Names that are taken (``ir.editor.Namer``).
        original_names: Names of the model file (``ir.editor.Namer``).
        pixels: The inputs that are uint8 in the model file, by name, and what an element stands for there:
            scale * (element - offset).
        made: Names of the nodes in the order in which they were made. Glow's passes take them in this order.
        like_glow: Whether its nodes are those that Glow has.
        deviations: What Glow computes otherwise than the model says, by the model's nodes.
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
    made: tuple[str, ...] = ()
    like_glow: bool = False
    deviations: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_quantized(self) -> bool:
        """Whether any value is quantized: the model came so, or station 4 has run."""
        return any(value.type.quant or value.type.channel_quant for value in self.values.values())

    def type_of(self, value: str) -> TensorType:
        """The type of a value."""
        return self.values[value].type

    def __repr__(self) -> str:
        return show.graph_text(self)

    def _repr_html_(self) -> str:
        return show.graph_html(self)
