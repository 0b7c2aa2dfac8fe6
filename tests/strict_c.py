"""The runtime's C under all warnings.

Tests that need its objects, for whatever, ask for the same flags: what one has compiled is in the cache for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tinyglow import resources
from tinyglow.errors import ToolError
from tinyglow.sim.toolchain import Compiler, find_compiler
from tinyglow.targets.boards import Board
from tinyglow.testing.dispatch import ALL, write_dispatch
from tinyglow.testing.native import kernel_sources

# -Wpadded and the like, which have opinions instead of finding faults, are not among them.
WARNINGS = (
    *("-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic", "-Wshadow", "-Wundef", "-Wcast-align", "-Wcast-qual"),
    *("-Wdouble-promotion", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wswitch-default", "-Wvla"),
    "-Wno-overlength-strings",  # of loops in assembly, which are no strings of a program
)


def strict(compiler: Compiler) -> Compiler:
    """The compiler, to which every warning is an error."""
    return replace(compiler, command=(*compiler.command, *WARNINGS))


def default(board: Board) -> Compiler:
    """The one that most tests use for a board, strict; ToolError if there is none."""
    if board.is_host:
        try:
            return strict(find_compiler("gcc", board))
        except ToolError:
            pass
    return strict(find_compiler(None, board))


def compile_runtime(
    compiler: Compiler, board: Board, folder: Path, root: Path = resources.RUNTIME
) -> tuple[Sequence[Path], Sequence[Path]]:
    """All C of the runtime in ``root``, with every epilogue, and the dispatcher, compiled in ``folder``.

    Returns:
        The sources, and their objects; no objects for this machine, for which a library is linked.
    """
    sources = [*kernel_sources(folder, ALL, root), write_dispatch(folder, ALL)]
    include = [folder, root / "include"]
    if board.is_host:
        compiler.compile_shared(sources, folder / "compiled.so", include_dirs=include)
        return sources, ()
    return sources, compiler.compile_objects(sources, folder, board, include_dirs=include)
