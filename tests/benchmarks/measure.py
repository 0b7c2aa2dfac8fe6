"""What six networks cost on emulated cores. The figures are exact and repeatable for one compiler, pip's ziglang."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import tinyglow
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import Program
from tinyglow.ir.target import Optimize
from tinyglow.passes.dead_channels import multiplications
from tinyglow.pipeline.execute import Execution
from tinyglow.pipeline.fit import sample_inputs
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import Board, load_board

TESTS = Path(__file__).resolve().parents[1]
MNIST = "mnist_nxp"
MODELS = (MNIST, "lenet_mnist", "cifar10", "kws_dscnn", "mobilenet_block", "autoencoder")
CORES = ("cortex-m0plus", "cortex-m0", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m7")
SCHEMES: Mapping[str, Scheme] = {
    "asymmetric": Scheme(),
    "symmetric": Scheme(Schema.SYMMETRIC),
    "channelwise": Scheme(channelwise=True),
    "power2_bias8": Scheme(Schema.SYMMETRIC_WITH_POWER2_SCALE, bias_dtype="int8"),
}
Row = dict[str, int]
Table = dict[str, Row]


@dataclass(frozen=True)
class Run:
    """One row of the table."""

    model: str
    core: str
    scheme: str = "asymmetric"
    optimize: str = "speed"
    transformed: bool = False  # --transformed-weights

    @property
    def key(self) -> str:
        """The row's name in the recorded table."""
        weights = " with transformed weights" if self.transformed else ""
        return f"{self.model} {self.scheme} for {self.optimize}{weights} on {self.core}"


def runs() -> Iterator[Run]:
    """The slowest first, so that the last ones fill the gaps."""
    order = ("cifar10", "lenet_mnist", "kws_dscnn", "mobilenet_block", "autoencoder", MNIST)
    for model in order:
        yield Run(model, "cortex-m0plus", optimize="size")
        for core in CORES:
            yield Run(model, core)
    for core in ("cortex-m0plus", "cortex-m4", "cortex-m33", "cortex-m7"):
        yield Run("cifar10", core, transformed=True)
    for scheme in list(SCHEMES)[1:]:
        for core in ("cortex-m0plus", "cortex-m7"):
            yield Run(MNIST, core, scheme)


def model_path(model: str) -> Path:
    """The ONNX file of a benchmark's model."""
    return (TESTS.parent / "examples" / "mnist" if model == MNIST else TESTS / "models") / f"{model}.onnx"


def profile_path(model: str) -> Path:
    """Glow's own profile of it."""
    return TESTS / "golden" / model / "profile.yaml" if model == MNIST else TESTS / "models" / f"{model}.profile.yaml"


def load(model: str) -> Graph:
    """Its float graph."""
    return tinyglow.load(model_path(model), model, {"N": 1} if model == MNIST else None)


def quantized(model: str, scheme: Scheme) -> Graph:
    """Its int8 graph, from Glow's own profile."""
    return tinyglow.quantize(load(model), tinyglow.load_profile(profile_path(model)), scheme)


def cost(program: Program, board: Board) -> Row:
    """One inference on made-up input; times hardly depend on data. Bytes; flash and RAM as ``tinyglow run`` counts."""
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        tinyglow.emit(program, folder)
        return cost_of(tinyglow.simulate(folder, board, sample_inputs(program), "zig"))


def cost_of(done: Execution) -> Row:
    """What one inference took."""
    sizes: Any = done.sizes
    (costs,) = done.costs
    return {
        **{"cycles": costs.cycles, "instructions": costs.instructions, "stack": costs.stack},
        **{"flash": sizes.flash, "code": sizes.code, "constants": sizes.constants + sizes.weights, "ram": sizes.ram},
    }


def measure_one(run: Run) -> Row:
    """A row of the table."""
    board = load_board(run.core)
    graph = quantized(run.model, SCHEMES[run.scheme])
    target = replace(target_of(board, Optimize(run.optimize)), transformed_weights=run.transformed)
    program = tinyglow.lower(graph, target=target)
    return {**cost(program, board), "macs": multiplications(graph)}


def measure() -> Table:
    """All rows, on all of this machine's cores."""
    todo = list(runs())
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        rows = dict(zip((run.key for run in todo), pool.map(measure_one, todo), strict=True))
    return {key: rows[key] for key in sorted(rows)}
