"""A folder in which zig may keep what it builds once, for instance its compiler library.

zig uses one in the user's home. A service or a build machine may have none, or none that can be written.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

_VARIABLE = "ZIG_GLOBAL_CACHE_DIR"


def cache_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The variable that zig needs beside ``variables`` (those of its process): none where it finds a place itself.

    Else the user's home as the system knows it, or a folder that goes when this process ends.
    """
    if os.name == "nt" or _VARIABLE in variables:
        return {}
    named = variables.get("XDG_CACHE_HOME") or variables.get("HOME")
    if named and _takes_files(named):
        return {}
    return {_VARIABLE: _other_place()}


def _takes_files(folder: str | Path) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK)


@functools.cache
def _other_place() -> str:
    try:
        home = Path.home()
    except RuntimeError:  # a user whom the system does not know
        home = Path()
    if home.is_absolute() and _takes_files(home):
        return str(home / ".cache" / "zig")
    folder = tempfile.mkdtemp(prefix="tinyglow-zig-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
