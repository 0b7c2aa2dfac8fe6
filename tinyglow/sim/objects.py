"""A bundle's machine code: an object, an archive of objects, or a linked program; which parts run on which core.

Nothing read here runs on this machine; the linker sees only objects that :mod:`tinyglow.sim.elf` found to be plain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyglow.errors import BoardError, Problem, TinyglowError, ToolError, reason
from tinyglow.resources import require_file
from tinyglow.sim.elf import EXECUTABLE, ObjectFile, parse_object
from tinyglow.sim.image import Image, load_image
from tinyglow.targets.boards import Board
from tinyglow.targets.cores import CPUS, Architecture, Cpu

MAX_FILE_BYTES = 1 << 26
MAX_MEMBERS = 4096
_ARCHIVE, _THIN = b"!<arch>\n", b"!<thin>\n"

# Tag_CPU_arch (Addenda to the ABI, 2.5.2): architecture, and which of them a core of an architecture can run.
_ARCHITECTURES = {11: "v6-M", 12: "v6S-M", 10: "v7-M", 13: "v7E-M", 16: "v8-M.baseline", 17: "v8-M.mainline"}
_ARCHITECTURES |= {21: "v8.1-M.mainline"}
_BASE = {0, 11, 12}
_RUNS: Mapping[Architecture, set[int]] = {
    "v6-M": _BASE,
    "v7-M": _BASE | {10},
    "v7E-M": _BASE | {10, 13},
    "v8-M.mainline": _BASE | {10, 13, 16, 17},
}
_CPU_NAME, _CPU_ARCH = 5, 6


@dataclass(frozen=True)
class Code:
    """The objects of a bundle, those first that hold its entry function. ``path``: the file they came from."""

    path: Path
    objects: tuple[ObjectFile, ...]

    @property
    def executable(self) -> bool:
        """Whether it is a linked program."""
        return self.objects[0].kind == EXECUTABLE

    @property
    def hard_float(self) -> bool:
        """Whether any object passes floats in FPU registers."""
        return any(part.hard_float for part in self.objects)

    @property
    def cpu(self) -> str:
        """The core that the objects say they were compiled for; "" if they do not."""
        names = [part.attributes.get(_CPU_NAME, "") for part in self.objects]
        return next((str(name) for name in names if name), "")

    @property
    def architecture(self) -> str:
        """The newest architecture that the objects name."""
        tags = [tag for part in self.objects for tag in [part.attributes.get(_CPU_ARCH, 0)] if tag in _ARCHITECTURES]
        order = list(_ARCHITECTURES)
        return _ARCHITECTURES[max(tags, key=order.index)] if tags else ""


def load_code(path: Path) -> Code:
    """Read an object, an archive or an executable. Raises ToolError for what is none, damaged, or for another core."""
    try:
        require_file(path)
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            problem = Problem(str(path), f"has {size:,} bytes", f"at most {MAX_FILE_BYTES:,}")
            raise ToolError(f"{path.name} is too large for a bundle", [problem])
        data = path.read_bytes()
    except OSError as error:
        raise ToolError(f"cannot read object {path.name}", [Problem(str(path), reason(error))]) from error
    if data.startswith((_ARCHIVE, _THIN)):
        objects = tuple(parse_object(name, content) for name, content in _members(path.name, data))
        if not objects:
            raise _bad_archive(path.name, "it holds no objects")
    else:
        objects = (parse_object(path.name, data),)
    if len(objects) > 1 and any(part.kind == EXECUTABLE for part in objects):
        raise _bad_archive(path.name, "it holds linked programs")
    return Code(path, objects)


def _bad_archive(name: str, found: str) -> ToolError:
    return ToolError(f"cannot read archive {name}", [Problem(name, found, "an archive of objects, as ar writes it")])


def _members(archive: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of every object in an archive of GNU or BSD form."""
    if data.startswith(_THIN):
        raise _bad_archive(archive, "it is thin: it names files elsewhere")
    long_names, at, count = b"", len(_ARCHIVE), 0
    while at < len(data):
        header = data[at : at + 60]
        digits = header[48:58].strip()
        if len(header) < 60 or header[58:] != b"`\n" or not digits.isdigit():
            raise _bad_archive(archive, f"the header at byte {at} is damaged")
        content = data[at + 60 : at + 60 + int(digits)]
        if len(content) < int(digits):
            raise _bad_archive(archive, f"the member at byte {at} reaches beyond its end")
        raw = header[:16].rstrip()
        at += 60 + len(content) + (len(content) & 1)
        if raw == b"//":
            long_names = content
        elif raw not in (b"/", b"/SYM64/", b"__.SYMDEF", b"__.SYMDEF SORTED"):
            count += 1
            if count > MAX_MEMBERS:
                raise _bad_archive(archive, f"it has more than {MAX_MEMBERS} members")
            name, content = _member_name(raw, content, long_names)
            if name in ("__.SYMDEF", "__.SYMDEF SORTED"):
                continue
            if content.startswith((_ARCHIVE, _THIN)):
                raise _bad_archive(archive, f"member {name!r} is an archive itself")
            yield f"{archive}({name})", content


def _member_name(raw: bytes, content: bytes, long_names: bytes) -> tuple[str, bytes]:
    """A member's bare name: archives may carry whole paths of the machine that made them."""
    if raw.startswith(b"#1/") and raw[3:].isdigit():  # BSD: the name comes before the content
        size = min(int(raw[3:]), len(content))
        raw, content = content[:size].rstrip(b"\0"), content[size:]
    elif raw.startswith(b"/") and raw[1:].isdigit():  # GNU: it lies in a table
        raw = long_names[int(raw[1:]) :].partition(b"\n")[0]
    text = raw.decode("utf-8", "backslashreplace").rstrip("/").rpartition("/")[2]
    return text[:80] or "?", content


def needed(code: Code, roots: Sequence[str]) -> tuple[ObjectFile, ...]:
    """The objects that a linker would take for ``roots``: those that define them, and what these need in turn."""
    chosen: list[ObjectFile] = []
    wanted = list(roots)
    while wanted:
        name = wanted.pop()
        part = next((part for part in code.objects if name in part.defined), None)
        if part is not None and part not in chosen:
            chosen.append(part)
            wanted += sorted(part.undefined)
    return tuple(chosen)


def missing(objects: Sequence[ObjectFile]) -> dict[str, str]:
    """Names that no object defines, and the first object that needs each."""
    defined = frozenset().union(*(part.defined for part in objects))
    found: dict[str, str] = {}
    for part in objects:
        for name in sorted(part.undefined - defined):
            found.setdefault(name, part.name)
    return found


def require_core(objects: Sequence[ObjectFile], cpu: Cpu) -> None:
    """Raise ToolError if an object was compiled for a core that can do more than ``cpu``."""
    problems = []
    for part in objects:
        tag = part.attributes.get(_CPU_ARCH, 0)
        if tag not in _RUNS[cpu.architecture]:
            name = _ARCHITECTURES.get(tag, f"architecture {tag}") if isinstance(tag, int) else str(tag)
            built = f"{name}, {part.attributes.get(_CPU_NAME, 'no core named')}"
            problems.append(Problem(part.name, f"is compiled for Arm {built}", f"code that the {cpu.title} can run"))
        elif part.hard_float and not cpu.fpu:
            problems.append(Problem(part.name, "passes floats in FPU registers", f"soft float: {cpu.title} has no FPU"))
    if problems:
        hint = ", ".join(name for name, core in CPUS.items() if _runs_all(objects, core))
        problems[0] = Problem(problems[0].where, problems[0].found, problems[0].expected, f"it runs on: {hint or '?'}")
        raise ToolError(f"the bundle is not for a {cpu.title}", problems)


def _runs_all(objects: Sequence[ObjectFile], cpu: Cpu) -> bool:
    tags = {part.attributes.get(_CPU_ARCH, 0) for part in objects}
    return tags <= _RUNS[cpu.architecture] and (cpu.fpu or not any(part.hard_float for part in objects))


def load_program(path: Path, board: Board) -> Image:
    """A linked program of anyone's, whose bytes all lie in memories of ``board``. ToolError, BoardError."""
    code = load_code(path)  # reads warily, and knows what other machines' files are
    if len(code.objects) != 1 or not code.executable:
        raise ToolError(f"{path.name} is no program", [Problem(str(path), "is not linked", "a linked program")])
    try:
        image = load_image(path)
    except TinyglowError:
        raise
    except Exception as error:  # the reader of trusted files is not made for others
        raise ToolError(f"cannot read program {path.name}", [Problem(str(path), f"is damaged: {error}")]) from error
    strays = [
        Problem(f"{len(part.data):,} bytes at {part.address:#010x}", "no memory of the board is there")
        for part in image.segments
        if not any(m.start <= part.address and part.address + len(part.data) <= m.end for m in board.memories)
    ]
    if strays:
        raise BoardError(f"the program does not fit {board.name}", strays)
    return image
