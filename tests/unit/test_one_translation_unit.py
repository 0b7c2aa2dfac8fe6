"""Any two kernels compile in one translation unit: their files define no name that another defines differently."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import tinyglow
from tests.helpers import example_program
from tinyglow import resources
from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.errors import ToolError
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import load_board
from tinyglow.testing.native import ALL, kernel_sources

# Instructions are one string in the dialects that have them; C99 promises no more than 4,095 characters of one.
STRICT = (
    *("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Werror", "-pedantic"),
    "-Wno-overlength-strings",
)


def _compile(folder: Path, sources: list[Path], name: str, board: str) -> None:
    """Compile the files as one, every warning being an error."""
    unit = folder / "unit.c"
    unit.write_text("".join(f'#include "{path.resolve()}"\n' for path in sources), encoding="utf-8")
    target = load_board(board)
    try:
        compiler = find_compiler(name, target)
    except ToolError as error:
        pytest.skip(f"{name} for {board} is not installed: {error.problems[0].found}")
    strict = replace(compiler, command=(*compiler.command, *STRICT))
    include = [folder, resources.RUNTIME / "include"]
    strict.compile_objects([unit], folder, target, include_dirs=include, opt="-O0")


# Without the DSP extension, with it, and with it on a core of two issues: together all that is compiled in for a core.
@pytest.mark.parametrize(
    "backwards", [False, pytest.param(True, marks=pytest.mark.long)], ids=["in order", "backwards"]
)
@pytest.mark.parametrize("board", ["cortex-m0plus", "cortex-m4", "cortex-m7"])
@pytest.mark.parametrize("name", ["gcc", pytest.param("clang", marks=pytest.mark.long), "zig"])
@pytest.mark.slow  # compiles C
def test_all_kernels_are_one_translation_unit(name: str, board: str, backwards: bool, tmp_path: Path) -> None:
    """All kernels, with each epilogue, in one file, in either order: names, macros and types of none meet another's."""
    sources = kernel_sources(tmp_path, ALL)
    _compile(tmp_path, sources[::-1] if backwards else sources, name, board)


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "backwards"])
def test_two_networks_are_one_translation_unit(order: int, tmp_path: Path) -> None:
    """The sources of two bundles, generated code and kernels, in one file."""
    sources: dict[str, Path] = {}
    for name in ("mnist", "conv"):
        tinyglow.emit(example_program(name, tmp_path), tmp_path / name)
        sources |= {path.name: path for path in sorted((tmp_path / name).glob("*.c"))}
    assert len(sources) > 4
    _compile(tmp_path, list(sources.values())[::order], "zig", "cortex-m0plus")


def _names(text: str) -> set[str]:
    """Names of the functions, types and tables that a C file defines for itself."""
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    functions = re.findall(r"^(?:TG_\w+ )*static\b[^;{=()]*?\b(\w+)\(", code, re.MULTILINE)
    types = re.findall(r"^(?:\} |typedef [^{};]*?)(\w+);", code, re.MULTILINE)
    return {*functions, *types}


def test_names_of_a_file_begin_with_the_kernels() -> None:
    """And each macro begins with TG_ and ends with the file."""
    for kernel in ALL:
        text = kernel_source(kernel)
        assert all(name.startswith(f"{kernel.symbol}_") for name in _names(text)), kernel.symbol
        defined = list(dict.fromkeys(re.findall(r"^\s*#\s*define (\w+)", text, re.MULTILINE)))
        assert all(name.startswith("TG_") for name in defined), kernel.symbol
        assert sorted(re.findall(r"^#undef (\w+)$", text, re.MULTILINE)) == sorted(defined), kernel.symbol


def test_the_runtimes_headers_define_names_with_prefixes() -> None:
    """An application may include them beside its own."""
    for path in (resources.RUNTIME / "include").glob("*.h"):
        text = path.read_text(encoding="utf-8")
        assert all(name.startswith("tg_") for name in _names(text)), path.name
        assert all(name.startswith("TG_") for name in re.findall(r"^\s*#\s*define (\w+)", text, re.MULTILINE)), (
            path.name
        )


def test_a_name_of_two_kernels_is_refused(tmp_path: Path) -> None:
    """The compilers' complaint is what the test above waits for."""
    for number, body in enumerate(("1", "2")):
        text = f"static int same(void) {{ return {body}; }}\n"
        text += f"int f{number}(void);\nint f{number}(void) {{ return same(); }}\n"
        (tmp_path / f"{number}.c").write_text(text, encoding="utf-8")
    with pytest.raises(ToolError, match="redefinition"):
        _compile(tmp_path, [tmp_path / "0.c", tmp_path / "1.c"], "zig", "cortex-m4")
