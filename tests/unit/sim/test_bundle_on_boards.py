"""A bundle with its harness: built by each compiler, run on each board and on this machine, measured, refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tinyglow.bundle.harness import Harness, write_harness
from tinyglow.errors import BoardError, SimulationError, ToolError
from tinyglow.sim.host import build_host_bundle
from tinyglow.sim.image import Image, check_fits, load_image
from tinyglow.sim.machine import Machine
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board, load_board

WriteBundle = Callable[..., list[Path]]
Build = Callable[..., tuple[Image, Harness]]

BOARDS = ["frdm-ke16z", "mimxrt1060-evk"]
STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror"]
INPUT = bytes(range(250, 256)) + bytes(range(10))


@pytest.fixture
def build(tmp_path: Path, write_bundle: WriteBundle) -> Build:
    """Builds the bundle ``inc`` with its harness for a board."""

    def build(board: Board, compiler: str | None = None, **bundle: object) -> tuple[Image, Harness]:
        sources = write_bundle(tmp_path / "bundle", **bundle)
        harness = write_harness(tmp_path / board.name, "inc", board)
        elf = find_compiler(compiler, board).compile_firmware(
            [*harness.sources, *sources],
            [tmp_path / "bundle"],
            harness.linker_script,
            board,
            tmp_path / f"{board.name}.elf",
        )
        return load_image(elf), harness

    return build


@pytest.mark.parametrize("board_name", BOARDS)
def test_a_bundle_runs_and_every_call_costs_the_same(build: Build, compiler_name: str, board_name: str) -> None:
    """Inputs go in, sums come out, the constants are in flash, and the figures are those of the firmware."""
    board = load_board(board_name)
    image, harness = build(board, compiler_name)
    machine = Machine(image, board).boot()
    variables = machine.address_of(harness.mutable_weight)
    figures = []
    for strict in (True, False, False):
        machine.write(variables, INPUT)
        machine.write(variables + 64, bytes(16))
        figures.append(machine.call(harness.infer, strict=strict))
        assert machine.read(variables + 64, 16) == bytes((value + 1) & 0xFF for value in INPUT)
    assert figures[0] == figures[1] == figures[2]
    assert figures[0].value == 0
    assert set(figures[0].by_function) == {"inc", "tg_infer"}
    constants = image.symbol(harness.constant_weight)
    assert board.code.start < constants.address < board.code.end
    assert constants.address % 64 == variables % 64 == machine.address_of(harness.activations) % 64 == 0
    assert (constants.size, image.sizes.rodata) == (64, 64)
    assert 128 + 16 <= image.sizes.ram < 128 + 16 + 64


def test_m0plus_cycles_of_the_harness(build: Build, m0plus: Board) -> None:
    """tg_infer itself: push, three addresses, call, pop: 3 + 6 + 3 + 5 cycles by the manual, or the same in moves."""
    image, harness = build(m0plus)
    assert Machine(image, m0plus).boot().call(harness.infer).by_function["tg_infer"] == 17


@pytest.mark.parametrize("board_name", BOARDS)
def test_variables_with_initial_values_take_flash_and_ram(build: Build, compiler_name: str, board_name: str) -> None:
    """.data is copied from flash before main, .bss is cleared, and both are counted where they lie."""
    source = """
#include "inc.h"
static volatile uint32_t start_values[3] = {7u, 11u, 13u};
static volatile uint32_t zeros[8];
int inc(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations)
{
    uint32_t sum = 0;
    for (int i = 0; i < 8; i++) {
        sum += zeros[i] + mutableWeight[i] + activations[i];
    }
    start_values[0] += 1u + constantWeight[0];
    zeros[3] = 100u;
    return (int)(sum + start_values[0] + start_values[1] + start_values[2]);
}
"""
    board = load_board(board_name)
    image, harness = build(board, compiler_name, source=source)
    assert image.sizes.data == 12
    machine = Machine(image, board).boot()
    # RAM does not start as zeros: that it is zeros here is the start-up code's doing.
    assert [machine.call(harness.infer).value for _ in range(3)] == [33, 135, 137]


@pytest.mark.parametrize("board_name", BOARDS)
def test_areas_of_no_bytes_compile_and_run(build: Build, compiler_name: str, board_name: str) -> None:
    """A network without constants, or without activations, gets arrays that are legal C."""
    board = load_board(board_name)
    source = '#include "inc.h"\nint inc(uint8_t *c, uint8_t *m, uint8_t *a) { return c && m && a ? 5 : 6; }\n'
    image, harness = build(board, compiler_name, source=source, constant=0, mutable=0, activations=0)
    assert Machine(image, board).boot().call(harness.infer).value == 5


@pytest.mark.parametrize("board_name", BOARDS)
def test_the_harness_compiles_without_a_warning(
    tmp_path: Path, write_bundle: WriteBundle, compiler_name: str, board_name: str
) -> None:
    """main.c and startup.c are pedantic C99, with areas of no bytes too."""
    board = load_board(board_name)
    compiler = find_compiler(compiler_name, board)
    for size in (0, 64):
        write_bundle(tmp_path / "bundle", constant=size, mutable=size, activations=size)
        harness = write_harness(tmp_path / "harness", "inc", board)
        folders = [tmp_path / "bundle"]
        compiler.compile_objects(harness.sources, tmp_path, board, include_dirs=folders, flags=STRICT)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_main_compiles_without_a_warning_on_this_machine(
    tmp_path: Path, write_bundle: WriteBundle, m0plus: Board, compiler: str
) -> None:
    """main.c is no board's in particular: it builds on this machine too."""
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    sources = write_bundle(tmp_path / "bundle")
    main = write_harness(tmp_path / "harness", "inc", m0plus).main
    find_compiler(compiler, load_board("host")).compile_host(
        [main, *sources], tmp_path / "program", include_dirs=[tmp_path / "bundle"], flags=STRICT
    )


def test_firmware_is_the_same_to_the_byte_wherever_it_is_built(
    tmp_path: Path, write_bundle: WriteBundle, compiler_name: str, m0plus: Board
) -> None:
    """Two builds in folders of different names are identical, and hold none of those names."""
    built = []
    for name in ("here", "somewhere/else/entirely"):
        folder = tmp_path / name
        sources = write_bundle(folder)
        harness = write_harness(folder / "harness", "inc", m0plus)
        compiler = find_compiler(compiler_name, m0plus)
        elf = compiler.compile_firmware(
            [*harness.sources, *sources], [folder], harness.linker_script, m0plus, folder / "out.elf"
        )
        alone = compiler.link_bundle(sources, "inc", m0plus, folder / "alone.elf", include_dirs=[folder])
        built.append((elf.read_bytes(), alone.read_bytes()))
    assert built[0] == built[1]
    assert not any(bytes(tmp_path) in data for data in built[0])


def test_a_bundle_alone_is_measured_without_what_it_does_not_reach(
    tmp_path: Path, write_bundle: WriteBundle, compiler_name: str, m0plus: Board
) -> None:
    """Only the entry, what it calls and the compiler's helpers count: neither start-up code nor unused functions."""
    source = """
#include "inc.h"
int unused(int x);
int unused(int x) { return x * x * x + 5; }
static const uint8_t table[40] = {1, 2, 3};
int inc(uint8_t *c, uint8_t *m, uint8_t *a) { return table[c[0] & 31] + (m[1] / (a[0] + 1)); }
"""
    compiler = find_compiler(compiler_name, m0plus)
    sources = write_bundle(tmp_path, source=source)
    image = load_image(compiler.link_bundle(sources, "inc", m0plus, tmp_path / "alone.elf"))
    names = {function.name for function in image.functions}
    assert "inc" in names
    assert not names & {"unused", "main", "Reset_Handler"}
    assert any("div" in name for name in names)  # ARMv6-M divides in software
    assert image.sizes.rodata in (40, 32)  # the compiler may know that the last 8 are never read
    assert (image.sizes.data, image.sizes.bss) == (0, 0)
    smaller = write_bundle(tmp_path, source=source.replace("m[1] / (a[0] + 1)", "m[1]"))
    without = load_image(compiler.link_bundle(smaller, "inc", m0plus, tmp_path / "smaller.elf"))
    assert without.sizes.text < image.sizes.text


@pytest.mark.parametrize(
    ("bundle", "words"),
    [
        (
            {"mutable": 9000},
            r"memory ram: needs 1\d,\d{3} bytes \(1,024 of them for the stack\); expected at most 8,192",
        ),
        ({"mutable": 7160}, r"memory ram: needs 8,\d{3} bytes \(1,024 of them for the stack\)"),
        ({"constant": 70_000}, r"memory flash: needs 7\d,\d{3} bytes; expected at most 65,536 bytes"),
    ],
)
def test_what_does_not_fit_is_refused_with_need_and_room(
    build: Build, compiler_name: str, m0plus: Board, bundle: dict[str, int], words: str
) -> None:
    """The error names the memory, what the program needs of it and what the board has."""
    image, _ = build(m0plus, compiler_name, **bundle)
    with pytest.raises(BoardError, match=rf"the program does not fit frdm-ke16z\n.*{words}"):
        check_fits(image, m0plus)


def test_what_just_fits_is_accepted(build: Build, m0plus: Board) -> None:
    """A program may use the last byte; one byte of stack more does not fit."""
    image, _ = build(m0plus)
    need = max(section.end for section in image.sections) - m0plus.data.start
    exact = replace(m0plus, stack_bytes=m0plus.data.size - need)
    check_fits(image, exact)
    with pytest.raises(BoardError, match="memory ram: needs 8,193 bytes"):
        check_fits(image, replace(exact, stack_bytes=exact.stack_bytes + 1))


def test_a_program_that_runs_into_the_next_memory_does_not_fit(build: Build, compiler_name: str, m7: Board) -> None:
    """Where even the linker finds no room, its complaint comes as the same kind of error."""
    with pytest.raises(BoardError, match=r"does not fit mimxrt1060-evk\n.*dtcm: .*overflowed by"):
        build(m7, compiler_name, mutable=0x20_0000)


def test_a_program_outside_of_all_memories_does_not_fit(build: Build, m0plus: Board) -> None:
    """Sections below the first memory are reported one by one."""
    image, _ = build(m0plus)
    moved = replace(m0plus, memories=tuple(replace(part, start=part.start + 0x4000) for part in m0plus.memories))
    with pytest.raises(BoardError, match=r"section .text: at 0x00000000; expected an address in a memory"):
        check_fits(image, moved)


def test_a_bundle_that_needs_too_much_stack_is_noticed(build: Build, compiler_name: str, m0plus: Board) -> None:
    """A large local array overflows the board's stack, and the message says by how much."""
    source = """
#include "inc.h"
int inc(uint8_t *c, uint8_t *m, uint8_t *a)
{
    volatile uint8_t big[3000];
    for (int i = 0; i < 3000; i++) {
        big[i] = c[0];
    }
    return big[m[0]] + a[0];
}
"""
    image, harness = build(m0plus, compiler_name, source=source)
    with pytest.raises(SimulationError, match=r"stack overflow\n.* inc.*needs at least 3,0\d\d bytes of stack"):
        Machine(image, m0plus).boot().call(harness.infer)


def test_floating_point_code_runs_on_both_kinds_of_cores(build: Build, compiler_name: str) -> None:
    """The M7 uses its FPU, the M0+ the compiler's library; the result is the same, and much slower there."""
    source = """
#include "inc.h"
static volatile float factor = 1.5f;
int inc(uint8_t *c, uint8_t *m, uint8_t *a)
{
    float sum = 0.0f;
    for (int i = 0; i < 16; i++) {
        sum = sum * factor + (float)(m[i] + c[0] + a[0]) / 3.0f;
    }
    return (int)sum;
}
"""
    values, cycles = [], []
    for name in BOARDS:
        board = load_board(name)
        image, harness = build(board, compiler_name, source=source)
        machine = Machine(image, board).boot()
        machine.write(machine.address_of(harness.mutable_weight), INPUT)
        stats = machine.call(harness.infer)
        values.append(stats.value)
        cycles.append(stats.cycles)
    assert values[0] == values[1] > 400
    assert cycles[0] > 5 * cycles[1]


@pytest.mark.parametrize("compiler", [None, "zig"])
def test_a_bundle_runs_on_this_machine(tmp_path: Path, write_bundle: WriteBundle, compiler: str | None) -> None:
    """The shared library gives what the boards give, from areas that are aligned."""
    host = load_board("host")
    bundle = build_host_bundle(
        find_compiler(compiler, host),
        write_bundle(tmp_path),
        "inc",
        tmp_path,
        constant=bytes([1] * 64),
        mutable_bytes=128,
        activation_bytes=16,
    )
    bundle.mutable[:16] = list(INPUT)
    assert bundle.infer() == 0
    assert bytes(bundle.mutable[64:80]) == bytes((value + 1) & 0xFF for value in INPUT)
    assert bytes(bundle.activations) == bytes(bundle.mutable[64:80])
    assert all(area.ctypes.data % 64 == 0 for area in (bundle.constant, bundle.mutable, bundle.activations))


def test_writing_next_to_an_area_is_noticed_on_this_machine(tmp_path: Path, write_bundle: WriteBundle) -> None:
    """Bytes just before and just after each area are guarded; the message names the area."""
    source = """
#include "inc.h"
int inc(uint8_t *c, uint8_t *m, uint8_t *a)
{
    if (m[0] == 1) {
        m[128] = 0;
    } else if (m[0] == 2) {
        *(a - 1) = c[0];
    }
    return -3;
}
"""
    compiler = find_compiler(None, load_board("host"))
    sources = write_bundle(tmp_path, source=source)
    sizes = {"constant": bytes(64), "mutable_bytes": 128, "activation_bytes": 0}
    for step, area in enumerate(["", "mutable", "activations"]):
        folder = tmp_path / str(step)
        folder.mkdir()
        bundle = build_host_bundle(compiler, sources, "inc", folder, **sizes)
        bundle.mutable[0] = step
        if not area:
            assert bundle.infer() == -3
            continue
        with pytest.raises(SimulationError, match=rf"inc on the host wrote outside of its memory\n.*{area}"):
            bundle.infer()


def test_a_library_without_the_function_is_no_bundle(tmp_path: Path, write_bundle: WriteBundle) -> None:
    """The error names the library and the function that it should have."""
    compiler = find_compiler(None, load_board("host"))
    with pytest.raises(ToolError, match=r"cannot load the bundle\n.*function outc"):
        build_host_bundle(
            compiler,
            write_bundle(tmp_path),
            "outc",
            tmp_path,
            constant=b"",
            mutable_bytes=0,
            activation_bytes=0,
        )


def test_sanitizers_can_be_asked_for(tmp_path: Path, write_bundle: WriteBundle) -> None:
    """A program for this machine is built with flags of the caller's; undefined behaviour then stops it."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    compiler = find_compiler("gcc", load_board("host"))
    main = tmp_path / "main.c"
    main.write_text(
        "int main(void)\n{\n    volatile int big = 0x7fffffff;\n    return (big + 1) == 3;\n}\n", encoding="utf-8"
    )
    flags = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    program = compiler.compile_host([main], tmp_path / "main", flags=flags)
    done = subprocess.run([str(program)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode != 0
    assert "signed integer overflow" in done.stderr
