"""A bundle is written whole or not at all, knows its parts, and costs nobody else a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import dense_net
from tinyglow.bundle.manifest import MANIFEST, read_manifest
from tinyglow.bundle.staging import abandoned, staging
from tinyglow.errors import InputError
from tinyglow.ir.program import Program
from tinyglow.targets.boards import HOST

INPUTS = {"x": np.zeros((1, 8), np.float32)}


@pytest.fixture(scope="module")
def others() -> tuple[Program, Program]:
    """The same network with two sets of weights: all files have the same names."""
    made = []
    for seed in (1, 2):
        net = dense_net(seed)
        graph = tinyglow.load(net.save(Path(os.environ["XDG_STATE_HOME"])), "dense")
        made.append(tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4)))))
    return made[0], made[1]


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


class _Killed(BaseException):
    """As far as files go, what SIGKILL does: nothing after it runs."""


@pytest.mark.parametrize("moves", range(8))
def test_a_killed_process_leaves_no_mixture_that_runs(
    moves: int, others: tuple[Program, Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between any two moves: the bundle is the old one, the new one, or refused; compiling again mends it."""
    folder = tmp_path / "bundle"
    old, new = (tinyglow.emit(program, tmp_path / name) for program, name in zip(others, "ab", strict=True))
    tinyglow.emit(others[0], folder)
    replace, done = os.replace, []

    def killed(source: Path, target: Path) -> None:
        if len(done) == moves:
            raise _Killed
        done.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)  # above Linux's largest: the process that left it is gone
    try:
        tinyglow.emit(others[1], folder)
    except _Killed:
        assert len(new) > moves
    monkeypatch.undo()
    content = _content(folder)
    if content in (old, new):
        tinyglow.simulate(folder, HOST, INPUTS)
    else:
        with pytest.raises(InputError, match="do not belong together"):
            tinyglow.simulate(folder, HOST, INPUTS)
    assert tinyglow.emit(others[1], folder) == new
    assert _content(folder) == new
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []


def test_parts_of_two_bundles_are_refused(others: tuple[Program, Program], tmp_path: Path) -> None:
    """A file that was copied over from another bundle is named, whatever runs it."""
    for name, program in zip("ab", others, strict=True):
        tinyglow.emit(program, tmp_path / name)
    (tmp_path / "a/dense.weights.bin").write_bytes((tmp_path / "b/dense.weights.bin").read_bytes())
    for board in (HOST, tinyglow.load_board("cortex-m0plus")):
        with pytest.raises(InputError, match="do not belong together") as caught:
            tinyglow.simulate(tmp_path / "a", board, INPUTS)
        assert "dense.weights.bin: is not the file that tinyglow.sha256 lists" in str(caught.value)


def test_sha256sum_understands_the_list(others: tuple[Program, Program], tmp_path: Path) -> None:
    """The list has the format of a common tool, and names every other file."""
    files = tinyglow.emit(others[0], tmp_path)
    listed = read_manifest(tmp_path)
    assert listed is not None and {*listed, MANIFEST} == files.keys()
    done = subprocess.run(["sha256sum", "-c", MANIFEST], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("damage", [b"", b"nonsense\n", b"0" * 64 + b"  ../x\n", b"\xff" * 3, b"0" * 2_000_000])
def test_a_damaged_list_is_an_error(damage: bytes, others: tuple[Program, Program], tmp_path: Path) -> None:
    """Neither run nor written over: what the folder holds is not known."""
    tinyglow.emit(others[0], tmp_path)
    (tmp_path / MANIFEST).write_bytes(damage)
    before = _content(tmp_path)
    for act in (lambda: tinyglow.simulate(tmp_path, HOST, INPUTS), lambda: tinyglow.emit(others[0], tmp_path)):
        with pytest.raises(InputError, match=r"tinyglow\.sha256"):
            act()
    assert _content(tmp_path) == before


@pytest.mark.parametrize("name", ["dense.c", "dense.h", "dense.weights.txt", "tg_kernels.h"])
def test_what_is_no_bundles_is_not_replaced(name: str, others: tuple[Program, Program], tmp_path: Path) -> None:
    """A file of the user's under a name that the bundle needs is named, and nothing is written."""
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="a folder of its own") as caught:
        tinyglow.emit(others[0], tmp_path)
    assert f"{name}: is no file that tinyglow wrote" in str(caught.value)
    assert _content(tmp_path) == {name: b"mine"}


def test_what_its_user_changed_is_not_replaced(others: tuple[Program, Program], tmp_path: Path) -> None:
    """A generated file that somebody has worked on is theirs."""
    tinyglow.emit(others[0], tmp_path)
    (tmp_path / "dense.c").write_text("/* better */", encoding="utf-8")
    before = _content(tmp_path)
    with pytest.raises(InputError, match=r"dense\.c: was changed since tinyglow wrote it"):
        tinyglow.emit(others[1], tmp_path)
    assert _content(tmp_path) == before


def test_files_of_its_users_are_no_part_of_a_bundle(others: tuple[Program, Program], tmp_path: Path) -> None:
    """C files beside a bundle's are neither built with it nor do their headers replace any."""
    tinyglow.emit(others[0], tmp_path)
    (tmp_path / "main.c").write_text("#error not mine\n", encoding="utf-8")
    (tmp_path / "stdint.h").write_text("#error not mine\n", encoding="utf-8")
    tinyglow.simulate(tmp_path, HOST, INPUTS)


def test_staging_folders_of_running_processes_stay(tmp_path: Path) -> None:
    """Another process may be at work: only what a dead one left is cleared away."""
    (tmp_path / ".tinyglow-mine").mkdir()
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = tmp_path / f".tinyglow-{int(done.stdout)}-abc"
    dead.mkdir()
    with staging(tmp_path) as alive:
        assert alive.is_dir() and abandoned(tmp_path) == [dead]
    assert not alive.exists()
