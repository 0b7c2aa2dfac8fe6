"""MLPerf Tiny's int8 models on many random inputs, beside LiteRT: ``python -m tests.tflite.sweep FOLDER``.

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


def _equal(expected: Array, actual: Array) -> int:
    """How many samples have all outputs equal."""
    same = expected.reshape(len(expected), -1) == actual.reshape(len(expected), -1)
    return int(same.all(axis=1).sum())


def _only(outputs: dict[str, Array]) -> Array:
    (answer,) = outputs.values()
    return answer


def _numpy(program: tinyglow.Program, inputs: Array) -> Array:
    (name,) = program.inputs
    parts = [inputs[start : start + _AT_ONCE] for start in range(0, len(inputs), _AT_ONCE)]
    return np.concatenate([_only(dict(tinyglow.interpret(program, {name: part}))) for part in parts])


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
    found = {"numpy": [_equal(expected, _numpy(tinyglow.lower(graph), inputs)), samples]}
    for board in (HOST, *map(load_board, CORES)):
        count = samples if board is HOST else on_cores
        program = tinyglow.lower(graph, target=target_of(board))
        outputs = tinyglow.simulate(program, board, {program.inputs[0]: inputs[:count]}).outputs
        found[board.name] = [_equal(expected[:count], _only(dict(outputs))), count]
        print(network.file, board.name, found[board.name], time.strftime("%H:%M:%S"), flush=True)
    return found


def main() -> int:
    """Run all, record them, and say whether everything was equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--on-cores", type=int, default=50)
    asked = parser.parse_args()
    found = {}
    for network in sorted(NETWORKS, key=lambda network: network.cycles or (0, 0, 0)):
        found[network.file] = sweep(asked.folder, network, asked.samples, asked.on_cores)
        RECORDED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if all(equal == count for runs in found.values() for equal, count in runs.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
