"""How near int8 networks come to float, beside the real Glow's.

``python -m tests.benchmarks.accuracy SHARED`` measures all of them anew, given the folder of recordings and models, and
writes ``accuracy.json`` and ``docs/accuracy.md``.

Of each network the SNR of the worst output against the float network, on the recorded inputs: of Glow's recorded
answers, and of ours from our own profile of the same calibration samples, once with ranges that are those of the
samples, as Glow's are, and once by default options, with margins.

tinyglow's own float interpreter is the reference; tests/golden/test_float_networks.py holds it against onnxruntime, and
were it wrong, Glow's answers would be far from it. onnx's reference evaluator would not do: it takes the statistics of
the batch for those of a BatchNormalization of operator sets 9 to 13 (they have a momentum).
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinyglow
from tinyglow.errors import ModelError
from tinyglow.ir.graph import Array
from tinyglow.ir.namer import legal_name
from tinyglow.pipeline.fidelity import decibels, float_outputs, real_values

TABLE = Path(__file__).with_name("accuracy.json")
TOLERANCE = 1.0  # dB below Glow, or below what is recorded
# Beyond this nothing but the rounding of the answers themselves is left to compare.
_ENOUGH = 60.0
DEFINE = {"mnist_nxp": {"N": 1}}
GROUPS = {
    "golden": "trained and typical networks",
    "golden_networks": "networks and themes",
    "golden_more": "operators",
}

# Where ours is more than 1 dB below Glow's: why.
BELOW_GLOW: dict[str, str] = {
    "golden_more/reduced_r132_asymmetric": "Glow computes a Gemm with a tiny alpha in four steps with four ranges",
    "golden_more/reduced_r1_asymmetric": "Glow keeps this network of one node, and its input, in float",
}


@dataclass(frozen=True)
class Case:
    """A network that Glow was recorded on: its model, calibration samples, and Glow's answers to some inputs."""

    group: str
    name: str
    model: Path
    calibration: Path
    recording: Path

    @property
    def key(self) -> str:
        """Its name in the table."""
        return f"{self.group}/{self.name}"


def cases(shared: Path) -> Iterator[Case]:
    """All ONNX networks with a recording of the asymmetric schema."""
    for folder in sorted((shared / "golden").iterdir()):
        model, samples = (shared / "models" / f"{folder.name}.{end}" for end in ("onnx", "calib.npy"))
        yield Case("golden", folder.name, model, samples, folder / "asymmetric")
    for group in ("golden_networks", "golden_more"):
        for folder in sorted((shared / group).iterdir()):
            samples = next(folder.glob("calib.*"), None) if folder.is_dir() else None
            if samples is not None and (folder / "asymmetric/io.npz").exists() and (folder / "model.onnx").exists():
                yield Case(group, folder.name, folder / "model.onnx", samples, folder / "asymmetric")


def arrays(path: Path, names: list[str]) -> dict[str, Array]:
    """Arrays by input, of a file that holds them by name or of one that holds the only one."""
    loaded: Any = np.load(path)
    return {name: loaded[name] for name in names} if isinstance(loaded, np.lib.npyio.NpzFile) else {names[0]: loaded}


@dataclass(frozen=True)
class _Recorded:
    """Glow's placeholders and what they held."""

    arrays: Mapping[str, Array]
    types: Mapping[str, Mapping[str, Any]]

    def real(self, kind: str, name: str) -> Array:
        """``input`` or ``output`` ``name`` (the model's) as real numbers [samples, ...]."""
        key = _find([key for key in self.arrays if key.startswith(f"{kind}.")], f"{kind}.{name}")
        array, type_ = self.arrays[key], self.types[_find(list(self.types), key.partition(".")[2])]
        if array.dtype.kind == "i" and type_.get("scale"):
            return (array.astype(np.float64) - type_["offset"]) * type_["scale"]
        return array.astype(np.float64)


def _find(names: list[str], name: str) -> str:
    """The one of ``names`` that is ``name``, up to what Glow makes of it in C, and a number that makes it unique."""

    def plain(text: str) -> str:
        return re.sub(r"(__[0-9]+)?_*$", "", legal_name(text)).lower()

    return name if name in names else next(other for other in names if plain(other) == plain(name))


def _recorded(folder: Path) -> _Recorded:
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    types = {placeholder["name"]: placeholder["type"] for placeholder in facts["placeholders"]}
    with np.load(folder / "io.npz") as arrays:
        return _Recorded(dict(arrays), types)


def snr(reference: Array, actual: Array) -> float:
    """In dB, at most 60."""
    real, got = (array.ravel().astype(np.float64) for array in (reference, actual))
    return min(_ENOUGH, decibels(float(real @ real), float(((got - real) ** 2).sum())))


def measure(case: Case, margin: bool = False) -> dict[str, float]:
    """SNR of Glow's answers and of ours, in dB, of the worst output each; ours from ranges with margins or without."""
    graph = tinyglow.load(case.model, "net", DEFINE.get(case.name, {}))
    names = {graph.source_names.get(name, name): graph.type_of(name).shape for name in graph.inputs}
    recorded = _recorded(case.recording)
    inputs = {
        name: recorded.real("input", name).reshape(-1, *shape).astype(np.float32) for name, shape in names.items()
    }
    expected = float_outputs(graph, {name: inputs[graph.source_names.get(name, name)] for name in graph.inputs})
    profile = tinyglow.profile(graph, arrays(case.calibration, list(names)), margin=margin)
    program = tinyglow.lower(tinyglow.quantize(graph, profile))
    answers = tinyglow.interpret(program, inputs)
    found = {"glow": _ENOUGH, "tinyglow": _ENOUGH}
    for name, answer in answers.items():
        source = program.source_names[name]
        reference = expected[name].reshape(len(answer), -1)
        glow = recorded.real("output", source).reshape(reference.shape)
        found["glow"] = min(found["glow"], snr(reference, glow))
        found["tinyglow"] = min(found["tinyglow"], snr(reference, real_values(answer, program.buffers[name].type)))
    return {key: round(value, 1) for key, value in found.items()}


def load_table() -> dict[str, dict[str, Any]]:
    """What is recorded: SNRs in dB by ``Case.key``, and MLPerf Tiny's by title."""
    return json.loads(TABLE.read_text(encoding="utf-8"))


def main() -> int:
    """Measure all and write the table."""
    from tests.benchmarks.accuracy_mlperf import measure_mlperf
    from tests.benchmarks.accuracy_page import write_page

    warnings.filterwarnings("ignore")
    shared, table = Path(sys.argv[1]), {}
    for case in cases(shared):
        try:
            table[case.key] = found = measure(case)
            found["margins"] = measure(case, margin=True)["tinyglow"]
        except ModelError as error:
            print(f"{case.key}: refused: {error}")
            continue
        below = found["tinyglow"] < found["glow"] - TOLERANCE
        print(
            f"{case.key:60} {found['glow']:6.1f} {found['tinyglow']:6.1f} {found['margins']:6.1f}"
            + (" below" if below else ""),
            flush=True,
        )
    table.update({f"mlperf_tiny/{title}": row for title, row in measure_mlperf(shared).items()})
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    write_page()
    return 0


if __name__ == "__main__":
    sys.exit(main())
