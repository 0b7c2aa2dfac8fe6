"""A program as a library for the build system of an application."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinyglow.bundle.emit import bundle_files
from tinyglow.bundle.header import bundle_info, read_bundle
from tinyglow.bundle.manifest import MANIFEST, read_part, unchanged, with_manifest
from tinyglow.bundle.packages import Parts, formats
from tinyglow.bundle.project import Samples, fingerprints, write_project
from tinyglow.bundle.provenance import record, was_written_here
from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.deploy import samples_of
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.fit import made_up, sample_inputs
from tinyglow.pipeline.shared_library import is_portable, shared_library
from tinyglow.pipeline.stations import allocation_efficiency
from tinyglow.pipeline.vectors import input_vectors
from tinyglow.targets.boards import HOST, Board

_VERSION = re.compile(r"\d{1,5}\.\d{1,5}\.\d{1,5}")


def package(
    program: Program,
    folder: Path,
    kind: str,
    inputs: Mapping[str, Array] | None = None,
    version: str = "1.0.0",
) -> dict[str, bytes]:
    """Write a library with the bundle, and a check that runs a few samples.

    Args:
        program: What ``lower`` made.
        folder: A new folder.
        kind: The format: one of ``tinyglow.bundle.packages.formats``.
        inputs: Arrays [samples, *shape] by input name, for the check (default: one sample that is made up).
        version: Of the library: three numbers with dots between.

    Returns:
        The contents by path inside the library.

    Raises:
        InputError: There is no such format, the version is none, an input does not fit, or the folder is not empty.
    """
    _check(kind, version)
    samples = samples_of(program, sample_inputs(program) if inputs is None else inputs)
    bundle = with_manifest(bundle_files(program, allocation_efficiency(program)))
    return _write(Parts(bundle_info(program), bundle, samples, version), folder, kind)


def package_bundle(
    bundle: Path,
    folder: Path,
    kind: str,
    board: Board = HOST,
    inputs: Mapping[str, Array] | None = None,
    version: str = "1.0.0",
) -> dict[str, bytes]:
    """``package``, of a bundle that ``emit`` wrote.

    Args:
        bundle: Its folder.
        folder: A new folder.
        kind: The format.
        board: Where the bundle runs to know the right answers: this machine builds only what tinyglow wrote here.
        inputs: Arrays [samples, *shape] by input name, for the check (default: one sample that is made up).
        version: Of the library.

    Returns:
        The contents by path inside the library.

    Raises:
        InputError: As ``package``; or the folder holds no such bundle, or one that was changed.
        BoardError: The bundle does not fit the board.
        ToolError: There is no compiler or emulator, or it fails.
        SimulationError: The bundle faults or does not end.
    """
    _check(kind, version)
    summary = "the bundle cannot be packed"
    info, listed = read_bundle(bundle), unchanged(bundle, summary)
    if not any(name.endswith(".c") for name in listed):
        raise InputError(summary, [Problem(str(bundle), "has no C files", "a bundle of C files")])
    if inputs is None:
        inputs = made_up({one.name: one.type for one in info.inputs})
    answers = simulate(bundle, board, inputs).outputs
    prints = fingerprints(answers, [one.name for one in info.outputs])
    rows = {placeholder.name: each for placeholder, each in input_vectors(info, inputs).items()}
    manifest = read_part(bundle / MANIFEST)
    files = with_manifest({name: read_part(bundle / name) for name in listed if is_portable(name)})
    return _write(Parts(info, files, Samples(rows, prints), version), folder, kind, was_written_here(manifest))


def package_shared(
    networks: Sequence[Program | str | Path],
    folder: Path,
    kind: str,
    project: str = "networks",
    board: Board = HOST,
    version: str = "1.0.0",
) -> dict[str, bytes]:
    """``package``, of several networks with a shared arena.

    Args:
        networks: Programs, and folders of bundles that ``emit`` wrote.
        folder: A new folder.
        kind: The format.
        project: What they are called together in C.
        board: What they must run on; there too, bundles run to know the right answers of made-up samples.
        version: Of the library.

    Returns:
        The contents by path inside the library.

    Raises:
        InputError: As ``package`` and ``emit_shared``; or the format is for one network.
        BoardError: A network needs another core, or does not fit the board.
        ToolError: There is no compiler or emulator, or it fails.
        SimulationError: A bundle faults or does not end.
    """
    _check(kind, version)
    if not formats()[kind].several:
        expected = ", ".join(one.name for one in formats().values() if one.several)
        raise InputError("the package cannot be written", [Problem("--format", f"{kind} has one network", expected)])
    made = shared_library(networks, project, board)
    return _write(Parts(made.info, made.files, made.samples, version, made.networks), folder, kind, made.ours)


def _check(kind: str, version: str) -> None:
    """Raises InputError for what is no format or no version."""
    known, problems = formats(), []
    if kind not in known:
        problems.append(Problem("--format", f"is {kind!r}", ", ".join(known)))
    if not _VERSION.fullmatch(version):
        problems.append(Problem("--package-version", f"is {version!r}", "three numbers, such as 1.0.0"))
    if problems:
        raise InputError("the package cannot be written", problems)


def _write(parts: Parts, folder: Path, kind: str, ours: bool = True) -> dict[str, bytes]:
    """Write the library; ``ours``: tinyglow wrote the bundle here, for this user."""
    files = dict(formats()[kind].files(parts))
    write_project(files, folder)
    if ours:
        record(parts.bundle[MANIFEST])
    return files
