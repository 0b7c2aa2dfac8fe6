"""How near a quantized network comes to the float one, as tables for people and as plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinyglow.pipeline.fidelity import Fidelity, OutputFidelity
from tinyglow.report.console import stdout
from tinyglow.report.tables import table

REFERENCE_OF_INTEGERS = (
    "The model came quantized: there is no float network to compare with. The figures are against what its own\n"
    "integers stand for, computed without rounding in between and cut off where these end."
)


def decibels(snr: float) -> str:
    """An SNR in words: "exact" without any error, "none" where the float value is 0 throughout and the other is not."""
    if math.isfinite(snr):
        return f"{snr:.1f} dB"
    return "exact" if snr > 0 else "none"


def short(name: str, most: int = 40) -> str:
    """A name as it is, or its two ends: those of TFLite files list all that was fused."""
    return name if len(name) <= most else f"{name[: most // 2 - 2]} ... {name[-(most // 2 - 3) :]}"


def percent(share: float) -> str:
    """A share, so that a small one does not look like none."""
    return "" if share == 0 else f"{100 * share:.1f} %" if share >= 0.001 else "< 0.1 %"


def _row(name: str, fidelity: Fidelity, top1: float | None) -> tuple[str, ...]:
    return (
        name,
        decibels(fidelity.snr),
        f"{fidelity.cosine:.5f}",
        f"{fidelity.largest:.4g}",
        f"{fidelity.low:.4g} .. {fidelity.high:.4g}",
        percent(fidelity.saturated),
        "" if top1 is None else f"{100 * top1:.1f} %",
    )


def print_outputs(outputs: Sequence[OutputFidelity], quantized: bool) -> None:
    """Every output, and the parts that it joins, beside the float network. quantized: the model came so."""
    rows = []
    for output in outputs:
        rows.append(_row(output.source_name, output.fidelity, output.top1))
        rows += [_row(f"  of {short(part.origin or part.value)}", part.fidelity, None) for part in output.parts]
    columns = ("output", ">SNR", ">cosine", ">largest error", ">float range", ">saturated", ">same top-1")
    stdout().print(table(columns, rows))
    if quantized:
        print(REFERENCE_OF_INTEGERS)


def fidelity_json(fidelity: Fidelity) -> dict[str, Any]:
    """Figures as numbers; an SNR that is not finite is null (exact, if the largest error is 0)."""
    return {
        "snr_db": fidelity.snr if math.isfinite(fidelity.snr) else None,
        "cosine": fidelity.cosine,
        "largest_error": fidelity.largest,
        "saturated": fidelity.saturated,
        "low": fidelity.low,
        "high": fidelity.high,
    }


def output_json(output: OutputFidelity) -> dict[str, Any]:
    """An output and its parts."""
    return {
        "name": output.source_name,
        "placeholder": output.name,
        **fidelity_json(output.fidelity),
        "top1_agreement": output.top1,
        "parts": [{"node": part.origin, **fidelity_json(part.fidelity)} for part in output.parts],
    }
