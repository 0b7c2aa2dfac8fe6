"""A bundle as files: what is in it, how it is written, what its network may be called."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinyglow
from tinyglow.bundle.emit import bundle_files, check_name, default_name
from tinyglow.bundle.header import read_bundle
from tinyglow.bundle.manifest import MANIFEST
from tinyglow.bundle.write import write_files
from tinyglow.errors import InputError
from tinyglow.ir.program import Program


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("net", ["mnist", "conv", "dense"])
def test_a_bundle_holds_what_it_needs_and_nothing_else(
    net: str, programs: dict[str, Program], bundles: dict[str, Path]
) -> None:
    """Header, source and weights of the network, the files of the kernels it calls, and headers that those include."""
    found = {path.name for path in bundles[net].iterdir()}
    own = {f"{net}.h", f"{net}.c", f"{net}.weights.bin", f"{net}.weights.txt", f"{net}.proof.json"}
    kernels = {Path(call.kernel.c_file).name for call in programs[net].calls}
    included = {
        name
        for path in bundles[net].iterdir()
        if path.suffix in (".c", ".h")
        for name in re.findall(r'#include "([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert found == own | kernels | included | {MANIFEST}
    assert {name for name in found if name.endswith(".c")} == {f"{net}.c"} | kernels


@pytest.mark.parametrize("net", ["mnist", "conv"])
def test_both_forms_of_the_weights_are_the_same_bytes(net: str, bundles: dict[str, Path]) -> None:
    """weights.txt lists the bytes of weights.bin; the header states their number."""
    data = (bundles[net] / f"{net}.weights.bin").read_bytes()
    text = (bundles[net] / f"{net}.weights.txt").read_text(encoding="ascii")
    assert bytes(int(byte, 16) for byte in re.findall(r"0X[0-9A-F]{2}", text)) == data
    assert len(data) == read_bundle(bundles[net]).constant > 0


COMPILE = """
import sys, tinyglow
from tests.helpers import example_program
from pathlib import Path
tinyglow.emit(example_program("mnist", Path()), sys.argv[1])
tinyglow.emit(example_program("conv", Path(sys.argv[2])), sys.argv[2])
"""


@pytest.mark.slow
def test_emission_is_deterministic(checkout: Path, tmp_path: Path) -> None:
    """Two processes with different hash seeds write the same files, byte for byte."""
    written = []
    for seed in ("1", "2"):
        folders = [tmp_path / seed / name for name in ("mnist", "conv")]
        folders[1].mkdir(parents=True)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(checkout)}
        subprocess.run([sys.executable, "-c", COMPILE, *folders], env=environment, cwd=checkout, check=True)
        (folders[1] / "net.onnx").unlink()
        written.append([_content(folder) for folder in folders])
    assert written[0] == written[1]
    assert all(len(content) > 5 for content in written[0])


def test_no_path_of_this_machine_is_in_a_bundle(bundles: dict[str, Path], checkout: Path) -> None:
    """Where a bundle was made, from which file and when cannot be told from it."""
    for folder in bundles.values():
        for name, data in _content(folder).items():
            assert str(checkout).encode() not in data and str(folder.parent).encode() not in data, name


# Writing them


def test_a_new_bundle_replaces_an_old_one(programs: dict[str, Program], tmp_path: Path) -> None:
    """Files are replaced, kernels that are no longer used go, and what is the user's stays."""
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "tg_mine.c").write_text("mine too", encoding="utf-8")
    mine = {"notes.txt": b"mine", "tg_mine.c": b"mine too"}
    first = write_files({**bundle_files(programs["dense"], 1.0), "tg_old_kernel_s8.c": b"stale"}, tmp_path)
    assert _content(tmp_path) == {**first, **mine}
    files = tinyglow.emit(programs["dense"], tmp_path)
    assert _content(tmp_path) == {**files, **mine}
    assert files.keys() == first.keys() - {"tg_old_kernel_s8.c"} | {"dense.proof.json"}
    assert tinyglow.emit(programs["dense"], tmp_path) == files
    assert _content(tmp_path) == {**files, **mine}


def test_two_networks_do_not_share_a_folder(programs: dict[str, Program], tmp_path: Path) -> None:
    """A folder with another network's bundle is refused and left as it is: their runtime files would mix."""
    tinyglow.emit(programs["dense"], tmp_path)
    before = _content(tmp_path)
    with pytest.raises(InputError, match="folder of its own") as caught:
        tinyglow.emit(programs["mnist"], tmp_path)
    assert "holds another network's dense.weights.bin" in str(caught.value)
    assert _content(tmp_path) == before


def test_a_full_disk_leaves_the_old_bundle(
    programs: dict[str, Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a file cannot be written, the bundle that was there is complete, a folder that was not there is not made."""
    tinyglow.emit(programs["dense"], tmp_path / "old")
    before = _content(tmp_path / "old")
    written: list[Path] = []

    def full_disk(self: Path, data: bytes) -> int:
        written.append(self)
        if len(written) % 3 == 0:
            raise OSError(28, "No space left on device")
        with self.open("wb") as file:
            return file.write(data)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    for folder in ("old", "new"):
        with pytest.raises(InputError, match="No space left on device"):
            write_files({**before, "dense.c": b"changed"}, tmp_path / folder)
    monkeypatch.undo()
    assert len(written) == 6
    assert _content(tmp_path / "old") == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_folders_in_the_way_are_seen_before_anything_is_written(programs: dict[str, Program], tmp_path: Path) -> None:
    """A folder where a file must go is an error that names it, and no other file has been written."""
    (tmp_path / "dense.h").mkdir()
    with pytest.raises(InputError, match=r"dense\.h: is a folder"):
        tinyglow.emit(programs["dense"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["dense.h"]


# Names

TAKEN = ("int", "while", "class", "namespace", "main", "tg_conv2d_s8", "int8_t", "UINT8", "uintptr", "glow", "GLOW")
ILLEGAL = ("", "1st", "a b", "a-b", "../x", "a/b", "a\nb", "é", "_hidden", "x" * 64, 'a"b')


@pytest.mark.parametrize("name", [*TAKEN, *ILLEGAL])
def test_names_that_c_does_not_allow_are_refused(name: str) -> None:
    """No keyword, nothing that the bundle or its headers use, nothing that is no identifier or a path."""
    with pytest.raises(InputError, match="no name for a network"):
        check_name(name)


@pytest.mark.parametrize("stem", ["int", "glow", "2net", "a-b.c", "é", "_x", "tg_x", "x" * 200, "mnist"])
def test_every_file_has_a_default_name(stem: str) -> None:
    """Whatever a model file is called, its network gets a name that C allows; a good one is kept."""
    name = default_name(Path(f"{stem}.onnx"))
    assert check_name(name) == name
    assert (name == stem) == (stem == "mnist")


def test_the_traced_bundle_stops_where_it_is_told(programs: dict[str, Program]) -> None:
    """Only the form for verification has a step counter; the other files are the same in both."""
    plain, traced = (bundle_files(programs["mnist"], 1.0, traced) for traced in (False, True))
    assert plain.keys() == traced.keys()
    assert [name for name in plain if plain[name] != traced[name]] == ["mnist.c"]
    assert b"mnist_trace_steps" in traced["mnist.c"] and b"trace" not in plain["mnist.c"]
