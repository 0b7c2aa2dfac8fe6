"""Compile a bundle with the C compiler at hand, run it on an emulated board or on this machine, and count."""

from __future__ import annotations

from tinyglow.errors import Problem, ToolError


def missing_package(package: str) -> ToolError:
    """The error for an optional package that is not installed."""
    hint = "pip install tinyglow[sim]"
    return ToolError("the simulator needs a package that is not installed", [Problem(package, "missing", hint=hint)])
