"""The locked versions fit pyproject.toml, and can be installed before anything else is there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tinyglow.dev.sets import SETS, PackageSet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)


def _required(checkout: Path, packages: PackageSet) -> Iterator[Requirement]:
    """What pyproject.toml asks for, extras of extras included."""
    facts = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    project, waiting = facts["project"], list(packages.extras)
    for group in packages.groups:
        yield from map(Requirement, facts["dependency-groups"][group])
    texts = list(project["dependencies"]) if packages.extras else []
    while waiting:
        texts += project["optional-dependencies"][waiting.pop()]
        inner = [Requirement(text) for text in texts if text.startswith("tinyglow[")]
        waiting += [extra for requirement in inner for extra in requirement.extras]
        texts = [text for text in texts if not text.startswith("tinyglow[")]
    yield from map(Requirement, texts)


@pytest.mark.parametrize("name", SETS)
def test_locks_fit_the_bounds(name: str, checkout: Path) -> None:
    """Each requirement of pyproject.toml is locked, in versions that it allows (make lock renews them)."""
    pins = [(pin[1], pin[2]) for pin in PIN.finditer(SETS[name].lock.read_text(encoding="utf-8"))]
    for requirement in _required(checkout, SETS[name]):
        versions = [version for package, version in pins if package == canonicalize_name(requirement.name)]
        assert versions, f"{requirement} is not locked"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("name", SETS)
def test_locks_have_hashes_and_no_address(name: str) -> None:
    """Every pinned package has the hashes of its files, and nothing says where they come from."""
    text = SETS[name].lock.read_text(encoding="utf-8")
    pins = PIN.findall(text)
    blocks = re.split(r"(?m)^(?=\S)", text.split("\n", 2)[2])
    assert len([block for block in blocks if block.count("--hash=sha256:")]) == len(pins) > 0
    assert "://" not in text


def test_one_version_of_each_package() -> None:
    """An environment can hold all sets together: where two sets lock a package for the same Python, they agree."""
    found: dict[tuple[str, str], set[str]] = {}
    for chosen in SETS.values():
        for package, version, marker in PIN.findall(chosen.lock.read_text(encoding="utf-8")):
            found.setdefault((package, marker), set()).add(version)
    assert {key: versions for key, versions in found.items() if len(versions) > 1} == {}


def test_nothing_but_python_is_needed(checkout: Path) -> None:
    """The commands explain themselves on a Python without any package."""
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.path[:0] = ['.']; import tinyglow.dev.commands as c;"]
    command[-1] += "sys.exit(c.main(['--help']))"
    done = subprocess.run(command, cwd=checkout, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "test-oldest" in done.stdout


def test_an_unknown_command_is_named(checkout: Path) -> None:
    """A misspelt command is an error with exit status 2 and the list of commands."""
    command = [sys.executable, "-m", "tinyglow.dev", "tset"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert "there is no command 'tset'" in done.stderr
    assert "quick" in done.stderr
