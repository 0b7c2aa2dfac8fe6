"""What a run of the tests says: how far it is, what failed, what was not run and why."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import NEEDS, OTHER, need_of, summary

pytestmark = pytest.mark.slow

TESTS = """
import pytest
def test_good(): pass
def test_bad(): assert 1 == 2
@pytest.fixture
def broken(): raise ValueError
def test_broken(broken): pass
def test_skipped(): pytest.skip("qemu-system-arm is not installed")
"""


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.long)])
def test_what_failed_is_named_at_once(workers: int, checkout: Path, tmp_path: Path) -> None:
    """No dots; a line for each failure and error; the rest is counted at the end as ever."""
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "import pytest\nfrom tests.conftest import pytest_addoption, pytest_configure, pytest_terminal_summary\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", f"-n{workers}", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    command += ["-c", str(checkout / "pyproject.toml"), f"--override-ini=pythonpath={checkout}", "--tb=no"]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, encoding="utf-8", check=False, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines.index("FAILED test_it.py::test_bad") < lines.index("FAILED test_it.py::test_broken")
    assert "1 failed, 1 passed, 1 skipped, 1 error" in lines[-1], done.stdout
    assert not [line for line in lines if re.match(r"[.FEs]+( |$)", line)]
    assert "     1  qemu-system-arm (apt install qemu-system-arm)" in lines


def test_skips_are_added_up_by_what_they_need() -> None:
    """The most wanted thing comes first; a reason that nobody foresaw is given in full."""
    reasons = ["Skipped: clang is not installed", "clang for host is not installed: not found", "a full moon"]
    assert summary(reasons) == [
        "3 tests were not run, for they need",
        "     2  clang (apt install clang)",
        "     1  other reasons",
        "          1 x a full moon",
        "docs/testing.md says what they prove.",
    ]
    assert summary([]) == []


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("needs the data sets of the folder 'shared' beside the checkout, which is not there", "the folder `shared`"),
        ("could not import 'unicorn': No module named 'unicorn'", "unicorn"),
        ("gcc for frdm-ke16z is not installed: not found", "arm-none-eabi-gcc"),
        ("gcc for host is not installed: not found", "gcc"),
        ("qemu-system-arm or arm-none-eabi-gcc is not installed", "qemu-system-arm"),
        ("ziglang is not installed", "ziglang"),
        ("nothing is forbidden to the superuser", "a user who is not root"),
        ("needs graphviz", "graphviz"),
        ("takes minutes: TINYGLOW_FULL=1", "TINYGLOW_FULL"),
    ],
)
def test_reasons_are_understood(reason: str, name: str) -> None:
    """What tests say when they are skipped leads to the thing that they need."""
    assert need_of(reason).name == name


def test_the_documentation_knows_every_need(checkout: Path) -> None:
    """docs/testing.md has a row for each, with what it proves and how to get it."""
    text = (checkout / "docs/testing.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| ([^|]+?) \| [^|]{10,} \| [^|]{10,} \|$", text)
    assert set(rows) >= {need.name.replace("--quick", "`--quick`") for need in NEEDS}
    assert OTHER.name not in rows
