"""Where the cycles of the networks go, layer by layer: ``make bench ARGS=--update`` writes ``layers.md``."""

from __future__ import annotations

import math
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import tinyglow
from tests.benchmarks.measure import CORES, MODELS, SCHEMES, quantized
from tinyglow.ir.program import KernelCall
from tinyglow.kernels.convolution.geometry import ConvSizes, PooledGeometry
from tinyglow.kernels.convolution.pointwise_dsp import PointwiseGeometry
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.lowering.cost import call_cycles
from tinyglow.pipeline.cycle_profile import profile_cycles
from tinyglow.pipeline.fit import sample_inputs
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board

LAYERS = Path(__file__).with_name("layers.md")


@dataclass(frozen=True)
class Layer:
    """One kernel call of one inference; macs: multiply-accumulates that it stands for, 0 if none."""

    name: str
    kernel: str
    macs: int
    cycles: int
    predicted: int

    @property
    def cell(self) -> str:
        """Cycles, those of a multiply-accumulate, and how far off the prediction is."""
        each = f" ({self.cycles / self.macs:.2f})" if self.macs else ""
        return f"{self.cycles:,}{each} {100 * (self.predicted / self.cycles - 1):+.0f} %"


def macs(call: KernelCall) -> int:
    """Multiply-accumulates of a convolution or fully connected layer."""
    p = call.params
    if isinstance(p, FullyConnectedParams):
        return p.rows * p.depth * p.units
    if isinstance(p, PointwiseGeometry):
        return p.pixels * p.in_c * p.out_c
    if not isinstance(p, ConvSizes):
        return 0
    sizes = p.unpooled if isinstance(p, PooledGeometry) else p
    terms = sizes.kernel_h * sizes.kernel_w * sizes.in_c // sizes.group
    return math.prod((sizes.images, sizes.out_h, sizes.out_w, sizes.out_c, terms))


def layers(model: str, core: str) -> list[Layer]:
    """The layers of a network on a core, in their order; asymmetric int8, for speed."""
    board = load_board(core)
    program = tinyglow.lower(quantized(model, SCHEMES["asymmetric"]), target=target_of(board))
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        tinyglow.emit(program, folder)
        profile = profile_cycles(folder, board, sample_inputs(program), "zig")
    shares = profile.layers[1:-1]
    return [
        Layer(
            share.whole.name, share.function, macs(call), share.whole.cycles, call_cycles(program, call, board.cpu) or 0
        )
        for call, share in zip(program.calls, shares, strict=True)
    ]


def _section(model: str, by_core: list[list[Layer]]) -> str:
    lines = [f"## {model}", "", "| layer | MACs | " + " | ".join(CORES) + " |", "|---|--:|" + "--:|" * len(CORES)]
    for row in zip(*by_core, strict=True):
        cells = " | ".join(layer.cell for layer in row)
        lines.append(f"| {row[0].name} | {row[0].macs:,} | {cells} |")
    return "\n".join([*lines, ""])


def write_layers() -> None:
    """Measure all networks on all cores and write the page."""
    todo = [(model, core) for model in MODELS for core in CORES]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        found = list(pool.map(layers, *zip(*todo, strict=True)))
    head = (
        "# Cycles by layer\n\nIn brackets: cycles per multiply-accumulate. Behind it: by how much the cost model"
        "\n(`tinyglow/targets/costs.py`) predicts too much or too little. Written by `make bench ARGS=--update`.\n"
    )
    width = len(CORES)
    sections = [_section(model, found[i * width : (i + 1) * width]) for i, model in enumerate(MODELS)]
    LAYERS.write_text("\n".join([head, *sections]), encoding="utf-8")
