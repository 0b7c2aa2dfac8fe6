"""A C function of a shared library in a process of its own, which may crash or never return."""

from __future__ import annotations

import contextlib
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyglow.errors import Problem, ToolError

_WORKER = Path(__file__).with_name("kernel_worker.py")


class CrashError(Exception):
    """The function ended its process; the text says how."""


class KernelProcess:
    """Calls a function that takes pointers and numbers. A crash costs its process, not this one."""

    def __init__(self, library: Path, symbol: str, flat: str = "") -> None:
        """See ``kernel_worker.main`` for ``flat``."""
        self._command = [sys.executable, "-I", str(_WORKER), str(library.resolve()), symbol, flat]
        self._process: subprocess.Popen[bytes] | None = None
        self._library, self._symbol = library, symbol
        self._answered = False

    def call(self, image: bytes, starts: Sequence[int], numbers: bytes) -> bytes:
        """Call the function once.

        Args:
            image: Memory that the function may use.
            starts: Where in it each pointer points.
            numbers: 32-bit words.

        Returns:
            The memory afterwards.

        Raises:
            CrashError: The function crashed, or computed for more than ten seconds.
            ToolError: The library cannot be loaded, or lacks the function.
        """
        process = self._running()
        assert process.stdin and process.stdout
        message = struct.pack("<I", len(image)) + image
        message += struct.pack(f"<I{len(starts)}I", len(starts), *starts)
        message += struct.pack("<I", len(numbers) // 4) + numbers
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(message)
            process.stdin.flush()
        memory = process.stdout.read(len(image))
        if len(memory) == len(image):
            self._answered = True
            return memory
        raise self._ended(process)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=pipe)
        return self._process

    def _ended(self, process: subprocess.Popen[bytes]) -> Exception:
        assert process.stderr
        complaint = process.stderr.read().decode("utf-8", "replace").strip()
        status = process.wait()
        self.close()
        if status > 0 and "Error" in complaint:  # of Python: the function was never called
            found, missing = complaint.splitlines()[-1], "undefined symbol" in complaint
            hint = "compile the C file that defines it, too" if missing else ""
            problem = Problem(str(self._library), found, f"a shared library with {self._symbol}", hint)
            return ToolError("cannot load the kernel", [problem])
        return CrashError(_reason(status))


def _reason(status: int) -> str:
    if status >= 0:
        return f"it ended its process with status {status}"
    if status == -getattr(signal, "SIGPROF", 0):
        return "it did not return within 10 s"
    try:
        return f"it crashed ({signal.Signals(-status).name})"
    except ValueError:
        return f"it crashed (signal {-status})"
