"""What Glow's graph computes otherwise than the model says is warned about with the size of the error."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.pipeline.validate import profile_warnings, validate
from tinyglow.quant.warnings import Finding


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A convolution, a ReLU, and a normalization that no convolution takes in."""
    build = NetBuilder()
    y = build.node("Relu", build.node("Conv", "x", build.weights(4, 3, 3, 3)))
    constants = [build.constant(build.rng.uniform(0.5, 2, 4)) for _ in range(4)]
    output = build.node("BatchNormalization", y, *constants, epsilon=1e-3)
    return build.build({"x": (1, 3, 6, 6)}, [output]).save(tmp_path)


def _division(findings: list[Finding]) -> str:
    (found,) = (finding.found for finding in findings if finding.rule == "integer-division")
    return found


def test_error_is_measured_where_there_are_samples(network: Path) -> None:
    """Its size in dB is that of the layer by itself; the default graph has neither the error nor the warning."""
    inputs = {"x": np.random.default_rng(3).uniform(-1, 1, (16, 3, 6, 6)).astype(np.float32)}
    graph = tinyglow.load(network, like_glow=True)
    profile = tinyglow.profile(graph, inputs)
    scheme = tinyglow.Scheme(like_glow=True)
    found = [
        _division(profile_warnings(graph, profile, inputs, like_glow=True)),
        _division(list(validate(graph, profile, inputs, scheme, advise=False).warnings)),
    ]
    measured = [re.search(r"on these samples that alone leaves (-?[0-9.]+) dB", text) for text in found]
    assert all(measured) and all(float(match.group(1)) < 15 for match in measured if match)
    plain = tinyglow.load(network)
    findings = profile_warnings(plain, tinyglow.profile(plain, inputs), inputs)
    assert not any(finding.rule == "integer-division" for finding in findings)
