"""Warnings are rare and right: good networks raise none."""

from __future__ import annotations

from pathlib import Path

import pytest

import tinyglow
from tests.benchmarks.accuracy import DEFINE, Case, arrays, cases
from tinyglow.pipeline.validate import profile_warnings
from tinyglow.testing import is_full

# Of the 386 networks recorded, those that are warned about, and rightly: one number as the answer to each of 8 or 12
# samples; inputs that were the same in all calibration samples (they are parts of networks, cut out); an operand of a
# Concat whose range is a sixth of the shared step.
EXPECTED = {
    "golden_networks/twoin_500009": ["few-samples"],
    "golden_networks/twoin_500031": ["few-samples"],
    "golden_more/vec_rmean": ["few-samples"],
    "golden_more/reduced_r10035_asymmetric_differs": ["constant-input"],
    "golden_more/reduced_r20026_asymmetric_differs": ["constant-input"],
    "golden_more/reduced_r20051_asymmetric_refuses": ["few-steps"],
}
_EVERY = 1 if is_full() else 10


def _rules(case: Case) -> list[str]:
    graph = tinyglow.load(case.model, "net", DEFINE.get(case.name, {}))
    samples = arrays(case.calibration, [graph.source_names.get(name, name) for name in graph.inputs])
    return [finding.rule for finding in profile_warnings(graph, tinyglow.profile(graph, samples), samples)]


@pytest.mark.parametrize("group", ["golden", "golden_networks", "golden_more"])
def test_good_networks_raise_no_warning(shared: Path, group: str) -> None:
    """All the seven networks, and every tenth of the others (TINYGLOW_FULL=1: all)."""
    found = [case for case in cases(shared) if case.group == group]
    few = [case for i, case in enumerate(found) if group == "golden" or i % _EVERY == 0 or case.key in EXPECTED]
    warned = {case.key: rules for case in few if (rules := _rules(case))}
    assert warned == {key: rules for key, rules in EXPECTED.items() if key.startswith(f"{group}/")}
