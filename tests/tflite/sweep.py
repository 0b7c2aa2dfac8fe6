"""MLPerf Tiny's int8 models on many random inputs, beside LiteRT: ``python -m tests.tflite.sweep FOLDER``.

With ``--network FILE`` one of them, and the others stay as they are recorded.

FOLDER holds the reference models (mlcommons/tiny), which the project does not carry. LiteRT's reference kernels answer
first; then numpy, C on this machine, and C on emulated cores, which get the first inputs alone. Needs the package
ai-edge-litert besides. What was run, and how many outputs were equal, is recorded in ``sweep.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

import tinyglow
from tests.benchmarks.mlperf_tiny import CORES, NETWORKS, Network, quantized
from tests.tflite.registry import Array
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import HOST, load_board

RECORDED = Path(__file__).with_name("sweep.json")
_SEED = 15
_AT_ONCE = 20  # samples that numpy computes together


def equal_samples(expected: Array, actual: Array) -> int:
    """How many samples have all outputs equal."""
    same = expected.reshape(len(expected), -1) == actual.reshape(len(expected), -1)
    return int(same.all(axis=1).sum())


def only_output(outputs: dict[str, Array]) -> Array:
    """The output of a network that has one."""
    (answer,) = outputs.values()
    return answer


def run_numpy(program: tinyglow.Program, inputs: Array) -> Array:
    """The output [samples, *shape] of a program with one input and one output, some samples at a time."""
    (name,) = program.inputs
    parts = [inputs[start : start + _AT_ONCE] for start in range(0, len(inputs), _AT_ONCE)]
    return np.concatenate([only_output(dict(tinyglow.interpret(program, {name: part}))) for part in parts])


def sweep(folder: Path, network: Network, samples: int, on_cores: int) -> dict[str, list[int]]:
    """For numpy, this machine and each core: how many samples were equal to LiteRT's answers, and of how many.

    Args:
        folder: Of the reference models.
        network: One of them.
        samples: For numpy and C on this machine; int8 over the whole range.
        on_cores: For each emulated core: the first of them.

    Returns:
        [equal, all] by the name of what ran.
    """
    from tests.tflite.record import answers  # needs LiteRT

    graph = quantized(folder, network)
    assert graph.numerics == "tflite"
    (name,) = graph.inputs
    shape = (samples, *graph.type_of(name).shape)
    inputs = np.random.default_rng(_SEED).integers(-128, 128, shape).astype(np.int8)
    (expected,) = answers((folder / network.file).read_bytes(), inputs)
    found = {"numpy": [equal_samples(expected, run_numpy(tinyglow.lower(graph), inputs)), samples]}
    for board in (HOST, *map(load_board, CORES)):
        count = samples if board is HOST else on_cores
        program = tinyglow.lower(graph, target=target_of(board))
        outputs = tinyglow.simulate(program, board, {program.inputs[0]: inputs[:count]}).outputs
        found[board.name] = [equal_samples(expected[:count], only_output(dict(outputs))), count]
        print(network.file, board.name, found[board.name], time.strftime("%H:%M:%S"), flush=True)
    return found


def load_record() -> dict[str, dict[str, list[int]]]:
    """What is recorded: ``sweep`` by the name of the network's file."""
    found: dict[str, dict[str, list[int]]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return found


def table_text() -> str:
    """The record as Markdown: a row for each network, equal samples of all."""
    recorded = load_record()
    runs = ("numpy", "host", *CORES)
    titles = ("network", "numpy", "C on this machine", "Cortex-M0+", "Cortex-M4", "Cortex-M7")
    lines = [f"| {' | '.join(titles)} |", "|---|" + "--:|" * len(runs)]
    for network in NETWORKS:
        if network.file in recorded:
            cells = ["{:,} of {:,}".format(*recorded[network.file][run]) for run in runs]
            lines.append(f"| {network.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Run the networks, record them, and say whether everything was equal."""
    by_cycles = sorted(NETWORKS, key=lambda network: network.cycles or (0, 0, 0))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--on-cores", type=int, default=50)
    parser.add_argument("--network", choices=[network.file for network in by_cycles], help="this one alone")
    asked = parser.parse_args()
    right = True
    for network in by_cycles:
        if asked.network in (None, network.file):
            found = sweep(asked.folder, network, asked.samples, asked.on_cores)
            RECORDED.write_text(json.dumps(load_record() | {network.file: found}, indent=1) + "\n", encoding="utf-8")
            right &= all(equal == count for equal, count in found.values())
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
