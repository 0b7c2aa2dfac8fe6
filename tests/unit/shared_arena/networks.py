"""Networks that remember."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.ir.program import Program

DEPTH, UNITS = 6, 8
GATES = {"RNN": 1, "GRU": 3}


def recurrent(kind: str, folder: Path) -> Program:
    """One step of a recurrent layer with a dense layer after it; its state stays inside. Called like the layer."""
    build, rows = NetBuilder(len(kind)), GATES[kind] * UNITS
    weights = [build.weights(1, rows, DEPTH), build.weights(1, rows, UNITS), build.weights(1, 2 * rows)]
    build.node(kind, "x", *weights, "", "h", hidden_size=UNITS, output="y", name="cell")
    build.nodes[-1].output.append("h_next")
    hidden = build.node("Reshape", "y", build.constant(np.array([1, UNITS])))
    build.node("Gemm", hidden, build.weights(UNITS, 4), build.weights(4), name="dense", output="scores")
    net = build.build({"x": (1, 1, DEPTH), "h": (1, 1, UNITS)}, ["scores", "h_next"])
    graph = tinyglow.load(net.save(folder), kind.lower(), states={"h": "h_next"})
    return tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, {"x": net.samples(24)["x"]})))
