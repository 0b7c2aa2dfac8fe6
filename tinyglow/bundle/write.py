"""Write a bundle's files into a folder: all of them or none, without touching anybody else's files."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from tinyglow.bundle.manifest import MANIFEST, digest_of, read_manifest, with_manifest
from tinyglow.bundle.provenance import remember
from tinyglow.bundle.staging import abandoned, clear, staging
from tinyglow.errors import InputError, Problem, reason

_NOTHING_LOST = "only files that a bundle's list names, and nobody has changed since, are replaced"


def write_files(files: Mapping[str, bytes], folder: str | Path, ours: bool = True) -> dict[str, bytes]:
    """Put ``files`` and the list of them into ``folder``; returns both, by name.

    All are written aside first and then moved into place, each in one step, the list last: what a process that dies in
    between leaves does not agree with any list, and the next call mends it. Files of an earlier bundle that this one
    does not need are removed; other files are left alone. ``ours``: whether tinyglow made every one of the files.

    Raises InputError, with the folder as it was, if it cannot be written, holds the bundle of another network (the two
    would share runtime files), or holds files under these names that tinyglow did not write or that were changed.
    """
    folder = Path(folder)
    listed = with_manifest(files)
    left_over = abandoned(folder)
    known = _known(folder, left_over)
    problems = list(_in_the_way(listed, folder, known))
    if problems:
        raise InputError("cannot write the bundle: it needs a folder of its own", problems)
    existed = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with staging(folder) as aside:
            for name, data in listed.items():
                (aside / name).write_bytes(data)
            for name in files:
                os.replace(aside / name, folder / name)
            for name in known.keys() - listed.keys():
                if digest_of(folder / name) in known[name]:
                    (folder / name).unlink()
            os.replace(aside / MANIFEST, folder / MANIFEST)
        clear(left_over)
    except OSError as error:
        if not existed:
            with contextlib.suppress(OSError):
                folder.rmdir()
        problem = Problem(str(folder), reason(error))
        raise InputError("cannot write the bundle", [problem]) from error
    if ours:
        remember(listed[MANIFEST])
    return listed


def _known(folder: Path, left_over: list[Path]) -> dict[str, set[str]]:
    """The digests of files that bundles of ours wrote into ``folder``, or would have, by name."""
    known: dict[str, set[str]] = {}
    for place in (folder, *left_over):
        try:
            listed = read_manifest(place) or {}
        except InputError:
            if place == folder:
                raise
            continue  # the process died while it wrote the list: it had replaced nothing
        for name, digest in listed.items():
            known.setdefault(name, set()).add(digest)
    return known


def _in_the_way(files: Mapping[str, bytes], folder: Path, known: Mapping[str, set[str]]) -> list[Problem]:
    """What keeps ``files`` from being written into ``folder``."""
    problems = [
        Problem(str(folder), f"holds another network's {path.name}")
        for path in sorted(folder.glob("*.weights.bin"))
        if path.name not in files
    ]
    for name, data in files.items():
        path = folder / name
        if path.is_dir():
            problems.append(Problem(str(path), "is a folder", "a file or nothing"))
        elif name != MANIFEST and (path.exists() or path.is_symlink()):
            found = digest_of(path)
            if found != hashlib.sha256(data).hexdigest() and found not in known.get(name, ()):
                what = "was changed since tinyglow wrote it" if name in known else "is no file that tinyglow wrote"
                problems.append(Problem(str(path), what, "a bundle's own file, or nothing", _NOTHING_LOST))
    return problems
