"""The C compilers: which one is at hand, and how it is told to build firmware, a bundle alone or a host program.

ziglang, a package of pip, is the documented default for boards: it brings compiler, linker and compiler library.
``arm-none-eabi-gcc`` serves as well; ``clang`` compiles but needs ``arm-none-eabi-gcc`` for its linker and library.
Only freestanding C is asked for, no libc. Everything is built without debug data and so that no path of this machine
gets into the output: each file is compiled from its own folder under its bare name.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tinyglow.errors import BoardError, Problem, ToolError, reason
from tinyglow.ir.record import Record
from tinyglow.resources import TEMPLATES
from tinyglow.sim.zig_cache import cache_variables
from tinyglow.targets.boards import Board

Kind = Literal["zig", "gcc", "clang"]

TIMEOUT_SECONDS = 600
_INSTALL_HINT = "pip install tinyglow[cc]"
_ARM_GCC = "arm-none-eabi-gcc"
_SUPPORT = TEMPLATES / "sim" / "portable"

# -ffp-contract=off: a fused multiply-add rounds once where the reference rounds twice.
_COMMON = ("-std=c99", "-g0", "-ffp-contract=off")
_TARGET = (
    *("-ffunction-sections", "-fdata-sections", "-fno-common", "-fomit-frame-pointer"),
    *("-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-fno-stack-protector"),
)
# Source lines and nothing more, which leaves the code as it is; -gdwarf-4 alone would ask for more, so it comes first.
_LINES = ("-gdwarf-4", "-g1")
# zig instruments C with traps on undefined behaviour unless it is told not to.
_ZIG = ("-fno-sanitize=undefined",)

# Where a bundle that is linked alone lies does not matter: only its sizes are looked at.
_BUNDLE_SCRIPT = """\
SECTIONS
{
  .text 0x8000 : { *(.literal .literal.* .text .text.*) }
  .rodata : { *(.rodata .rodata.* .srodata .srodata.*) }
  .data 0x20000000 : { *(.data .data.* .sdata .sdata.*) }
  .bss (NOLOAD) : { *(.bss .bss.* .sbss .sbss.* COMMON) }
  /DISCARD/ : { *(.ARM.exidx .ARM.exidx.* .ARM.extab .ARM.extab.*) *(.debug_*) }
}
"""


class _Request(Record):
    """What to compile, and link with ready objects, for which board."""

    sources: Sequence[Path]
    include_dirs: Sequence[Path]
    board: Board
    opt: str
    objects: Sequence[Path] = ()
    debug: bool = False


class Compiler(Record):
    """A C compiler. ``command`` starts it, ``linker`` starts what links for boards; both are argument lists."""

    kind: Kind
    command: tuple[str, ...]
    linker: tuple[str, ...]

    def version(self) -> str:
        """What the compiler calls itself, in one line."""
        if self.kind == "zig":  # `zig cc --version` would name the clang inside
            zig = self.command[:-1]
            return f"zig {_run([*zig, 'version'], cwd=None, what='zig').strip()}"
        return _run([*self.command, "--version"], cwd=None, what=self.command[0]).partition("\n")[0].strip()

    def compile_firmware(
        self,
        sources: Sequence[Path],
        include_dirs: Sequence[Path],
        linker_script: Path,
        board: Board,
        out_elf: Path,
        *,
        opt: str = "-O2",
        objects: Sequence[Path] = (),
        debug: bool = False,
    ) -> Path:
        """Build a firmware from C or assembly files.

        Args:
            sources: The files.
            include_dirs: Folders of headers.
            linker_script: Where everything goes.
            board: The board.
            out_elf: The firmware to write.
            opt: Optimization level.
            objects: Compiled elsewhere, linked with the rest.
            debug: Whether to write the table of source lines, if the linker script keeps it. It holds names of folders.

        Returns:
            ``out_elf``.

        Raises:
            ToolError: With the compiler's own words.
            BoardError: The program runs into the next memory.
        """
        request = _Request(sources, include_dirs, board, opt, objects, debug)
        return self._link_for(request, linker_script, "Reset_Handler", out_elf)

    def link_bundle(
        self,
        sources: Sequence[Path],
        entry: str,
        board: Board,
        out: Path,
        *,
        include_dirs: Sequence[Path] = (),
        opt: str = "-O2",
        objects: Sequence[Path] = (),
        assignments: str = "",
    ) -> Path:
        """Link a bundle's files alone, with what they need of the compiler's library: to know their size.

        Args:
            sources: The bundle's files.
            entry: The bundle's function. What it does not reach is dropped.
            board: The board.
            out: The file to write.
            include_dirs: Folders of headers.
            opt: Optimization level.
            objects: Compiled elsewhere, linked with the rest.
            assignments: Commands in the linker's language.

        Returns:
            ``out``.

        Raises:
            ToolError: With the compiler's own words.
            BoardError: The program runs into the next memory.
        """
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "bundle.ld"
            script.write_text(_BUNDLE_SCRIPT + assignments, encoding="utf-8")
            return self._link_for(_Request(sources, include_dirs, board, opt, objects), script, entry, out)

    def compile_shared(
        self, sources: Sequence[Path], out: Path, *, include_dirs: Sequence[Path] = (), flags: Sequence[str] = ()
    ) -> Path:
        """Build a shared library for this machine. ``flags`` may override the default ``-O2``."""
        flags = ("-fPIC", *flags)
        return self.compile_host(sources, out, include_dirs=include_dirs, flags=flags, link_flags=("-shared",))

    def compile_host(
        self,
        sources: Sequence[Path],
        out: Path,
        *,
        include_dirs: Sequence[Path] = (),
        flags: Sequence[str] = (),
        link_flags: Sequence[str] = (),
    ) -> Path:
        """Build a program for this machine.

        Args:
            sources: The files.
            out: The program to write.
            include_dirs: Folders of headers.
            flags: For compiler and linker: sanitizers, warnings.
            link_flags: For the linker alone, after the objects.

        Returns:
            ``out``.

        Raises:
            ToolError: With the compiler's own words.
        """
        common = [*_COMMON, "-O2", *(_ZIG if self.kind == "zig" else ()), *flags]
        with tempfile.TemporaryDirectory() as folder:
            objects = self._compile(sources, include_dirs, common, Path(folder))
            command = [*self.command, *common, *map(str, objects), *link_flags, "-o", str(out.resolve())]
            _run(command, cwd=Path(folder), what=f"linking {out.name}")
        return out

    def link_relocatable(self, sources: Sequence[Path], board: Board, out: Path, *, opt: str = "-O2") -> Path:
        """Compile files for ``board``, or for this machine, into one object that can be linked further."""
        if board.is_host:
            machine = [*_COMMON, opt, "-ffunction-sections", *(_ZIG if self.kind == "zig" else ())]
            linking = machine
        else:
            machine = self._target_flags(board, opt)
            gcc = Compiler("gcc", self.linker, self.linker)
            linking = gcc._target_flags(board, opt) if self.kind == "clang" else machine
        with tempfile.TemporaryDirectory() as folder:
            objects = self._compile(sources, (), machine, Path(folder))
            linker = self.command if board.is_host else self.linker
            command = [*linker, *linking, "-r", "-nostdlib", *map(str, objects), "-o", str(out.resolve())]
            _run(command, cwd=Path(folder), what=f"linking {out.name}")
        return out

    def compile_objects(
        self,
        sources: Sequence[Path],
        folder: Path,
        board: Board,
        *,
        include_dirs: Sequence[Path] = (),
        flags: Sequence[str] = (),
        opt: str = "-O2",
    ) -> list[Path]:
        """Compile each file for ``board`` into an object in ``folder``; the objects in the order of the sources."""
        return self._compile(sources, include_dirs, [*self._target_flags(board, opt), *flags], folder)

    def project_flags(self, board: Board) -> list[str]:
        """What a project of the user's own hands this compiler for ``board``, when it compiles and when it links."""
        return self._target_flags(board, "")[:-1]

    def _target_flags(self, board: Board, opt: str) -> list[str]:
        core, hard = board.core, board.float_abi == "hard"
        if self.kind == "zig":
            triple = core.triple + ("hf" if hard else "")
            machine = ["-target", triple, f"-mcpu={core.zig_fpu if hard else core.zig}", *_ZIG]
        else:
            machine = [*core.gcc, *(core.gcc_fpu if hard else core.gcc_soft)]
        if self.kind == "clang":
            machine = ["--target=arm-none-eabi", "-ffreestanding", *machine]
        return [*machine, *_COMMON, *_TARGET, opt]

    def _link_for(self, request: _Request, script: Path, entry: str, out: Path) -> Path:
        board = request.board
        machine = [*self._target_flags(board, request.opt), *(_LINES if request.debug else ())]
        linking = machine
        if self.kind == "clang":  # gcc links what clang compiled
            linking = Compiler("gcc", self.linker, self.linker)._target_flags(board, request.opt)
        # gcc's own libraries stay: its compiler library, and memcpy of its libc. zig brings both unasked.
        library = [] if self.kind == "zig" else ["-nostartfiles", "-Wl,--build-id=none", *board.core.library]
        support = () if self.kind == "zig" else board.core.support
        with tempfile.TemporaryDirectory() as folder:
            objects = self._compile(
                [*request.sources, *(_SUPPORT / file for file in support)], request.include_dirs, machine, Path(folder)
            )
            objects += [path.resolve() for path in request.objects]
            if request.objects and self.kind != "zig":
                library.append("-lm")
            layout = ["-T", str(script.resolve()), "-Wl,--gc-sections", f"-Wl,--entry={entry}", *library]
            command = [*self.linker, *linking, *map(str, objects), *layout, "-o", str(out.resolve())]
            try:
                _run(command, cwd=Path(folder), what=f"linking {out.name}")
            except ToolError as error:
                raise _does_not_fit(error, board) or error from None
        return out

    def _compile(
        self, sources: Sequence[Path], include_dirs: Sequence[Path], flags: Sequence[str], folder: Path
    ) -> list[Path]:
        from concurrent.futures import ThreadPoolExecutor  # takes long, and few commands compile C

        includes = [f"-I{path.resolve()}" for path in include_dirs]
        folder = folder.resolve()

        def compile_one(numbered: tuple[int, Path]) -> Path:
            number, source = numbered
            target = folder / f"{number:03}_{source.stem}.o"
            command = [*self.command, *flags, *includes, "-c", source.name, "-o", str(target)]
            _run(command, cwd=source.resolve().parent, what=f"compiling {source.name}")
            return target

        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            return list(pool.map(compile_one, enumerate(sources)))


def find_compiler(name: str | None, board: Board) -> Compiler:
    """The C compiler of that name for ``board``.

    name: None or "auto": for boards ziglang if it has the core, then its gcc; for the host cc, gcc, clang, then zig.
    "zig", "gcc" (arm-none-eabi-gcc for Arm's boards) and "clang" ask for one; anything else is a program's name or
    path. Raises ToolError if it is not there, or does not have the core.
    """
    if name in (None, "auto"):
        return _first_at_hand(board)
    _require_core(str(name), board)
    if name == "zig":
        return _zig() or _missing("zig", "pip's ziglang or zig on the PATH")
    program = _gcc_of(board) if name == "gcc" else str(name)
    path = shutil.which(program)
    if path is None:
        return _missing(program, "a compiler on the PATH")
    return _of_kind(_kind_of(path), path, board)


def _first_at_hand(board: Board) -> Compiler:
    zig = _zig() if board.is_host or board.core.triple else None
    if zig is not None and not board.is_host:
        return zig
    for program in ("cc", "gcc", "clang") if board.is_host else (_gcc_of(board),):
        path = shutil.which(program)
        if path is not None:
            return _of_kind(_kind_of(path), path, board)
    hint = f"or {_INSTALL_HINT}" if board.is_host or board.core.triple else f"apt install {board.core.package}"
    return zig or _missing("no C compiler", "cc, gcc or clang" if board.is_host else _gcc_of(board), hint)


def _gcc_of(board: Board) -> str:
    return "gcc" if board.is_host else board.core.program


def _require_core(name: str, board: Board) -> None:
    """Raise ToolError for a compiler that is known not to have the board's core, or not in a form used here."""
    if not board.is_host and not board.core.is_arm and (name == "clang" or (name == "zig" and not board.core.triple)):
        raise ToolError("no C compiler", [Problem(name, f"is not used for {board.core.title}", _gcc_of(board))])


def _missing(name: str, expected: str, hint: str = f"or {_INSTALL_HINT}") -> Compiler:
    raise ToolError("no C compiler", [Problem(name, "not found", expected, hint)])


def _zig() -> Compiler | None:
    command = _packaged_zig() or (shutil.which("zig") or "",)
    return Compiler("zig", (*command, "cc"), (*command, "cc")) if command[0] else None


def _packaged_zig() -> tuple[str, ...] | None:
    """What starts pip's zig: the program in the package, for Python's start takes as long as to compile a kernel."""
    package = importlib.util.find_spec("ziglang")
    if package is None:
        return None
    program = Path(package.origin or "").with_name("zig.exe" if os.name == "nt" else "zig")
    return (str(program),) if program.is_file() else (sys.executable, "-m", "ziglang")


def _of_kind(kind: Kind, path: str, board: Board) -> Compiler:
    if kind == "zig":
        return Compiler(kind, (path, "cc"), (path, "cc"))
    if kind == "gcc" or board.is_host:
        return Compiler(kind, (path,), (path,))
    linker = shutil.which(_ARM_GCC)
    if linker is None:
        return _missing(_ARM_GCC, "it beside clang, which has no linker and library for boards")
    return Compiler(kind, (path,), (linker,))


def _kind_of(path: str) -> Kind:
    """What a program is, by what it answers: ``cc`` may be gcc or clang, and names carry versions."""
    if Path(path).stem == "zig":
        return "zig"
    version = _run([path, "--version"], cwd=None, what=path)
    return "clang" if "clang" in version.lower() else "gcc"


def _does_not_fit(error: ToolError, board: Board) -> BoardError | None:
    """A linker's complaint that a memory overflows, as the error it is; None if it complains of something else."""
    lines = [line for problem in error.problems for line in problem.found.splitlines() if "overflowed by" in line]
    if not lines:
        return None

    def memory(line: str) -> str:
        """Linker scripts call a memory for data MEM_ and its name in capitals."""
        return next((m.name for m in board.memories if f"MEM_{m.name.upper()}'" in line), board.code_memory)

    return BoardError(f"the program does not fit {board.name}", [Problem(memory(line), line.strip()) for line in lines])


def _run(command: Sequence[str], cwd: Path | None, what: str) -> str:
    """Standard output of a command; ToolError with the first lines of its standard error if it fails."""
    name = "zig cc" if "cc" in command[1:2] or "ziglang" in command else Path(command[0]).name
    # A fixed locale: messages are matched, and shown, in English.
    environment = {**os.environ, "LC_ALL": "C", **cache_variables(os.environ)}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except OSError as error:
        raise ToolError(f"cannot start {name}", [Problem(command[0], reason(error), hint=_INSTALL_HINT)]) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{name} does not end", [Problem(what, f"stopped after {TIMEOUT_SECONDS} s")]) from error
    if done.returncode:
        raise _failure(name, what, done.stderr, done.returncode)
    return done.stdout


def _failure(name: str, what: str, complaint: str, status: int) -> ToolError:
    lines = [line[:300] for line in complaint.splitlines() if line.strip()][:12] or [f"exit status {status}"]
    # A gcc for boards without its libc fails so.
    lacks = any(words in complaint for words in ("No such file or directory", "cannot find -l"))
    hint = f"a compiler with all it needs: {_INSTALL_HINT}" if lacks and name != "zig cc" else ""
    return ToolError(f"{name} failed", [Problem(what, "\n    ".join(lines), hint=hint)])
