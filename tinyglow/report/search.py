"""What a search found: the Pareto front as a table, as data, and as options to compile with."""

from __future__ import annotations

import shlex
from typing import Any

from tinyglow.quant.scheme import Scheme
from tinyglow.report.console import stdout
from tinyglow.report.tables import table
from tinyglow.targets.boards import Board
from tinyglow.tuning.explore import Explored
from tinyglow.tuning.search import Candidate, Layers


def options_of(scheme: Scheme, layers: Layers) -> list[str]:
    """The options of model-compiler and model-tuner that stand for what a search may choose of a scheme."""
    options = [
        f"-quantization-schema={scheme.schema.value}",
        f"-quantization-precision-bias={scheme.bias_dtype.capitalize()}",
    ]
    options += ["-quantization-precision=Int16"] if scheme.int16 else []
    options += ["-quantization-calibration=KL"] if scheme.calibrate else []
    options += [] if scheme.like_glow else ["-graph=tiny"]
    every = layers.convolutions and scheme.channelwise_nodes >= set(layers.convolutions)
    if scheme.channelwise or every:
        options.append("-enable-channelwise")
    else:
        options += [f"-channelwise-node={name}" for name in sorted(scheme.channelwise_nodes)]
    return options + [f"-float-node={name}" for name in sorted(scheme.float_nodes)]


def _percent(candidate: Candidate, samples: int) -> str:
    return f"{100 * candidate.correct / samples:.2f} %"


def _error(predicted: int, measured: int) -> str:
    return f"{100 * (predicted - measured) / measured:+.1f} %" if measured else ""


def print_explored(explored: Explored, layers: Layers, samples: int, board: Board) -> None:
    """The front, cheapest first, each with the options that make it; the chosen one is marked."""
    rows = []
    for index, (found, predicted) in enumerate(zip(explored.front, explored.predicted, strict=True), 1):
        mark = "*" if found == explored.best else ""
        error = _error(predicted.cycles, found.cost.cycles)
        milliseconds = f"{1000 * board.seconds(found.cost.cycles):.3f}" if board.clock_hz else ""
        figures = (_percent(found, samples), found.cost.cycles, error, milliseconds, found.cost.flash)
        rows.append((f"{index}{mark}", *figures))
    print(f"{explored.tried} schemes on {samples} samples; the best by accuracy, time and flash on {board.title}:")
    columns = ("", ">accuracy", ">cycles", ">predicted", ">ms", ">flash")
    stdout().print(table(columns, rows))
    for index, found in enumerate(explored.front, 1):
        print(f"{index}: {shlex.join(options_of(found.scheme, layers))}")
    print("predicted: how far the prediction that the search went by was off. * is tuned.", flush=True)


def as_json(explored: Explored, layers: Layers, samples: int, board: Board) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "board": board.name,
        "samples": samples,
        "tried": explored.tried,
        "front": [
            {
                "correct": found.correct,
                "accuracy": found.correct / samples,
                "cycles": found.cost.cycles,
                "flash": found.cost.flash,
                "predicted_cycles": predicted.cycles,
                "predicted_flash": predicted.flash,
                "tuned": found == explored.best,
                "options": options_of(found.scheme, layers),
            }
            for found, predicted in zip(explored.front, explored.predicted, strict=True)
        ],
    }
