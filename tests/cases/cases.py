"""Small models of situations that users have met, with inputs and a float reference's answers, in folders beside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import tinyglow
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Graph

Array = npt.NDArray[Any]
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """A model's file, the inputs [samples, *shape] of its only input, and the answers [samples, ...]."""

    path: Path
    inputs: Array
    expected: tuple[Array, ...]


def case(name: str) -> Case:
    """The case in the folder of that name."""
    folder = FOLDER / name
    (path,) = folder.glob("model.*[xe]")
    with np.load(folder / "data.npz") as data:
        answers = tuple(data[key] for key in data.files if key.startswith("expected"))
        return Case(path, data["inputs"], answers)


def float_answers(graph: Graph, inputs: Array) -> list[Array]:
    """What the float network computes."""
    (name,) = graph.inputs
    return list(run_graph(graph, {name: inputs}).values())


def int8_snr(graph: Graph, inputs: Array, expected: Array) -> float:
    """Signal to noise of the first output in dB, after quantization with the ranges of these very inputs."""
    (name,) = graph.inputs
    given = {name: inputs}
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, given), float_io=True))
    return snr(next(iter(tinyglow.interpret(program, given).values())), expected)


def snr(actual: Array, expected: Array) -> float:
    """Signal to noise in dB."""
    noise = float(((actual.reshape(expected.shape).astype(np.float64) - expected) ** 2).sum())
    return float(10 * np.log10((expected.astype(np.float64) ** 2).sum() / max(noise, 1e-300)))
