"""Every value of a quantized network beside the value of the float network that it stands for.

Names say it: the quantizer keeps those of the float graph, and a layer that takes over an activation keeps its own.
Where a pass has renamed a value, the values themselves decide among the few that it can be.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from tinyglow.interp import start
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.program import Program
from tinyglow.ir.types import TensorType
from tinyglow.lowering.graph_to_program import lower as lower_graph
from tinyglow.lowering.plan import plan
from tinyglow.operators.clip import Clip
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.leaky_relu import LeakyRelu
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.relu import Relu
from tinyglow.operators.rescale import Rescale
from tinyglow.pipeline.fidelity import chunked, decibels, float_values, real_inputs, real_values

_MATCHING_SAMPLES = 8
# A value that is not found by its own name must agree at least so well, in dB: of values of one size that are not the
# same, or the same in another order, errors are as large as the values (0 dB, and -3 dB for independent ones).
_LEAST_AGREEMENT = 3.0

# What a layer may take over (passes.tidy).
_FOLDED = (Relu, Clip, LeakyRelu)

Values = dict[str, Array]


@dataclass(frozen=True)
class Traced:
    """A float graph and what it was quantized to, ready to be run side by side.

    Attributes:
        graph: The float graph.
        quantized: The integer graph.
        program: ``quantized`` with one call after the other for each node, whatever core it is meant for: every program
            of a quantized graph computes the same.
        stands_for: The float graph's value for values of ``quantized``.
    """

    graph: Graph
    quantized: Graph
    program: Program
    stands_for: Mapping[str, str] = field(default_factory=dict)

    def types(self) -> dict[str, TensorType]:
        """The type in the quantized graph of each value of the float graph that it holds; the last one counts."""
        return {name: self.quantized.type_of(value) for value, name in self.stands_for.items()}


def _written(program: Program, quantized: Graph) -> dict[int, list[tuple[str, str]]]:
    """After which call which values of the quantized graph are complete: (value, buffer)."""
    last = {call.origin: step for step, call in enumerate(program.calls)}
    found: dict[int, list[tuple[str, str]]] = {}
    for node in quantized.nodes:
        if node.name not in last:  # it moves nothing: its result is its input under another shape
            continue
        writes = program.calls[last[node.name]].writes
        for index, value in enumerate(node.outputs):
            buffer = value if value in program.buffers else writes[-1] if index == 0 and writes else ""
            if buffer and program.buffers[buffer].type.elements == quantized.type_of(value).elements:
                found.setdefault(last[node.name], []).append((value, buffer))
    return found


def run_traced(program: Program, quantized: Graph, inputs: Mapping[str, Array]) -> Values:
    """Each value that a call of ``program`` computes, and the inputs, as real numbers [samples, *shape]."""
    state, ready = start(program, inputs), _written(program, quantized)

    def real(value: str, buffer: str) -> Array:
        type_ = quantized.type_of(value)
        integers = state.view(program.buffers[buffer]).copy()
        return real_values(integers.reshape(-1, *type_.shape), type_)

    values = {name: real(name, name) for name in program.inputs}
    for step, call in enumerate(program.calls):
        state.run(call)
        for value, buffer in ready.get(step, []):
            values[value] = real(value, buffer)
    return values


def trace(graph: Graph, quantized: Graph, inputs: Mapping[str, Array]) -> Traced:
    """Find out what each value of a quantized graph stands for.

    Args:
        graph: The float graph.
        quantized: What it was quantized to.
        inputs: float32 [samples, *shape] by placeholder.

    Returns:
        Both, ready to be run side by side.
    """
    program = plan(lower_graph(quantized))
    few = {name: array[:_MATCHING_SAMPLES] for name, array in real_inputs(program, inputs).items()}
    if graph is quantized:
        return Traced(graph, quantized, program, {name: name for name in run_traced(program, quantized, few)})
    real, actual = float_values(graph, few), run_traced(program, quantized, few)
    matcher = _Matcher(graph, quantized, real, actual)
    stands_for = {name: name for name in quantized.inputs}
    for node in quantized.nodes:
        for value in node.outputs:
            if value in actual and (found := matcher.match(node, value)):
                stands_for[value] = found
    return Traced(graph, quantized, program, stands_for)


def _stem(name: str) -> str:
    return re.sub(r"(_quantize|_dequantize)?(__[0-9]+)?$", "", name)


@dataclass
class _Matcher:
    graph: Graph
    quantized: Graph
    real: Values
    actual: Values

    def __post_init__(self) -> None:
        self._names = {node.name for node in self.quantized.nodes}
        self._kept: dict[str, set[str]] = defaultdict(set)
        for node in self.quantized.nodes:
            if node.origin and not isinstance(node.op, Rescale):
                self._kept[node.origin].add(node.op.kind)
        self._producer = {name: node for node in self.graph.nodes for name in node.outputs}
        self._users: dict[str, list[Node]] = defaultdict(list)
        self._by_origin: dict[str, list[str]] = defaultdict(list)
        for node in self.graph.nodes:
            for name in node.inputs:
                self._users[name].append(node)
            if node.origin:
                self._by_origin[node.origin] += node.outputs

    def match(self, node: Node, value: str) -> str | None:
        """The float graph's value that ``value``, which ``node`` makes, stands for.

        That is the one of its name, or that of the last activation that was folded into it; where a pass has renamed
        it, the closest of those that stem from the same node of the model.
        """
        own = [name for name in self._own(node, value) if self._fits(name, value)]
        if own:
            return [own[0], *self._folded_behind(own[0])][-1]
        candidates = dict.fromkeys(self._by_origin.get(node.origin, []))
        for name in list(candidates):
            candidates.update(dict.fromkeys(self._folded_behind(name)))
        scored = [(self._agreement(name, value), name) for name in candidates if self._fits(name, value)]
        best, name = max(scored, key=lambda pair: pair[0], default=(0.0, ""))
        return name if best >= _LEAST_AGREEMENT else None

    def _own(self, node: Node, value: str) -> list[str]:
        """The values whose name it has, made by the same operator; a conversion's stem."""
        producer = self._producer.get(value)
        if producer is not None and producer.op.kind == node.op.kind:
            return [value]
        if isinstance(node.op, Rescale | Quantize | Dequantize):
            return [name for name in (node.origin, _stem(value)) if name in self.graph.values]
        return []

    def _fits(self, name: str, value: str) -> bool:
        found = self.graph.values.get(name)
        return (
            found is not None and found.data is None and found.type.elements == self.quantized.type_of(value).elements
        )

    def _folded_behind(self, name: str) -> Iterator[str]:
        """Results of activations that only read ``name`` and are now part of the layer that computes it."""
        origin = self._producer[name].origin if name in self._producer else ""
        while len(users := self._users.get(name, [])) == 1:
            (user,) = users
            if not isinstance(user.op, _FOLDED) or self._is_kept(user, origin):
                return
            (name,) = user.outputs[:1]
            yield name

    def _is_kept(self, activation: Node, layer_origin: str) -> bool:
        """Whether the quantized graph has a node for an activation, by its name or by the model's node.

        In TFLite files a layer and its activation are one node: then the operator tells them apart.
        """
        if activation.name in self._names:
            return True
        kinds = self._kept.get(activation.origin, set())
        return activation.op.kind in kinds if activation.origin == layer_origin else bool(kinds)

    def _agreement(self, name: str, value: str) -> float:
        real = self.real[name].astype(np.float64).ravel()
        actual = np.broadcast_to(self.actual[value], (len(self.real[name]), *self.actual[value].shape[1:]))
        error = actual.astype(np.float64).ravel() - real
        return decibels(float(real @ real), float(error @ error))


def by_float_name(traced: Traced, actual: Values) -> Values:
    """The quantized network's values under the float graph's names; the last that stands for one counts.

    Truth values are left out: they have no error that is more or less.
    """
    return {name: actual[value] for value, name in traced.stands_for.items() if actual[value].dtype.kind != "b"}


def each_chunk(traced: Traced, inputs: Mapping[str, Array], visit: Callable[[Values, Values], None]) -> None:
    """Run both networks, calling ``visit`` with (float values, quantized network's values by the same names)."""
    for part in chunked(traced.graph, inputs):
        actual = run_traced(traced.program, traced.quantized, part)
        visit(float_values(traced.graph, part), by_float_name(traced, actual))
