"""What a user installs: the wheel works without the checkout, and the source archive makes the same wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email.parser import BytesParser
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


@pytest.fixture(scope="module")
def archive(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive of this checkout."""
    return _archive(checkout, tmp_path_factory.mktemp("archive"))


def _archive(source: Path, target: Path) -> Path:
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", target, cwd=source)
    (found,) = target.glob("*.tar.gz")
    return found


def test_source_archive_is_complete(archive: Path, wheel: Path, tmp_path: Path) -> None:
    """A wheel built from the source archive is the wheel built from the checkout, byte by byte."""
    assert _wheel(archive, tmp_path).read_bytes() == wheel.read_bytes()


@pytest.mark.long
def test_the_source_archive_makes_itself(archive: Path, tmp_path: Path) -> None:
    """The same bytes, at another time in another folder."""
    with tarfile.open(archive) as packed:
        assert all(member.isfile() and ".." not in member.name for member in packed.getmembers())
        packed.extractall(tmp_path)
    (source,) = tmp_path.iterdir()
    (source / "PKG-INFO").unlink()  # only in the archive: it would come in twice
    for path in source.rglob("*"):
        os.utime(path, (1, 1))
    assert _archive(source, tmp_path / "again").read_bytes() == archive.read_bytes()


@pytest.mark.long
def test_the_release_carries_licence_and_facts(checkout: Path, wheel: Path, archive: Path) -> None:
    """What an index and an auditor look for; the archive has the tests too."""
    with zipfile.ZipFile(wheel) as found:
        (facts,) = [found.read(name) for name in found.namelist() if name.endswith(".dist-info/METADATA")]
        (licence,) = [found.read(name) for name in found.namelist() if name.endswith("/licenses/LICENSE")]
    assert licence == (checkout / "LICENSE").read_bytes()
    fields = BytesParser().parsebytes(facts)
    assert (fields["License-Expression"], fields["Requires-Python"]) == ("Apache-2.0", ">=3.10")
    assert fields["Version"] in (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
    with tarfile.open(archive) as packed:
        names = {name.split("/", 1)[1] for name in packed.getnames()}
    folders = ("boards", "docs", "examples", "runtime_c", "templates", "tests", "tinyglow")
    assert {name.split("/", 1)[0] for name in names} >= {*folders, "CHANGELOG.md", "LICENSE", "README.md", "Makefile"}


@pytest.mark.long
def test_twine_finds_nothing(wheel: Path, archive: Path) -> None:
    """What an index would refuse, or could not show."""
    pytest.importorskip("twine")
    _run(sys.executable, "-m", "twine", "check", "--strict", wheel, archive, cwd=archive.parent)


def _pythons() -> list[str]:
    """The other versions of Python on the PATH that tinyglow supports."""
    found = []
    for minor in range(10, 20):
        name = f"python3.{minor}"
        if minor != sys.version_info.minor and shutil.which(name):
            done = subprocess.run([name, "-c", "import venv"], capture_output=True, check=False)
            found += [name] if done.returncode == 0 else []
    return found


@pytest.mark.long
def test_other_pythons_start_it(wheel: Path, tmp_path: Path) -> None:
    """Each in a fresh environment without further packages: it says its version, and what it lacks."""
    pythons = _pythons()
    if not pythons:
        pytest.skip("no other Python 3.10 or newer is installed")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    for name in pythons:
        venv = tmp_path / name
        _run(name, "-m", "venv", "--without-pip", venv, cwd=tmp_path)  # pip takes long, and a wheel is a zip file
        python = venv / SCRIPTS / "python"
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(_run(python, "-c", code, cwd=tmp_path).strip())
        found = json.loads(_run(python, "-m", "tinyglow", "--version", "--json", cwd=tmp_path))
        assert found["python"].startswith(name.removeprefix("python")) and found["packages"]["numpy"] is None


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
def test_installed_wheel_says_its_versions(installed: Path, tmp_path: Path) -> None:
    """The command and the module, outside of the checkout."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    found = json.loads(_run(installed / SCRIPTS / "tinyglow", "--version", "--json", cwd=tmp_path, env=env))
    assert found["packages"]["numpy"] == np.__version__ and "gcc" in found["tools"]
    said = _run(installed / SCRIPTS / "python", "-m", "tinyglow", "--version", cwd=tmp_path, env=env)
    assert said.split() == ["tinyglow", found["tinyglow"]]


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
