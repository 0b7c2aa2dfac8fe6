"""The generated parts of the guide, by page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.guide import arithmetic, bundle, core, graph, inputs, scales, text, wrong

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "guide"

Make = Callable[[], str]

PAGES: dict[str, tuple[Make, ...]] = {
    "1-network.md": (inputs.file, inputs.layers, inputs.float_answer),
    "2-profile.md": (inputs.ranges, inputs.entry, inputs.widening, inputs.samples),
    "3-scales.md": (scales.by_hand, scales.schemas, scales.losses, scales.power_of_two, scales.answers),
    "4-one-pixel.md": (
        arithmetic.window,
        arithmetic.bias,
        arithmetic.products,
        arithmetic.requantize,
        arithmetic.beside_float,
    ),
    "5-rewrites.md": (graph.steps, graph.rules, graph.relu),
    "6-lowering.md": (graph.calls, graph.lifetimes, graph.peak),
    "7-bundle.md": (
        bundle.listing,
        bundle.memories,
        bundle.header,
        bundle.entry,
        bundle.placed_input,
        bundle.constants,
        bundle.prepared,
    ),
    "8-core.md": (core.layers, core.time, core.term, core.loop, core.taken_apart),
    "9-where-glow-is-wrong.md": (wrong.results,),
}

# Of these the figures are those of ziglang's code on the emulated board.
COMPILED = frozenset({"guide-core-layers", "guide-core-time", "guide-core-loop"})


def _name(make: Make) -> str:
    module = make.__module__.rpartition(".")[2]
    return f"guide-{module}-{make.__name__.replace('_', '-')}"


def _all() -> dict[str, tuple[Path, Make]]:
    found: dict[str, tuple[Path, Make]] = {}
    for chapter, (page, makes) in enumerate(PAGES.items(), start=1):
        found.update({_name(make): (FOLDER / page, make) for make in makes})
        found[f"guide-exercises-{chapter}"] = (FOLDER / page, partial(text.exercises, chapter))
    return found


BLOCKS = _all()
