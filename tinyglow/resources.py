"""Files: where the C runtime, the templates and the boards are, in a checkout and in an installed wheel."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries the three folders inside the package (see pyproject.toml); a checkout has them beside it.
_ROOT = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent

VERSION = "0.1.0"  # as in pyproject.toml

RUNTIME = _ROOT / "runtime_c"
TEMPLATES = _ROOT / "templates"
BOARDS = _ROOT / "boards"
EXAMPLES = _ROOT / "examples"

FileIdentity = tuple[int, int]  # device and number, the same for all names of a file

_kept: ContextVar[frozenset[FileIdentity]] = ContextVar("kept", default=frozenset())


def identity_of(path: Path) -> FileIdentity:
    """What a file is, whatever it is called. Raises OSError."""
    status = path.stat()
    return status.st_dev, status.st_ino


@contextmanager
def keeping(files: frozenset[FileIdentity]) -> Iterator[None]:
    """For a while let no ``write_file`` replace one of these files."""
    token = _kept.set(files)
    try:
        yield
    finally:
        _kept.reset(token)


def require_file(path: str | Path) -> None:
    """Raise OSError for what is no regular file: a pipe may never end, and a device has no size."""
    status = Path(path).stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is no regular file", str(path))


def read_bounded(path: str | Path, most: int) -> bytes:
    """What a file holds, if that is at most ``most`` bytes. Raises OSError for more, or for what is no regular file."""
    require_file(path)
    with Path(path).open("rb") as file:
        data = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)  # to read is to allocate what is asked for
    if len(data) > most:
        raise OSError(errno.EFBIG, f"has more than {most:,} bytes", str(path))
    return data


def write_file(path: str | Path, data: bytes) -> None:
    """Write a file in one step: at no time is it there by half. Raises OSError, also for a file that is being kept."""
    target = Path(path).resolve()  # a link stays one
    if target.exists() and identity_of(target) in _kept.get():
        raise OSError(errno.EPERM, "is named for reading too, and would be lost", str(path))
    if target.exists() and not target.is_file():  # a device or a pipe
        target.write_bytes(data)
        return
    aside = target.with_name(f".{target.name[:200]}.{os.getpid()}")
    try:
        aside.write_bytes(data)
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)
