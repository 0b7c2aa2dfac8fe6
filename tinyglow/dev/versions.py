"""The versions of packages: locked by uv for every Python and system, and the newest and oldest that are allowed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tinyglow.dev.environment import Environment, SetupError
from tinyglow.dev.sets import ROOT, SETS, PackageSet

_OLDEST_PYTHON = "3.10"
_COMPILE = ("-m", "uv", "pip", "compile", "--quiet", "--no-emit-index-url", "--no-emit-find-links")
_LOCK = (
    *("--universal", "--python-version", _OLDEST_PYTHON, "--generate-hashes", "--no-annotate"),
    *("--custom-compile-command", "make lock"),
)


def _wanted(*sets: PackageSet) -> list[str]:
    extras = sorted({extra for chosen in sets for extra in chosen.extras})
    groups = sorted({group for chosen in sets for group in chosen.groups})
    # Without extras tinyglow is not installed, and what it depends on is not wanted.
    project = ["pyproject.toml", *(f"--extra={extra}" for extra in extras)] if extras else []
    return [*project, *(f"--group={group}" for group in groups)]


def lock(tools: Environment) -> None:
    """Write the lock of every set anew, with the newest versions that fit each other. Raises SetupError.

    All sets are resolved together first, so that one environment can hold any of them.
    """
    tools.ready(SETS["lock"])
    with tempfile.TemporaryDirectory() as folder:
        together = Path(folder) / "all.txt"
        _compile(tools, [*_LOCK, "--upgrade", *_wanted(*SETS.values())], together)
        for chosen in SETS.values():
            wanted = _wanted(chosen)
            chosen.lock.parent.mkdir(exist_ok=True)
            _compile(tools, [*_LOCK, "--upgrade", "--constraint", str(together), *wanted], chosen.lock)
            print(f"locked: {chosen.lock.relative_to(ROOT)}")


def install_newest(environment: Environment, packages: PackageSet) -> None:
    """The newest versions that pyproject.toml allows, whatever the lock says. Raises SetupError."""
    environment.create()
    newest = ("install", "--upgrade", "--upgrade-strategy", "eager")
    environment.pip(*newest, "pip")
    environment.pip(*newest, "-e", packages.requirement, "hatchling")
    environment.install_in_place()


def install_oldest(environment: Environment, packages: PackageSet, tools: Environment) -> None:
    """The oldest versions that pyproject.toml allows and that come as wheels for this Python. Raises SetupError."""
    tools.ready(SETS["lock"])
    environment.create()
    with tempfile.TemporaryDirectory() as folder:
        oldest = Path(folder) / "oldest.txt"
        options = ["--resolution", "lowest-direct", "--only-binary", ":all:", "--python", str(environment.python)]
        _compile(tools, [*options, *_wanted(packages)], oldest)
        environment.pip("install", "-r", str(oldest))
    environment.install_in_place()


def _compile(tools: Environment, options: list[str], out: Path) -> None:
    if tools.run(*_COMPILE, *options, "--output-file", str(out)):
        raise SetupError("uv could not resolve the versions; its words are above")
