"""Each C file is compiled once per run of the tests for one core with the same flags, by whichever test is first.

Most tests of bundles compile the same kernels. What they get is what the compiler made of the same text: the key is
the command and the text of the file and of all that it includes. What a test makes of the objects is its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

Run = Callable[[Sequence[str], "Path | None", str], str]

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+(?:"([^"\n]+)"|<([^>\n]+)>|(.*))', re.MULTILINE)


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


def _key(command: Sequence[str], cwd: Path) -> str | None:
    """A name for what a command that compiles makes, or None if it depends on more than is looked at here."""
    if command[-2] != "-o" or any(part.startswith(("-g", "-include")) and part != "-g0" for part in command):
        return None  # debug data name folders
    source = command[command.index("-c") + 1]
    folders = [Path(part[2:]) for part in command if part.startswith("-I")]
    flags = [part for part in command[:-1] if not part.startswith("-I")]
    digest = hashlib.blake2b(repr(flags).encode(), digest_size=20)
    return digest.hexdigest() if _add(digest, cwd / source, folders, set()) else None


def _add(digest: hashlib.blake2b, path: Path, folders: Sequence[Path], seen: set[Path]) -> bool:
    """Add a file and what it includes, once each; False if that cannot be known from the text."""
    if path in seen:
        return True
    seen.add(path)
    text = path.read_bytes()
    if b".incbin" in text:  # the assembler reads one more file
        return False
    digest.update(repr((path.name, len(text))).encode() + text)
    for quoted, angular, computed in _INCLUDE.findall(text):
        if computed:
            return False
        name = os.fsdecode(quoted or angular)
        # The compiler's own headers are found nowhere here: they are as the compiler is.
        found = next((folder / name for folder in (path.parent, *folders) if (folder / name).is_file()), None)
        digest.update(repr((name, found is None)).encode())
        if found is not None and not _add(digest, found, folders, seen):
            return False
    return True
