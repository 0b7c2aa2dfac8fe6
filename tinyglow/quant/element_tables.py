"""Chains of one-element functions between two quantized values become one function, which int8 looks up in a table.

GELU is five operators: x / sqrt(2), erf, + 1, * x, * 0.5. Each of them alone would be a kernel that reads and writes
every element, Erf one on floats; and each result would be rounded. All of it is a function of one int8 value, so 256
entries hold it, rounded once. Glow has a table only for Tanh, Sigmoid, Log and HardSwish by themselves.

A region is a set of such operators with one input and one result. It may fork and join, as in x * sigmoid(x).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node
from tinyglow.operators.clip import Clip
from tinyglow.operators.element_table import ElementTable, Step
from tinyglow.operators.leaky_relu import LeakyRelu
from tinyglow.operators.relu import Relu
from tinyglow.quant.element_sources import DEEPEST, ElementSources

# What the layer in front does at no cost, or int8's own ends.
_BOUNDS = (Relu, Clip, LeakyRelu)


@dataclass
class _Regions:
    """The search for regions in a float graph.

    Attributes:
        graph: The graph.
        quantizes: Whether a node becomes int8.
        may_join: Whether a node may be a part of a region, as the user has it.
    """

    graph: Graph
    quantizes: Callable[[Node], bool]
    may_join: Callable[[Node], bool]
    made: dict[str, Node] = field(default_factory=dict)
    users: dict[str, list[Node]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.functions = ElementSources(self.graph, self.may_join)
        self.saved = {output.value for output in self.graph.outputs}
        self.order = {node.name: index for index, node in enumerate(self.graph.nodes)}
        for node in self.graph.nodes:
            self.made.update(dict.fromkeys(node.outputs, node))
            for name in dict.fromkeys(node.inputs):
                self.users.setdefault(name, []).append(node)

    def _between(self, source: str, result: str) -> list[Node] | None:
        """The nodes that make ``result`` of ``source``, in their order; None if others read values between."""
        found: dict[str, Node] = {}
        pending = [result]
        while pending:
            node = self.made[pending.pop()]
            if node.name not in found:
                found[node.name] = node
                pending += [name for name in self.functions.computed(node) if name != source]
        for name in (node.outputs[0] for node in found.values()):
            if name != result and (name in self.saved or any(user.name not in found for user in self.users[name])):
                return None
        return sorted(found.values(), key=lambda node: self.order[node.name])

    def _is_int8_anyway(self, name: str, readers: list[Node]) -> bool:
        """Whether a value is rounded to int8 for ``readers``, whatever they are joined to."""
        maker = self.made.get(name)
        return (maker is not None and self.quantizes(maker)) or all(map(self.quantizes, readers))

    def _serves(self, source: str, nodes: list[Node]) -> bool:
        """Whether a table is faster than the nodes are, and as accurate."""
        if all(isinstance(node.op, _BOUNDS) for node in nodes) or (len(nodes) == 1 and self.quantizes(nodes[0])):
            return False
        result = nodes[-1].outputs[0]
        after = [] if result in self.saved else self.users[result]
        if not self.quantizes(nodes[-1]) and not (after and all(map(self.quantizes, after))):
            return False
        return self._is_int8_anyway(source, [node for node in nodes if source in node.inputs])

    def ending_in(self, result: str) -> tuple[str, list[Node]] | None:
        """The largest region that makes ``result``, as its input and its nodes; None if there is none."""
        if self.graph.type_of(result).dtype != "float32":
            return None
        sources: list[str] = []
        source = self.functions.source.get(result)
        while source is not None and len(sources) < DEEPEST:
            if self.graph.type_of(source).dtype == "float32":
                sources.append(source)
            source = self.functions.source.get(source)
        for source in reversed(sources):
            nodes = self._between(source, result)
            if nodes is not None and self._serves(source, nodes):
                return source, nodes
        return None


def _function(source: str, nodes: list[Node], graph: Graph) -> ElementTable:
    """The function that ``nodes`` are of ``source``."""
    number = {source: 0}
    steps = []
    for node in nodes:
        constants = {name: data for name in node.inputs if (data := graph.values[name].data) is not None}
        operands = [float(constants[name].flat[0]) if name in constants else number[name] for name in node.inputs]
        steps.append(Step(node.op, tuple(operands)))
        number[node.outputs[0]] = len(steps)
    return ElementTable(tuple(steps))


def make_element_tables(graph: Graph, quantizes: Callable[[Node], bool], may_join: Callable[[Node], bool]) -> Graph:
    """The float graph with each region as one node, which bears the name of the region's last.

    Args:
        graph: The float graph.
        quantizes: Whether a node becomes int8.
        may_join: Whether a node may be a part of a region: not those that the user keeps float.

    Returns:
        The graph. Values inside of regions are gone; all others have their names and meaning.
    """
    regions, edit = _Regions(graph, quantizes, may_join), GraphEditor.of(graph)
    joined: set[str] = set()
    for node in reversed(graph.nodes):
        found = None if node.name in joined or len(node.outputs) != 1 else regions.ending_in(node.outputs[0])
        if found is None:
            continue
        source, nodes = found
        joined.update(member.name for member in nodes)
        edit.set_inputs(edit.set_op(node, _function(source, nodes, graph)), (source,))
        for member in reversed(nodes[:-1]):
            edit.remove_if_unused(member)
    return edit.finish()
