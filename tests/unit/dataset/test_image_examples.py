"""The examples of images, label image and CIFAR-10, end in firmware; figures are drawn without any framework."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def draw(checkout: Path) -> Any:
    """The module examples/label_image/draw.py."""
    spec = importlib.util.spec_from_file_location("label_image_draw", checkout / "examples/label_image/draw.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_drawn(draw: Any) -> None:
    """Equal seeds draw equally, other seeds and kinds do not; a figure stands out from its background."""
    for kind in (*draw.KINDS, *draw.OTHERS):
        first, again, other = (np.asarray(draw.picture(kind, seed)) for seed in (1, 1, 2))
        assert first.shape == (128, 128, 3) and first.dtype == np.uint8
        assert (first == again).all() and (first != other).mean() > 0.5
        edge = np.concatenate([first[:6].reshape(-1, 3), first[-6:].reshape(-1, 3)]).mean(axis=0)
        away = np.abs(first - edge).mean(axis=2) > 60
        assert 0.01 < away.mean() < 0.6


def _needs(example: str, script: str) -> None:
    framework, extra = ("torch", "torch") if script == "train_torch.py" else ("keras", "train")
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"examples/{example} needs the extra tinyglow[{extra}]")
    for name in ("ziglang", "unicorn"):
        pytest.importorskip(name)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="needs a shell and make")
@pytest.mark.parametrize(
    ("example", "script"),
    [("label_image", "train.py"), ("cifar10", "train.py"), ("cifar10", "train_torch.py")],
)
def test_the_script_ends_in_a_firmware(checkout: Path, tmp_path: Path, example: str, script: str) -> None:
    """Reduced: few figures and epochs, then the same steps; here and in QEMU five classes are answered as compiled.

    The Python that trains need not know of tinyglow.
    """
    _needs(example, script)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    small = {"COUNT": "10", "EPOCHS": "1", "TRAIN": "--first-epochs 1 --epochs 1", "SCRIPT": script}
    done = subprocess.run(
        ["sh", f"examples/{example}/run.sh", str(tmp_path / "out")],
        cwd=checkout,
        env={**environment, **small, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # where QEMU writes what semihosting prints
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    runs = 2 if shutil.which("qemu-system-arm") else 1
    assert done.stdout.count("all answers as compiled") == runs
    line = r"^sample \d: \w+ \(confidence [0-9.]+ %, time [0-9.]+ ms\), class \d, .*(right|wrong: \w+)$"
    assert len(re.findall(line, done.stdout.replace("\r", ""), re.MULTILINE)) == 5 * runs, done.stdout[-3000:]
    named = re.findall(r"^sample \d: (\w+) ", done.stdout, re.MULTILINE)
    assert set(named) <= {"arrow", "cross", "moon", "star", "tree"}
