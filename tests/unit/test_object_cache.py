"""The cache of the tests' own objects: equal text is compiled once, anything else anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tinyglow.sim.object_cache import ObjectCache


class Compiler:
    """Counts its calls, and writes a number for an object."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, command: Sequence[str], cwd: Path | None, what: str) -> str:
        """Stand in for a compiler's start."""
        self.calls += 1
        if "-o" in command:
            Path(command[-1]).write_bytes(bytes([self.calls]))
        return "words"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source that includes a header beside it, which includes one elsewhere."""
    (tmp_path / "inc").mkdir()
    (tmp_path / "a.c").write_text('#include "a.h"\n# include <stdint.h>\n', encoding="utf-8")
    (tmp_path / "a.h").write_text('#include "deep.h"\n', encoding="utf-8")
    (tmp_path / "inc/deep.h").write_text("int x;\n", encoding="utf-8")
    return tmp_path


def _compile(cache: ObjectCache, folder: Path, *flags: str) -> bytes:
    out = folder / "out.o"
    cache(["cc", *flags, f"-I{folder / 'inc'}", "-c", "a.c", "-o", str(out)], folder, "compiling a.c")
    return out.read_bytes()


def test_equal_text_is_compiled_once(folder: Path) -> None:
    """A second process, too, gets the object of the first."""
    compiler = Compiler()
    caches = [ObjectCache(folder / "kept", compiler) for _ in range(2)]
    assert [_compile(cache, folder) for cache in (*caches, *caches)] == [b"\1"] * 4


@pytest.mark.parametrize("changed", ["a.c", "a.h", "inc/deep.h", "flag", "stdint.h"])
def test_whatever_changes_is_compiled_anew(folder: Path, changed: str) -> None:
    """The source, a header at any depth, a flag, a header that hides one of the compiler's."""
    cache = ObjectCache(folder / "kept", Compiler())
    _compile(cache, folder)
    if changed != "flag":
        (folder / changed).write_text('#include "deep.h"\n/* other */\n', encoding="utf-8")
    assert _compile(cache, folder, *(["-O3"] if changed == "flag" else [])) == b"\2"


def test_what_cannot_be_known_is_always_compiled(folder: Path) -> None:
    """Debug data name folders; an include may be a macro; an assembler reads data; others are no compilation."""
    cache = ObjectCache(folder / "kept", Compiler())
    assert [_compile(cache, folder, "-g1") for _ in range(2)] == [b"\1", b"\2"]
    (folder / "a.c").write_text("#include HEADER\n", encoding="utf-8")
    assert [_compile(cache, folder) for _ in range(2)] == [b"\3", b"\4"]
    (folder / "a.c").write_text('.incbin "weights.bin"\n', encoding="utf-8")
    assert [_compile(cache, folder) for _ in range(2)] == [b"\5", b"\6"]
    assert cache(["cc", "--version"], None, "cc") == "words"
