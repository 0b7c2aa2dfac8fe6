"""Whether a mutant compiles at all, and whether it is other code than before: if not, it is none."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.planted.imports import ROOT
from tests.planted.mutant import Mutant
from tests.planted.selection import kernels_of
from tinyglow import resources
from tinyglow.errors import ToolError
from tinyglow.ir.kernel import Kernel
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST, load_board
from tinyglow.testing.native import kernel_sources

# One core without any extension, and one with all that code is written for.
_BOARDS = ("cortex-m0plus", "cortex-m7")
INVALID, SAME, OTHER = "invalid", "same code", "other code"


class Compiled:
    """Says of mutants what compilers make of them. Works in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Copy the runtime to ``folder``."""
        self._folder = folder / "compiled"
        self._root = self._folder / "runtime_c"
        shutil.copytree(resources.RUNTIME, self._root)
        self._before: dict[tuple[str, ...], list[bytes]] = {}

    def judge(self, mutant: Mutant) -> str:
        """INVALID if it does not compile, SAME if it is the same code for this machine and for two cores."""
        text = (ROOT / mutant.file).read_text(encoding="utf-8")
        changed = mutant.apply(text)
        if mutant.file.endswith(".py"):
            try:
                return SAME if ast.dump(ast.parse(changed)) == ast.dump(ast.parse(text)) else OTHER
            except SyntaxError:
                return INVALID
        kernels = kernels_of(mutant.file)
        if not kernels:  # the compiler writes what includes it: its tests compile that
            return OTHER
        key = tuple(kernel.symbol for kernel in kernels)
        if key not in self._before:
            self._before[key] = self._objects(kernels)
        place = self._root / Path(mutant.file).relative_to("runtime_c")
        place.write_text(changed, encoding="utf-8")
        try:
            return SAME if self._objects(kernels) == self._before[key] else OTHER
        except (ToolError, subprocess.CalledProcessError):
            return INVALID
        finally:
            place.write_text(text, encoding="utf-8")

    def _objects(self, kernels: Sequence[Kernel]) -> list[bytes]:
        """What the kernels become in one file, for this machine and for the cores; ToolError if they do not compile."""
        unit = self._folder / "unit.c"
        sources = kernel_sources(self._folder, kernels, self._root)
        unit.write_text("".join(f'#include "{path.resolve()}"\n' for path in sources), encoding="utf-8")
        include = [self._folder, self._root / "include"]
        native = self._folder / "native.o"
        folders = [f"-I{path}" for path in include]
        command = [
            *find_compiler(None, HOST).command,
            "-std=c99",
            "-O2",
            "-w",
            *folders,
            "-c",
            str(unit),
            "-o",
            str(native),
        ]
        subprocess.run(command, check=True, capture_output=True)
        found = [native.read_bytes()]
        for name in _BOARDS:
            board = load_board(name)
            compiler = find_compiler(None, board)
            objects = compiler.compile_objects([unit], self._folder, board, include_dirs=include, flags=("-w",))
            found.append(objects[0].read_bytes())
        return found
