"""Folders that hold files until all of them are written.

If a process dies meanwhile, the next one removes its folder.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OLD_SECONDS = 3600  # where processes cannot be asked for


@contextmanager
def staging(parent: Path, label: str = "") -> Iterator[Path]:
    """A new folder ``.tinyglow-<label><process>-...`` in ``parent``; it goes with all that is left in it. OSError."""
    folder = Path(tempfile.mkdtemp(prefix=f".tinyglow-{label}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def abandoned(parent: Path, label: str = "") -> list[Path]:
    """The staging folders with this label in ``parent`` that a process left when it ended."""
    form = re.compile(rf"\.tinyglow-{re.escape(label)}(?P<process>\d{{1,10}})-\w+")
    found = []
    for path in sorted(parent.glob(f".tinyglow-{glob_escape(label)}*")) if parent.is_dir() else ():
        match = form.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink() and not _is_at_work(path, int(match["process"])):
            found.append(path)
    return found


def glob_escape(text: str) -> str:
    """``text`` for a glob pattern that means it literally."""
    return re.sub(r"([*?[])", r"[\1]", text)


def clear(folders: list[Path]) -> None:
    """Remove abandoned folders. One that cannot be removed stays."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _is_at_work(folder: Path, process: int) -> bool:
    """Whether the process that made the folder still runs; elsewhere than on POSIX: whether it is young."""
    if os.name != "posix":
        return time.time() - folder.stat().st_mtime < _OLD_SECONDS
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    return True
