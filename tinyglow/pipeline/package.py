"""A program as a library for the build system of an application."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tinyglow.bundle.emit import bundle_files
from tinyglow.bundle.header import bundle_info
from tinyglow.bundle.manifest import MANIFEST, with_manifest
from tinyglow.bundle.packages import Parts, formats
from tinyglow.bundle.project import write_project
from tinyglow.bundle.provenance import record
from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.deploy import samples_of
from tinyglow.pipeline.fit import sample_inputs
from tinyglow.pipeline.stations import allocation_efficiency

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
    known, problems = formats(), []
    if kind not in known:
        problems.append(Problem("--format", f"is {kind!r}", ", ".join(known)))
    if not _VERSION.fullmatch(version):
        problems.append(Problem("--package-version", f"is {version!r}", "three numbers, such as 1.0.0"))
    if problems:
        raise InputError("the package cannot be written", problems)
    samples = samples_of(program, sample_inputs(program) if inputs is None else inputs)
    bundle = with_manifest(bundle_files(program, allocation_efficiency(program)))
    files = dict(known[kind].files(Parts(bundle_info(program), bundle, samples, version)))
    write_project(files, folder)
    record(bundle[MANIFEST])
    return files
