"""A new folder that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tinyglow.errors import InputError, Problem, reason


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write into, which becomes ``path`` when the block ends well and is removed when it does not.

    Raises InputError if ``path`` is there and holds anything, or cannot be written.
    """
    target = path.resolve()
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            problem = Problem(str(path), "is there already", "a new or empty folder", "remove it, or name another")
            raise InputError("the folder cannot be written", [problem])
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".tinyglow-{target.name[:100]}-{os.getpid()}")
        aside.mkdir()
    except OSError as error:
        raise InputError("the folder cannot be written", [Problem(str(path), reason(error))]) from error
    try:
        yield aside
        with contextlib.suppress(FileNotFoundError):
            target.rmdir()  # empty, or this fails
        os.rename(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
