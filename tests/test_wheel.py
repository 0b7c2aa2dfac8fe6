"""What a user installs: the wheel works without the checkout, and the source archive makes the same wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tinyglow.demo import digits

pytestmark = pytest.mark.slow

# Runs in every Python process of the fresh environment: writes down each file that it opens, modules included.
PROBE = """
import os, sys

def record(event, args, log={log!r}):
    if event == "open" and isinstance(args[0], str) and args[0] != log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(os.path.abspath(args[0]) + "\\n")

sys.addaudithook(record)
"""
ONE_OF_EACH = {"tinyglow/py.typed", "tinyglow/demo/digits.py", "tinyglow/_data/examples/mnist/mnist_nxp.onnx"}
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
DATA = ("runtime_c", "templates", "boards", "examples/mnist")


def _run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=cwd, env=env, encoding="utf-8", check=False, **quiet)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def _wheel(source: Path, target: Path) -> Path:
    """The wheel of the project in ``source`` (a folder or a source archive), built without the network."""
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    _run(*pip, "--wheel-dir", target, source, cwd=target)
    (wheel,) = target.glob("*.whl")
    return wheel


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return _wheel(checkout, tmp_path_factory.mktemp("wheel"))


def test_wheel_carries_the_data(checkout: Path, wheel: Path) -> None:
    """Every file of the C runtime, the templates, the boards and the example is in the wheel, and nothing generated."""
    names = _names(wheel)
    carried = {
        f"tinyglow/_data/{path.relative_to(checkout).as_posix()}"
        for folder in DATA
        for path in (checkout / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names >= ONE_OF_EACH
    assert {name for name in names if name.startswith("tinyglow/_data/")} == carried
    assert not [name for name in names if name.endswith(".pyc") or name.startswith("tests/")]


def test_source_archive_is_complete(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    """A wheel built from the source archive is the wheel built from the checkout, byte by byte."""
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=checkout)
    (packed,) = tmp_path.glob("*.tar.gz")
    target = tmp_path / "wheel"
    target.mkdir()
    assert _wheel(packed, target).read_bytes() == wheel.read_bytes()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The list of files that the fresh environment's processes open."""
    return tmp_path_factory.mktemp("probe") / "opened.txt"


@pytest.fixture(scope="module")
def installed(wheel: Path, opened: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel installed; its dependencies are those of the running environment."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    _run(sys.executable, "-m", "venv", venv, cwd=venv.parent)
    python = venv / SCRIPTS / "python"
    _run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=venv.parent)
    site = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=venv.parent).strip())
    # Folders named in a .pth file are searched, but their own .pth files (an editable install's) are not read.
    # ASCII: these files are read in the encoding of the locale.
    here = ascii(list(dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))))
    lines = f"import sys; sys.path.extend({here})\nimport opened_files_probe\n"
    (site / "borrowed.pth").write_text(lines, encoding="ascii")
    (site / "opened_files_probe.py").write_text(PROBE.format(log=str(opened)), encoding="utf-8")
    return venv


@pytest.mark.long
def test_installed_wheel_compiles_a_model(checkout: Path, installed: Path, opened: Path, tmp_path: Path) -> None:
    """Outside the checkout, the installed command profiles and compiles a model and opens no file of the checkout."""
    images, _ = digits.calibration_set(10)
    np.save(tmp_path / "digits.npy", images)
    model = tmp_path / "model.onnx"
    model.write_bytes((checkout / "examples/mnist/mnist_nxp.onnx").read_bytes())
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def tinyglow(*arguments: str) -> None:
        _run(installed / SCRIPTS / "tinyglow", *arguments, cwd=tmp_path, env=env)

    given = ("--input", "max_pooling_1_input=digits.npy", "--define", "N=1", "-o", "profile.yaml")
    tinyglow("profile", "model.onnx", *given)
    board = ("--profile", "profile.yaml", "--board", "frdm-ke16z", "--name", "mnist", "--define", "N=1")
    tinyglow("compile", "model.onnx", *board, "-o", "bundle")

    files = {path.name for path in (tmp_path / "bundle").iterdir()}
    assert files >= {"mnist.h", "mnist.c", "mnist.weights.bin", "mnist.weights.txt"}
    assert len([name for name in files if name.endswith(".c")]) > 1, "the runtime's kernels are missing"
    used = {Path(line) for line in opened.read_text(encoding="utf-8").splitlines()}
    assert [path for path in used if installed in path.parents and "tinyglow" in path.parts], "the probe saw nothing"
    borrowed = Path(sys.prefix)  # may lie inside the checkout
    assert [str(path) for path in used if checkout in path.parents and borrowed not in path.parents] == []
