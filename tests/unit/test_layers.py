"""Imports of tinyglow run downward only, and outside packages stay in the rooms that own them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

# From the bottom up. Rooms of one layer never import each other.
LAYERS = (
    {"errors", "checker"},
    {"resources", "numerics"},
    {"targets"},
    {"ir"},
    {"codegen"},
    {"kernels"},
    {"operators"},
    {"registry"},
    {"interp"},
    {"frontend", "images", "passes", "quant", "lowering"},
    {"glow"},
    {"sim", "bundle", "dataset"},
    {"pipeline"},
    {"tuning"},
    {"tinyglow"},  # the package itself: what `import tinyglow` offers
    {"report", "testing"},
    {"demo"},
    {"cli"},
    {"__main__"},
    {"dev"},  # not installed; runs before anything else is
)
HEIGHT = {room: height for height, rooms in enumerate(LAYERS) for room in rooms}
OWNERS = {"onnx": "frontend", "google": "frontend", "jinja2": "bundle", "PIL": "images"}
OWNERS |= {"tflite": "frontend", "flatbuffers": "frontend", "distributed": "tuning"}
OWNERS |= dict.fromkeys(["subprocess", "unicorn", "capstone", "elftools"], "sim")
ALONE = "dev"  # imports no other room
# Imports no other room, and nothing but numpy and the standard library: it judges what the rest has made.
CHECKER = "checker"
# It starts pip and the tools; random models are written, and run by onnx's own reference.
GUESTS = {(ALONE, "subprocess"), ("testing", "onnx"), ("testing", "tflite"), ("testing", "flatbuffers")}
MOST_IMPORTS = 12  # of other modules of the room that a module is in
MOST_LINES = 400
# Only these rooms know kernels by name; the others ask the kernel's declaration.
KNOW_KERNELS = {"kernels", "operators", "numerics", "testing", CHECKER}
_KERNEL_NAME = re.compile(r"tg_\w+_(?:s8|s16|f32)")


@cache
def _nodes(text: str) -> tuple[ast.AST, ...]:
    """All nodes of a module's syntax tree. Several tests look at them."""
    return tuple(ast.walk(ast.parse(text)))


def _called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    return str(getattr(call.func, "attr", None) or getattr(call.func, "id", None))


def _imports(path: Path, package: list[str]) -> Iterator[tuple[int, list[str]]]:
    """(line, absolute name of the module in parts) of every import in the file, those inside functions included."""
    for node in _nodes(path.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            yield from ((node.lineno, [*base, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from (
                (node.lineno, str(arg.value).split(".")) for arg in node.args[:1] if isinstance(arg, ast.Constant)
            )


def violations(root: Path) -> list[str]:
    """What the package in ``root`` (its folder must be called tinyglow) imports against the rules."""
    found = []
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root).with_suffix("").parts
        room = "tinyglow" if inside == ("__init__",) else inside[0]
        if room not in HEIGHT:
            found.append(f"{path.relative_to(root)}:1: the room {room} has no layer")
            continue
        for line, name in _imports(path, ["tinyglow", *inside[:-1]]):
            where = f"{path.relative_to(root)}:{line}: {room} imports {'.'.join(name)}"
            if room == ALONE and name[0] == "tinyglow" and name[1:2] != [ALONE]:
                found.append(f"{where}; it works before anything is installed")
            inside_checker = name[0] == "tinyglow" and name[1:2] == [CHECKER]
            if room == CHECKER and not inside_checker and name[0] not in {"numpy", *sys.stdlib_module_names}:
                found.append(f"{where}; it shares no code with the compiler")
                continue
            if OWNERS.get(name[0], room) != room and (room, name[0]) not in GUESTS:
                found.append(f"{where}; only {OWNERS[name[0]]} may")
            if name[0] == "tinyglow":
                # `from tinyglow import load` names no room: it uses the package itself.
                target = name[1] if len(name) > 1 and name[1] in HEIGHT else "tinyglow"
                if target != room and HEIGHT[target] >= HEIGHT[room]:
                    found.append(f"{where}, which is not below it")
    return found


def imports_of_own_room(root: Path) -> dict[str, set[str]]:
    """For each module of the package in ``root``, the other modules of its room that it imports."""
    modules = {path.relative_to(root).with_suffix("").parts for path in root.rglob("*.py")}
    modules = {parts[:-1] if parts[-1] == "__init__" else parts for parts in modules}
    found = {}
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root).with_suffix("").parts
        own = set()
        for _, name in _imports(path, ["tinyglow", *inside[:-1]]):
            target = tuple(name[1:])
            while target and target not in modules:
                target = target[:-1]
            if target[:1] == inside[:1] and target != inside:
                own.add(".".join(target))
        found[path.relative_to(root).as_posix()] = own
    return found


def test_no_module_knows_many_others_of_its_room(checkout: Path) -> None:
    """A module that needs many others of its own room does too much itself."""
    found = imports_of_own_room(checkout / "tinyglow")
    assert max(map(len, found.values())) > 3  # something is counted
    assert {path: own for path, own in found.items() if len(own) > MOST_IMPORTS} == {}


def test_no_file_is_long(checkout: Path) -> None:
    """Python, C, templates and pages: each file fits a reader's head."""
    folders = ("tinyglow", "tests", "runtime_c", "templates", "boards", "docs", "examples")
    endings = {".py", ".c", ".h", ".j2", ".toml", ".md"}
    paths = [path for folder in folders for path in (checkout / folder).rglob("*") if path.suffix in endings]
    lengths = {path.relative_to(checkout).as_posix(): len(path.read_text("utf-8").splitlines()) for path in paths}
    assert len(lengths) > 500
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


def kernels_named(root: Path) -> list[str]:
    """Where a string of a module names a kernel though its room must not know any; docstrings may."""
    found = []
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] in KNOW_KERNELS:
            continue
        nodes = _nodes(path.read_text(encoding="utf-8"))
        loose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        found += [
            f"{path.relative_to(root)}:{node.lineno}: {node.value}"
            for node in nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in loose
            if _KERNEL_NAME.search(node.value)
        ]
    return found


def test_no_other_room_names_kernels(checkout: Path) -> None:
    """What the stations, the commands and the reports need of a kernel is in its declaration."""
    assert kernels_named(checkout / "tinyglow") == []


def test_planted_names_and_imports_are_found(tmp_path: Path) -> None:
    """A kernel's symbol in a string of the pipeline, and one import too many."""
    root = tmp_path / "tinyglow"
    (root / "pipeline").mkdir(parents=True)
    (root / "pipeline/a.py").write_text('"""tg_add_s8 may be named here."""\nX = ["tg_add_s8"]\n', encoding="utf-8")
    assert kernels_named(root) == ["pipeline/a.py:2: tg_add_s8"]
    (root / "pipeline/b.py").write_text("from tinyglow.pipeline import a\nfrom tinyglow.pipeline.a import X\n", "utf-8")
    assert imports_of_own_room(root)["pipeline/b.py"] == {"pipeline.a"}


def test_imports_run_downward(checkout: Path) -> None:
    """No file of tinyglow imports from its own layer or above, nor a package that another room owns."""
    assert violations(checkout / "tinyglow") == []


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("kernels/pooling/max_pool.py", "from tinyglow.operators.max_pool import MaxPool", "not below"),
        ("codegen/prefix_code.py", "from tinyglow.kernels import window", "not below"),
        ("numerics/glow.py", "from tinyglow.ir.types import QuantParams", "not below"),
        ("passes/tidy.py", "from tinyglow.quant import scheme", "not below"),
        ("lowering/plan.py", "import tinyglow.passes", "not below"),
        ("sim/run.py", "from ..bundle import emit", "not below"),
        ("bundle/emit.py", "from .. import sim", "not below"),
        ("ir/graph.py", "def late():\n    from tinyglow import pipeline", "not below"),
        ("registry.py", "import importlib\nimportlib.import_module('tinyglow.lowering')", "not below"),
        ("quant/profile.py", "from tinyglow import load", "not below"),
        ("targets/boards.py", "from tinyglow.quant.scheme import Scheme", "not below"),
        ("attic/old.py", "import tinyglow.errors", "no layer"),
        ("operators/conv2d.py", "def late():\n    import onnx.numpy_helper", "only frontend"),
        ("report/html.py", "from jinja2 import Template", "only bundle"),
        ("targets/boards.py", "from subprocess import run", "only sim"),
        ("dev/sets.py", "from tinyglow.errors import Problem", "before anything is installed"),
        ("checker/sums.py", "from tinyglow.numerics import glow", "shares no code"),
        ("checker/sums.py", "import yaml", "shares no code"),
        ("cli/__init__.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import unicorn", "only sim"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, source: str, expected: str) -> None:
    """Each kind of forbidden import is reported, once, with the file that has it."""
    root = tmp_path / "tinyglow"
    (root / file).parent.mkdir(parents=True)
    (root / file).write_text(source, encoding="utf-8")
    (found,) = violations(root)
    assert found.startswith(f"{file}:{source.count(chr(10)) + 1}: ")
    assert expected in found


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("ir/graph.py", "from . import types\nfrom .types import QuantParams\nfrom tinyglow.errors import ModelError"),
        (
            "registry.py",
            "import importlib\nfor name in 'ab':\n    importlib.import_module(f'tinyglow.operators.{name}')",
        ),
        ("dev/sets.py", "import subprocess\nfrom tinyglow.dev import versions"),
        (
            "sim/run.py",
            "import subprocess\nimport unicorn\nfrom tinyglow.targets import boards\nfrom ..lowering import plan",
        ),
        ("frontend/onnx.py", "import onnx\nfrom tinyglow.ir import graph"),
        ("cli/__init__.py", "import tinyglow\nfrom tinyglow import demo, load\nfrom tinyglow.report import explain"),
        ("__init__.py", "from tinyglow.pipeline import load\nfrom .sim import simulate"),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, file: str, source: str) -> None:
    """Imports within a room, from below, and of a package by its owner are not reported."""
    root = tmp_path / "tinyglow"
    (root / file).parent.mkdir(parents=True)
    (root / file).write_text(source, encoding="utf-8")
    assert violations(root) == []
