"""Objects and archives from anywhere: read within bounds, refused by name, never trusted."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.foreign.making import SOURCE, Maker, archive
from tinyglow.errors import TinyglowError, ToolError
from tinyglow.sim.elf import MAX_ALIGNMENT, ObjectFile, parse_object
from tinyglow.sim.objects import load_code, load_program, missing, needed, require_core
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import CPUS, load_board


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sound object for a Cortex-M7."""
    return Maker(tmp_path_factory.mktemp("good")).object(cpu="cortex-m7")


def patched(data: bytes, offset: int, values: bytes) -> bytes:
    """``data`` with some bytes replaced."""
    return data[:offset] + values + data[offset + len(values) :]


def section(data: bytes, name: str) -> int:
    """Where the header of a section is."""
    (table,) = struct.unpack_from("<I", data, 32)
    names = [part.name for part in parse_object("x", data).sections]
    return int(table) + 40 * names.index(name)


def refusal(data: bytes, tmp_path: Path, name: str = "net.o") -> str:
    """What is said of a file that is refused."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ToolError) as caught:
        load_code(path)
    return str(caught.value)


def test_an_object_is_read(good: bytes) -> None:
    """Functions, needs, the core and the float convention are those of the compiler's command line."""
    read = parse_object("net.o", good)
    assert read.defined == {"inc"}
    assert read.attributes[6] == 13 and read.hard_float
    assert any(symbol.name == "inc" and symbol.size > 0 and symbol.is_function for symbol in read.symbols)
    require_core([read], CPUS["cortex-m7"])
    with pytest.raises(ToolError, match="it runs on: cortex-m4, cortex-m7"):
        require_core([read], CPUS["cortex-m0plus"])


def test_objects_of_other_machines_are_named(good: bytes, tmp_path: Path) -> None:
    """x86, AArch64, big-endian Arm, 64 bits, other formats, texts: each is called what it is."""
    assert "is for x86, 32 bits, little-endian" in refusal(patched(good, 18, b"\x03\x00"), tmp_path)
    x86_64 = patched(patched(good, 18, b"\x3e\x00"), 4, b"\x02")
    assert "is for x86-64, 64 bits, little-endian" in refusal(x86_64, tmp_path)
    assert "is for Arm, 32 bits, big-endian" in refusal(patched(patched(good, 5, b"\x02"), 18, b"\x00\x28"), tmp_path)
    assert "is a Mach-O object" in refusal(b"\xcf\xfa\xed\xfe" + bytes(60), tmp_path)
    assert "is LLVM bitcode" in refusal(b"BC\xc0\xde" + bytes(60), tmp_path)
    assert "is no ELF file" in refusal(b"INPUT(/etc/passwd)\n", tmp_path)  # a linker would take it for a script
    assert "is no ELF file" in refusal(b"", tmp_path)


def test_damaged_objects_are_named(good: bytes, tmp_path: Path) -> None:
    """Files that end too soon and tables that point nowhere."""
    assert "ends after 40 bytes" in refusal(good[:40], tmp_path)
    assert "is damaged" in refusal(good[: len(good) // 2], tmp_path)
    assert "is damaged" in refusal(patched(good, 32, b"\xff\xff\xff\x7f"), tmp_path)
    assert "neither relocatable" in refusal(patched(good, 16, b"\x03\x00"), tmp_path)
    assert "no section table" in refusal(patched(good, 48, b"\x00\x00"), tmp_path)
    assert "is damaged" in refusal(patched(good, 50, b"\xff\xff"), tmp_path)


def test_what_would_mislead_a_linker_is_refused(good: bytes, tmp_path: Path) -> None:
    """Orders to load other files, unfinished code, vector tables, absurd alignments and sizes."""
    header = section(good, ".text.inc")
    assert "holds dependent libraries" in refusal(patched(good, header + 4, struct.pack("<I", 0x6FFF4C04)), tmp_path)
    assert "wants to be aligned" in refusal(patched(good, header + 32, struct.pack("<I", 2 * MAX_ALIGNMENT)), tmp_path)
    comment = section(good, ".comment")
    huge = patched(patched(good, comment + 4, struct.pack("<I", 8)), comment + 8, struct.pack("<I", 3))
    assert "asks for 2,147,4" in refusal(patched(huge, comment + 20, struct.pack("<I", 1 << 31)), tmp_path)
    renamed = good.replace(b".comment\0", b".vectors\0")
    assert "is a vector table" in refusal(renamed, tmp_path)
    lto = good.replace(b".comment\0", b".gnu.lto_")
    assert "LTO" in refusal(lto, tmp_path)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_damage_does_more_than_an_error(good: bytes, data: st.DataObject) -> None:
    """Any bytes changed, any length cut: an object comes out, or a ToolError."""
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        # Headers and tables are where damage matters.
        place = data.draw(st.one_of(st.integers(0, 51), st.integers(len(good) - 700, len(good) - 1)))
        changed[place] = data.draw(st.sampled_from([0, 1, 4, 8, 0x7F, 0x80, 0xFF]))
    cut = data.draw(st.sampled_from([len(good), len(good), len(good) - 1, len(good) // 2, 60]))
    try:
        assert isinstance(parse_object("net.o", bytes(changed[:cut])), ObjectFile)
    except ToolError as error:
        assert "net.o" in str(error)


def test_archives_of_both_forms_are_read(good: bytes, tmp_path: Path) -> None:
    """Names in a table (GNU) and before the content (BSD) lose their folders; symbol tables are skipped."""
    table = b"/home/somebody/build/a_long_name_of_an_object.o/\n"
    gnu = archive([("inc.o", good)])
    header = f"{'//':48}{len(table):<10}`\n".encode() + table + b"\n" * (len(table) & 1)
    long_name = f"{'/0':16}{0:<12}{0:<6}{0:<6}{644:<8}{len(good):<10}`\n".encode() + good
    symbols = f"{'/':48}{4:<10}`\n".encode() + bytes(4)
    path = tmp_path / "net.a"
    path.write_bytes(gnu[:8] + symbols + header + long_name)
    assert [part.name for part in load_code(path).objects] == ["net.a(a_long_name_of_an_object.o)"]
    bsd = f"{'#1/8':16}{0:<12}{0:<6}{0:<6}{644:<8}{len(good) + 8:<10}`\n".encode() + b"inc.o\0\0\0" + good
    path.write_bytes(gnu[:8] + bsd)
    assert [part.name for part in load_code(path).objects] == ["net.a(inc.o)"]


def test_bad_archives_are_named(good: bytes, tmp_path: Path) -> None:
    """Cut, thin, nested, empty, without end, with programs of another machine among its members."""
    whole = archive([("inc.o", good)])
    assert "reaches beyond its end" in refusal(whole[:-100], tmp_path)
    assert "header at byte 8 is damaged" in refusal(whole[:40], tmp_path)
    assert "it is thin" in refusal(b"!<thin>\n" + whole[8:], tmp_path)
    assert "is an archive itself" in refusal(archive([("inc.a", whole)]), tmp_path)
    assert "it holds no objects" in refusal(archive([]), tmp_path)
    other = patched(good, 18, b"\x03\x00")
    assert "net.o(b.o): is for x86" in refusal(archive([("a.o", good), ("b.o", other)]), tmp_path)


def test_an_archive_of_countless_members_is_refused(good: bytes, tmp_path: Path) -> None:
    """Reading stops at 4,096 members."""
    assert "more than 4096 members" in refusal(archive([("a.o", good)] * 4097), tmp_path)


def test_only_what_is_needed_is_taken_of_an_archive(make: Maker, tmp_path: Path) -> None:
    """From the entry function on, as a linker would; what nobody defines is listed with its first user."""
    uses = SOURCE.replace("int inc", "int twice(int);\nint inc", 1).replace("return 0;", "return twice(0);")
    twice = "int more(int);\nint twice(int);\nint twice(int x) { return more(x); }\n"
    members = [("z.o", make.object("int z;\n")), ("twice.o", make.object(twice)), ("inc.o", make.object(uses))]
    path = tmp_path / "net.a"
    path.write_bytes(archive(members))
    taken = needed(load_code(path), ["inc"])
    assert [part.name for part in taken] == ["net.a(inc.o)", "net.a(twice.o)"]
    assert missing(taken)["more"] == "net.a(twice.o)"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_program_is_an_error_or_a_program(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Linked programs with any bytes of their headers changed are read within bounds, or refused."""
    folder = tmp_path_factory.getbasetemp() / "programs"
    whole = folder / "whole.elf"
    board = load_board("cortex-m0plus")
    if not whole.is_file():
        folder.mkdir(exist_ok=True)
        source = folder / "inc.c"
        source.write_text(SOURCE, encoding="utf-8")
        find_compiler("zig", board).link_bundle([source], "inc", board, whole)
    good = whole.read_bytes()
    assert load_program(whole, board).function_at(load_program(whole, board).symbol("inc").address)
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.one_of(st.integers(4, 200), st.integers(len(good) - 500, len(good) - 1)))
        changed[place] = data.draw(st.sampled_from([0, 1, 4, 8, 0x7F, 0x80, 0xFF]))
    path = folder / "changed.elf"
    path.write_bytes(bytes(changed))
    with contextlib.suppress(TinyglowError):
        load_program(path, board)
