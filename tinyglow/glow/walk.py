"""How Glow's passes go over a graph: node by node as they were made, those that a pass itself makes included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node, Value
from tinyglow.ir.op import Op
from tinyglow.ir.types import Shape, TensorType
from tinyglow.operators.clip import Clip
from tinyglow.passes.rewrite import Pass

# Looks at one node; if it applies it edits the graph and returns True. What it replaces stays until the pass ends.
Step = Callable[[Node, GraphEditor], bool]


def nodes_as_made(edit: GraphEditor) -> Iterator[Node]:
    """All nodes in the order in which they were made, also those that are made meanwhile."""
    position = 0
    while new := edit.nodes_from(position):
        position += len(new)
        for listed in new:
            node = edit.node(listed.name)
            if node is not None:
                yield node


def each(edit: GraphEditor, step: Step) -> bool:
    """Offer every node to ``step``, in order; True if any changed."""
    changed = False
    for node in nodes_as_made(edit):
        changed |= step(node, edit)
    return changed


def _holds(edit: GraphEditor, graph: Graph, made: list[Node]) -> bool:
    """Whether an editor that started from ``graph`` as it was made would finish as that graph again.

    Comparing what is the same object takes no time.

    Args:
        edit: The editor.
        graph: What ``finish`` gave: it has no node and no value that nothing uses.
        made: Its nodes as they were made.
    """
    return (
        edit.nodes == made
        and graph.values == edit.values
        and (tuple(edit.inputs), edit.outputs, tuple(edit.states)) == (graph.inputs, graph.outputs, graph.states)
        and (edit.source_names, edit.pixels) == (graph.source_names, graph.pixels)
        and edit.derived == graph.derived
        and edit.namer.used == graph.used_names
        and (edit.numerics, edit.own_numerics, edit.like_glow) == (graph.numerics, graph.own_numerics, graph.like_glow)
        and edit.deviations == graph.deviations
        and edit.joined.of({node.origin for node in made}) == graph.joined
    )


@dataclass
class _Kept:
    """The graph that a pass of Glow's finished last, and an editor that holds just that, if there is one.

    Most passes change nothing: then neither the graph nor its editor is made anew, and the pass is not run again on it.

    Attributes:
        graph: The graph.
        edit: The editor.
        made: The graph's nodes as they were made.
        leave: What is known to change nothing of the graph.
    """

    graph: Graph | None = None
    edit: GraphEditor | None = None
    made: list[Node] = field(default_factory=list)
    leave: set[Callable[..., bool]] = field(default_factory=set)

    def open(self, graph: Graph) -> GraphEditor:
        edit = self.edit if graph is self.graph else None
        self.edit = None
        return edit or GraphEditor.of(graph, as_made=True)

    def close(self, edit: GraphEditor, graph: Graph, by: Callable[..., bool]) -> Graph:
        if graph is self.graph and _holds(edit, graph, self.made):
            self.edit = edit
            self.leave.add(by)
        else:
            self.graph = edit.finish()
            by_name = {node.name: node for node in self.graph.nodes}
            self.made = [by_name[name] for name in self.graph.made]
            self.leave.clear()
        return self.graph

    def knows(self, graph: Graph, by: Callable[..., bool]) -> bool:
        return graph is self.graph and by in self.leave


_kept: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def keeping_editors() -> Iterator[None]:
    """For a while let Glow's passes take over an editor from the one before."""
    token = _kept.set(_Kept())
    try:
        yield
    finally:
        _kept.reset(token)


@dataclass(frozen=True)
class GlowPass(Pass):
    """A pass of Glow's. by: what does it to a graph, or to each of its nodes."""

    by: Callable[..., bool] = field(kw_only=True)


def glow_pass(
    name: str, run: Callable[[GraphEditor], bool], until_fixed: bool = False, by: Callable[..., bool] | None = None
) -> GlowPass:
    """A pass of Glow's: without the nodes that nothing uses; again until nothing changes, if it is one of those."""

    def on_graph(graph: Graph) -> Graph:
        kept, changed = _kept.get() or _Kept(), True
        while changed and not kept.knows(graph, what):
            edit = kept.open(graph)
            changed = run(edit) and until_fixed
            graph = kept.close(edit, graph, what)
        return graph

    what = by or run
    return GlowPass(name, on_graph, by=what)


def stepping(name: str, step: Step, until_fixed: bool = False) -> GlowPass:
    """The pass that offers every node to ``step``."""
    return glow_pass(name, lambda edit: each(edit, step), until_fixed, by=step)


def source(value: str, edit: GraphEditor, *ops: type[Op]) -> Node | None:
    """What computes ``value``, if its operator is of one of exactly these classes."""
    node = edit.producer(value)
    return node if node is not None and type(node.op) in ops else None


def shaped(value: str, shape: Shape, edit: GraphEditor) -> TensorType:
    """The value's type with another shape."""
    return replace(edit.value(value).type, shape=shape)


def swap_in(node: Node, result: Value, edit: GraphEditor) -> bool:
    """Let ``result`` take the place of the node's first result."""
    edit.redirect(node.outputs[0], result.name)
    return True


def values(names: tuple[str, ...] | list[str], edit: GraphEditor) -> list[Value]:
    """The values of these names."""
    return [edit.value(name) for name in names]


def note_bounds_apart(bounds: Clip, node: Node, edit: GraphEditor) -> None:
    """Note the deviation where bounds that Glow merges do not meet: its Clip takes the lower one first, then the upper.

    All results are the upper bound then, whichever of the model's nodes comes last.
    """
    if bounds.low > bounds.high:
        edit.deviations[node.origin] = "Glow makes one of bounds that do not meet, which is the first's upper bound"
