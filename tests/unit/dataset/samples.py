"""Small data sets for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def make(folder: Path, counts: Mapping[str, int], writers: int = 0, seed: int = 1) -> Path:
    """A data set of random pictures, ``counts`` of each class, drawn by so many writers in turn."""
    rng = np.random.default_rng(seed)
    for label, count in counts.items():
        (folder / label).mkdir(parents=True)
        for number in range(1, count + 1):
            writer = f"writer{number % writers}_" if writers else ""
            data = rng.integers(0, 256, 784, np.uint8).tobytes()
            (folder / label / f"{writer}{number:05d}.DAT").write_bytes(data)
    return folder


def files(root: Path) -> dict[str, bytes]:
    """What every file below a folder holds."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
