"""How much it costs that Glow's graph computes something else than the model says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tinyglow.pipeline.fidelity import OutputFidelity
from tinyglow.pipeline.layers import Layer
from tinyglow.quant.warnings import Finding

# The rules of ``quant.warnings`` that find it.
RULES = frozenset(("integer-division", "other-than-the-model"))


def _cost(where: str, layers: Iterable[Layer], outputs: Iterable[OutputFidelity]) -> str:
    """The error that a node of the model adds by itself, or that of the answers where no value of it is to be seen."""
    own = [layer.own_snr for layer in layers if layer.node == where and math.isfinite(layer.own_snr)]
    if own:
        return f"on these samples that alone leaves {min(own):.1f} dB"
    answers = [output.fidelity.snr for output in outputs if math.isfinite(output.fidelity.snr)]
    return f"on these samples the answers have {min(answers):.1f} dB" if answers else ""


def with_costs(
    findings: Sequence[Finding], layers: Sequence[Layer], outputs: Sequence[OutputFidelity]
) -> list[Finding]:
    """``findings``, with the size of the error where Glow's graph computes something else than the model says.

    Args:
        findings: What the profile shows.
        layers: How near each layer comes to float on some samples.
        outputs: The same of the outputs.

    Returns:
        The findings in their order.
    """
    result = []
    for finding in findings:
        cost = _cost(finding.where, layers, outputs) if finding.rule in RULES else ""
        result.append(replace(finding, found=f"{finding.found}: {cost}") if cost else finding)
    return result
