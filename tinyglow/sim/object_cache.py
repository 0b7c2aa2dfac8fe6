"""Each C file is compiled once for one core with the same flags: for tests and sweeps, whose bundles share kernels.

What they get is what the compiler made of the same text: the key is the command and the text of the file and of all
that it includes. What is made of the objects is not shared.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tinyglow.sim import toolchain

Run = Callable[[Sequence[str], "Path | None", str], str]

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+(?:"([^"\n]+)"|<([^>\n]+)>|(.*))', re.MULTILINE)
_SETTLED = 2_000_000_000  # nanoseconds, the coarsest tick of file systems in use: that of FAT


class ObjectCache:
    """Stands in for ``toolchain._run``, which is ``run``. Objects are kept in ``folder``, which processes may share."""

    def __init__(self, folder: Path, run: Run) -> None:
        self._folder = folder
        self.run = run
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, command: Sequence[str], cwd: Path | None, what: str) -> str:
        """Run a command, or copy the object that an equal one made."""
        key = _key(command, cwd) if cwd is not None and "-c" in command else None
        if key is None:
            return self.run(command, cwd, what)
        kept, target = self._folder / key, Path(command[-1])
        if kept.exists():
            shutil.copyfile(kept, target)
            return ""
        answer = self.run(command, cwd, what)
        if not target.exists():  # what is no compiler makes no object
            return answer
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as aside:
            aside.write(target.read_bytes())
        with contextlib.suppress(PermissionError):  # Windows, if another process was first
            os.replace(aside.name, kept)
        return answer


@contextlib.contextmanager
def compiling_once() -> Iterator[None]:
    """For a while keep what compilers make, in a temporary folder, and make nothing twice."""
    run = toolchain._run
    with tempfile.TemporaryDirectory() as folder:
        toolchain._run = ObjectCache(Path(folder), run)
        try:
            yield
        finally:
            toolchain._run = run


def _key(command: Sequence[str], cwd: Path) -> str | None:
    """A name for what a command that compiles makes, or None if it depends on more than is looked at here."""
    if command[-2] != "-o" or any(part.startswith(("-g", "-include")) and part != "-g0" for part in command):
        return None  # debug data name folders
    source = command[command.index("-c") + 1]
    folders = [part[2:] for part in command if part.startswith("-I")]
    flags = [part for part in command[:-1] if not part.startswith("-I")]
    digest = hashlib.blake2b(repr(flags).encode(), digest_size=20)
    return digest.hexdigest() if _add(digest, os.path.join(cwd, source), folders, _Listings(), set()) else None


def _add(digest: hashlib.blake2b, path: str, folders: Sequence[str], listings: _Listings, seen: set[str]) -> bool:
    """Add a file and what it includes, once each; False if that cannot be known from the text."""
    if path in seen:
        return True
    seen.add(path)
    text = _TEXTS(path)
    if text.includes is None:
        return False
    parent, bare = os.path.split(path)
    digest.update(repr((bare, text.digest)).encode())
    for name in text.includes:
        # The compiler's own headers are found nowhere here: they are as the compiler is.
        found = listings.find(name, parent, folders)
        digest.update(repr((name, found is None)).encode())
        if found is not None and not _add(digest, found, folders, listings, seen):
            return False
    return True


@dataclass(frozen=True)
class _Text:
    """A file's text: a digest of it, and the names that it includes; None if it reads more than can be known."""

    digest: bytes
    includes: tuple[str, ...] | None


def _read_text(path: str) -> _Text:
    text = Path(path).read_bytes()
    found = _INCLUDE.findall(text)
    # .incbin: the assembler reads one more file. A computed name: the preprocessor knows it.
    unknown = b".incbin" in text or any(computed for _, _, computed in found)
    names = None if unknown else tuple(os.fsdecode(quoted or angular) for quoted, angular, _ in found)
    return _Text(hashlib.blake2b(text, digest_size=20).digest(), names)


def _list_files(path: str) -> frozenset[str]:
    with os.scandir(path) as entries:
        return frozenset(entry.name for entry in entries if entry.is_file())


T = TypeVar("T")


class _Known(Generic[T]):
    """What ``read`` found at paths. It reads again where something changed since.

    Time stamps have ticks: a change just before the reading may be followed by one with the same stamp. So what is
    that young is not kept.
    """

    def __init__(self, read: Callable[[str], T]) -> None:
        self._read = read
        self._kept: dict[str, tuple[tuple[int, ...], T]] = {}

    def __call__(self, path: str) -> T:
        """What is at ``path`` now."""
        state = os.stat(path)
        stamp = (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino)
        kept = self._kept.get(path)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        begin = time.time_ns()
        value = self._read(path)
        if begin - max(state.st_mtime_ns, state.st_ctime_ns) > _SETTLED:
            self._kept[path] = (stamp, value)
        return value


_TEXTS, _FILES = _Known(_read_text), _Known(_list_files)


class _Listings:
    """The files in folders, looked up once each for one compilation."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}
        self._found: dict[tuple[str, str], str | None] = {}

    def find(self, name: str, parent: str, folders: Sequence[str]) -> str | None:
        """The file that an include of ``name`` in a file of the folder ``parent`` means, if there is one."""
        if (name, parent) not in self._found:
            places = (os.path.join(folder, name) for folder in (parent, *folders))
            self._found[name, parent] = next((place for place in places if self._has_file(place)), None)
        return self._found[name, parent]

    def _has_file(self, path: str) -> bool:
        folder, name = os.path.split(path)
        if folder not in self._known:
            try:
                self._known[folder] = _FILES(folder)
            except OSError:  # no such folder
                self._known[folder] = frozenset()
        return name in self._known[folder]
