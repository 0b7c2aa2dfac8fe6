"""Evaluators in processes of their own, each with its share of the samples.

The share affects only the time: right answers are counted one by one, so their sum is the same for any number of
processes. Processes are spawned, which works the same on all systems, and end with the process that started them.
"""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType

import numpy as np

from tinyglow.errors import ToolError
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.tuning.evaluator import DEFAULT_MEMORY, Evaluator
from tinyglow.tuning.fingerprint import Fingerprint
from tinyglow.tuning.packing import packed
from tinyglow.tuning.threads import one_thread_each

_ENDED = "a process of the tuning has ended before its time; try fewer jobs"


def _work(connection: Connection) -> None:
    """Take images, labels and memory; then answer programs with their right answers until the other side hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the starter gets it too, and ends this process
    try:
        evaluator = Evaluator(*pickle.loads(connection.recv_bytes()))  # what is received here is what Workers sends
        while True:
            connection.send(evaluator.correct(pickle.loads(connection.recv_bytes())))
    except (EOFError, OSError):
        gc.freeze()  # at its end a process looks for unused cycles among all objects (``cli.program``)


class Workers:
    """As an Evaluator, over ``jobs`` processes. A context manager: they end with the block."""

    def __init__(self, images: Array, labels: Array, jobs: int, memory: int = DEFAULT_MEMORY) -> None:
        context = multiprocessing.get_context("spawn")
        jobs = min(jobs, len(images))
        self._connections: list[Connection] = []
        self._processes = []
        with one_thread_each():
            for _ in range(jobs):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs,), daemon=True)
                process.start()
                theirs.close()  # so that its end is heard of
                self._connections.append(ours)
                self._processes.append(process)
        shares = zip(np.array_split(images, jobs), np.array_split(labels, jobs), strict=True)
        self._send([packed((*share, memory // jobs)) for share in shares])

    def _send(self, messages: Sequence[bytes]) -> None:
        try:
            for connection, message in zip(self._connections, messages, strict=True):
                connection.send_bytes(message)
        except OSError as error:
            raise ToolError(_ENDED) from error

    def correct(self, program: Program, print_: Fingerprint | None = None) -> int:
        """How many samples the program gets right. Raises ToolError if a process has ended."""
        self._send([packed(program)] * len(self._connections))
        try:
            return sum(int(connection.recv()) for connection in self._connections)
        except (EOFError, OSError) as error:
            raise ToolError(_ENDED) from error

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.join(timeout=1)  # it ends when it sees that nobody listens
            process.kill()
