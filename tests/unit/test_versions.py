"""``--version``: in words for people, and with --json all that a report of a bug needs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import tinyglow
from tests.helpers import run_cli
from tinyglow.cli.versions import PACKAGES, TOOLS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.mark.parametrize("words", [("--version", "--json"), ("--json", "--version")])
def test_all_versions_as_json(words: tuple[str, ...]) -> None:
    """In any order; what is not installed is null."""
    answer = run_cli(*words)
    assert answer.status == 0 and answer.err == ""
    found = json.loads(answer.out)
    assert found["version"] == 1 and found["tinyglow"] == tinyglow.__version__
    assert found["python"].startswith("3.")
    assert list(found["packages"]) == list(PACKAGES) and list(found["tools"]) == list(TOOLS)
    assert re.match(r"\d+\.", found["packages"]["numpy"])


def test_the_packages_are_those_of_the_project(checkout: Path) -> None:
    """All that the program may use: its dependencies, and its extras but for those of developers."""
    facts = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = facts["optional-dependencies"]
    wanted = [
        *facts["dependencies"],
        *(text for name in ("sim", "cc", "tflite", "report", "completion", "cluster") for text in extras[name]),
    ]
    names = {Requirement(text).name for text in wanted if "python_version" not in text}
    assert names == set(PACKAGES)


def test_as_a_module(checkout: Path) -> None:
    """``python -m tinyglow`` is the same program, and says so."""
    done = subprocess.run(
        [sys.executable, "-m", "tinyglow", "--version"], cwd=checkout, capture_output=True, check=True, encoding="utf-8"
    )
    assert done.stdout.split() == ["tinyglow", tinyglow.__version__]


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """The script that ``completion`` prints, read by bash."""
    pytest.importorskip("shtab")
    if shutil.which("bash") is None:
        pytest.skip("needs bash, which POSIX systems have")
    answer = run_cli("completion", "bash")
    assert answer.status == 0, answer.err
    (tmp_path / "script").write_text(answer.out, encoding="utf-8")
    for typed, offered in (("comp", "compile completion"), ("report --me", "--measure-kernels")):
        words = ["tinyglow", *typed.split()]
        asked = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
        asked += f"_shtab_tinyglow tinyglow {words[-1]} {words[-2]}; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(
            ["bash", "-c", f"source {tmp_path / 'script'}; {asked}"], capture_output=True, check=True, encoding="utf-8"
        )
        assert done.stdout.strip() == offered
