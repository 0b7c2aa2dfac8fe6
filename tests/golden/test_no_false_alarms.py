"""Warnings are rare and right: good networks raise none."""

from __future__ import annotations

from pathlib import Path

import pytest

import tinyglow
from tests.benchmarks.accuracy import DEFINE, Case, arrays, cases
from tinyglow.errors import ProfileError
from tinyglow.pipeline.validate import profile_warnings
from tinyglow.quant.profile import load_profile
from tinyglow.quant.warnings import FEWEST_SAMPLES, Evidence, contradicted_range
from tinyglow.testing import is_full

# Of the 386 networks recorded, those that are warned about, and rightly: inputs that were the same in all calibration
# samples (they are parts of networks, cut out); an operand of a Concat whose range is a sixth of the shared step. All
# but the seven were calibrated with 8 or 12 samples, which is said of each of them, and nothing else.
EXPECTED = {
    "golden_more/reduced_r10035_asymmetric_differs": ["constant-input"],
    "golden_more/reduced_r20026_asymmetric_differs": ["constant-input"],
    "golden_more/reduced_r20051_asymmetric_refuses": ["few-steps"],
}
# The recorded profiles of Glow's in which a range is another value's: of x * sigmoid(x).
CONTRADICTED = {"golden_networks/acts_500008": ["mul9"], "golden_networks/t22_swish_1": ["mul3"]}
_EVERY = 1 if is_full() else 10


def _rules(case: Case) -> list[str]:
    """The rules that warn about a network; that of too few samples left out where it says how many there are."""
    graph = tinyglow.load(case.model, "net", DEFINE.get(case.name, {}))
    samples = arrays(case.calibration, [graph.source_names.get(name, name) for name in graph.inputs])
    found = profile_warnings(graph, tinyglow.profile(graph, samples), samples)
    count = len(next(iter(samples.values())))
    few = f"was made from {count} samples;"
    is_said = any(few in finding.found for finding in found)
    assert is_said == (count < FEWEST_SAMPLES) or "constant-input" in [finding.rule for finding in found]
    return [finding.rule for finding in found if few not in finding.found]


@pytest.mark.parametrize("group", ["golden", "golden_networks", "golden_more"])
def test_good_networks_raise_no_warning(shared: Path, group: str) -> None:
    """All the seven networks, and every tenth of the others (TINYGLOW_FULL=1: all)."""
    found = [case for case in cases(shared) if case.group == group]
    few = [case for i, case in enumerate(found) if group == "golden" or i % _EVERY == 0 or case.key in EXPECTED]
    warned = {case.key: rules for case in few if (rules := _rules(case))}
    assert warned == {key: rules for key, rules in EXPECTED.items() if key.startswith(f"{group}/")}


@pytest.mark.parametrize("group", ["golden_networks", "golden_more"])
def test_glow_s_profiles_contradict_themselves_where_glow_is_wrong(shared: Path, group: str) -> None:
    """And nowhere else; every tenth of the networks (TINYGLOW_FULL=1: all)."""
    found = [case for case in cases(shared) if case.group == group]
    few = [case for i, case in enumerate(found) if i % _EVERY == 0 or case.key in CONTRADICTED]
    contradicted = {case.key: nodes for case in few if (nodes := _contradicted(case))}
    assert contradicted == {key: nodes for key, nodes in CONTRADICTED.items() if key.startswith(f"{group}/")}


def _contradicted(case: Case) -> list[str]:
    graph = tinyglow.load(case.model, "net", DEFINE.get(case.name, {}))
    try:
        profile = load_profile(case.model.parent / "profile.yaml")
    except ProfileError:  # one of them has no entries
        return []
    return [finding.where for finding in contradicted_range(Evidence(graph, profile, graph))]
