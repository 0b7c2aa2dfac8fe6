"""What keeps the project at home on every system, as far as it can be seen in the text of the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# Modules and functions that some systems lack. What guards its use says so with os.name, hasattr or getattr.
POSIX_ONLY = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
POSIX_CALLS = {"os.fork", "os.getuid", "os.geteuid", "os.mkfifo", "os.killpg", "os.setsid", "os.uname", "os.symlink"}
SIGNALS = {"signal.SIGKILL", "signal.SIGALRM", "signal.SIGHUP", "signal.alarm", "signal.setitimer"}


def _name(node: ast.expr) -> str:
    """``name``, ``name.attribute`` or ``.attribute`` of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{node.value.id if isinstance(node.value, ast.Name) else ''}.{node.attr}"
    return ""


def _calls_without_encoding(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, given = _name(node.func), {keyword.arg for keyword in node.keywords}
        positional = {"read_text": 0, "write_text": 1}.get(name.rpartition(".")[2])
        if positional is not None and len(node.args) <= positional and "encoding" not in given:
            yield node.lineno, f"{name} without an encoding"
        if name.startswith("subprocess.") and given & {"text", "universal_newlines"} and "encoding" not in given:
            yield node.lineno, f"{name} as text without an encoding"
        is_open = name == "open" or name.endswith(".open")
        modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        text_mode = any(set(mode) <= set("rwax+t") and mode for mode in modes)
        if is_open and (text_mode or (name == "open" and len(node.args) == 1)) and "encoding" not in given:
            yield node.lineno, f"{name} without an encoding"


def findings(source: str) -> list[tuple[int, str]]:
    """(line, what) of everything in a Python file that some systems lack or understand otherwise."""
    tree = ast.parse(source)
    guards = {line for line, text in enumerate(source.splitlines(), 1) if "os.name" in text or "hasattr(" in text}
    found = list(_calls_without_encoding(tree))
    if any(isinstance(node, ast.Assert) and "os.name" in ast.unparse(node.test) for node in tree.body):
        return found  # a module for one system, which says so
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names if alias.name in POSIX_ONLY]
        elif isinstance(node, ast.Attribute) and _name(node) in POSIX_CALLS | SIGNALS:
            found.append((node.lineno, _name(node)))
    return [(line, what) for line, what in found if line not in guards]


@pytest.mark.parametrize("folder", ["tinyglow", "tests"])
def test_nothing_is_of_one_system_only(folder: str, checkout: Path) -> None:
    """Text files name their encoding, and no call is used that Windows lacks, unless its line asks first."""
    found = [
        f"{path.relative_to(checkout)}:{line}: {what}"
        for path in sorted((checkout / folder).rglob("*.py"))
        for line, what in findings(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "path.read_text()",
        "path.write_text(text)",
        "path.open('w')",
        "open(name)",
        "subprocess.run(command, text=True)",
        "import fcntl",
        "os.geteuid()",
        "process.send_signal(signal.SIGKILL)",
    ],
)
def test_a_planted_one_is_found(source: str) -> None:
    """Each kind is reported."""
    assert len(findings(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "path.read_text(encoding='utf-8')",
        "path.write_text(text, 'utf-8')",
        "path.open('rb')",
        "Image.open(path, formats=FORMATS)",
        "subprocess.run(command, encoding='utf-8')",
        "signal.SIGKILL if os.name == 'posix' else signal.SIGTERM",
    ],
)
def test_what_is_everywhere_passes(source: str) -> None:
    """The ways that work on all systems are not reported."""
    assert findings(source) == []
