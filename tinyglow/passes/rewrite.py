"""Running rewrite rules to a fixed point, and named passes one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.record import Record

# A rule looks at one node; if it applies it edits the graph and returns True.
Rule = Callable[[Node, GraphEditor], bool]


# Is told of every rule that applies, and of the node that it applies to.
Observer = Callable[[Rule, Node], None]

_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """For a while tell ``observer`` of every rule that applies."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def apply_once(edit: GraphEditor, rules: Sequence[Rule]) -> bool:
    """Offer every node to every rule; True if any applied. New nodes are offered in the next round."""
    changed, observer = False, _observer.get()
    for node in edit.nodes:
        for rule in rules:
            if edit.alive(node) and rule(node, edit):
                edit.remove_if_unused(node)
                changed = True
                if observer:
                    observer(rule, node)
    return changed


# Glow compares no larger ones (const-dedup-size).
_MOST_ELEMENTS_SHARED = 256


def _share_equal_constants(graph: Graph, edit: GraphEditor) -> None:
    seen: dict[tuple[object, ...], str] = {}
    for name, value in graph.values.items():
        if value.data is not None and value.data.size <= _MOST_ELEMENTS_SHARED:
            edit.redirect(name, seen.setdefault((value.type, value.data.tobytes()), name))


def share_equal_nodes(graph: Graph) -> Graph:
    """``graph`` with one node where several do the same to the same inputs, and one of equal small constants.

    The first one stays (Glow: CSE, deduplicateConstants).
    """
    edit = GraphEditor.of(graph)
    _share_equal_constants(graph, edit)
    seen: dict[tuple[object, ...], Node] = {}
    for original in graph.nodes:
        node = edit.producer(original.outputs[0])
        if node is None:
            continue
        types = tuple(edit.value(name).type for name in node.outputs)
        first = seen.setdefault((node.op, node.inputs, types), node)
        if first is not node:
            for old, new in zip(node.outputs, first.outputs, strict=True):
                edit.redirect(old, new)
            edit.remove_if_unused(node)
    return edit.finish()


def rewrite(graph: Graph, rules: Sequence[Rule]) -> Graph:
    """``graph`` with ``rules`` applied until none applies any more."""
    edit = GraphEditor.of(graph)
    while apply_once(edit, rules):
        pass
    return edit.finish()


class Pass(Record):
    """A named step of a station.

    Attributes:
        name: For dumps and messages.
        run: From graph to graph.
        rules: Those that it applies, if that is all it does.
    """

    name: str
    run: Callable[[Graph], Graph]
    rules: tuple[Rule, ...] = ()


def rewriting(name: str, rules: Sequence[Rule]) -> Pass:
    """The pass that applies ``rules`` until none applies any more."""
    return Pass(name, lambda graph: rewrite(graph, rules), tuple(rules))


def run_passes(graph: Graph, passes: Sequence[Pass], observe: Callable[[Pass, Graph], None] | None = None) -> Graph:
    """``graph`` after all passes in their order; observe(pass, result) is called after each."""
    for step in passes:
        graph = step.run(graph)
        if observe:
            observe(step, graph)
    return graph
