"""Golden files: inputs and the right answers to them, as arrays of a .npz file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.reading import name_value_pairs
from tinyglow.errors import InputError, Problem

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array


def golden_arrays(path: str, keys: list[str], header: Path) -> dict[str, tuple[Array, bool]]:
    """Arrays of the golden file by placeholder of ``header``, and whether each is an input.

    A placeholder's array is that of --key (``keys``), ``input.NAME``, ``output.NAME`` or ``NAME``. What is not named
    input or output is an input if the header says so, or, where it does not, if it is the first placeholder.
    """
    from tinyglow.pipeline.foreign import read_header
    from tinyglow.pipeline.npz import read_npz

    chosen = name_value_pairs("--key", keys)
    placeholders = read_header(header).placeholders
    arrays = read_npz(path, "the golden file")
    names = {p.name for p in placeholders}
    unknown = [Problem(f"--key {key}", "no such placeholder", ", ".join(names)) for key in chosen if key not in names]
    unknown += [
        Problem(f"--key {key}={value}", "no such array", ", ".join(arrays))
        for key, value in chosen.items()
        if value not in arrays
    ]
    if unknown:
        raise InputError("the option --key is not understood", unknown)
    found: dict[str, tuple[Array, bool]] = {}
    for position, p in enumerate(placeholders):
        first = p.is_input if p.is_input is not None else position == 0
        candidates = {f"input.{p.name}": True, f"output.{p.name}": False, chosen.get(p.name, p.name): first}
        name = next((name for name in candidates if name in arrays), None)
        if name is not None:
            found[p.name] = (arrays[name], candidates[name])
    if not any(is_input for _, is_input in found.values()):
        wanted = ", ".join(f"input.{p.name}" for p in placeholders[:8])
        problem = Problem(path, f"holds {', '.join(list(arrays)[:20])}", wanted, "--key NAME=ARRAY names them")
        raise InputError("the golden file does not fit the bundle", [problem])
    return found
