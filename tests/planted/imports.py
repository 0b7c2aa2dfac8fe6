"""Who imports what: the modules of the package that a module reaches, and the tests that name it or include C."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def module_of(file: str) -> str:
    """The dotted name of a Python file of the checkout."""
    parts = Path(file).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path, modules: frozenset[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@functools.cache
def _graph() -> Mapping[str, frozenset[str]]:
    """Each module of the package with those that it imports."""
    files = {module_of(str(path.relative_to(ROOT))): path for path in (ROOT / "tinyglow").rglob("*.py")}
    names = frozenset(files)
    return {name: frozenset(_imported(path, names)) & names for name, path in files.items()}


@functools.cache
def users(module: str) -> Mapping[str, int]:
    """The modules that import ``module``, themselves (1) or through so many others; and the module itself (0)."""
    found = {module: 0}
    ahead = [module]
    while ahead:
        name = ahead.pop(0)
        for other, imported in _graph().items():
            if name in imported and other not in found:
                found[other] = found[name] + 1
                ahead.append(other)
    return found


@functools.cache
def _tests() -> Mapping[str, frozenset[str]]:
    found = {}
    for path in sorted((ROOT / "tests" / "unit").rglob("test_*.py")):
        found[str(path.relative_to(ROOT))] = frozenset(_imported(path, frozenset()))
    return found


def naming_tests(module: str) -> list[str]:
    """The unit tests that import a module themselves, those that import least first."""
    naming = [(len(imported), file) for file, imported in _tests().items() if module in imported]
    return [file for _, file in sorted(naming)]


def naming_c(file: str) -> list[str]:
    """The unit tests that include a C file of the runtime themselves."""
    include = f'#include "{file.removeprefix("runtime_c/src/").removeprefix("runtime_c/include/")}"'
    return [test for test in _tests() if include in (ROOT / test).read_text(encoding="utf-8")]
