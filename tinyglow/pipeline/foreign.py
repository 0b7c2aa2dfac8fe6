"""Bundles as files: machine code, header and weights, found in a folder, read, and checked against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.bundle.foreign import MAX_HEADER_BYTES, ForeignHeader, looks_like_header, parse_foreign_header
from tinyglow.bundle.options import sources_of
from tinyglow.bundle.provenance import buildable
from tinyglow.bundle.weights import read_weights
from tinyglow.errors import BoardError, InputError, Problem, reason
from tinyglow.resources import require_file
from tinyglow.sim.elf import parse_object
from tinyglow.sim.objects import Code, load_code
from tinyglow.sim.toolchain import Compiler
from tinyglow.targets.boards import CPUS, Board, board_names, load_board

if TYPE_CHECKING:
    from tinyglow.bundle.foreign import AreaSizes

_STUDY_MEMORY = {"flash": 1 << 24, "ram": 1 << 23}
_STUDY_STACK = 1 << 16
_OBJECTS = (".o", ".a", ".obj", ".elf", ".axf")


@dataclass(frozen=True)
class BundleFiles:
    """Where the parts of a bundle are. ``code``: one object, archive or program, or all C files of a source bundle."""

    code: tuple[Path, ...]
    header: Path
    weights: Path


@dataclass(frozen=True)
class ForeignBundle:
    """A bundle that has been read: nothing of it was run yet. ``entry``: its inference function."""

    files: BundleFiles
    header: ForeignHeader
    code: Code
    weights: bytes
    entry: str


def find_bundle(
    folder: Path | None, code: Path | None = None, header: Path | None = None, weights: Path | None = None
) -> BundleFiles:
    """The parts of the bundle in ``folder``; those that are given are taken as they are.

    A folder with an object, an archive or a program is a bundle of machine code, one with C files alone one of sources.
    Raises InputError naming every part that is missing or not unique.
    """
    present = sorted(path for path in folder.iterdir() if path.is_file()) if folder and folder.is_dir() else []
    problems = []
    if folder is not None and not folder.is_dir():
        raise InputError(
            "no bundle", [Problem(str(folder), "is no folder", "one with an object, a header and weights")]
        )

    def pick(part: str, given: Path | None, candidates: Sequence[Path]) -> Path:
        if given is not None:
            return given
        if len(candidates) != 1:
            names = ", ".join(path.name for path in candidates[:8])
            found = f"there are {len(candidates)}: {names}" if candidates else "there is none"
            problems.append(Problem(f"{folder or 'bundle'}, {part}", found, "one", f"--{part} FILE names it"))
        return candidates[0] if candidates else Path()

    headers = [path for path in present if path.suffix == ".h" and looks_like_header(_head(path))]
    objects = [path for path in present if path.suffix in _OBJECTS]
    sources = tuple(sources_of(folder)) if folder else ()
    chosen_header = pick("header", header, headers)
    binary = [path for path in present if path.name.endswith(".weights.bin")] or _of(present, ".bin")
    texts = [path for path in present if path.name.endswith(".weights.txt")] or _of(present, ".txt")
    arrays = [path for path in _of(present, ".h") if path != chosen_header and "weight" in path.name.lower()]
    chosen_weights = pick("weights-file", weights, binary or texts or arrays)
    use_sources = code is None and not objects and sources
    chosen = sources if use_sources else (pick("object", code, objects),)
    if problems:
        raise InputError("the bundle is not complete", problems)
    return BundleFiles(chosen, chosen_header, chosen_weights)


def _of(paths: Sequence[Path], suffix: str) -> list[Path]:
    return [path for path in paths if path.suffix == suffix]


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(1 << 20).decode("utf-8", "replace")


def read_header(path: Path) -> ForeignHeader:
    """The bundle's header in a file; InputError."""
    try:
        require_file(path)
        if path.stat().st_size > MAX_HEADER_BYTES:
            raise InputError("cannot read the header", [Problem(path.name, "is too large for a header")])
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError("cannot read the header", [Problem(str(path), reason(error))]) from error
    return parse_foreign_header(text, path.name)


def load_bundle(
    files: BundleFiles,
    board: Board,
    compiler: Compiler,
    work: Path,
    entry: str | None = None,
    trusted: bool = False,
) -> ForeignBundle:
    """Read all parts of a bundle of machine code and check them against each other.

    Args:
        files: Its parts.
        board: Where it is to run.
        compiler: For sources, if there are any.
        work: A folder for objects.
        entry: Which function to call, where the header declares several.
        trusted: Whether sources are built as they are, whoever wrote them (``bundle.provenance``).

    Returns:
        The bundle.

    Raises:
        InputError: A part is missing or does not belong to the others.
        ToolError: The compiler fails.
    """
    header = read_header(files.header)
    code = _code(files, board, compiler, work, trusted)
    chosen = _entry(header, code, entry)
    weights = read_weights(files.weights, header.sizes.constant if header.sizes else None)
    if header.sizes:
        require_weights(files, header.sizes, len(weights))
    return ForeignBundle(files, header, code, weights, chosen)


def require_weights(files: BundleFiles, sizes: AreaSizes, found: int) -> None:
    """Raise InputError if the weights are not as many as ``sizes`` says."""
    if found != sizes.constant:
        problem = Problem(
            files.weights.name, f"has {found:,} bytes", f"{sizes.constant:,}, as {files.header.name} says"
        )
        raise InputError("the header and the weights are of different bundles", [problem])


def _code(files: BundleFiles, board: Board, compiler: Compiler, work: Path, trusted: bool) -> Code:
    if files.code[0].suffix != ".c":
        return load_code(files.code[0])
    folder = files.code[0].parent
    sources = buildable(folder, work / "sources", native=False, trusted=trusted)
    objects = compiler.compile_objects(sources_of(sources), work, board, include_dirs=[sources])
    parsed = tuple(parse_object(path.name, path.read_bytes()) for path in objects)
    return Code(folder, parsed)


def _entry(header: ForeignHeader, code: Code, wanted: str | None) -> str:
    if wanted is not None and wanted not in header.entries:
        expected = f"one of {', '.join(header.entries)}"
        raise InputError("no such entry function", [Problem(f"--entry {wanted}", f"not in {header.where}", expected)])
    name = wanted or header.entries[0]
    if not any(name in part.defined for part in code.objects):
        functions = sorted({s.name for part in code.objects for s in part.symbols if s.is_function and s.is_global})
        found = f"defines {', '.join(functions[:8]) or 'no functions'}{', ...' if len(functions) > 8 else ''}"
        problem = Problem(code.path.name, found, f"{name}, as {header.where} declares")
        raise InputError("the header and the object are of different bundles", [problem])
    return name


def study_board(cpu: str) -> Board:
    """A board that does not exist: the core ``cpu`` with ample memory. BoardError for an unknown core."""
    if cpu not in CPUS:
        raise BoardError(f"no core {cpu!r}", [Problem(f"--cpu {cpu}", "unknown", f"one of {', '.join(CPUS)}")])
    core = CPUS[cpu]
    like = load_board(cpu if cpu in board_names() else "cortex-m7" if core.fpu else "cortex-m0plus")
    memories = tuple(replace(part, size=max(part.size, _STUDY_MEMORY[part.name])) for part in like.memories)
    title = f"{core.title} with ample memory (no real board)"
    return replace(like, name=cpu, title=title, cpu=cpu, memories=memories, stack_bytes=_STUDY_STACK)


def board_for(board: Board, code: Code) -> Board:
    """``board``, with floats passed as the bundle's objects pass them, so that they can be linked."""
    if board.core.fpu and not code.path.is_dir():
        return replace(board, float_abi="hard" if code.hard_float else "soft")
    return board
