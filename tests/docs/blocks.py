"""The code blocks of README and documentation, and a small shell that runs them."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.helpers import run_cli

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """Every page that a user reads, relative to the checkout."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path.relative_to(ROOT) for path in found]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page on which it begins."""

    language: str
    text: str
    line: int

    def follows(self, other: Block) -> bool:
        """Whether nothing but an empty line stands between the other block and this one."""
        return self.line == other.line + other.text.count("\n") + 3


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page that name a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(match["language"], match["text"], text.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(text)
    ]


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a shell block: comments gone, continued lines joined, patterns expanded."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield [file for word in words for file in _expanded(word)]


def _expanded(word: str) -> list[str]:
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


def _tinyglow(*words: str) -> None:
    answer = run_cli(*words)
    assert answer.status == 0, f"tinyglow {shlex.join(words)}\n{answer.err}"


def _make(*words: str) -> None:
    """A target of the Makefile must exist; what it does has tests of its own. So has a firmware project's Makefile."""
    if words[0] == "-C":
        folder = Path(words[1])
        assert (folder / "Makefile").is_file(), folder
        _build(folder)
        return
    target, *given = words
    assert all(word.startswith("ARGS=") for word in given), words
    known = re.search(r"^COMMANDS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert known and target in known[1].split(), target


def _build(folder: Path) -> None:
    """What ``make -C folder TOOLCHAIN=zig`` does, without make: the project's firmware for the board mps2-an500."""
    from tinyglow.sim.toolchain import find_compiler
    from tinyglow.targets.boards import load_board

    board, out = load_board("mps2-an500"), folder / "build" / "firmware.elf"
    out.parent.mkdir()
    sources = [*sorted((folder / "src").glob("*.c")), *sorted((folder / "bundle").glob("*.c"))]
    includes = [folder / "src", folder / "bundle"]
    find_compiler(None, board).compile_firmware(sources, includes, folder / "link.ld", board, out)


def _pip(*words: str) -> None:
    """The extras that are installed exist."""
    action, target = words
    found = re.fullmatch(r"\.\[(.*)\]", target)
    assert action == "install" and found, words
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in found[1].split(","):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def _activate(script: str) -> None:
    """Activating the environment that the Makefile makes: the tests run in one already."""
    assert script == ".venv/bin/activate"


def _mkdir(*words: str) -> None:
    for folder in words[1:]:
        Path(folder).mkdir(parents=True, exist_ok=True)


def _module(*words: str) -> None:
    """A module of the checkout that a contributor runs exists; running it would change the checkout."""
    option, module = words
    path = ROOT / module.replace(".", "/")
    assert option == "-m" and (path.with_suffix(".py").is_file() or path.is_dir()), module


_PROGRAMS: dict[str, Callable[..., None]] = {
    "tinyglow": _tinyglow,
    "make": _make,
    "pip": _pip,
    ".": _activate,
    "mkdir": _mkdir,
    "python": _module,
    ".venv/bin/python": _module,
}


def run_shell(text: str) -> None:
    """Run a shell block in the current folder. An unknown program is an error: then teach it to ``_PROGRAMS``."""
    for program, *words in commands(text):
        _PROGRAMS[program](*words)


def run_python(page_blocks: Sequence[Block]) -> Callable[[Block], str]:
    """A function that runs a Python block and returns what it prints; the blocks of a page share their variables."""
    variables: dict[str, object] = {"__name__": "page"}

    def run(block: Block) -> str:
        assert block in page_blocks
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block.text, f"page, line {block.line}", "exec"), variables)
        return out.getvalue()

    return run
