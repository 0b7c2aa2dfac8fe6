"""What three small networks look like after each station, as text.

``python -m tests.golden_dumps`` writes the files beside this one anew, after a change that is meant to change them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tinyglow
from tests.benchmarks.measure import model_path, profile_path
from tinyglow.pipeline.dump import Dump
from tinyglow.pipeline.stations import emit, load, lower, quantize, target_of
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import load_board

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Network:
    """A network, a board, and how it is quantized."""

    model: str
    board: str
    scheme: Scheme
    define: Mapping[str, int] | None = None


NETWORKS = {
    "mnist_nxp": Network("mnist_nxp", "frdm-ke16z", Scheme(), {"N": 1}),
    "kws_dscnn": Network("kws_dscnn", "mimxrt1060-evk", Scheme(channelwise=True)),
    "mobilenet_block": Network("mobilenet_block", "cortex-m3", Scheme()),
}


def dumps(name: str) -> dict[str, str]:
    """The text of each station, by the name of its file.

    Without station 3: a profile is made of float results, whose last bits are those of numpy's build. Of the last one
    the files' names alone: their sizes change with every comment in a kernel.
    """
    network = NETWORKS[name]
    board = load_board(network.board)
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        dump = Dump(Path(folder) / "dumps")
        graph = load(model_path(network.model), network.model, network.define, dump=dump)
        profile = tinyglow.load_profile(profile_path(network.model))
        quantized = quantize(graph, profile, network.scheme, dump=dump)
        program = lower(quantized, dump, target_of(board))
        emit(program, Path(folder) / "bundle", board, dump)
        texts = {path.name: path.read_text(encoding="utf-8") for path in sorted((Path(folder) / "dumps").iterdir())}
    files = [line.rsplit(" ", 1)[0] for line in texts["9_emit.txt"].splitlines()]
    return {**texts, "9_emit.txt": "\n".join(files) + "\n"}


def write_dumps() -> None:
    """Write all files anew."""
    for name in NETWORKS:
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.txt"):
            path.unlink()
        for file, text in dumps(name).items():
            (folder / file).write_text(text, encoding="utf-8", newline="\n")
