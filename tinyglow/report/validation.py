"""What ``tinyglow validate`` found: tables for people, and the data of --json (documented in docs/validate.md)."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tinyglow.pipeline.compare import Comparison
from tinyglow.pipeline.layers import Layer
from tinyglow.pipeline.trials import Trial
from tinyglow.pipeline.validate import Validation
from tinyglow.report.console import stdout
from tinyglow.report.fidelity import decibels, fidelity_json, output_json, percent, print_outputs, short
from tinyglow.report.tables import print_comparisons, table

_NEW_PROFILE = "tinyglow profile, with more samples like these inputs"


def print_validation(found: Validation, comparisons: Sequence[Comparison] = ()) -> None:
    """All of it, the verdict last."""
    samples = f"{found.samples} sample{'' if found.samples == 1 else 's'}"
    what = "its integers against what they stand for" if found.came_quantized else f"{found.precision} against float"
    print(f"{found.network}: {what}, {samples}")
    print_outputs(found.outputs, found.came_quantized)
    if found.accuracy is not None:
        _print_accuracy(found)
    _print_layers(found.layers)
    _print_losses(found.losses)
    _print_advice(found)
    if comparisons:
        print_comparisons(comparisons)


def _print_accuracy(found: Validation) -> None:
    accuracy = found.accuracy
    assert accuracy is not None
    shares = [f"{100 * correct / found.samples:.2f} %" for correct in (accuracy.float_correct, accuracy.correct)]
    print(f"right by the labels: float {shares[0]} ({accuracy.float_correct}), quantized {shares[1]}", end="")
    print(f" ({accuracy.correct}) of {found.samples}")


def _print_layers(layers: Sequence[Layer]) -> None:
    rows = [
        (
            short(layer.node, 32),
            layer.kind,
            "" if layer.dtype == "float32" else f"{layer.steps:,.0f}",
            decibels(layer.fidelity.snr),
            decibels(layer.own_snr),
            percent(layer.share),
            percent(layer.fidelity.saturated),
        )
        for layer in layers
        if layer.share or math.isfinite(layer.own_snr)  # not those that only move elements
    ]
    columns = ("layer", "", ">steps", ">SNR", ">its own", ">of the error", ">saturated")
    stdout().print(table(columns, rows))
    print(
        "steps: integers that its float range spans. its own: SNR if its inputs were exact. of the error: what of the"
    )
    print("outputs' error power comes from it.")


def _print_losses(losses: Sequence[Layer]) -> None:
    if losses:
        print("\nwhere most is lost, and why:")
        rows = [(percent(layer.share), short(layer.node, 30), layer.kind, "; ".join(layer.why)) for layer in losses]
        stdout().print(table((">of the error", "layer", "", "because"), rows))


def _print_advice(found: Validation) -> None:
    if found.advice:
        print("\nwhat helps, as tried on these inputs (in addition to the options given):")
        rows = [
            (
                f"{trial.gain:+.1f} dB",
                decibels(trial.snr),
                _bytes(trial.constants),
                _bytes(trial.ram),
                advice_text(trial),
            )
            for trial in found.advice
        ]
        stdout().print(table((">gain", ">lowest SNR", ">weights", ">RAM", "options"), rows))
    elif found.advice is not None:
        print("\nnothing that was tried gains 1 dB")


def _bytes(count: int) -> str:
    return f"{count:+,}" if count else "0"


def advice_text(trial: Trial) -> str:
    """The options, ready to paste, or what else to do."""
    return shlex.join(trial.options) if trial.options else _NEW_PROFILE


def as_json(found: Validation, comparisons: Sequence[Comparison] = (), min_snr: float | None = None) -> dict[str, Any]:
    """The same as plain data; names and meanings of its keys do not change."""
    accuracy = found.accuracy
    return {
        "version": 1,
        "network": found.network,
        "samples": found.samples,
        "reference": "integers" if found.came_quantized else "float",
        "snr_db": found.snr if math.isfinite(found.snr) else None,
        "min_snr_db": min_snr,
        "reached": None if min_snr is None else found.snr >= min_snr,
        "outputs": [output_json(output) for output in found.outputs],
        "accuracy": None
        if accuracy is None
        else {"output": accuracy.name, "float": accuracy.float_correct, "quantized": accuracy.correct},
        "layers": [_layer_json(layer) for layer in found.layers],
        "warnings": [asdict(warning) for warning in found.warnings],
        "advice": None
        if found.advice is None
        else [
            {
                "options": list(trial.options),
                "what": trial.what,
                "predicted_db": trial.predicted,
                "gain_db": trial.gain if math.isfinite(trial.gain) else None,
                "snr_db": trial.snr if math.isfinite(trial.snr) else None,
                "constant_bytes": trial.constants,
                "ram_bytes": trial.ram,
            }
            for trial in found.advice
        ],
        "targets": [asdict(comparison) for comparison in comparisons],
    }


def _layer_json(layer: Layer) -> dict[str, Any]:
    return {
        "node": layer.node,
        "value": layer.value,
        "kind": layer.kind,
        "dtype": layer.dtype,
        "steps": layer.steps if math.isfinite(layer.steps) else None,
        **fidelity_json(layer.fidelity),
        "own_snr_db": layer.own_snr if math.isfinite(layer.own_snr) else None,
        "share": layer.share,
        "why": list(layer.why),
        "worst_channels": [{"channel": channel, "snr_db": snr} for channel, snr in layer.worst_channels],
    }
