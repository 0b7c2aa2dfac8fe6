"""Which values of a float graph are, element by element, functions of one other value, over truth values too."""

from __future__ import annotations

from collections.abc import Callable

from tinyglow.ir.graph import Graph, Node

# How many functions deep a common source is looked for; keeps the search linear.
DEEPEST = 64


def _any(node: Node) -> bool:
    return True


class ElementSources:
    """Each value that is a function of one other value, as x * sigmoid(x) is of x; it may fork and join on the way.

    Attributes:
        source: By value: the nearest value that it is a function of.
        depth: By value: how many such functions there are in a row.
    """

    def __init__(self, graph: Graph, counts: Callable[[Node], bool] = _any) -> None:
        """``counts``: whether a node may be one of the functions."""
        self._graph = graph
        self._counts = counts
        self.source: dict[str, str] = {}
        self.depth: dict[str, int] = {}
        for node in graph.nodes:
            source = self.common(self.computed(node)) if self._is_function(node) else None
            if source is not None:
                self.source[node.outputs[0]] = source
                self.depth[node.outputs[0]] = self.depth.get(source, 0) + 1

    def computed(self, node: Node) -> list[str]:
        """The operands that are no constants, each once."""
        return [name for name in dict.fromkeys(node.inputs) if self._graph.values[name].data is None]

    def common(self, names: list[str]) -> str | None:
        """The nearest value that all of ``names`` are functions of, or are themselves; None if there is none."""
        common = set(names)
        for _ in range(2 * DEEPEST):
            if len(common) == 1:
                return common.pop()
            deepest = max(common, key=lambda name: self.depth.get(name, 0), default="")
            if deepest not in self.source:
                return None
            common = common - {deepest} | {self.source[deepest]}
        return None

    def _is_function(self, node: Node) -> bool:
        """Whether each element of the result is made of one element of each computed operand, and of numbers."""
        if not (node.op.elementwise and self._counts(node) and len(node.outputs) == 1):
            return False
        types = [self._graph.type_of(name) for name in (*self.computed(node), *node.outputs)]
        if len(types) < 2 or any(type_.shape != types[-1].shape for type_ in types):
            return False
        if any(type_.dtype not in ("float32", "bool") for type_ in types):
            return False
        constants = (self._graph.values[name].data for name in node.inputs)
        return all(data is None or (data.size > 0 and (data == data.flat[0]).all()) for data in constants)
