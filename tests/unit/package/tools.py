"""The build systems' programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def run(*words: str | Path, cwd: Path | None = None, fails: bool = False) -> str:
    """Standard output of a program that must succeed, or must not."""
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, check=False, encoding="utf-8")
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout


def need(*tools: str) -> None:
    """Skip the test where a program is not installed."""
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
