"""The list of a bundle's files with their SHA-256, in the format of ``sha256sum``.

The list is written last. If a folder holds parts of two bundles, after a process was killed or files were copied, the
list does not match them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import read_bounded

MANIFEST = "tinyglow.sha256"
NETWORKS = "tinyglow.networks.json"  # only in folders with several networks: their sizes
MAX_PART_BYTES = 1 << 30
_MAX_BYTES = 1 << 20
_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>\w[\w.-]{0,199})")


def with_manifest(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """A bundle's files by name, and the list of them."""
    lines = [
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()) if name != MANIFEST
    ]
    return {**files, MANIFEST: "".join(lines).encode("ascii")}


def read_part(path: Path) -> bytes:
    """The content of a file that is not trusted. Raises OSError if it is no regular file, or too large."""
    return read_bounded(path, MAX_PART_BYTES)


def read_manifest(folder: Path) -> dict[str, str] | None:
    """The digest of each file that the list in ``folder`` names; None if there is no list. InputError if it is none."""
    path = folder / MANIFEST
    if not path.is_symlink() and not path.exists():
        return None
    try:
        lines = read_bounded(path, _MAX_BYTES).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise InputError("cannot read the bundle", [Problem(str(path), reason(error))]) from error
    matches = [_LINE.fullmatch(line) for line in lines]
    listed = {match["name"]: match["digest"] for match in matches if match}
    if not lines or len(listed) != len(lines) or MANIFEST in listed:
        problem = Problem(
            str(path), "is damaged", "a digest and a file's name in each line", "compile the bundle again"
        )
        raise InputError("cannot read the bundle", [problem])
    return listed


def unchanged(folder: Path, summary: str) -> dict[str, str]:
    """The digest of each file of a bundle that is as it was compiled.

    Args:
        folder: The bundle.
        summary: What cannot be done with one that has no list of its files.

    Raises:
        InputError: It has no list, or files are missing or others than those of the list: with all of them.
    """
    listed = read_manifest(folder)
    if listed is None:
        problem = Problem(str(folder), f"has no {MANIFEST}", "a bundle that 'tinyglow compile' wrote")
        raise InputError(summary, [problem])
    problems = [
        Problem(name, "is missing or was changed", "the file that was compiled", "compile the bundle again")
        for name, digest in listed.items()
        if digest_of(folder / name) != digest
    ]
    if problems:
        raise InputError("the bundle is not as it was compiled", problems)
    return listed


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, as the list has it; "" if there is no such regular file."""
    try:
        return hashlib.sha256(read_part(path)).hexdigest()
    except OSError:
        return ""
