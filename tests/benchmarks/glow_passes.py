"""Which passes of Glow's optimizer the recordings of the checkout need: a table of docs/exactly-glow.md."""

from __future__ import annotations

from collections import Counter

from tests.recordings.__main__ import FOLDER
from tinyglow.frontend.read import load_model
from tinyglow.frontend.request import Request
from tinyglow.glow.pipeline import FOLD, OPTIMIZE, before_lowering
from tinyglow.glow.quantize import quantize_as_glow, tidying_as_glow
from tinyglow.glow.walk import GlowPass
from tinyglow.ir.graph import Graph
from tinyglow.passes.rewrite import Pass, run_passes
from tinyglow.pipeline.crosscheck import recorded_profile
from tinyglow.pipeline.crosscheck_tree import recordings
from tinyglow.pipeline.golden import load_golden
from tinyglow.quant.profile import load_profile


def _meaning(graph: Graph) -> tuple[object, ...]:
    """What of a graph a pass may change, but for names."""
    numbers = {name: index for index, name in enumerate(graph.inputs)}
    numbers |= {name: -1 - index for index, name in enumerate(n for node in graph.nodes for n in node.outputs)}
    nodes = [
        (node.op, *((numbers.get(name), graph.type_of(name)) for name in (*node.inputs, *node.outputs)))
        for node in graph.nodes
    ]
    return (*nodes, *(numbers.get(output.value) for output in graph.outputs))


def changing_passes() -> dict[str, int]:
    """For each pass, in how many recordings of the selection it changes a graph."""
    found: Counter[str] = Counter()
    for recording in recordings(FOLDER):
        golden = load_golden(recording.folder)
        if golden.scheme is None or recording.model is None:
            continue
        changing: set[str] = set()
        graph = load_model(recording.model, "net", Request(like_glow=True))
        graph = _observed(graph, before_lowering(), changing)
        graph = quantize_as_glow(graph, load_profile(recorded_profile(golden)), golden.scheme)
        _observed(graph, tidying_as_glow(golden.float_io), changing)
        found.update(changing)
    return dict(sorted(found.items()))


def _observed(graph: Graph, passes: list[Pass], changing: set[str]) -> Graph:
    last = _meaning(graph)

    def observe(step: Pass, result: Graph) -> None:
        nonlocal last
        now = _meaning(result)
        if now != last:
            changing.add(step.name)
        last = now

    return run_passes(graph, passes, observe)


def text(counts: dict[str, int]) -> str:
    """The passes in Glow's order: what does each here, or why nothing has to, and how many recordings need it."""
    lines = ["| pass | here | recordings |", "|---|---|--:|"]
    for group in (FOLD, OPTIMIZE):
        for entry in group:
            if isinstance(entry, GlowPass):
                module = entry.by.__module__.removeprefix("tinyglow.")
                lines.append(f"| {entry.name} | `{module}.{entry.by.__name__}` | {counts.get(entry.name, 0)} |")
            elif not isinstance(entry, Pass):
                lines.append(f"| {entry[0]} | nothing: {entry[1]} | |")
        lines.append("| | | |")
    return "\n".join(lines[:-1])
