"""Static analysers that compilers bring: gcc's -fanalyzer and clang's, the latter from the zig package too."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.strict_c import WARNINGS
from tinyglow.errors import ToolError
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST

# Beyond the warnings that all tests compile with: those that need the optimizer, and those that only one compiler has.
GCC_WARNINGS = (
    *WARNINGS,
    *("-Wlogical-op", "-Wduplicated-cond", "-Wduplicated-branches", "-Wjump-misses-init", "-Wformat=2"),
    *("-Wnull-dereference", "-Wold-style-definition", "-Wredundant-decls", "-Wnested-externs", "-Winit-self"),
    *("-Wstrict-aliasing=2", "-Warray-bounds=2", "-Wshift-overflow=2", "-Wstringop-overflow=4", "-Wtrampolines"),
    *("-Walloca", "-Wbad-function-cast", "-Wimplicit-fallthrough=5", "-Wunused-macros"),
)
CLANG_WARNINGS = (
    "-Weverything",
    "-Werror",
    # Opinions, and what is meant: paddings of parameters, C before C99, names that C reserves for nobody here, code for
    # compilers that have other built-in functions, a default beside all values of an enumeration.
    *("-Wno-padded", "-Wno-declaration-after-statement", "-Wno-unsafe-buffer-usage", "-Wno-overlength-strings"),
    *(
        "-Wno-reserved-macro-identifier",
        "-Wno-unknown-warning-option",
        "-Wno-covered-switch-default",
        "-Wno-shadow-header",
    ),
    # Floats that are compared with what they were rounded to, and results that are known to fit.
    *("-Wno-used-but-marked-unused", "-Wno-float-equal", "-Wno-bad-function-cast"),
)


@dataclass(frozen=True)
class Analyser:
    """A command that looks at one C file, and says nothing if it finds nothing.

    Attributes:
        name: Of the tool.
        command: With its options; include folders and the file follow.
        shows: What the complaint about ``PLANTED`` contains.
    """

    name: str
    command: tuple[str, ...]
    shows: str

    def look(self, file: Path, include: Sequence[Path], flags: Sequence[str] = ()) -> str:
        """What it says of a file; "" if nothing."""
        folders = [f"-I{path}" for path in include]
        command = [*self.command, *flags, *folders, str(file)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        return done.stderr or ("" if done.returncode == 0 else f"exit status {done.returncode}")


# A null pointer that is read on one way through the function.
PLANTED = (
    "int planted(const int *p, int n);\nint planted(const int *p, int n) {\n  if (n > 3) { p = 0; }\n  return *p;\n}\n"
)


def gcc_analyser() -> Analyser:
    """gcc's; ToolError if there is no gcc that has it."""
    compiler = find_compiler("gcc", HOST)
    if compiler.kind != "gcc":
        raise ToolError("gcc is not gcc", [])
    options = ("-std=c99", "-O2", "-fanalyzer", "-Wno-analyzer-too-complex", *GCC_WARNINGS, "-c", "-o", "/dev/null")
    return Analyser("gcc -fanalyzer", (*compiler.command, *options), "null")


def clang_analyser() -> Analyser:
    """clang's, or that of the clang within zig; ToolError if there is neither."""
    path = shutil.which("clang")
    program = (path,) if path else (*find_compiler("zig", HOST).command[:-1], "clang")
    options = (
        "--analyze",
        "--analyzer-output",
        "text",
        "-Xclang",
        "-analyzer-opt-analyze-headers",
        "-std=c99",
        "-o",
        "/dev/null",
    )
    return Analyser("clang --analyze", (*program, *options), "ull pointer")


def clang_warnings() -> Analyser:
    """Every warning that clang has but those that ``CLANG_WARNINGS`` names; ToolError if there is no clang."""
    path = shutil.which("clang")
    program = (path,) if path else (*find_compiler("zig", HOST).command[:-1], "clang")
    return Analyser("clang -Weverything", (*program, "-std=c99", "-O2", "-fsyntax-only", *CLANG_WARNINGS), "")
