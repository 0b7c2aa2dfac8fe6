"""What a numerics costs: cycles of one model file with each, over those of the same file with ``glow``.

``python -m tests.benchmarks.numerics tflite FOLDER`` measures MLPerf Tiny's int8 networks with ``tflite`` and ``tflm``.
``... onnx FOLDER`` measures the shared float networks as onnxruntime's static quantizer writes them (QDQ of int8, a
scale for each channel) with ``onnx``. FOLDER holds the files (``tests.benchmarks.mlperf_tiny``,
``tests.onnx_quantized.compare``). Names of networks after it measure these alone, and so do ``--numerics`` and
``--cores``. The cycles go to ``numerics.json``, from which the tables of the documentation are made. The second needs
the package onnxruntime, which the tests themselves do without.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import tinyglow
from tests.benchmarks import mlperf_tiny
from tests.benchmarks.measure import cost
from tests.benchmarks.mlperf_tiny import CORES
from tinyglow.numerics.names import GLOW, ONNX, TFLITE, TFLM
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board

RECORD = Path(__file__).with_name("numerics.json")
# The networks of ``tests.onnx_quantized.compare``, which cannot be imported without onnxruntime.
QUANTIZED = ("kws_dscnn", "mobilenet_block", "autoencoder", "cifar10", "mnist_nxp_nchw", "lenet_mnist", "ops_zoo")
MEASURED = {TFLITE: (GLOW, TFLITE, TFLM), ONNX: (GLOW, ONNX)}  # by the numerics of the files
MOST = 1.10  # of a network's cycles with glow, those with another numerics
Cycles = dict[str, dict[str, int]]  # by numerics and core


def measure(path: Path, numerics: str, cores: Iterable[str] = CORES) -> dict[str, int]:
    """Cycles of one inference by core, with a numerics for all operators."""
    graph = tinyglow.quantize(tinyglow.load(path, "net"), numerics=numerics)
    boards = {core: load_board(core) for core in cores}
    return {
        core: cost(tinyglow.lower(graph, target=target_of(board)), board)["cycles"] for core, board in boards.items()
    }


def ratios(cycles: Cycles, numerics: str) -> list[float]:
    """Cycles with a numerics over those with glow, by core."""
    return [cycles[numerics][core] / cycles[GLOW][core] for core in CORES]


def recorded() -> dict[str, dict[str, Cycles]]:
    """Cycles by the files' numerics and network."""
    found: dict[str, dict[str, Cycles]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def _table(rows: Mapping[str, Cycles], titles: Mapping[str, str], numerics: str) -> str:
    lines = [
        "| network | Cortex-M0+ | Cortex-M4 | Cortex-M7 |",
        "|---|--:|--:|--:|",
        *(
            f"| {title} | {' | '.join(f'{ratio:.2f}' for ratio in ratios(rows[name], numerics))} |"
            for name, title in titles.items()
        ),
    ]
    return "\n".join(lines)


def mlperf_text(numerics: str) -> str:
    """The table of MLPerf Tiny's networks with ``tflite`` or ``tflm``."""
    return _table(recorded()[TFLITE], {network.file: network.title for network in mlperf_tiny.NETWORKS}, numerics)


def onnx_text() -> str:
    """The table of ``onnx``."""
    return _table(recorded()[ONNX], {name: name for name in QUANTIZED}, ONNX)


@contextmanager
def _file(folder: Path, kind: str, name: str) -> Iterator[Path]:
    if kind == TFLITE:
        yield folder / name
        return
    from tests.onnx_quantized.compare import quantized_by_channel  # needs onnxruntime

    with tempfile.TemporaryDirectory() as scratch:
        yield quantized_by_channel(folder, name, Path(scratch))


def main() -> int:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=tuple(MEASURED))
    parser.add_argument("folder", type=Path)
    parser.add_argument("networks", nargs="*", help="these alone")
    parser.add_argument("--numerics", nargs="*", help="these alone")
    parser.add_argument("--cores", nargs="*", choices=CORES, default=CORES, help="these alone")
    asked = parser.parse_args()
    rows = recorded() if RECORD.exists() else {kind: {} for kind in MEASURED}
    known = QUANTIZED if asked.kind == ONNX else tuple(network.file for network in mlperf_tiny.NETWORKS)
    for name in asked.networks or known:
        row = rows[asked.kind].setdefault(name, {})
        with _file(asked.folder, asked.kind, name) as path:
            for numerics in asked.numerics or MEASURED[asked.kind]:
                row[numerics] = {**row.get(numerics, {}), **measure(path, numerics, asked.cores)}
                print(name, numerics, row[numerics], flush=True)
        RECORD.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
