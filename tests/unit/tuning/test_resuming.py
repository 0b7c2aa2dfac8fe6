"""Checkpoints: a tuning that was killed goes on, and ends as one that was not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import dense_net, run_cli
from tinyglow.errors import InputError
from tinyglow.quant.profile import Range
from tinyglow.quant.scheme import Scheme
from tinyglow.testing.budget import is_full
from tinyglow.tuning.journal import Journal, identity

pytestmark = pytest.mark.slow


def _without_times(text: str) -> str:
    return re.sub(r"(?m)^(.* time:) .*$", r"\1", text)


def _answers(checkpoint: Path) -> int:
    return checkpoint.read_bytes().count(b'"correct"') if checkpoint.exists() else 0


# The tool, killed as kill -9 does it when it has written down so many answers.
_KILLED = """if 1:
    import os, signal, sys
    from tinyglow.cli import main
    from tinyglow.tuning.journal import Journal
    add, left = Journal.add, int(sys.argv[1])
    def add_and_die(journal, of, correct):
        global left
        add(journal, of, correct)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        return correct
    Journal.add = add_and_die
    sys.exit(main(sys.argv[2:]))
"""


def _killed(arguments: list[str], answers: int) -> None:
    """Run the tool in a process of its own, which is killed at so many new answers."""
    command = [sys.executable, "-c", _KILLED, str(answers), *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    assert done.returncode not in (0, 1, 2), done.stderr


@pytest.mark.parametrize("jobs", [1, 2] if is_full() else [2])
def test_a_killed_tuning_goes_on(digits: list[str], tmp_path: Path, jobs: int) -> None:
    """After kill -9, twice, the same lines (times aside) and the same tuned profile; the checkpoint is gone then."""
    whole = run_cli(*digits, "-jobs=1")
    assert whole.status == 0 and not whole.err
    expected = (tmp_path / "tuned.yaml").read_bytes()
    (tmp_path / "tuned.yaml").unlink()
    checkpoint = tmp_path / "tuned.yaml.checkpoint"
    assert not checkpoint.exists()
    _killed([*digits, f"-jobs={jobs}"], 5)
    assert _answers(checkpoint) == 5 and not (tmp_path / "tuned.yaml").exists()
    with checkpoint.open("a", encoding="utf-8") as file:
        file.write('{"of": "half a li')
    _killed([*digits, f"-jobs={jobs}"], 5)
    assert _answers(checkpoint) == 10
    resumed = run_cli(*digits, f"-jobs={3 - jobs}")
    assert resumed.status == 0
    assert re.search(r"going on from .*tuned.yaml.checkpoint, which knows [0-9]+ answers", resumed.err)
    assert _without_times(resumed.out) == _without_times(whole.out)
    assert (tmp_path / "tuned.yaml").read_bytes() == expected
    assert not checkpoint.exists()


def test_restart_forgets(digits: list[str], tmp_path: Path) -> None:
    """-restart begins anew, and -checkpoint puts the file elsewhere."""
    checkpoint = tmp_path / "elsewhere"
    _killed([*digits, "-jobs=1", f"-checkpoint={checkpoint}"], 5)
    answer = run_cli(*digits, "-jobs=1", f"-checkpoint={checkpoint}", "-restart")
    assert (answer.status, answer.err) == (0, "")
    assert not checkpoint.exists()


@pytest.mark.parametrize("content", ["", "my notes\n", "[1, 2]\n", '{"kind": "other"}\n', "[" * 100_000])
def test_other_files_are_left_alone(digits: list[str], tmp_path: Path, content: str) -> None:
    """A file that is no checkpoint is neither used nor overwritten."""
    checkpoint = tmp_path / "notes.txt"
    checkpoint.write_text(content, encoding="utf-8")
    answer = run_cli(*digits, "-jobs=1", f"-checkpoint={checkpoint}")
    assert answer.status == 2 and "is no checkpoint of a tuning" in answer.err and "internal" not in answer.err
    assert checkpoint.read_text(encoding="utf-8") == content


def test_identity_is_of_everything_that_matters(tmp_path: Path) -> None:
    """Other weights, ranges, schemes, images or labels are another tuning."""
    net = dense_net()
    graph, images = tinyglow.load(net.save(tmp_path)), net.samples(4)["x"]
    profile, labels = tinyglow.profile(graph, {"x": images}), np.array([0, 1, 2, 3])
    other_graph = tinyglow.load(dense_net(1).save(tmp_path, "other.onnx"))
    narrow = replace(profile, ranges={**profile.ranges, "x:0": Range(-1.0, 1.0)})
    scheme = Scheme()
    identities = [
        identity(graph, profile, scheme, images, labels),
        identity(other_graph, profile, scheme, images, labels),
        identity(graph, narrow, scheme, images, labels),
        identity(graph, profile, replace(scheme, bias_dtype="int8"), images, labels),
        identity(graph, profile, replace(scheme, keep_float=frozenset({"Add"})), images, labels),
        identity(graph, profile, scheme, images * np.float32(2), labels),
        identity(graph, profile, scheme, images, labels[::-1]),
    ]
    assert len(set(identities)) == len(identities)
    assert identity(graph, profile, scheme, images, labels) == identities[0]


def test_another_tuning_begins_anew(tmp_path: Path) -> None:
    """A checkpoint of another tuning is written over; damaged lines and what follows them are not believed."""
    path = tmp_path / "checkpoint"
    one = Journal.open(path, "one")
    for number in range(4):
        one.add(f"ranges {number}", number)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[3] = json.dumps({"of": "ranges 2", "correct": "2", "seconds": 1})
    path.write_text("\n".join(lines), encoding="utf-8")
    again = Journal.open(path, "one")
    assert [again.known(f"ranges {number}") for number in range(4)] == [0, 1, None, None]
    assert again.found == 2
    again.add("ranges 2", 7)
    assert Journal.open(path, "one").known("ranges 2") == 7
    assert Journal.open(path, "two").found == 0
    assert Journal.open(path, "one").found == 0


def test_times_go_on(tmp_path: Path) -> None:
    """The clock of a resumed tuning goes on from where the killed one was."""
    path = tmp_path / "checkpoint"
    first = Journal.open(path, "one")
    first.add("a", 1)
    path.write_text(path.read_text(encoding="utf-8").replace('"seconds": 0.0', '"seconds": 1000.0'), encoding="utf-8")
    again = Journal.open(path, "one")
    assert again.clock() == 0
    again.known("a")
    assert again.clock() == pytest.approx(1000, abs=1)
    again.add("b", 1)
    assert again.clock() == pytest.approx(1000, abs=5)


def test_a_checkpoint_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A folder in its place, or none around it."""
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "none" / "checkpoint"):
        with pytest.raises(InputError, match="checkpoint"):
            Journal.open(path, "one")
