"""Where a bundle is from, and therefore what may be done with it.

Compiling C lets it read files of this machine, and running it here lets it do anything. A bundle may be from somebody
else, or may have been changed. So it is copied file by file before it is built:

* If its list of files (:mod:`tinyglow.bundle.manifest`) is one that tinyglow wrote here, for this user, and all files
  match, it may run anywhere. Lists that were written are remembered by their digest in the user's own state folder: a
  list can be forged, that record cannot.
* Any other bundle runs on emulated boards only, and only if its C reads no files (:mod:`tinyglow.bundle.c_text`).
* A bundle that its user trusts is built as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from tinyglow import resources
from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.bundle.manifest import MANIFEST, read_manifest, read_part
from tinyglow.bundle.options import UTILS
from tinyglow.bundle.render import for_size, stamped
from tinyglow.errors import InputError, Problem, reason
from tinyglow.registry import KERNELS, WITH_EPILOGUES

_MOST_RECORDED = 20_000
_DIGEST_CHARACTERS = 64
_TRUST = "--trust builds it as it is, if you know where it is from"

_written_by_this_process: set[str] = set()


def remember(manifest: bytes) -> None:
    """Note, for this process, that a bundle with this list was written."""
    _written_by_this_process.add(hashlib.sha256(manifest).hexdigest())


def record(manifest: bytes) -> None:
    """Note it for later processes of the same user too, where that is possible."""
    remember(manifest)
    path = _record_path()
    digest = hashlib.sha256(manifest).hexdigest()
    if path is None or digest in _recorded(path):
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a", encoding="ascii") as file:
            file.write(digest + "\n")
        lines = path.read_text(encoding="ascii").splitlines()
        if len(lines) > _MOST_RECORDED:
            resources.write_file(path, "".join(f"{line}\n" for line in lines[_MOST_RECORDED // 2 :]).encode("ascii"))


def _record_path() -> Path | None:
    """The user's list of bundles that were written (XDG Base Directory Specification, XDG_STATE_HOME)."""
    state = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    with contextlib.suppress(RuntimeError):  # there may be no home
        base = Path(state) if state else Path.home() / ".local" / "state"
        return base / "tinyglow" / "bundles.sha256"
    return None


def _recorded(path: Path) -> frozenset[str]:
    try:
        if path.stat().st_size > 2 * _MOST_RECORDED * (_DIGEST_CHARACTERS + 1):
            return frozenset()
        return frozenset(path.read_text(encoding="ascii").splitlines())
    except (OSError, UnicodeDecodeError):
        return frozenset()


def was_written_here(manifest: bytes) -> bool:
    """Whether tinyglow wrote a bundle with this list of files here, for this user."""
    digest = hashlib.sha256(manifest).hexdigest()
    path = _record_path()
    return digest in _written_by_this_process or (path is not None and digest in _recorded(path))


def buildable(folder: Path, copy: Path, *, native: bool, trusted: bool = False) -> Path:
    """The folder to build the bundle in ``folder`` from: ``copy``, a new one with its files, or itself if trusted.

    native: it is to run on this machine. Raises InputError for a bundle whose files do not belong together, or that
    may not be built.
    """
    if trusted:
        return folder
    listed = read_manifest(folder)
    files = _files(folder, listed)
    if listed is None or not was_written_here(files[MANIFEST]):
        if native:
            found = (
                "is none that tinyglow wrote here" if listed else f"has no {MANIFEST}: tinyglow did not write it here"
            )
            expected = "an emulated board, or a bundle that 'tinyglow compile' made here"
            raise InputError(
                "a stranger's code does not run on this machine", [Problem(str(folder), found, expected, _TRUST)]
            )
        _require_harmless(folder, files)
    copy.mkdir(parents=True)
    for name, data in files.items():
        (copy / name).write_bytes(data)
    return copy


def _files(folder: Path, listed: dict[str, str] | None) -> dict[str, bytes]:
    """The bundle's files: those of its list, which must be as listed, or else all that could be parts."""
    names = [*listed, MANIFEST] if listed is not None else _parts(folder)
    files: dict[str, bytes] = {}
    problems = []
    for name in names:
        try:
            files[name] = _not_a_link(folder / name)
        except OSError as error:
            problems.append(Problem(name, reason(error), "a file as the bundle was written with"))
            continue
        if listed is not None and name != MANIFEST and hashlib.sha256(files[name]).hexdigest() != listed[name]:
            problems.append(Problem(name, f"is not the file that {MANIFEST} lists"))
    if problems and listed is not None:
        hint = Problem(str(folder), "was changed, or is half of two bundles", "", f"compile it again, or {_TRUST}")
        raise InputError("the bundle's parts do not belong together", [*problems, hint])
    if problems:
        raise InputError("cannot read the bundle", problems)
    return files


def _not_a_link(path: Path) -> bytes:
    if path.is_symlink():
        raise OSError(0, "is a link")
    return read_part(path)


def _parts(folder: Path) -> list[str]:
    endings = (".c", ".h", ".weights.bin", ".weights.txt")
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(endings) and path.name not in UTILS)


def _require_harmless(folder: Path, files: dict[str, bytes]) -> None:
    """Raise InputError for files that could make a compiler read others, or that are none of a bundle's."""
    from tinyglow.bundle.c_text import faults_of_bytes, faults_of_c

    problems = []
    for name, data in files.items():
        if name == MANIFEST or name.endswith((".bin", ".o", ".S")) or name in UTILS or _is_ours(name, data):
            continue
        faults = faults_of_bytes(data) if name.endswith(".txt") else faults_of_c(data)
        problems += [Problem(name, fault) for fault in faults]
    if problems:
        where = Problem(str(folder), "is no bundle that tinyglow wrote here, unchanged", "", _TRUST)
        raise InputError("a stranger's code that may read files of this machine is not built", [*problems, where])


def _is_ours(name: str, data: bytes) -> bool:
    """Whether a file is one of the runtime's, as this version has it."""
    places = [resources.RUNTIME / "include" / name, *(resources.RUNTIME / "src").glob(f"*/{name}")]
    texts = [place.read_text(encoding="utf-8") for place in places if place.is_file()]
    symbol = name.removesuffix(".c")
    made = KERNELS.get(symbol) or WITH_EPILOGUES.get(symbol)
    texts += [kernel_source(made)] if made and made.loop else []
    forms = [form for text in texts for form in (stamped(text), stamped(for_size(text)))]
    return any(data == form.encode("utf-8") for form in forms)
