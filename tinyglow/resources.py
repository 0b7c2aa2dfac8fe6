"""Files: where the C runtime, the templates and the boards are, in a checkout and in an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries the three folders inside the package (see pyproject.toml); a checkout has them beside it.
_ROOT = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent

RUNTIME = _ROOT / "runtime_c"
TEMPLATES = _ROOT / "templates"
BOARDS = _ROOT / "boards"
EXAMPLES = _ROOT / "examples"


def write_file(path: str | Path, data: bytes) -> None:
    """Write a file in one step: at no time is it there by half. Raises OSError."""
    target = Path(path).resolve()  # a link stays one
    if target.exists() and not target.is_file():  # a device or a pipe
        target.write_bytes(data)
        return
    aside = target.with_name(f".{target.name[:200]}.{os.getpid()}")
    try:
        aside.write_bytes(data)
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)
