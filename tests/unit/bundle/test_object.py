"""The bundle as one object: only its interface is visible, and it links wherever Glow's object did."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT
from tests.unit.bundle.cc import command_of, run, vectors_for
from tests.unit.bundle.test_applications import DYNAMIC_MAIN
from tinyglow.errors import InputError, ToolError
from tinyglow.ir.program import Program
from tinyglow.pipeline.object_file import build_object
from tinyglow.sim.relocatable import keep_global
from tinyglow.sim.toolchain import Compiler, find_compiler
from tinyglow.targets.boards import load_board

elffile = pytest.importorskip("elftools.elf.elffile")

BOARDS = ("frdm-ke16z", "mimxrt1060-evk", "host")
COMPILERS = ("zig", "gcc", "clang")
# Run-time ABI for the Arm Architecture, chapter 4; gcc may ask a freestanding program for the rest (its manual, 2.1).
LIBRARY = re.compile(r"__aeabi_\w+|__gnu_thumb1_case_\w+|memcpy|memmove|memset|memcmp")


def _compiler(name: str, board: str) -> Compiler:
    if board == "host" and sys.platform != "linux":
        pytest.skip("objects for this machine are not ELF files")
    try:
        return find_compiler(name, load_board(board))
    except ToolError as error:
        pytest.skip(f"{name} for {board} is not installed: {error.problems[0].found}")


def _symbols(path: Path) -> Iterator[tuple[str, str, bool]]:
    """(name, binding, defined) of each symbol."""
    with path.open("rb") as file:
        for symbol in elffile.ELFFile(file).get_section_by_name(".symtab").iter_symbols():
            yield symbol.name, symbol["st_info"]["bind"], symbol["st_shndx"] != "SHN_UNDEF"


@pytest.mark.usefixtures("compiled_anew")
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_only_the_interface_is_visible(compiler: str, board: str, programs: dict[str, Program], tmp_path: Path) -> None:
    """An object defines the entry function and the configuration for others, and asks the compiler's library only."""
    _compiler(compiler, board)
    for api, expected in (("static", {"mnist"}), ("dynamic", {"mnist", "mnist_config"})):
        folder = tmp_path / api
        tinyglow.emit(programs["mnist"], folder, load_board(board), api=api, object_cc=compiler)
        symbols = list(_symbols(folder / "mnist.o"))
        visible = {name for name, binding, _ in symbols if binding != "STB_LOCAL"}
        assert {name for name in visible if not LIBRARY.fullmatch(name)} == expected
        assert {name for name, _, defined in symbols if defined} >= {"tg_conv2d_s8", "tg_max_pool_s8"} | expected
        assert bytes(tmp_path) not in (folder / "mnist.o").read_bytes()


@pytest.mark.usefixtures("compiled_anew")
@pytest.mark.parametrize("compiler", COMPILERS)
def test_an_object_is_the_same_wherever_it_is_built(
    compiler: str, programs: dict[str, Program], tmp_path: Path
) -> None:
    """Two builds, from folders of different names, give the same bytes."""
    _compiler(compiler, "frdm-ke16z")
    board = load_board("frdm-ke16z")
    first, second = (
        tinyglow.emit(programs["mnist"], tmp_path / name, board, object_cc=compiler) for name in ("a", "bb/c")
    )
    assert first == second and "mnist.o" in first


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("board_name", ["frdm-ke16z", "mimxrt1060-evk"])
def test_two_objects_link_into_one_firmware(
    compiler: str, board_name: str, programs: dict[str, Program], tmp_path: Path
) -> None:
    """Bundles with the same kernels in both link without a clash, and every call goes where it should."""
    chosen, board = _compiler(compiler, board_name), load_board(board_name)
    objects = []
    for name in ("mnist", "conv"):
        tinyglow.emit(programs[name], tmp_path / name, board, object_cc=compiler)
        objects.append(tmp_path / name / f"{name}.o")
    shared = {name for path in objects for name, _, defined in _symbols(path) if defined and name == "tg_conv2d_s8"}
    assert shared, "the networks have no kernel in common: choose others"
    (tmp_path / "both.c").write_text(
        '#include "mnist.h"\n#include "conv.h"\n'
        "int both(uint8_t *memory);\n"
        "int both(uint8_t *memory) { return mnist(memory, memory, memory) + conv(memory, memory, memory); }\n",
        encoding="utf-8",
    )
    includes = [tmp_path / name for name in ("mnist", "conv")]
    chosen = Compiler(chosen.kind, chosen.command, (*chosen.linker, *map(str, objects)))
    chosen.link_bundle([tmp_path / "both.c"], "both", board, tmp_path / "both.elf", include_dirs=includes)


def test_a_project_that_links_the_object_gets_the_bundles_answers(programs: dict[str, Program], tmp_path: Path) -> None:
    """Header, object and weights are all that an application needs: linked without any source, it answers as numpy."""
    program, folder = programs["mnist"], tmp_path / "bundle"
    _compiler("gcc", "host")
    tinyglow.emit(program, folder, load_board("host"), api="dynamic", object_cc="gcc")
    (tmp_path / "main.c").write_text(DYNAMIC_MAIN, encoding="utf-8")
    run([*command_of("gcc"), "-I", folder, "main.c", folder / "mnist.o", "-o", "program"], tmp_path)
    vectors = vectors_for(program)
    (expected,) = tinyglow.interpret(program, {MNIST_INPUT: vectors}).values()
    output = run([tmp_path / "program", folder / "mnist.weights.bin"], tmp_path, vectors.tobytes())
    np.testing.assert_array_equal(np.frombuffer(output, np.int8).reshape(expected.shape), expected)


def test_the_objects_firmware_answers_as_the_sources(programs: dict[str, Program], tmp_path: Path) -> None:
    """On an emulated core the object gives the sources' answers, at the sources' cycles."""
    pytest.importorskip("unicorn")
    from tinyglow.bundle.harness import Harness, write_harness
    from tinyglow.sim.image import load_image
    from tinyglow.sim.machine import Machine

    board, folder = load_board("frdm-ke16z"), tmp_path / "bundle"
    chosen = _compiler("zig", board.name)
    tinyglow.emit(programs["mnist"], folder, board, object_cc="zig")
    harness = write_harness(tmp_path / "harness", "mnist", board)
    image = {}
    for name, sources, linked in (
        ("sources", [*folder.glob("*.c")], ()),
        ("object", [], (str(folder / "mnist.o"),)),
    ):
        compiler = Compiler(chosen.kind, chosen.command, (*chosen.linker, *linked))
        files = [*sources, *harness.sources]
        elf = compiler.compile_firmware(files, [folder], harness.linker_script, board, tmp_path / f"{name}.elf")
        machine = Machine(load_image(elf), board).boot()
        place = machine.address_of(Harness.mutable_weight)
        machine.write(place, vectors_for(programs["mnist"])[5].tobytes())
        stats = machine.call(Harness.infer)
        image[name] = (machine.read(place, 796), stats.cycles, stats.instructions)
    assert image["sources"] == image["object"]


# Objects by hand


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An object with a function that calls another, both visible."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "two.c").write_text(
        "int g(int);\nint f(int);\nint g(int x) { return x * x; }\nint f(int x) { return 3; }\n", encoding="utf-8"
    )
    board = load_board("frdm-ke16z")
    path = find_compiler("zig", board).link_relocatable([folder / "two.c"], board, folder / "two.o")
    return path.read_bytes()


def test_local_symbols_come_first(plain: bytes, tmp_path: Path) -> None:
    """As ELF demands it, sh_info counts the local symbols, and those lead the table; nothing but numbers has moved."""
    path = tmp_path / "two.o"
    path.write_bytes(keep_global(plain, {"f"}, "two.o"))
    assert path.stat().st_size == len(plain)
    symbols = list(_symbols(path))
    bindings = [binding for _, binding, _ in symbols]
    with path.open("rb") as file:
        count = elffile.ELFFile(file).get_section_by_name(".symtab")["sh_info"]
    assert bindings == ["STB_LOCAL"] * count + ["STB_GLOBAL"] * (len(bindings) - count)
    assert [name for name, binding, _ in symbols if binding != "STB_LOCAL"] == ["f"]
    path.write_bytes(plain)
    before = [name for name, binding, _ in _symbols(path) if binding == "STB_GLOBAL"]
    assert set(before) == {"f", "g"}


@pytest.mark.parametrize("spoil", ["empty", "magic", "executable", "cut", "strings", "relocation"])
def test_what_is_no_object_is_an_error(plain: bytes, spoil: str) -> None:
    """Bytes that are no relocatable object, or end early, or point outside, are refused without a crash."""
    data = bytearray(plain)
    if spoil == "empty":
        data = bytearray()
    elif spoil == "magic":
        data[0] = 0
    elif spoil == "executable":
        struct.pack_into("<H", data, 16, 2)
    elif spoil == "cut":
        data = data[: len(data) // 2]
    else:
        (table,) = struct.unpack_from("<I", data, 32)
        entry, count = struct.unpack_from("<2H", data, 46)
        for index in range(count):
            fields = list(struct.unpack_from("<10I", data, table + index * entry))
            if spoil == "strings" and fields[1] == 2:
                fields[6] = 0xFFFF
            elif spoil == "relocation" and fields[1] == 9 and fields[5]:
                struct.pack_into("<I", data, fields[4] + 4, 0xFFFFFF00)
            struct.pack_into("<10I", data, table + index * entry, *fields)
    with pytest.raises(ToolError, match="the object cannot be finished"):
        keep_global(bytes(data), {"f"}, "two.o")


def test_a_missing_compiler_leaves_the_folder_alone(programs: dict[str, Program], tmp_path: Path) -> None:
    """An object that cannot be built is an error before anything is written."""
    with pytest.raises(ToolError, match="no C compiler"):
        tinyglow.emit(programs["dense"], tmp_path / "bundle", load_board("frdm-ke16z"), object_cc="no-such-compiler")
    assert not (tmp_path / "bundle").exists()


def test_the_object_holds_no_host_helpers(programs: dict[str, Program]) -> None:
    """glow_bundle_utils, which needs a libc, stays out of it."""
    with pytest.raises(InputError, match="is 'both'"):
        tinyglow.emit(programs["dense"], "nowhere", api="both")
    from tinyglow.bundle.emit import bundle_files
    from tinyglow.bundle.options import BundleOptions

    files = bundle_files(programs["dense"], 1.0, options=BundleOptions(utils=True))
    assert b"alignedAlloc" not in build_object(files, "dense", load_board("frdm-ke16z"), "zig")
