"""What the commands do that make a data set of another kind of files."""

from __future__ import annotations

from pathlib import Path


def converted(folder: str, output: str, suffix: str) -> int:
    """Convert a data set and say how many samples it has; the exit status. Raises InputError."""
    from tinyglow.dataset.convert import convert

    counts = convert(Path(folder), Path(output), suffix)
    print(f"{output}: {sum(counts.values()):,} samples of {len(counts)} labels as {suffix}")
    return 0
