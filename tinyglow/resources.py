"""Where the C runtime, the templates and the boards are, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# A wheel carries the three folders inside the package (see pyproject.toml); a checkout has them beside it.
_ROOT = _PACKAGE / "_data" if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent

RUNTIME = _ROOT / "runtime_c"
TEMPLATES = _ROOT / "templates"
BOARDS = _ROOT / "boards"
EXAMPLES = _ROOT / "examples"
