"""The connection to a Dask cluster: found or started, compared with ours, waited for, and what its errors mean."""

from __future__ import annotations

import asyncio
import logging
import time
from asyncio import CancelledError as AsyncCancelledError
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tinyglow.errors import Problem, TinyglowError, ToolError
from tinyglow.tuning import cluster_tasks as tasks
from tinyglow.tuning.executor import Executor

ANSWER_SECONDS = 10.0  # for a scheduler to answer at all
_LOOK_AROUND = 1.0  # seconds between looks at the cluster while nothing arrives
_CLOSE_SECONDS = 5.0
_INSTALL = "pip install 'tinyglow[cluster]'"
_GO_ON = "the same command goes on from the checkpoint"


class LostError(ToolError):
    """Nobody answers where the scheduler is, or was. What was in flight is to be asked again."""


@dataclass(frozen=True)
class Sources:
    """How to reach a cluster.

    Attributes:
        connect: Makes a Dask client. Raises LostError if nobody answers.
        patience: Seconds to wait for a lost scheduler, or for a first worker after the last was lost.
        note: Is told what happens.
    """

    connect: Callable[[], Any]
    patience: float = 60.0
    note: Callable[[str], None] = lambda text: None


def here() -> tasks.Software:
    """The software of this machine."""
    return tasks.software()


def _dask() -> Any:
    """The package ``distributed``. Raises ToolError."""
    try:
        import distributed
    except ImportError as error:
        problem = Problem("-executor", "needs the package 'distributed', which is not installed", "", _INSTALL)
        raise ToolError("the cluster cannot be used", [problem]) from error
    return distributed


@contextmanager
def sources(executor: Executor, note: Callable[[str], None] = lambda text: None) -> Iterator[Sources]:
    """How to reach an executor's cluster; one of this machine's processes lives as long as the block.

    Raises ToolError if Dask is not installed or the processes do not start.
    """
    dask = _dask()
    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # what matters of its words is in our errors and notes
    try:
        if executor.address:
            yield Sources(lambda: _client(dask, executor.address), note=note)
        else:
            with _local_cluster(dask, executor.processes) as cluster:
                yield Sources(lambda: _client(dask, cluster.scheduler_address), note=note)
    finally:
        logger.setLevel(level)


@contextmanager
def _local_cluster(dask: Any, processes: int) -> Iterator[Any]:
    try:
        cluster = dask.LocalCluster(
            n_workers=processes,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,  # a share's results have their own limit
            silence_logs=logging.CRITICAL,
        )
    except (OSError, RuntimeError, TimeoutError) as error:
        problem = Problem(f"-executor=local:{processes}", str(error) or type(error).__name__, "", "try fewer")
        raise ToolError("the processes could not be started", [problem]) from error
    try:
        yield cluster
    finally:
        cluster.close(timeout=_CLOSE_SECONDS)


async def _probe(dask: Any, address: str) -> None:
    """Shake hands, once: Dask's client waits for ever for somebody who listens and says nothing."""
    greeting = dask.comm.connect(address, timeout=ANSWER_SECONDS)
    (await asyncio.wait_for(greeting, 1.5 * ANSWER_SECONDS)).abort()


def _client(dask: Any, address: str) -> Any:
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook has an event loop of its own in this one
            thread.submit(asyncio.run, _probe(dask, address)).result()
        return dask.Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except Exception as error:  # whatever listens there may answer anything
        shown = address.replace("tcp://", "dask://")
        found = f"no Dask scheduler answers ({type(error).__name__})"
        hint = "start one with 'dask scheduler', and workers with 'dask worker HOST:PORT'"
        raise LostError("the cluster cannot be reached", [Problem(shown, found, "", hint)]) from error


def close(client: Any) -> None:
    """End the connection, whatever state it is in."""
    with suppress(Exception, AsyncCancelledError):
        client.close(timeout=_CLOSE_SECONDS)


@contextmanager
def translated(client: Any) -> Iterator[None]:
    """Errors of Dask and of tasks as ours: LostError if the scheduler is gone, else ToolError."""
    try:
        yield
    except TinyglowError:
        raise
    except (CancelledError, AsyncCancelledError) as error:
        raise LostError("the scheduler was lost") from error
    except tasks.OtherSoftwareError as error:
        raise _differing({"a worker that has joined": error.args[0]}, error.args[1]) from error
    except Exception as error:
        if client.status != "running" or isinstance(error, OSError):
            raise LostError("the scheduler was lost") from error
        if type(error).__name__ == "KilledWorker":
            text, hint = "ended several workers, one after the other", "give the workers more memory"
        else:
            text, hint = f"{type(error).__name__}: {error}", ""
        raise ToolError("the cluster could not compute an answer", [Problem("a task", text, "", hint)]) from error


def workers_of(client: Any, patience: float) -> dict[str, int]:
    """Number of threads by worker's address, when there are any; all have our software.

    Raises LostError, or ToolError if there is no worker, or one has other software.
    """
    with translated(client):
        deadline = time.monotonic() + patience
        while not (threads := dict(client.nthreads())):
            _wait_for_workers(deadline, patience)
        found: dict[str, object] = dict(client.run(tasks.software, on_error="return"))
        try:
            found["the scheduler"] = client.run_on_scheduler(tasks.software)
        except Exception as error:
            found["the scheduler"] = error
    if any(what != here() for what in found.values()):
        raise _differing(found, here())
    return threads


def _wait_for_workers(deadline: float, patience: float) -> None:
    if time.monotonic() > deadline:
        problem = Problem("the cluster", f"has had no worker for {patience:.0f} seconds", "", _GO_ON)
        raise ToolError("the cluster has no workers", [problem])
    time.sleep(min(_LOOK_AROUND, patience / 4))


def _differing(found: Mapping[str, object], expected: tasks.Software) -> ToolError:
    """What is other there than here."""
    problems = []
    for where, what in found.items():
        if not isinstance(what, dict):  # the error of whoever does not have this function
            text = f"has no such tinyglow ({type(what).__name__}: {what})"
            problems.append(Problem(where, text, expected["tinyglow"], f"there: {_INSTALL}"))
            continue
        for name, version in expected.items():
            if what.get(name) != version:
                problems.append(Problem(where, f"has {name} {what.get(name, 'of no version')}", version))
    return ToolError("the software of the cluster is not that of this machine", problems)


def arriving(client: Any, futures: Sequence[Any], patience: float) -> Iterator[Any]:
    """Each future, when it is done. Raises ToolError if there has been no worker for ``patience`` seconds."""
    dask = _dask()
    pending = list(futures)
    deadline = time.monotonic() + patience
    while pending:
        try:
            with client.as_current():
                done = dask.wait(pending, timeout=_LOOK_AROUND, return_when="FIRST_COMPLETED").done
        except dask.TimeoutError:
            if client.nthreads():
                deadline = time.monotonic() + patience
            else:
                _wait_for_workers(deadline, patience)
            continue
        pending = [future for future in pending if future not in done]
        yield from done
