"""Golden files: inputs and the right answers to them, as arrays of a .npz file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.reading import name_value_pairs
from tinyglow.errors import InputError, Problem

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array

_MAX_BYTES = 1 << 30  # unpacked
_MAX_ARRAYS = 1_000


def read_npz(path: str) -> dict[str, Array]:
    """All arrays of numbers in a .npz file, by name; InputError if it is none, damaged or unpacks to too much."""
    import numpy as np

    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            total = sum(part.file_size for part in parts)
            if len(parts) > _MAX_ARRAYS or total > _MAX_BYTES:
                raise ValueError(f"holds {len(parts):,} arrays of {total:,} bytes, more than {_MAX_BYTES:,}")
        with np.load(path, allow_pickle=False) as loaded:
            arrays = {name: np.asarray(loaded[name]) for name in loaded.files}
    except OSError as error:
        raise InputError("cannot read the golden file", [Problem(path, error.strerror or str(error))]) from error
    except Exception as error:  # a damaged archive or header raises whatever its parser does
        raise InputError("cannot read the golden file", [Problem(path, f"is damaged, or no .npz: {error}")]) from error
    return {name: array for name, array in arrays.items() if array.dtype.kind in "fiub" and array.ndim}


def golden_arrays(path: str, keys: list[str], header: Path) -> dict[str, tuple[Array, bool]]:
    """Arrays of the golden file by placeholder of ``header``, and whether each is an input.

    A placeholder's array is that of --key (``keys``), ``input.NAME``, ``output.NAME`` or ``NAME``. What is not named
    input or output is an input if the header says so, or, where it does not, if it is the first placeholder.
    """
    from tinyglow.pipeline.foreign import read_header

    chosen = name_value_pairs("--key", keys)
    placeholders = read_header(header).placeholders
    arrays = read_npz(path)
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
