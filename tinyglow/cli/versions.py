"""``tinyglow --version``: of the program, and with --json of what it works with, for whoever reports something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyglow import __version__

# What pyproject.toml asks for, extras included; a test compares.
PACKAGES = (
    *("numpy", "onnx", "jinja2", "Pillow", "PyYAML", "rich"),
    *("unicorn", "pyelftools", "capstone", "ziglang", "tflite", "flatbuffers", "vl-convert-python", "igraph", "shtab"),
    "distributed",
)
TOOLS = ("gcc", "clang", "arm-none-eabi-gcc", "qemu-system-arm", "cmake")


def is_asked_for(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for all versions: ``--version`` and ``--json``, in any order."""
    return sorted(arguments) == ["--json", "--version"]


def versions() -> dict[str, Any]:
    """Versions of the program, of Python, of the packages and of the compilers and emulators on the PATH.

    Returns:
        JSON's own types only; null for what is not there. ``version`` is that of the format: keys are only added.
    """
    import platform

    from tinyglow.sim.tool_version import tool_version

    return {
        "version": 1,
        "tinyglow": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _package(name) for name in PACKAGES},
        "tools": {name: tool_version(name) for name in TOOLS},
    }


def print_versions() -> None:
    """All of it, as JSON."""
    import json

    print(json.dumps(versions(), indent=1))


def _package(name: str) -> str | None:
    import importlib.metadata  # takes longer than the rest of this module, and few ask

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
