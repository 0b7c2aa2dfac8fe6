"""Evaluators on the workers of a Dask cluster, each with a share of the samples.

The samples go to the cluster once, and so does each constant of the programs; a program without its constants is
small. Dask knows how each piece was made, so it makes again elsewhere what a lost worker had, and nothing else. What
a share has answered is kept here: if the scheduler is lost and comes back, only what was in flight is asked again.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from types import TracebackType
from typing import Any

import numpy as np

from tinyglow.errors import ToolError
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.tuning import cluster_tasks as tasks
from tinyglow.tuning.cluster_client import LostError, Sources, arriving, close, here, translated, workers_of
from tinyglow.tuning.evaluator import DEFAULT_MEMORY
from tinyglow.tuning.fingerprint import Fingerprint, Key, fingerprint
from tinyglow.tuning.packing import Parcel, parcel

# More shares than threads of workers: where a worker is slower, lost or new, others take some of its shares.
_SHARES_A_THREAD = 2
_CONSTANT_BYTES = 256 * 2**20  # of constants that stay in the cluster for the programs that follow


@dataclass
class _Session:
    """One connection to a scheduler, and what has been sent through it."""

    client: Any
    expected: tasks.Software
    workers: list[str]
    shares: list[Any] = field(default_factory=list)
    constants: OrderedDict[Key, tuple[Any, int]] = field(default_factory=OrderedDict)  # with the bytes of each

    def place(self, number: int) -> dict[str, Any]:
        """Where a share is to be, if that worker still is there."""
        return {"workers": [self.workers[number % len(self.workers)]], "allow_other_workers": True}

    def constant(self, key: Key, data: Array) -> Any:
        """A constant in the cluster: sent, if it is not there yet."""
        if key not in self.constants:
            future = self.client.submit(tasks.constant, data, key=f"tinyglow-constant-{key.hex()}")
            self.constants[key] = (future, data.nbytes)
        self.constants.move_to_end(key)
        return self.constants[key][0]

    def forget(self, kept: Parcel) -> None:
        """Drop the constants that were not asked for longest, if there are many; those of ``kept`` stay."""
        sent = sum(size for _, size in self.constants.values())
        for key in [key for key in self.constants if key not in kept.constants]:
            if sent <= _CONSTANT_BYTES:
                break
            sent -= self.constants.pop(key)[1]


class Cluster:
    """As an Evaluator, over the workers of a cluster. A context manager: the cluster forgets the samples at its end.

    images: [samples, *shape] float32. labels: [samples] integers. memory: bytes of results that each worker keeps.
    """

    def __init__(self, sources: Sources, images: Array, labels: Array, memory: int = DEFAULT_MEMORY) -> None:
        self._sources, self._memory = sources, memory
        self._samples = (np.ascontiguousarray(images), np.asarray(labels))
        identity = blake2b(repr((images.shape, str(images.dtype), self._samples[1].tolist())).encode(), digest_size=16)
        identity.update(self._samples[0].tobytes())
        self._identity = identity.hexdigest()
        self._parts: list[tuple[Array, Array]] = []
        self._session: _Session | None = self._open()

    def _open(self) -> _Session:
        """Connect, compare versions, and send each share. Raises LostError, ToolError."""
        client = self._sources.connect()
        try:
            threads = workers_of(client, self._sources.patience)
            session = _Session(client, here(), list(threads))
            self._parts = self._parts or self._cut(sum(threads.values()))
            memory = self._memory * len(threads) // len(self._parts)
            for number, part in enumerate(self._parts):
                key = f"tinyglow-share-{self._identity}-{number}-of-{len(self._parts)}"
                arguments = (session.expected, *part, memory)
                session.shares.append(client.submit(tasks.share, *arguments, key=key, **session.place(number)))
        except BaseException:
            close(client)
            raise
        return session

    def _cut(self, threads: int) -> list[tuple[Array, Array]]:
        """The samples in shares, which stay as they are from then on, whoever comes or goes."""
        count = max(1, min(_SHARES_A_THREAD * threads, len(self._samples[0])))
        return list(zip(*(np.array_split(array, count) for array in self._samples), strict=True))

    def correct(self, program: Program, print_: Fingerprint | None = None) -> int:
        """How many samples the program gets right. Raises ToolError if the cluster is gone or cannot compute it."""
        wanted = parcel(program, print_ or fingerprint(program))
        answers: dict[int, int] = {}
        while len(answers) < len(self._parts):
            try:
                self._session = self._session or self._open_again()
                self._collect(self._session, wanted, answers)
            except LostError:
                self.close()
        return sum(answers.values())

    def _open_again(self) -> _Session:
        self._sources.note("the scheduler was lost; waiting for it to come back")
        deadline = time.monotonic() + self._sources.patience
        while True:
            try:
                return self._open()
            except LostError as error:
                if time.monotonic() > deadline:
                    text = f"the scheduler was lost and did not come back within {self._sources.patience:.0f} seconds"
                    raise ToolError(text, error.problems) from error
                time.sleep(0.2)

    def _collect(self, session: _Session, wanted: Parcel, answers: dict[int, int]) -> None:
        """Ask each share that has not answered, and write down each answer as it comes. Raises LostError, ToolError."""
        with translated(session.client):
            constants = [session.constant(key, wanted.constants[key]) for key in wanted.places.values()]
            pending: dict[Any, int] = {}
            for number in range(len(self._parts)):
                if number not in answers:
                    pending[self._ask(session, wanted, number, constants)] = number
            session.forget(wanted)
            for future in arriving(session.client, list(pending), self._sources.patience):
                answers[pending[future]] = int(future.result())

    def _ask(self, session: _Session, wanted: Parcel, number: int, constants: list[Any]) -> Any:
        # One name for one question: whoever asks again while it is computed gets the same answer.
        key = f"tinyglow-count-{self._identity}-{number}-of-{len(self._parts)}-{wanted.key.hex()}"
        arguments = (session.expected, session.shares[number], wanted.frame, list(wanted.places), *constants)
        return session.client.submit(tasks.count, *arguments, key=key, **session.place(number))

    def close(self) -> None:
        """End the connection; the cluster forgets what it was sent."""
        if self._session is not None:
            session, self._session = self._session, None
            session.shares.clear()
            session.constants.clear()
            close(session.client)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
