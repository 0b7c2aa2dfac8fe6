"""Several networks with a shared arena as a library or firmware takes them: files, made-up samples, right answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyglow.bundle.header import BundleInfo
from tinyglow.bundle.manifest import with_manifest
from tinyglow.bundle.options import UTILS
from tinyglow.bundle.project import Samples, fingerprints
from tinyglow.bundle.proof import proof_name
from tinyglow.bundle.shared_arena import Bundle, all_together, shared_files
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.fit import made_up
from tinyglow.pipeline.shared_arena import check_core, read_networks
from tinyglow.pipeline.stations import interpret
from tinyglow.pipeline.vectors import input_vectors
from tinyglow.targets.boards import Board

_SAMPLES = 3  # of each network


@dataclass(frozen=True)
class SharedLibrary:
    """The networks.

    Attributes:
        info: Of all together; the names of placeholders begin with their network's.
        networks: Their headers, in the table's order.
        files: Every file by name, with their list.
        samples: Inputs of all, and the fingerprints of all outputs.
        ours: Whether tinyglow wrote all of them here, for this user.
    """

    info: BundleInfo
    networks: tuple[BundleInfo, ...]
    files: dict[str, bytes]
    samples: Samples
    ours: bool


def shared_library(networks: Sequence[Program | str | Path], project: str, board: Board) -> SharedLibrary:
    """The networks with samples.

    Args:
        networks: Programs, and folders of bundles that ``emit`` wrote.
        project: What they are called together in C.
        board: What they must run on; there too, bundles run to know the right answers.

    Returns:
        Files and samples.

    Raises:
        InputError: As ``emit_shared``.
        BoardError: A network needs another core, or does not fit the board.
        ToolError: There is no compiler or emulator, or it fails.
        SimulationError: A bundle faults or does not end.
    """
    bundles, ours = read_networks(networks)
    bundles = [Bundle(one.info, {n: data for n, data in one.files.items() if is_portable(n)}) for one in bundles]
    files = with_manifest(shared_files(project, bundles))
    if not board.is_host:
        check_core(bundles, board)
    rows: dict[str, list[bytes]] = {}
    outputs: list[tuple[str, Array]] = []
    for network, bundle in zip(networks, bundles, strict=True):
        info = bundle.info
        inputs = made_up({one.name: one.type for one in info.inputs}, _SAMPLES)
        rows |= {f"{info.name}_{one.name}": each for one, each in input_vectors(info, inputs).items()}
        if isinstance(network, Program):
            answers: Mapping[str, Array] = interpret(network, inputs)
        else:
            answers = simulate(network, board, inputs).outputs
        outputs += [(f"{info.name}_{one.name}", answers[one.name]) for one in info.outputs]
    prints = fingerprints(dict(outputs), [name for name, _ in outputs])
    infos = tuple(bundle.info for bundle in bundles)
    return SharedLibrary(all_together(project, infos), infos, files, Samples(rows, prints), ours)


def is_portable(name: str) -> bool:
    """Whether a file of a bundle belongs into a library.

    Build systems would take objects and assembly as well; a proof is one of the bundle's own list of files.
    """
    return not name.endswith((".o", ".S", proof_name(""))) and name not in UTILS
