"""Networks that share an arena: images, rows, and two that remember."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder, example_program
from tinyglow.ir.program import Program

DEPTH, UNITS = 6, 8
_GATES = {"RNN": 1, "GRU": 3}


def recurrent(kind: str, folder: Path) -> Program:
    """One step of a recurrent layer with a dense layer after it; its state stays inside. Called like the layer."""
    build, rows = NetBuilder(len(kind)), _GATES[kind] * UNITS
    weights = [build.weights(1, rows, DEPTH), build.weights(1, rows, UNITS), build.weights(1, 2 * rows)]
    build.node(kind, "x", *weights, "", "h", hidden_size=UNITS, output="y", name="cell")
    build.nodes[-1].output.append("h_next")
    hidden = build.node("Reshape", "y", build.constant(np.array([1, UNITS])))
    build.node("Gemm", hidden, build.weights(UNITS, 4), build.weights(4), name="dense", output="scores")
    net = build.build({"x": (1, 1, DEPTH), "h": (1, 1, UNITS)}, ["scores", "h_next"])
    graph = tinyglow.load(net.save(folder), kind.lower(), states={"h": "h_next"})
    return tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, {"x": net.samples(24)["x"]})))


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Program]:
    """By name, for no core in particular."""
    folder = tmp_path_factory.mktemp("models")
    plain = {name: example_program(name, folder) for name in ("mnist", "conv", "dense")}
    return plain | {kind.lower(): recurrent(kind, folder) for kind in _GATES}


@pytest.fixture(scope="session")
def bundles(programs: dict[str, Program], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Their bundles, each by itself."""
    folder = tmp_path_factory.mktemp("bundles")
    for name, program in programs.items():
        tinyglow.emit(program, folder / name)
    return {name: folder / name for name in programs}
