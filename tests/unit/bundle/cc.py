"""C compilers as users call them, and inputs for bundles."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.sim.zig_cache import cache_variables
from tinyglow.testing.budget import QUICK_VARIABLE

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror")


def command_of(name: str) -> list[str]:
    """How a compiler is called; skips where it is not installed, and in the quick run."""
    if os.environ.get(QUICK_VARIABLE):
        pytest.skip("compiles C, which is not in the quick run")
    if name.startswith("zig"):
        if importlib.util.find_spec("ziglang") is None:
            pytest.skip("ziglang is not installed")
        return [sys.executable, "-m", "ziglang", name.removeprefix("zig ")]
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return [name]


# A sanitized program otherwise refuses to start where another library is preloaded, such as one that sets the clock.
SANITIZED = "detect_leaks=0:verify_asan_link_order=0"


def sources_in(folder: Path) -> list[str]:
    """The C files in a folder."""
    return [str(path) for path in sorted(folder.glob("*.c"))]


def run(command: Sequence[str | Path], cwd: Path, data: bytes = b"") -> bytes:
    """Standard output of a command that must succeed and have nothing to say on standard error."""
    environment = {**os.environ, "LC_ALL": "C", "ASAN_OPTIONS": SANITIZED, **cache_variables(os.environ)}
    done = subprocess.run(command, cwd=cwd, input=data, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-3000:]
    assert not done.stderr
    return done.stdout


def vectors_for(program: Program) -> Array:
    """Ordinary and extreme inputs, as the bundle takes them: [samples, elements]."""
    type_ = program.buffers[program.inputs[0]].type
    rng = np.random.default_rng(0)
    if type_.dtype == "float32":
        specials = np.float32([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, -0.0])
        fixed = np.broadcast_to(specials[:, None], (len(specials), type_.elements))
        ramp = np.linspace(-4, 4, 8 * type_.elements).reshape(8, -1)  # in fractions of a step
        return np.concatenate([fixed, ramp, rng.standard_normal((8, type_.elements))]).astype(np.float32)
    fixed = np.broadcast_to(np.int8([[-128], [127], [0]]), (3, type_.elements))
    return np.concatenate([fixed, rng.integers(-128, 128, (13, type_.elements))]).astype(np.int8)
