"""Bundles of strangers: nothing of this machine is read, nothing runs on it, unless its user says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import Place, run_cli
from tinyglow.bundle.c_text import faults_of_bytes, faults_of_c
from tinyglow.bundle.manifest import MANIFEST, with_manifest

EVIL = '#include <stdlib.h>\n__attribute__((constructor)) static void e(void) { system("touch was-executed"); }\n'


def _forged(folder: Path) -> None:
    """Bring the list up to date, as anybody can."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != MANIFEST}
    (folder / MANIFEST).write_bytes(with_manifest(files)[MANIFEST])


@pytest.mark.parametrize("forged", [False, True, None])
def test_a_strangers_code_does_not_run_here(
    forged: bool | None, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with an outdated list, a forged one or none; --trust runs it."""
    monkeypatch.chdir(tmp_path)
    bundle = place.folder / "bundle"
    source = bundle / "dense.c"
    source.write_text(EVIL + source.read_text(encoding="utf-8"), encoding="utf-8")
    if forged:
        _forged(bundle)
    elif forged is None:
        (bundle / MANIFEST).unlink()
    because = "do not belong together" if forged is False else "a stranger's code does not run on this machine"
    place.refuses(*place.run(), because=(because, "--trust"))
    assert not (tmp_path / "was-executed").exists()
    assert run_cli(*place.run(), "--trust").status == 0
    assert (tmp_path / "was-executed").exists()


@pytest.mark.slow
def test_ones_own_bundle_runs_in_another_process(place: Place) -> None:
    """What was written here is remembered, for this user; another user's is not this one's."""
    command = [sys.executable, "-m", "tinyglow", *map(str, place.run())]
    for state, status in ((os.environ["XDG_STATE_HOME"], 0), (str(place.folder / "tmp"), 2)):
        environment = {**os.environ, "XDG_STATE_HOME": state, "PYTHONPATH": str(Path(__file__).parents[3])}
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == status, done.stderr
    assert "--trust" in done.stderr


def test_a_colleagues_bundle_runs_in_the_emulator(place: Place) -> None:
    """Without a list, or with one that was not written here, C that reads no files is built for boards."""
    bundle = place.folder / "bundle"
    _forged(bundle)
    source = bundle / "dense.c"
    source.write_text(source.read_text(encoding="utf-8") + "\n/* theirs */\n", encoding="utf-8")
    _forged(bundle)
    assert run_cli(*place.run(board="cortex-m0plus")).status == 0
    (bundle / MANIFEST).unlink()
    assert run_cli(*place.run(board="cortex-m0plus")).status == 0
    place.refuses(*place.run(), because="does not run on this machine")


SECRET = "the secret of this machine"
READERS: dict[str, tuple[str, str]] = {
    "incbin": ("dense.c", '__asm__(".incbin \\"{secret}\\"");'),
    "incbin in a macro": ("dense.h", '#define A(x) __asm__(".inc" #x " \\"{secret}\\"")\nA(bin);'),
    "assembler's include": ("tg_window.h", 'asm("nop\\n.include \\"{secret}\\"");'),
    "assembler's macro": ("dense.c", '__asm__(".macro m a\\n .\\\\a\\n.endm");'),
    "pasted keyword": ("dense.c", '#define J(a, b) a##b\nJ(__as, m__)(".incbin \\"{secret}\\"");'),
    "spliced keyword": ("dense.c", '__as\\\nm__(".incbin \\"{secret}\\"");'),
    "include": ("dense.c", '#include "{secret}"'),
    "include up": ("dense.c", '#include "../secret"'),
    "system include": ("dense.c", "#include </etc/passwd>"),
    "include by macro": ("dense.c", '#define S "{secret}"\n#include S'),
    "digraph": ("dense.c", '%:include "{secret}"'),
    "embed": ("dense.c", 'const char s[] = {{\n#embed "{secret}"\n}};'),
    "has include": ("dense.c", '#if __has_include("{secret}")\n#error yes\n#endif'),
    "section": ("dense.c", '__attribute__((section(".x,\\"a\\"\\n.incbin \\"{secret}\\"\\n.text"))) const int x = 1;'),
    "section by macro": ("dense.c", '#define V 4)), section(".x;.incbin"\nGLOW_MEM_ALIGN(V) const int x = 1;'),
    "pragma": ("dense.c", '#pragma GCC dependency "{secret}"'),
    "operator": ("dense.c", '_Pragma("GCC dependency")'),
    "attribute": ("dense.c", '[[gnu::section(".x")]] const int x = 1;'),
    "weights": ("dense.weights.txt", '#include "{secret}"'),
}


@pytest.mark.parametrize("case", READERS)
def test_a_strangers_bundle_reads_nothing(case: str, place: Place) -> None:
    """Whatever makes a compiler or an assembler read other files is found before either runs."""
    name, text = READERS[case]
    secret = place.file("secret", SECRET)
    path = place.folder / "bundle" / name
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(before + "\n" + text.format(secret=secret) + "\n", encoding="utf-8")
    _forged(place.folder / "bundle")
    because = ("a stranger's code that may read files", f"{name}: ", "--trust")
    for command in (
        place.run(board="cortex-m0plus"),
        ["run-bundle", place.folder / "bundle", "--cpu", "cortex-m0plus"],
        ["profile-cycles", *place.run(board="cortex-m0plus")[1:]],
    ):
        answer = place.refuses(*command, because=because)
        assert SECRET not in answer.err


def _linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def _piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)  # the test below runs where os.name is "posix"


@pytest.mark.skipif(os.name != "posix", reason="needs the links and pipes of POSIX")
@pytest.mark.parametrize("name", ["tg_kernels.h", "dense.c", "dense.weights.txt"])
@pytest.mark.parametrize("change", [_linked, _piped])
def test_parts_that_are_no_files(name: str, change: Callable[[Path], None], place: Place) -> None:
    """Links out of the folder are not followed, pipes are not waited for."""
    shutil.copytree(place.folder / "bundle", place.folder / "theirs")
    (place.folder / "theirs" / MANIFEST).unlink()
    change(place.folder / "theirs" / name)
    arguments = ["run", place.folder / "theirs", *place.run(board="cortex-m0plus")[2:]]
    answer = run_cli(*arguments)
    assert answer.status == 2 and f"{name}: is " in answer.err and "internal" not in answer.err


def test_what_tinyglow_writes_is_harmless(place: Place, checkout: Path) -> None:
    """Every file of its own bundles passes: comments, sizes, tables, assembler in functions made of weights."""
    profile = checkout / "tests/golden/mnist_nxp/profile.yaml"
    options = ("--define", "N=1", "--name", "mnist", "--bundle-api", "dynamic", "--bundle-api-verbose")
    model = checkout / "examples/mnist/mnist_nxp.onnx"
    for board in ("cortex-m0plus", "cortex-m7"):
        folder = place.folder / board
        more = ("--weights-as-code", "always") if board == "cortex-m0plus" else ("--tcm-size", "500")
        answer = run_cli("compile", model, "--profile", profile, "--board", board, "-o", folder, *options, *more)
        assert answer.status == 0, answer.err
        for path in (folder / name for name in ("mnist.c", "mnist.h", "mnist_config.c", "tg_kernels.h")):
            assert faults_of_c(path.read_bytes()) == [], path.name
        assert faults_of_bytes((folder / "mnist.weights.txt").read_bytes()) == []


# What is read is not what is written


def test_a_model_is_not_written_over_by_what_is_made_of_it(place: Place) -> None:
    """By no name and no link, and the same holds for data and for Glow's spelling."""
    samples = ("--input", f"x={place.folder / 'x.npy'}")
    model = place.folder / "dense.onnx"
    (place.folder / "link.onnx").symlink_to(model)
    os.link(place.folder / "x.npy", place.folder / "hard.npy")
    because = "is named for reading too"
    place.refuses("profile", model, *samples, "-o", model, because=because)
    place.refuses("profile", model, *samples, "-o", place.folder / "link.onnx", because=because)
    place.refuses("profile", model, *samples, "-o", place.folder / "tmp/../dense.onnx", because=because)
    place.refuses("profile", model, *samples, "-o", place.folder / "hard.npy", because=because)
    place.refuses(*place.run(), "-o", place.folder / "x.npy", because=because)
    again = ("-load-profile", place.folder / "profile.yaml", f"-dump-graph-DAG={model}", "-network-name", "dense")
    answer = run_cli("model-compiler", f"-model={model}", "-emit-bundle", place.folder / "new", *again)
    assert answer.status == 2 and because in answer.err and model.read_bytes()[:2] == b"\x08\x08"


# Readers that go away


@pytest.mark.slow
@pytest.mark.parametrize(("command", "status"), [("verify", 0), ("boards", 0), ("fails", 2)])
def test_a_closed_pipe_is_no_difference(command: str, status: int, place: Place) -> None:
    """A command whose reader has seen enough ends with the status that it would have had."""
    samples = ("--input", f"x={place.folder / 'x.npy'}", "--profile", place.folder / "profile.yaml", "--board", "host")
    arguments = {
        "verify": ("verify", place.folder / "dense.onnx", *samples),
        "boards": ("boards",),
        "fails": ("verify", place.folder / "no.onnx", *samples),
    }[command]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    read, write = os.pipe()
    os.close(read)
    stderr = write if status else subprocess.PIPE
    line = [sys.executable, "-m", "tinyglow", *map(str, arguments)]
    done = subprocess.run(line, env=environment, stdout=write, stderr=stderr, check=False)
    os.close(write)
    assert done.returncode == status and not done.stderr
