"""The graph: values, and nodes that make values of values. Frozen; a pass returns a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from tinyglow.ir import show
from tinyglow.ir.types import TensorType

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
    """One operation. ``inputs`` and ``outputs`` are value names; ``origin`` is the node of the model it stems from."""

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
    """Nodes in topological order, the values they use, the input values and the outputs.

    ``source_names`` maps a placeholder's (C-legal) name to the name it has in the model file. ``derived`` names the
    constants that Glow computes with a node at the time it quantizes, and so treats as results. ``used_names`` and
    ``original_names`` (those of the model file) are what ``ir.editor.Namer`` goes on from.
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

    @property
    def is_quantized(self) -> bool:
        """Whether any value is: then the model came quantized, or station 4 has been."""
        return any(value.type.quant or value.type.channel_quant for value in self.values.values())

    def type_of(self, value: str) -> TensorType:
        """The type of a value."""
        return self.values[value].type

    def __repr__(self) -> str:
        return show.graph_text(self)

    def _repr_html_(self) -> str:
        return show.graph_html(self)
