"""A model before any calibration data: what goes in and out, what it costs, and whether all of it is supported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.read import input_dimensions
from tinyglow.frontend.summary import Summary, summarize
from tinyglow.ir.graph import Graph
from tinyglow.ir.namer import legal_name
from tinyglow.pipeline.stations import load


@dataclass(frozen=True)
class Layer:
    """A layer with weights.

    Attributes:
        node: The model's node.
        kind: Its operator.
        shape: Of its result.
        weights: Elements.
        macs: Multiply-accumulates.
    """

    node: str
    kind: str
    shape: tuple[int, ...]
    weights: int
    macs: int


@dataclass(frozen=True)
class Inspection:
    """What was found. assumed: sizes of open dimensions that were taken as 1. problems: why it cannot be imported.

    parameters: elements of all constants. macs: multiply-adds of one inference. values: elements of the largest value.
    """

    summary: Summary
    assumed: Mapping[str, int]
    problems: tuple[Problem, ...]
    is_quantized: bool = False
    parameters: int = 0
    macs: int = 0
    largest: int = 0
    layers: tuple[Layer, ...] = ()

    @property
    def is_supported(self) -> bool:
        """Whether the whole model can be imported."""
        return not self.problems


def inspect(
    path: str | Path,
    define: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    outputs: Sequence[str] = (),
    weights: str = "",
) -> Inspection:
    """Describe a model file. The arguments are as for ``load``; a named dimension without a size counts as 1.

    Raises ModelError if it is no model, ToolError.
    """
    summary = summarize(path, weights)
    define, shapes = define or {}, shapes or {}
    dimensions = input_dimensions(path, weights)
    symbols = {name: {dim for dim in dims or () if isinstance(dim, str) and dim} for name, dims in dimensions.items()}
    known = set(define).union(*(symbols.get(legal_name(name), ()) for name in shapes))
    assumed = dict.fromkeys(sorted(set().union(*symbols.values()) - known), 1)
    try:
        graph = load(path, None, {**define, **assumed}, shapes=shapes, outputs=outputs, weights=weights)
    except ModelError as error:
        return Inspection(summary, assumed, tuple(error.problems))
    layers = _layers(graph)
    constants = [value for value in graph.values.values() if value.data is not None]
    values = [value.type.elements for value in graph.values.values() if value.data is None]
    return Inspection(
        summary,
        assumed,
        (),
        graph.is_quantized,
        sum(value.type.elements for value in constants),
        sum(layer.macs for layer in layers),
        max(values, default=0),
        tuple(layers),
    )


def _layers(graph: Graph) -> list[Layer]:
    result = []
    for node in graph.nodes:
        operands = [graph.values[name] for name in node.inputs]
        macs = node.op.multiplications(*(value.type for value in operands))
        weights = sum(value.type.elements for value in operands if value.data is not None)
        if macs:
            shape = graph.type_of(node.outputs[0]).shape
            result.append(Layer(node.origin or node.name, node.op.kind, shape, weights, macs))
    return result
