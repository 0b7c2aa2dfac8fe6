"""Which C files of a folder a kernel needs: those that define what it calls, as a linker takes from a library."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

# What begins at the left margin and goes on with parameters, a size or a value: functions and tables.
_DEFINED = re.compile(r"^[A-Za-z_][\w \t*]*?\b([A-Za-z_]\w*)\s*(?:\[[^;]*=|=|\([^;{]*\)\s*\{)", re.MULTILINE)
_NAMES = re.compile(r"\b[A-Za-z_]\w*\b")
_COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def needed_sources(kernel: Path, given: Sequence[str | Path]) -> Iterator[Path]:
    """The C files that are compiled with a kernel's own.

    Args:
        kernel: Its file, which is none of them: it is included where it is called.
        given: C files, which are all taken; and folders, of which those files are that define what is called.

    Yields:
        The files, each once.
    """
    paths = [Path(path) for path in given]
    library = [file for path in paths if path.is_dir() for file in sorted(path.rglob("*.c"))]
    texts = {file: _text(file) for file in library if file.resolve() != kernel.resolve()}
    homes = {name: file for file, text in texts.items() for name in _DEFINED.findall(text)}
    found = [path for path in paths if not path.is_dir() and path.resolve() != kernel.resolve()]
    yield from found
    waiting = [_text(path) for path in (kernel, *found) if path.is_file()]
    seen: set[Path] = set(found)
    while waiting:
        for name in sorted(set(_NAMES.findall(waiting.pop()))):
            home = homes.get(name)
            if home is not None and home not in seen:
                seen.add(home)
                waiting.append(texts[home])
                yield home


def _text(path: Path) -> str:
    return _COMMENTS.sub("", path.read_text(encoding="utf-8", errors="replace"))
