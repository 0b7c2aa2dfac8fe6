"""Where the nodes of a graph stand when it is drawn: in layers, by Sugiyama's method (igraph)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyglow.errors import Problem, ToolError

WIDTH, HEIGHT, GAP_X, GAP_Y = 190, 52, 26, 24


@dataclass(frozen=True)
class Box:
    """A node's place, in pixels from the upper left corner."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Drawing:
    """Boxes by name, edges between their names, and the size of the whole."""

    boxes: Mapping[str, Box]
    edges: tuple[tuple[str, str], ...]
    width: float
    height: float


def lay_out(nodes: Sequence[Mapping[str, Any]], inputs: Sequence[str]) -> Drawing:
    """Place the nodes of a step's graph, each below those whose results it reads.

    Args:
        nodes: As ``document`` writes them: ``name``, ``inputs`` and ``outputs``.
        inputs: The placeholders, which are boxes too.

    Returns:
        The drawing.

    Raises:
        ToolError: The package that computes the layout is not installed.
    """
    try:
        import igraph
    except ImportError as error:
        problem = Problem("igraph", "missing", hint="pip install tinyglow[report]")
        raise ToolError("the report needs a package that is not installed", [problem]) from error
    names = [*inputs, *(node["name"] for node in nodes)]
    number = {name: index for index, name in enumerate(names)}
    made_by = {name: number[name] for name in inputs}
    for index, node in enumerate(nodes):
        made_by.update(dict.fromkeys(node["outputs"], len(inputs) + index))
    pairs = dict.fromkeys(
        (made_by[value], len(inputs) + index)
        for index, node in enumerate(nodes)
        for value in node["inputs"]
        if value in made_by
    )
    graph = igraph.Graph(n=len(names), edges=list(pairs), directed=True)
    places = graph.layout_sugiyama(hgap=WIDTH + GAP_X, vgap=HEIGHT + GAP_Y, maxiter=100).coords[: len(names)]
    left = min((x for x, _ in places), default=0.0)
    boxes = {name: Box(name, x - left + 8, y + 8) for name, (x, y) in zip(names, places, strict=True)}
    width = max((box.x for box in boxes.values()), default=0.0) + WIDTH + 8
    height = max((box.y for box in boxes.values()), default=0.0) + HEIGHT + 8
    return Drawing(boxes, tuple((names[a], names[b]) for a, b in pairs), width, height)
