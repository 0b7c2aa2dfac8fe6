"""The commands: what each needs, and what it runs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinyglow.dev import versions
from tinyglow.dev.environment import Environment, SetupError
from tinyglow.dev.sets import ROOT, SETS

VENV, LATEST, OLDEST = (Environment(ROOT / name) for name in (".venv", ".venv-latest", ".venv-oldest"))
_TEST = ("-m", "pytest", "-n", "auto")
# What make and the tools leave behind.
_LEFT = (".venv*", "build", "dist", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "*.egg-info")


@dataclass(frozen=True)
class Command:
    """One command: its name, one line of help, and what it does with further arguments (returns the exit status)."""

    name: str
    help: str
    run: Callable[[list[str]], int]


def _in_order(needs: str, *steps: tuple[str, ...]) -> Callable[[list[str]], int]:
    """Python with each step's arguments, in the environment with the set ``needs``, until one fails.

    Further arguments go to the last step.
    """

    def run(more: list[str]) -> int:
        VENV.ready(SETS[needs])
        last = len(steps) - 1
        return next(
            (status for i, step in enumerate(steps) if (status := VENV.run(*step, *(more if i == last else ())))), 0
        )

    return run


def _install(names: list[str]) -> int:
    for name in names or SETS:
        if name not in SETS:
            raise SetupError(f"there is no set '{name}'; there are {', '.join(SETS)}")
        VENV.ready(SETS[name])
    return 0


def _docs(more: list[str]) -> int:
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # the theme advertises another generator with every build
    VENV.ready(SETS["docs"])
    return VENV.run("-m", "mkdocs", "build", "--quiet", "--strict", *more)


def _lock(more: list[str]) -> int:
    versions.lock(VENV)
    return 0


def _test_latest(more: list[str]) -> int:
    versions.install_newest(LATEST, SETS["test"])
    return LATEST.run(*_TEST, *more)


def _test_oldest(more: list[str]) -> int:
    versions.install_oldest(OLDEST, SETS["test"], VENV)
    return OLDEST.run(*_TEST, *more)


def _clean(more: list[str]) -> int:
    left = [path for pattern in _LEFT for path in ROOT.glob(pattern)]
    left += [path for path in ROOT.rglob("__pycache__") if not path.is_relative_to(VENV.folder)]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return 0


COMMANDS = (
    Command("demo", "MNIST network -> C bundle -> two emulated boards", _in_order("demo", ("-m", "tinyglow", "demo"))),
    Command("test", "all tests (arguments go to pytest: -k planner)", _in_order("test", _TEST)),
    Command("quick", "the tests that take no time, for in between", _in_order("test", (*_TEST, "--quick"))),
    Command(
        "lint",
        "ruff and mypy",
        _in_order("lint", ("-m", "ruff", "check", "."), ("-m", "ruff", "format", "--check", "."), ("-m", "mypy")),
    ),
    Command(
        "format",
        "ruff's formatter and its safe fixes",
        _in_order("lint", ("-m", "ruff", "check", "--fix", "."), ("-m", "ruff", "format", ".")),
    ),
    Command(
        "bench",
        "cycles and bytes on emulated boards against the recorded ones (--update records)",
        _in_order("test", ("-m", "tests.benchmarks")),
    ),
    Command(
        "conformance",
        "ONNX's node tests by operator, in numpy and in C (--update records)",
        _in_order("test", ("-m", "tests.conformance")),
    ),
    Command(
        "docs",
        "the documentation as a site in build/docs",
        _docs,
    ),
    Command("lock", "the newest versions of all packages into .ci/locks", _lock),
    Command("test-latest", "all tests with the newest versions that pyproject.toml allows", _test_latest),
    Command("test-oldest", "all tests with the oldest versions that pyproject.toml allows", _test_oldest),
    Command("install", f"only sets up .venv ({', '.join(SETS)}; default: all)", _install),
    Command("clean", "removes the environments and everything else that the commands made", _clean),
)


def _usage() -> str:
    width = max(len(command.name) for command in COMMANDS)
    lines = [f"  {command.name:{width}}  {command.help}" for command in COMMANDS]
    return "\n".join(["usage: python -m tinyglow.dev COMMAND [ARGUMENTS]", "", *lines])


def main(argv: Sequence[str]) -> int:
    """Run one command with the arguments after its name; returns the exit status."""
    name, more = (argv[0] if argv else "--help"), list(argv[1:])
    if name in ("-h", "--help"):
        print(_usage())
        return 0
    chosen = next((command for command in COMMANDS if command.name == name), None)
    if chosen is None:
        print(f"error: there is no command '{name}'\n{_usage()}", file=sys.stderr)
        return 2
    try:
        return chosen.run(more)
    except (SetupError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
