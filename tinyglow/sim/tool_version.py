"""What programs on the PATH say of themselves."""

from __future__ import annotations

import shutil

_PATIENCE = 20  # seconds


def tool_version(name: str) -> str | None:
    """The first line of what ``name --version`` prints; None if there is no such program, or it says nothing."""
    import subprocess  # few commands ask

    path = shutil.which(name)
    if path is None:
        return None
    try:
        done = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip().partition("\n")[0].strip() or None
