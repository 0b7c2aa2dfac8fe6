"""Boards, tools, names, folders and bundles that do not serve: named, exit status 2, and nothing changed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import Place, conv_net, run_cli

# Boards and tools


SMALL = """
title = "Tiny"
cpu = "cortex-m0plus"
clock_hz = 1_000_000
code_memory = "flash"
data_memory = "ram"
stack_bytes = {stack}
float_abi = "soft"
[memory.flash]
start = 0x0
size = {flash}
kind = "flash"
wait_states = 0
[memory.ram]
start = 0x20000000
size = 0x400
kind = "ram"
wait_states = 0
"""


def test_boards_that_are_not_there(place: Place) -> None:
    """An unknown board lists those that there are; a board file that is missing or malformed is named."""
    because = ("no board 'frdm-k99'", "frdm-ke16z", "mimxrt1060-evk", "host")
    place.refuses(*place.compile(board="frdm-k99"), because=because)
    place.refuses(*place.run(board="frdm-k99"), because=because)
    place.refuses(*place.compile(board="no.toml"), because=("no.toml", "not found"))
    place.refuses(*place.compile(board="../boards/frdm-ke16z"), because="not found")
    bad = place.file("bad.toml", "title = ")
    place.refuses(*place.compile(board=bad), because=("bad.toml", "cannot read board file"))


def test_a_board_that_is_too_small(place: Place) -> None:
    """A network whose data exceed a board's memory is refused before it is written, with both numbers."""
    board = place.file("tiny.toml", SMALL.format(stack=1024, flash="0x10000"))
    because = ("does not fit the board tiny", "memory ram", "take 1,036 bytes", "at most 1,024")
    place.refuses(*place.compile(board=board), because=because)


def test_a_board_too_small_for_the_code(place: Place) -> None:
    """Code that exceeds the flash is known when it is linked: run says what it needs and what there is."""
    board, profile = place.file("tiny.toml", SMALL.format(stack=448, flash="0x400")), place.folder / "conv.yaml"
    net = conv_net()
    model = net.save(place.folder)
    np.save(place.folder / "x.npy", net.samples(16)["x"])
    assert run_cli("profile", model, "--input", f"x={place.folder / 'x.npy'}", "-o", profile).status == 0
    assert run_cli(*place.compile(model, board=board, profile=profile)).status == 0
    place.refuses(*place.run(board=board), because=("does not fit", "memory flash", "at most 1,024 bytes"))


@pytest.fixture
def without_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No compiler on the PATH, and no ziglang."""
    found = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "ziglang" else found(name, package)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@pytest.mark.parametrize(("board", "tool"), [("host", "cc, gcc or clang"), ("frdm-ke16z", "arm-none-eabi-gcc")])
@pytest.mark.usefixtures("without_tools")
def test_no_compiler(board: str, tool: str, place: Place) -> None:
    """Without a compiler run and verify name those that serve, and the extra that brings one."""
    because = ("no C compiler", "pip install tinyglow[cc]")
    place.refuses(*place.run(board=board), because=(*because, tool))
    given = ("--profile", place.folder / "profile.yaml", "--input", f"x={place.folder / 'x.npy'}")
    place.refuses("verify", place.folder / "dense.onnx", *given, "--board", board, because=because)


def test_a_compiler_that_is_none(place: Place) -> None:
    """A compiler that is not found, fails, or writes nothing is named."""
    place.refuses(*place.run(cc="no-such-cc"), because=("no-such-cc: not found", "pip install tinyglow[cc]"))
    place.refuses(*place.run(cc=place.folder / "x.npy"), because="x.npy: not found")
    for name, status in (("fails", 1), ("idles", 0)):
        script = place.file(name, f"#!/bin/sh\nexit {status}\n")
        script.chmod(0o755)
    place.refuses(*place.run(cc=place.folder / "fails"), because="fails failed")
    place.refuses(*place.run(cc=place.folder / "idles"), because="cannot load the bundle")
    place.refuses(*place.run(cc=place.folder / "idles", board="frdm-ke16z"), because="firmware.elf")


@pytest.mark.slow
@pytest.mark.parametrize("package", ["unicorn", "capstone", "elftools"])
def test_a_simulator_that_is_not_installed(package: str, place: Place) -> None:
    """Without the emulator's packages a board says what to install, and this machine runs bundles all the same."""
    code = f"import sys; sys.modules[{package!r}] = None; from tinyglow.cli import main; sys.exit(main(sys.argv[1:]))"
    for board, status in (("frdm-ke16z", 2), ("host", 0)):
        command = [sys.executable, "-c", code, *map(str, place.run(board=board))]
        done = subprocess.run(command, cwd=_checkout(), capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == status, done.stderr
        assert ("pip install tinyglow[sim]" in done.stderr) == (status == 2)
        assert "Traceback" not in done.stderr


def _checkout() -> Path:
    return Path(__file__).resolve().parents[2]


# Names and folders for the result


@pytest.mark.parametrize("name", ["2fast", "a b", "int", "class", "main", "tg_net", "../x", "/etc/x", "", "é", "a\nb"])
def test_names_of_networks(name: str, place: Place) -> None:
    """A name that is no C identifier, a keyword, or a path is refused, and nothing is written anywhere."""
    place.refuses(*place.compile(name=name, output=place.folder / "new"), because=("--name", repr(name)))


def test_folders_that_cannot_be_written(place: Place) -> None:
    """A file where the folder should be, and a path through a file, are named."""
    place.refuses(*place.compile(output=place.folder / "x.npy"), because=("x.npy", "File exists"))
    place.refuses(*place.compile(output=place.folder / "x.npy/bundle"), because=("x.npy/bundle", "Not a directory"))
    samples = ("--input", f"x={place.folder / 'x.npy'}")
    model = place.folder / "dense.onnx"
    place.refuses("profile", model, *samples, "-o", place.folder / "no/p.yaml", because=("no/p.yaml", "No such file"))
    place.refuses("profile", model, *samples, "-o", place.folder, because="Is a directory")
    place.refuses(*place.run(output=place.folder / "no/out.npz"), because=("no/out.npz", "No such file"))
    dump = ("-o", place.folder / "p.yaml", "--dump", place.folder / "x.npy")
    place.refuses("profile", model, *samples, *dump, because=("cannot write the dump", "x.npy"))
    place.refuses("demo", "-o", place.folder / "x.npy", because=("x.npy", "File exists"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_folders_that_are_read_only(place: Place) -> None:
    """A folder without write permission is named, and the bundle in it stays."""
    (place.folder / "bundle").chmod(0o555)
    try:
        place.refuses(*place.compile(), because=("bundle", "Permission denied"))
    finally:
        (place.folder / "bundle").chmod(0o755)


def test_another_networks_folder(place: Place) -> None:
    """A second network is not written over the first: their runtime files would mix."""
    place.refuses(*place.compile(name="other"), because=("a folder of its own", "another network's dense.weights.bin"))


# Bundles that are not as compile left them


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _changed(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return change


BUNDLES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no header": (_without("dense.h"), "dense.h"),
    "no weights": (_without("dense.weights.bin"), "holds 0 files *.weights.bin"),
    "no source": (_without("dense.c"), "dense"),
    "no kernel": (_without("tg_fully_connected_s8.c"), "tg_fully_connected_s8"),
    "weights cut": (lambda folder: (folder / "dense.weights.bin").write_bytes(b"123") and None, "has 3 bytes"),
    "other weights": (lambda folder: (folder / "b.weights.bin").write_bytes(b"") and None, "holds 2 files"),
    "binary header": (lambda folder: (folder / "dense.h").write_bytes(bytes(range(256))) and None, "dense.h"),
    "empty header": (lambda folder: (folder / "dense.h").write_bytes(b"") and None, "no entry function"),
    "no size": (_changed("dense.h", "DENSE_MUTABLE_MEM_SIZE", "DENSE_SIZE"), "does not define DENSE_MUTABLE_MEM_SIZE"),
    "broken C": (_changed("dense.c", "return GLOW_SUCCESS;", "return GLOW_SUCCESS"), "compiling dense.c"),
    "a failing network": (_changed("dense.c", "return GLOW_SUCCESS;", "return 7;"), "it returned 7"),
}


# What is seen in the header and the weights, before the parts are held against the bundle's list.
READ_FIRST = ("no header", "no weights", "weights cut", "other weights", "binary header", "empty header", "no size")


@pytest.mark.parametrize("case", BUNDLES)
@pytest.mark.slow  # compiles C
def test_bundles_that_were_damaged(case: str, place: Place) -> None:
    """A bundle with a file missing, cut or changed is refused with the file's name or the compiler's words."""
    damage, because = BUNDLES[case]
    damage(place.folder / "bundle")
    place.refuses(*place.run(), because=because if case in READ_FIRST else "do not belong together")
    place.refuses(*place.run(), "--trust", because=because)


def test_folders_that_are_no_bundle(place: Place) -> None:
    """A missing folder, a file and a folder without a bundle are named."""
    for path, because in (("no", "is no folder"), ("x.npy", "is no folder"), ("tmp", "holds 0 files")):
        answer = ["run", place.folder / path, "--board", "host", "--input", f"x={place.folder / 'x.npy'}"]
        place.refuses(*answer, because=(path, because))


# As a process


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (["profile", "x.npy", "--input", "x=x.npy", "-o", "p.yaml"], "x.npy"),
        (["run", "bundle", "--board", "host", "--input", "y=x.npy"], "input y: the network has no such input"),
        (["compile", "dense.onnx", "--profile", "x.npy", "--board", "host", "-o", "new"], "expected a profile as"),
        (["frobnicate"], "'frobnicate'"),
        ([], "COMMAND"),
    ],
)
def test_a_process_ends_as_the_function_does(arguments: list[str], because: str, place: Place) -> None:
    """``python -m tinyglow`` exits with status 2, prints the message to stderr and nothing else anywhere."""
    before = place.content()
    environment = {**os.environ, "PYTHONPATH": str(_checkout())}
    command = [sys.executable, "-m", "tinyglow", *arguments]
    done = subprocess.run(
        command, cwd=place.folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 2
    assert because in done.stderr and "Traceback" not in done.stderr and not done.stdout
    assert place.content() == before
