"""Standard output and error whose reader may stop reading. The command continues, and ends with a status of its own."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


class _Unbreakable(io.RawIOBase):
    """A file that takes everything: where its reader (head, less) has seen enough, the rest goes nowhere."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int | None:
        try:
            written: int | None = self._raw.write(data)
            return written
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


def _unbreakable(stream: TextIO) -> TextIO:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # where Python does not buffer, it is a raw file itself
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.RawIOBase):  # a test's own
        return stream
    stream.flush()
    # File names may hold what a terminal cannot show.
    lines = stream.line_buffering or stream.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(_Unbreakable(raw)), stream.encoding, "backslashreplace", line_buffering=lines
    )


@contextmanager
def unbreakable_streams() -> Iterator[None]:
    """Let ``sys.stdout`` and ``sys.stderr`` survive their readers for a while."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_unbreakable, before)
    now = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream, old in zip(now, before, strict=True):
            if stream is not old and not stream.closed:
                stream.flush()
