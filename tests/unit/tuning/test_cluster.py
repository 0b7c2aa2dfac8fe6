"""Tuning on a cluster: the same lines and profile as in one process, whoever is lost; and what cannot be used."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.helpers import Answer, run_cli
from tinyglow.testing.budget import is_full
from tinyglow.tuning import cluster, cluster_client, cluster_tasks

distributed = pytest.importorskip("distributed", reason="needs the package distributed, of the extra tinyglow[cluster]")
pytestmark = pytest.mark.slow

Tuned = tuple[str, bytes]
QUICK = ("-max-iter-per-node=1",)


def _cluster(workers: int, processes: bool = True, port: int = 0) -> Any:
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        scheduler_port=port,
        processes=processes,
        protocol="tcp",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=50,
    )


def _address(cluster: Any) -> str:
    return str(cluster.scheduler_address).replace("tcp://", "-executor=dask://")


class Watch(distributed.SchedulerPlugin):  # type: ignore[misc]
    """Counts how often each task has been computed; at one of them ``act`` is called, in the scheduler's thread."""

    def __init__(self, at: int = 0) -> None:
        self.computed: Counter[str] = Counter()
        self.in_flight: set[str] = set()
        self.acted = threading.Event()
        self._at = at

    def attach(self, cluster: Any) -> None:
        """Begin to watch."""
        self.cluster = cluster
        cluster.scheduler.add_plugin(self, name="watch", idempotent=False)

    def answers(self) -> list[str]:
        """The names of all questions that have been answered."""
        return [key for key in self.computed if key.startswith("tinyglow-count-")]

    def transition(self, key: str, start: str, finish: str, *args: object, **more: object) -> None:
        """As in SchedulerPlugin."""
        if (start, finish) != ("processing", "memory"):
            return
        self.computed[key] += 1
        if len(self.answers()) == self._at and not self.acted.is_set():
            states = self.cluster.scheduler.tasks
            self.in_flight = {name for name in states if str(name).startswith("tinyglow-count-")}
            self.act()
            self.acted.set()

    def act(self) -> None:
        """Nothing, unless a test says so."""


class KillsOne(Watch):
    """Kills a worker that is computing an answer, as kill -9 does."""

    def act(self) -> None:
        """As in Watch."""
        busy = [task.processing_on for task in self.cluster.scheduler.tasks.values() if task.processing_on]
        chosen = busy[0] if busy else next(iter(self.cluster.scheduler.workers.values()))
        self.held = {task.key for task in chosen.has_what}
        nanny = next(nanny for nanny in self.cluster.workers.values() if nanny.worker_address == chosen.address)
        os.kill(nanny.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _tuned(answer: Answer, tuned: Path) -> Tuned:
    assert answer.status == 0, answer.err
    return re.sub(r"(?m)^(.* time:) .*$", r"\1", answer.out), tuned.read_bytes()


_ALONE: list[Tuned] = []


@pytest.fixture
def alone(digits: list[str], tmp_path: Path) -> Tuned:
    """What one process says and writes; computed once."""
    if not _ALONE:
        _ALONE.append(_tuned(run_cli(*digits, *QUICK, "-jobs=1"), tmp_path / "tuned.yaml"))
    return _ALONE[0]


@pytest.fixture(scope="module")
def two() -> Iterator[Any]:
    """A cluster of two worker processes."""
    with _cluster(2) as reached:
        yield reached


def test_a_killed_worker_loses_nothing(two: Any, digits: list[str], alone: Tuned, tmp_path: Path) -> None:
    """Two workers, and one of them killed in the middle: as one process, and only what was in flight is done again."""
    tuned = tmp_path / "tuned.yaml"
    whole, killed = Watch(), KillsOne(at=9)
    for watch in (whole, killed):
        watch.attach(two)
        answer = run_cli(*digits, *QUICK, _address(two))
        assert (_tuned(answer, tuned), answer.err) == (alone, "")
        two.scheduler.remove_plugin(name="watch")
        assert not (tmp_path / "tuned.yaml.checkpoint").exists()
    assert killed.acted.is_set()
    assert set(whole.computed.values()) == {1}
    assert len(whole.answers()) > 20 and sorted(killed.answers()) == sorted(whole.answers())
    again = {key for key, times in killed.computed.items() if times > 1}
    assert again <= killed.in_flight | killed.held


@pytest.mark.long
def test_processes_of_this_machine(digits: list[str], alone: Tuned, tmp_path: Path) -> None:
    """-executor=local:1 starts a worker and ends it."""
    tuned = tmp_path / "tuned.yaml"
    answer = run_cli(*digits, *QUICK, "-executor=local:1")
    assert (_tuned(answer, tuned), answer.err) == (alone, "")


def test_a_lost_scheduler_loses_nothing(digits: list[str], alone: Tuned, tmp_path: Path) -> None:
    """The scheduler goes, and another comes in its place: as one process, and what was answered is not asked again."""
    tuned, watch, after = tmp_path / "tuned.yaml", Watch(at=9), Watch()
    first = _cluster(1, processes=False)
    watch.attach(first)
    address, replaced = _address(first), []

    def replace() -> None:
        watch.acted.wait(60)
        first.close()
        replaced.append(_cluster(1, processes=False, port=int(address.rpartition(":")[2])))
        after.attach(replaced[0])

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        answer = run_cli(*digits, *QUICK, address)
    finally:
        thread.join()
        replaced[0].close()
    assert _tuned(answer, tuned) == alone
    assert answer.err == "note: the scheduler was lost; waiting for it to come back\n"
    assert set(watch.answers()) & set(after.answers()) <= watch.in_flight


@pytest.mark.long
def test_a_scheduler_lost_for_good_leaves_the_checkpoint(
    digits: list[str], alone: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error says so; the same command goes on elsewhere."""
    tuned, watch = tmp_path / "tuned.yaml", Watch(at=9)
    monkeypatch.setattr(cluster_client.Sources, "__init__", _impatient(cluster_client.Sources.__init__))
    monkeypatch.setattr(cluster_client, "ANSWER_SECONDS", 0.5)
    first = _cluster(1, processes=False)
    watch.attach(first)
    thread = threading.Thread(target=lambda: watch.acted.wait(60) and first.close())
    thread.start()
    answer = run_cli(*digits, *QUICK, _address(first))
    thread.join()
    assert answer.status == 2 and "did not come back within 1 seconds" in answer.err and "Traceback" not in answer.err
    again = run_cli(*digits, *QUICK, "-jobs=1")
    assert _tuned(again, tuned) == alone and "going on from" in again.err


def _impatient(init: Any) -> Any:
    return lambda self, connect, **more: init(self, connect, **{**more, "patience": 1.0})


@pytest.mark.parametrize(
    ("executor", "because"),
    [
        ("dask", "local:N, for N processes on this machine, or dask://HOST:PORT"),
        ("dask://", "is none"),
        ("dask://host", "is none"),
        ("dask://host:99999", "is none"),
        ("dask://user@host:8786", "is none"),
        ("local:0", "is 0 processes; expected 1 to 256"),
        ("local:1000", "1 to 256"),
        ("local:two", "is none"),
    ],
)
def test_wrong_executors_are_refused(digits: list[str], executor: str, because: str) -> None:
    """What is no executor, before anything is read."""
    _refused(run_cli(*digits, f"-executor={executor}"), because)


def _refused(answer: Answer, because: str) -> None:
    assert answer.status == 2 and because in answer.err, answer.err
    assert not answer.out.strip() and "internal" not in answer.err and "Traceback" not in answer.err


def test_jobs_and_executor_exclude_each_other(digits: list[str]) -> None:
    """One of them says where to compute."""
    _refused(run_cli(*digits, "-jobs=2", "-executor=local:2"), "-jobs: cannot be used together with -executor")


def test_without_dask(digits: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    _refused(run_cli(*digits, "-executor=local:1"), "pip install 'tinyglow[cluster]'")


@pytest.mark.parametrize("listens", [False, True])
def test_nobody_answers(digits: list[str], monkeypatch: pytest.MonkeyPatch, listens: bool) -> None:
    """Nobody is there, or somebody who is no scheduler."""
    monkeypatch.setattr(cluster_client, "ANSWER_SECONDS", 0.5)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if listens:
            other.listen()
        answer = run_cli(*digits, f"-executor=dask://127.0.0.1:{other.getsockname()[1]}")
    _refused(answer, "no Dask scheduler answers")


@pytest.mark.parametrize(
    ("module", "where"), [(cluster_client, "tcp://127.0.0.1:"), (cluster, "a worker that has joined")]
)
def test_other_versions_are_refused(
    digits: list[str], monkeypatch: pytest.MonkeyPatch, module: ModuleType, where: str
) -> None:
    """Every difference of a worker is named, at the beginning and where it joins later."""
    found = cluster_tasks.software()
    monkeypatch.setattr(module, "here", lambda: {**found, "numpy": "0.1", "tinyglow": "9.9 (aa)"})
    with _cluster(1, processes=False) as reached:
        answer = run_cli(*digits, _address(reached))
    assert answer.status == 2 and where in answer.err and "Traceback" not in answer.err
    assert f"has numpy {found['numpy']}; expected 0.1" in answer.err
    assert f"has tinyglow {found['tinyglow']}; expected 9.9 (aa)" in answer.err


def test_a_cluster_without_workers_is_waited_for(digits: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For a while; then an error says so."""
    monkeypatch.setattr(cluster_client.Sources, "__init__", _impatient(cluster_client.Sources.__init__))
    with _cluster(0, processes=False) as reached:
        _refused(run_cli(*digits, _address(reached)), "has had no worker for 1 seconds")


@pytest.mark.skipif(not is_full(), reason="takes minutes: TINYGLOW_FULL")
@pytest.mark.parametrize(("workers", "watch"), [(1, Watch()), (2, Watch()), (2, KillsOne(at=100))])
def test_cifar10_as_glow_recorded(shared: Path, tmp_path: Path, workers: int, watch: Watch) -> None:
    """Every line of Glow's console but for times, and its profile to the byte, with 1 and 2 workers and one killed."""
    recorded, tuned = shared / "golden_tools/cifar10_tuner", tmp_path / "tuned.yaml"
    schema = "symmetric_with_power2_scale"
    with _cluster(workers) as reached:
        watch.attach(reached)
        answer = run_cli(
            *("model-tuner", f"-dataset-file={recorded}/Labels.csv", f"-dataset-path={recorded}/dataset"),
            *("-image-mode=neg1to1", "-image-layout=NCHW", "-image-channel-order=RGB", _address(reached)),
            *(f"-model={shared}/models/cifar10.onnx", f"-load-profile={recorded}/profile.yaml", "-backend=CPU"),
            *(f"-quantization-schema={schema}", "-quantization-precision-bias=Int8", "-quantization-precision=Int8"),
            f"-dump-tuned-profile={tuned}",
        )
    log = (recorded / f"tuner_{schema}.log").read_text(encoding="utf-8")
    written = (recorded / f"profile_tuned_{schema}.yaml").read_bytes()
    expected = (re.sub(r"(?m)^(.* time:) .*$", r"\1", log).rstrip(), written)
    lines, profile = _tuned(answer, tuned)
    assert (lines.rstrip(), profile, answer.err) == (*expected, "")
    again = {key for key, times in watch.computed.items() if times > 1}
    assert again <= (watch.in_flight | watch.held if isinstance(watch, KillsOne) else set())
