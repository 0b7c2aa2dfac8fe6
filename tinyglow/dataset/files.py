"""New files that are there whole or not at all, and never replace another one."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from pathlib import Path

_ASIDE = ".tinyglow-"  # the beginning of a file's name while it is being written
_ABANDONED = 60.0  # seconds, after which nobody is still writing a file of a few kilobytes
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
_renaming = threading.Lock()


def create_file(path: Path, data: bytes) -> None:
    """Write a new file in one step. Raises FileExistsError, which leaves the other file as it is, and OSError.

    Where the system can, the file has no name until it is whole: then nothing is left behind if the process is killed.
    """
    try:
        descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except (AttributeError, OSError):  # not Linux, or a file system without such files
        _create_aside(path, data)
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
        try:
            # With a folder given, Python asks the system to follow the link, which is what gives the file a name.
            os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor)
        except FileExistsError:
            raise
        except OSError:  # without /proc, or without links
            _create_aside(path, data)


def _create_aside(path: Path, data: bytes) -> None:
    """As ``create_file``, by way of a second name."""
    aside = path.with_name(f"{_ASIDE}{os.getpid()}-{threading.get_ident()}")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        move_file(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def move_file(source: Path, target: Path) -> None:
    """Give a file another name, which must be free. Raises FileExistsError, which loses neither file, and OSError.

    Of several who move the same file one succeeds; the others get FileNotFoundError.
    """
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with _renaming:  # a file system without links, such as that of a memory card
            if target.exists():
                raise FileExistsError(errno.EEXIST, "File exists", str(target)) from error
            os.replace(source, target)
        return
    try:
        source.unlink()
    except FileNotFoundError:  # somebody else has moved it in the meantime, and must be the only one
        target.unlink(missing_ok=True)
        raise


def remove_abandoned(folder: Path) -> None:
    """Remove what a process that was killed may have left in ``folder``: files that were not whole yet."""
    for path in folder.glob(f"{_ASIDE}*"):
        with contextlib.suppress(OSError):
            if path.is_file() and time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
