"""Glow's CSE: one node where several do the same to the same inputs, and one of equal constants. The first stays."""

from __future__ import annotations

from tinyglow.glow.walk import nodes_as_made
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Node


def _share_constants(edit: GraphEditor) -> None:
    of_a_type: dict[tuple[object, ...], list[tuple[str, Array]]] = {}
    for name, value in edit.values.items():
        if value.data is not None and (edit.users(name) or edit.is_output(name)):
            of_a_type.setdefault((value.type, str(value.data.dtype)), []).append((name, value.data))
    for alike in of_a_type.values():
        seen: dict[bytes, str] = {}
        for name, data in alike if len(alike) > 1 else ():  # most are the only one of their type
            edit.redirect(name, seen.setdefault(data.tobytes(), name))


def share_equal(edit: GraphEditor) -> bool:
    """CSE: constants first, then nodes, each after what it reads."""
    _share_constants(edit)
    seen: dict[tuple[object, ...], Node] = {}
    visited: set[str] = set()
    for root in nodes_as_made(edit):
        stack = [root.name]
        while stack:
            name = stack[-1]
            node = edit.node(name)
            if node is None or name in visited:
                stack.pop()
                continue
            sources = (edit.producer(value) for value in node.inputs)
            waiting = [before.name for before in sources if before is not None and before.name not in visited]
            if waiting:
                stack.append(waiting[0])
                continue
            stack.pop()
            visited.add(name)
            types = tuple(edit.value(value).type for value in node.outputs)
            first = seen.setdefault((node.op, node.inputs, types), node)
            if first is not node:
                for old, new in zip(node.outputs, first.outputs, strict=True):
                    edit.redirect(old, new)
    return False
