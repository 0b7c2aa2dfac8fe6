"""Where a tuning computes: ``local:N`` or ``dask://HOST:PORT``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tinyglow.errors import InputError, Problem

MAX_JOBS = 256
FORMS = "local:N, for N processes on this machine, or dask://HOST:PORT, for the scheduler of a cluster"
_LOCAL = re.compile(r"local:([0-9]{1,9})")
_REMOTE = re.compile(r"dask://(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]@]+):([0-9]{1,5})/?")


@dataclass(frozen=True)
class Executor:
    """A cluster: ``processes`` on this machine, or the one whose scheduler listens at ``address``, Dask's own form."""

    processes: int = 0
    address: str = ""


def parse_executor(text: str) -> Executor:
    """The executor that a text names. Raises InputError."""
    if local := _LOCAL.fullmatch(text):
        processes = int(local[1])
        if not 1 <= processes <= MAX_JOBS:
            problem = Problem(f"-executor={text}", f"is {processes} processes", f"1 to {MAX_JOBS}")
            raise InputError("the executor cannot be used", [problem])
        return Executor(processes=processes)
    remote = _REMOTE.fullmatch(text)
    if remote is None or not 1 <= int(remote[2]) <= 65535:
        raise InputError("the executor is not understood", [Problem(f"-executor={text}", "is none", FORMS)])
    return Executor(address=f"tcp://{remote[1]}:{remote[2]}")
