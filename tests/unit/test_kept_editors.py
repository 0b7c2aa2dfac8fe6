"""What is not done anew changes nothing: editors that Glow's passes keep, variants that nobody asks for."""

from __future__ import annotations

import pytest

import tinyglow
from tests.benchmarks.measure import MNIST, load, profile_path
from tinyglow.glow.quantize import quantize_as_glow, tidying_as_glow
from tinyglow.glow.walk import keeping_editors
from tinyglow.ir.target import Target, WeightsAsCode
from tinyglow.lowering.graph_to_program import lower
from tinyglow.passes.rewrite import Pass, run_passes
from tinyglow.quant.scheme import Scheme
from tinyglow.tuning.fingerprint import graph_key

MODELS = (MNIST, "mobilenet_block")


@pytest.mark.parametrize("model", MODELS)
def test_passes_that_keep_editors_make_the_same_graphs(model: str) -> None:
    """After every pass: nodes, values, the order in which they were made, names that are taken."""

    def graphs() -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = []

        def observe(step: Pass, graph: tinyglow.Graph) -> None:
            found.append((step.name, graph_key(graph), graph.made, graph.used_names, graph.derived, graph.joined))

        profile = tinyglow.load_profile(profile_path(model))
        run_passes(quantize_as_glow(load(model), profile, Scheme()), tidying_as_glow(), observe)
        return found

    anew = graphs()
    with keeping_editors():
        kept = graphs()
    assert kept == anew


@pytest.mark.parametrize("model", MODELS)
def test_no_core_takes_the_first_variants(model: str) -> None:
    """As a chooser that is asked takes them; where weights become code, the others count."""
    graph = tinyglow.quantize(load(model), tinyglow.load_profile(profile_path(model)), Scheme())
    assert lower(graph).calls == lower(graph, chooser=lambda variants: variants[0]).calls
    assert Target().takes_first and not Target(core="cortex-m4").takes_first
    assert not Target(weights_as_code=WeightsAsCode.ALWAYS).takes_first
