"""Running rewrite rules to a fixed point."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node

# A rule looks at one node; if it applies it edits the graph and returns True.
Rule = Callable[[Node, GraphEditor], bool]


def apply_once(edit: GraphEditor, rules: Sequence[Rule]) -> bool:
    """Offer every node to every rule; True if any applied. New nodes are offered in the next round."""
    changed = False
    for node in edit.nodes:
        for rule in rules:
            if edit.alive(node) and rule(node, edit):
                edit.remove_if_unused(node)
                changed = True
    return changed


def rewrite(graph: Graph, rules: Sequence[Rule]) -> Graph:
    """``graph`` with ``rules`` applied until none applies any more."""
    edit = GraphEditor.of(graph)
    while apply_once(edit, rules):
        pass
    return edit.finish()
