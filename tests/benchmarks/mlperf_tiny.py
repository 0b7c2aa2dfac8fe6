"""MLPerf Tiny's int8 networks beside TensorFlow Lite Micro on the same files.

``python -m tests.benchmarks.mlperf_tiny FOLDER`` records what they take. FOLDER holds the reference models
(mlcommons/tiny), which the project does not carry.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tinyglow
from tests.benchmarks.measure import Row, Table, cost
from tinyglow.ir.graph import Graph
from tinyglow.passes.dead_channels import multiplications
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board

TABLE = Path(__file__).with_name("mlperf_tiny.json")
CORES = ("cortex-m0plus", "cortex-m4", "cortex-m7")


@dataclass(frozen=True)
class Network:
    """A reference model's file, and what TensorFlow Lite Micro with CMSIS-NN takes for it.

    cycles: of one inference by core, in the cycle model of this project (gcc -O3). flash, ram: bytes on the Cortex-M7.
    None where it was not measured.
    """

    title: str
    file: str
    cycles: tuple[int, int, int] | None = None
    flash: int | None = None
    ram: int | None = None


NETWORKS = (
    Network(
        "visual wake words, MobileNet", "vww_96_int8.tflite", (119_838_895, 29_952_156, 18_551_240), 395_260, 101_380
    ),
    Network(
        "image classification, ResNet-8",
        "pretrainedResnet_quant.tflite",
        (137_273_734, 36_526_282, 22_008_396),
        159_552,
        55_668,
    ),
    Network("keyword spotting, DS-CNN", "kws_ref_model.tflite", (39_971_740, 9_384_385, 5_775_678), 115_908, 23_492),
    Network("anomaly detection, autoencoder", "ad01_int8.tflite", (2_364_081, 722_041, 482_514), 309_812, 3_252),
    Network("streaming wake word, 1-D DS-CNN", "str_ww_ref_model.tflite"),
)


def quantized(folder: Path, network: Network) -> Graph:
    """The file's own int8 graph."""
    return tinyglow.quantize(tinyglow.load(folder / network.file))


def key(network: Network, core: str) -> str:
    """The row's name in the recorded table."""
    return f"{network.file} on {core}"


def measure(folder: Path, network: Network, core: str) -> Row:
    """One row; macs: multiply-accumulates of the whole network, dead ones included."""
    graph, board = quantized(folder, network), load_board(core)
    return {**cost(tinyglow.lower(graph, target=target_of(board)), board), "macs": multiplications(graph)}


def load_table() -> Table:
    """The recorded rows."""
    table: Table = json.loads(TABLE.read_text(encoding="utf-8"))
    return table


def table_text(table: Mapping[str, Row] | None = None) -> str:
    """The recorded figures as Markdown, in brackets those of TensorFlow Lite Micro."""
    rows = table or load_table()
    lines = ["| network | Cortex-M0+ | Cortex-M4 | Cortex-M7 | flash, M7 | RAM, M7 |", "|---|--:|--:|--:|--:|--:|"]
    for network in NETWORKS:
        mine = [rows[key(network, core)] for core in CORES]
        theirs = network.cycles or [None] * len(CORES)
        pairs = [(row["cycles"], other) for row, other in zip(mine, theirs, strict=True)]
        pairs += [(mine[-1]["flash"], network.flash), (mine[-1]["ram"], network.ram)]
        cells = [f"{ours:,}" if other is None else f"{ours:,} ({other:,})" for ours, other in pairs]
        lines.append(f"| {network.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and record."""
    folder = Path(sys.argv[1])
    rows = {key(network, core): measure(folder, network, core) for network in NETWORKS for core in CORES}
    TABLE.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table_text(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
