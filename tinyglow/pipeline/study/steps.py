"""The stations pass by pass: what each changed in the graph, and by which rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import getdoc

from tinyglow.glow.pipeline import before_lowering
from tinyglow.glow.quantize import quantize_as_glow, tidying_as_glow
from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.target import Target
from tinyglow.passes.declared import simplifying_declared
from tinyglow.passes.fuse import fuse
from tinyglow.passes.placeholders import make_float
from tinyglow.passes.rewrite import Pass, Rule, observing, run_passes
from tinyglow.passes.simplify import simplifying
from tinyglow.passes.tidy import tidying
from tinyglow.quant.declared import quantize_declared
from tinyglow.quant.profile import Profile
from tinyglow.quant.quantizer import quantize as quantize_graph
from tinyglow.quant.scheme import Scheme


@dataclass(frozen=True)
class Applied:
    """A rule that applied, and the nodes that it applied to.

    Attributes:
        rule: Its name, in words.
        why: What it says of itself.
        nodes: Names of the nodes.
    """

    rule: str
    why: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A graph, and how it differs from the one before it.

    Attributes:
        number: Of the station.
        station: Its name.
        title: The pass; the station's own name where that is one step.
        graph: The result.
        added: Nodes that the graph before did not have.
        changed: Nodes whose operator, inputs or types are others than before.
        removed: Nodes that are gone.
        applied: The rules that applied.
    """

    number: int
    station: str
    title: str
    graph: Graph
    added: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    removed: tuple[str, ...] = ()
    applied: tuple[Applied, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether nothing differs from the graph before."""
        return not (self.added or self.changed or self.removed)


@dataclass
class _Notes:
    """Rules that applied, in order."""

    found: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def note(self, rule: Rule, node: Node) -> None:
        """A rule applied to a node."""
        while isinstance(rule, partial):
            rule = rule.func
        name = getattr(rule, "__name__", type(rule).__name__).strip("_").replace("_", " ")
        why = (getdoc(rule) or "").split("\n\n")[0].replace("\n", " ").replace("``", "")
        self.found.setdefault(name, (why, []))[1].append(node.name)

    def take(self) -> tuple[Applied, ...]:
        """What was noted since the last time."""
        taken = tuple(Applied(name, why, tuple(dict.fromkeys(nodes))) for name, (why, nodes) in self.found.items())
        self.found = {}
        return taken


def _looks(graph: Graph) -> dict[str, object]:
    """Of each node all that a change of it would show in."""
    return {
        node.name: (node.op, node.inputs, tuple(graph.type_of(name) for name in (*node.inputs, *node.outputs)))
        for node in graph.nodes
    }


def _step(number: int, station: str, title: str, before: Graph, graph: Graph, applied: tuple[Applied, ...]) -> Step:
    old, new = _looks(before), _looks(graph)
    changed = frozenset(name for name in new.keys() & old.keys() if new[name] != old[name])
    removed = tuple(name for name in old if name not in new)
    return Step(number, station, title, graph, frozenset(new.keys() - old.keys()), changed, removed, applied)


def _passes(number: int, station: str, graph: Graph, passes: Sequence[Pass]) -> list[Step]:
    steps: list[Step] = []
    notes, last = _Notes(), graph

    def observe(one: Pass, result: Graph) -> None:
        nonlocal last
        steps.append(_step(number, station, one.name, last, result, notes.take()))
        last = result

    with observing(notes.note):
        run_passes(graph, passes, observe)
    return steps


def _once(number: int, station: str, graph: Graph, run: Callable[[Graph], Graph], why: str) -> Step:
    notes = _Notes()
    with observing(notes.note):
        result = run(graph)
    applied = notes.take() or (Applied(station, why, ()),)
    return _step(number, station, station, graph, result, applied)


def steps_of(
    source: Graph, profile: Profile | None, scheme: Scheme, float_io: bool, target: Target
) -> tuple[Step, ...]:
    """Compile a graph up to station 6, one pass at a time.

    Args:
        source: What the model file holds, as ``load_model`` reads it.
        profile: The ranges; None for a graph that came quantized.
        scheme: How to quantize.
        float_io: Whether inputs and outputs stay float32.
        target: What layers are joined for.

    Returns:
        The graph that was read, then each pass that changed something.
    """
    steps = [Step(1, "read", "read", source, applied=(Applied("read", "the model as its file holds it", ()),))]
    if source.is_quantized:
        steps += _passes(2, "simplify", source, simplifying_declared())
        why = "each value gets the scale and offset that the file declares"
        steps.append(_once(4, "quantize", steps[-1].graph, quantize_declared, why))
        graph = make_float(steps[-1].graph) if float_io else steps[-1].graph
        steps += _passes(5, "tidy", graph, tidying(True, declared=True))
    else:
        assert profile is not None
        steps += _passes(2, "simplify", source, before_lowering() if scheme.like_glow else simplifying())
        why = "each value gets the scale and offset that its range in the profile asks for"
        quantize = quantize_as_glow if scheme.like_glow else quantize_graph
        steps.append(_once(4, "quantize", steps[-1].graph, lambda graph: quantize(graph, profile, scheme), why))
        steps += _passes(5, "tidy", steps[-1].graph, (tidying_as_glow if scheme.like_glow else tidying)(float_io))
    why = "channels without effect are dropped"
    steps.append(_once(6, "fuse", steps[-1].graph, lambda graph: fuse(graph, target), why))
    return tuple(step for step in steps if step.number in (1, 4) or not step.is_same)
